//! What MPI programs need of the machine: an MPI library, and libclang, from which its bindings are made.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use la_mpi::Launcher;

use crate::console;

/// The one command that installs everything on Debian and its relatives.
const INSTALL: [&str; 7] = [
    "apt-get",
    "install",
    "-y",
    "--no-install-recommends",
    "libopenmpi-dev",
    "openmpi-bin",
    "libclang-dev",
];

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// First line of `mpirun --version`.
    mpirun: Option<String>,
    /// Whether `mpicc` answers.
    compiler: bool,
    libclang: Option<PathBuf>,
}

impl Found {
    /// Looks around.
    pub(crate) fn look() -> Self {
        Self {
            mpirun: Launcher::find().map(|launcher| launcher.version().to_owned()),
            compiler: succeeds(Command::new("mpicc").arg("--version")),
            libclang: libclang(),
        }
    }

    /// What is not there.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let wanted = [
            (self.mpirun.is_none(), "mpirun"),
            (!self.compiler, "mpicc"),
            (self.libclang.is_none(), "libclang"),
        ];
        let missing = wanted.into_iter().filter(|(missing, _)| *missing);
        missing.map(|(_, name)| name).collect()
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.missing();
        if let (Some(mpirun), Some(libclang)) = (&self.mpirun, &self.libclang)
            && missing.is_empty()
        {
            return write!(f, "MPI: {mpirun}, libclang in {}", libclang.display());
        }
        write!(f, "MPI: no {} here", missing.join(", no "))
    }
}

/// The command to type.
pub(crate) fn remedy() -> String {
    INSTALL.join(" ")
}

/// `setup --mpi`: says what there is, and installs what is missing where that may be done without asking.
pub(crate) fn ensure() -> Result<Found> {
    let found = Found::look();
    if found.missing().is_empty() {
        return Ok(found);
    }
    console::say(&found.to_string());
    if !is_root() || !succeeds(Command::new(INSTALL[0]).arg("--version")) {
        bail!("install it with\n  {}", remedy());
    }
    console::say(&format!("==> {}", remedy()));
    let run = |command: &mut Command| command.env("DEBIAN_FRONTEND", "noninteractive").status();
    // A list of packages that is out of date, or none, is the usual reason for a failure.
    let mut install = Command::new(INSTALL[0]);
    install.args(&INSTALL[1..]);
    if !run(&mut install)?.success() {
        run(Command::new(INSTALL[0]).arg("update"))?;
        run(&mut install)?;
    }
    let found = Found::look();
    if !found.missing().is_empty() {
        bail!("{found}, even after `{}`", remedy());
    }
    Ok(found)
}

/// What tests on ranks need; a reason why they cannot run otherwise. Installs only where [`ensure`] would.
pub(crate) fn for_tests() -> Result<Found, String> {
    ensure().map_err(|error| format!("{error:#}").replace('\n', ""))
}

fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null());
    command
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// The folder of libclang: where `clang-sys` looks first, then where distributions put it.
fn libclang() -> Option<PathBuf> {
    let named = std::env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    let mut folders: Vec<PathBuf> = named.into_iter().collect();
    for folder in [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
    ] {
        folders.push(folder.into());
    }
    if let Ok(entries) = std::fs::read_dir("/usr/lib") {
        let names = entries.flatten().map(|entry| entry.path());
        let llvm = |path: &PathBuf| path.file_name().is_some_and(|n| starts(n, "llvm"));
        let mut versions: Vec<PathBuf> = names.filter(llvm).collect();
        versions.sort();
        folders.extend(versions.into_iter().map(|path| path.join("lib")));
    }
    folders.into_iter().find(|folder| holds_libclang(folder))
}

/// Whether the folder holds `libclang.so` or `libclang-14.so.1`, but not only `libclang-cpp.so`.
fn holds_libclang(folder: &Path) -> bool {
    let is_it = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        let versioned = name.strip_prefix("libclang-").is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains(".so")
        });
        name.starts_with("libclang.so") || versioned
    };
    std::fs::read_dir(folder)
        .is_ok_and(|entries| entries.flatten().any(|entry| is_it(&entry.file_name())))
}

fn starts(name: &std::ffi::OsStr, with: &str) -> bool {
    name.to_string_lossy().starts_with(with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let nothing = Found {
            mpirun: None,
            compiler: false,
            libclang: None,
        };
        assert_eq!(
            nothing.to_string(),
            "MPI: no mpirun, no mpicc, no libclang here"
        );
        let all = Found {
            mpirun: Some("mpirun (Open MPI) 4.1.4".to_owned()),
            compiler: true,
            libclang: Some("/usr/lib/llvm-14/lib".into()),
        };
        assert!(all.missing().is_empty());
        let said = "MPI: mpirun (Open MPI) 4.1.4, libclang in /usr/lib/llvm-14/lib";
        assert_eq!(all.to_string(), said);
    }

    #[test]
    fn the_library_of_cpp_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("libclang-cpp.so.14"), "").unwrap();
        assert!(!holds_libclang(folder.path()));
        std::fs::write(folder.path().join("libclang-14.so.1"), "").unwrap();
        assert!(holds_libclang(folder.path()));
    }
}
