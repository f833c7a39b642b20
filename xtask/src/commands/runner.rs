//! `reproduce`, `solve`, `train` and `bench`: builds the runner and becomes it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use la_mpi::Launcher;
use serde_json::Value;

use crate::libtorch::{self, Libtorch, Mode};
use crate::mpi::Found;
use crate::project;

/// Hands `command args` to the runner, with LibTorch only where the command needs it.
pub(crate) fn run(command: &str, args: &[OsString]) -> Result<ExitCode> {
    let libtorch = match needs_torch(command, args) {
        true => Some(libtorch::ensure(Mode::Keep)?),
        false => None,
    };
    let ranks = ranks(command, args)?;
    let launcher = ranks.map(|_| launcher()).transpose()?;
    let extras = Extras {
        torch: libtorch.is_some(),
        peers: needs_peers(command, args),
        mpi: ranks.is_some(),
    };
    let runner = build(libtorch.as_ref(), extras)?;
    let mut process = match (&launcher, ranks) {
        (Some(launcher), Some(ranks)) => launcher.command(ranks, &runner),
        _ => Command::new(&runner),
    };
    process.arg(command).args(args);
    if let Some(libtorch) = &libtorch {
        libtorch.apply_to(&mut process);
    }
    become_process(process)
}

/// Whether the command trains or uses CUDA. `solve` and the bundled weights need no LibTorch.
fn needs_torch(command: &str, args: &[OsString]) -> bool {
    let is = |wanted: &str| args.iter().any(|arg| arg == OsStr::new(wanted));
    if is("--help") || is("-h") || is("--list") {
        return false;
    }
    match command {
        "train" if is("compensated-ic") || is("admm") => false,
        "reproduce" | "train" => true,
        "bench" => is("gnn") || wants_cuda(args),
        _ => wants_cuda(args),
    }
}

/// Whether other Rust libraries are to be linked in.
fn needs_peers(command: &str, args: &[OsString]) -> bool {
    command == "bench" && args.iter().any(|arg| arg == OsStr::new("--peers"))
}

/// What the runner is to be able to do.
#[derive(Debug, Clone, Copy)]
struct Extras {
    torch: bool,
    peers: bool,
    mpi: bool,
}

impl Extras {
    fn features(self) -> String {
        let each = [
            (true, "runner"),
            (self.torch, "torch"),
            (self.peers, "peers"),
            (self.mpi, "mpi"),
        ];
        let wanted = each.into_iter().filter(|(wanted, _)| *wanted);
        wanted.map(|(_, name)| name).collect::<Vec<_>>().join(",")
    }
}

/// The number of `--ranks`. What is no number, clap refuses in the runner, on one rank.
fn ranks(command: &str, args: &[OsString]) -> Result<Option<usize>> {
    if !["solve", "train", "bench"].contains(&command) {
        return Ok(None);
    }
    let mut args = args.iter().map(|arg| arg.to_string_lossy());
    let Some(first) = args.find(|arg| arg == "--ranks" || arg.starts_with("--ranks=")) else {
        return Ok(None);
    };
    let number = match first.strip_prefix("--ranks=") {
        Some(number) => Some(number.to_owned()),
        None => args.next().map(|number| number.into_owned()),
    };
    let number = number.and_then(|number| number.parse().ok());
    match number {
        Some(ranks @ 1..) => Ok(Some(ranks)),
        _ => bail!("--ranks: expected a number, at least 1"),
    }
}

/// `mpirun`, or what to do where there is none.
fn launcher() -> Result<Launcher> {
    let missing = Found::look().missing();
    if !missing.is_empty() {
        bail!(
            "--ranks needs MPI: no {} here; `cargo xtask setup --mpi` helps",
            missing.join(", no ")
        );
    }
    Launcher::find().context("mpirun does not answer")
}

/// `--device cuda`, `--device cuda:0` or the same with an equals sign.
fn wants_cuda(args: &[OsString]) -> bool {
    let mut value_comes = false;
    for arg in args.iter().map(|arg| arg.to_string_lossy()) {
        if value_comes && arg.starts_with("cuda") || arg.starts_with("--device=cuda") {
            return true;
        }
        value_comes = arg == "--device";
    }
    false
}

/// Builds the runner in release mode and gives its path.
fn build(libtorch: Option<&Libtorch>, extras: Extras) -> Result<PathBuf> {
    let features = extras.features();
    let mut cargo = project::cargo();
    cargo.args([
        "build",
        "--release",
        "--package",
        "xtask",
        "--bin",
        "runner",
    ]);
    cargo.args([
        "--features",
        &features,
        "--message-format",
        "json-render-diagnostics",
    ]);
    if let Some(libtorch) = libtorch {
        libtorch.apply_to(&mut cargo);
    }
    // Cargo reports its progress on standard error, and the path of the program on standard output.
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the runner could not be built");
    }
    executable(&output.stdout).context("cargo did not say where the runner is")
}

fn executable(messages: &[u8]) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(messages);
    let mut values = text
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let runner = values.find(|value| value["target"]["name"] == "runner")?;
    runner["executable"].as_str().map(PathBuf::from)
}

/// Replaces this process, so that signals, streams and the exit code are the runner's own.
#[cfg(unix)]
fn become_process(mut process: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(process.exec()).context("cannot start the runner")
}

/// Runs the process and passes its exit code on.
#[cfg(not(unix))]
fn become_process(mut process: Command) -> Result<ExitCode> {
    let status = process.status().context("cannot start the runner")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(command: &str, args: &str) -> bool {
        let args: Vec<OsString> = args.split_whitespace().map(OsString::from).collect();
        needs_torch(command, &args)
    }

    #[test]
    fn torch_is_for_training_and_cuda() {
        assert!(needs("reproduce", "neuralif --profile smoke"));
        assert!(needs("train", "neuralif --data x"));
        assert!(needs("bench", "gnn"));
        assert!(needs("solve", "a.mtx --device cuda:0"));
        assert!(needs("solve", "a.mtx --device=cuda"));
    }

    #[test]
    fn peers_are_for_benchmarks_that_ask_for_them() {
        let needs = |command: &str, args: &[&str]| {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            needs_peers(command, &args)
        };
        assert!(needs("bench", &["krylov", "--peers"]));
        assert!(!needs("bench", &["krylov"]));
        assert!(!needs("solve", &["--peers"]));
    }

    #[test]
    fn ranks_are_read_where_they_mean_something() {
        let ranks = |command: &str, args: &str| {
            let args: Vec<OsString> = args.split_whitespace().map(OsString::from).collect();
            ranks(command, &args)
        };
        assert_eq!(ranks("solve", "a.mtx --ranks 3").unwrap(), Some(3));
        assert_eq!(
            ranks("solve", "a.mtx --ranks=2 --precond ic0").unwrap(),
            Some(2)
        );
        assert_eq!(ranks("train", "neuralif --ranks 2").unwrap(), Some(2));
        assert_eq!(ranks("solve", "a.mtx").unwrap(), None);
        assert_eq!(ranks("bench", "admm --ranks 2").unwrap(), Some(2));
        assert_eq!(ranks("reproduce", "--ranks 3").unwrap(), None);
        assert!(ranks("solve", "a.mtx --ranks").is_err());
        assert!(ranks("solve", "a.mtx --ranks 0").is_err());
    }

    #[test]
    fn features_follow_from_what_is_wanted() {
        let plain = Extras {
            torch: false,
            peers: false,
            mpi: false,
        };
        assert_eq!(plain.features(), "runner");
        let all = Extras {
            torch: true,
            peers: true,
            mpi: true,
        };
        assert_eq!(all.features(), "runner,torch,peers,mpi");
    }

    #[test]
    fn solving_listing_and_helping_do_without() {
        assert!(!needs("solve", "a.mtx"));
        assert!(!needs("solve", "a.mtx --device cpu"));
        assert!(!needs("solve", "cuda.mtx --output cuda"));
        assert!(!needs("bench", "krylov --peers"));
        assert!(!needs("reproduce", "--list"));
        assert!(!needs("train", "--help"));
        assert!(!needs("train", "compensated-ic --seed 1"));
        assert!(!needs("train", "admm --network alpha"));
    }

    #[test]
    fn the_path_is_read_from_cargos_messages() {
        let messages =
            br#"{"reason":"compiler-artifact","target":{"name":"la_krylov"},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"runner"},"executable":"/t/release/runner"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            executable(messages),
            Some(PathBuf::from("/t/release/runner"))
        );
        assert_eq!(executable(b""), None);
    }
}
