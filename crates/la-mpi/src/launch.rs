//! Starting programs on ranks.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// The `mpirun` of this machine.
///
/// # Examples
/// ```
/// use la_mpi::Launcher;
///
/// match Launcher::find() {
///     Some(mpirun) => println!("{}", mpirun.version()),
///     None => println!("no mpirun on PATH"),
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    version: String,
}

impl Launcher {
    /// Asks the `mpirun` on the path for its version; `None` if there is none that answers.
    #[must_use]
    pub fn find() -> Option<Self> {
        let output = Command::new("mpirun")
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        output.status.success().then(|| Self {
            version: version.to_owned(),
        })
    }

    /// The first line that `mpirun --version` prints.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The command that starts `program` on `ranks` ranks of this machine; arguments of the program
    /// may be added.
    ///
    /// Open MPI is told to take more ranks than cores, to run for the superuser (containers), and not
    /// to bind ranks to cores: ranks have threads, and other programs may be running.
    #[must_use]
    pub fn command(&self, ranks: usize, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("mpirun");
        if self.version.contains("Open MPI") || self.version.contains("OpenRTE") {
            command.args([
                "--oversubscribe",
                "--allow-run-as-root",
                "--bind-to",
                "none",
            ]);
            // Containers forbid one process to read another's memory; without this every start warns.
            command.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
        }
        command.arg("-n").arg(ranks.to_string()).arg(program);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(version: &str) -> Vec<String> {
        let launcher = Launcher {
            version: version.to_owned(),
        };
        let command = launcher.command(3, "program");
        let words = command.get_args().map(|a| a.to_string_lossy().into_owned());
        words.collect()
    }

    #[test]
    fn options_are_those_of_the_library() {
        assert_eq!(words("HYDRA build details:"), ["-n", "3", "program"]);
        let open = words("mpirun (Open MPI) 4.1.4");
        assert_eq!(open[..2], ["--oversubscribe", "--allow-run-as-root"]);
        assert_eq!(open[open.len() - 3..], ["-n", "3", "program"]);
    }
}
