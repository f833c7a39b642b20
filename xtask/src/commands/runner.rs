//! `reproduce`, `solve`, `train` and `bench`: builds the runner and becomes it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::libtorch::{self, Libtorch, Mode};
use crate::project;

/// Hands `command args` to the runner, with LibTorch only where the command needs it.
pub(crate) fn run(command: &str, args: &[OsString]) -> Result<ExitCode> {
    let libtorch = match needs_torch(command, args) {
        true => Some(libtorch::ensure(Mode::Keep)?),
        false => None,
    };
    let runner = build(libtorch.as_ref(), needs_peers(command, args))?;
    let mut process = Command::new(&runner);
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
        "train" if is("compensated-ic") => false,
        "reproduce" | "train" => true,
        "bench" => is("gnn") || wants_cuda(args),
        _ => wants_cuda(args),
    }
}

/// Whether other Rust libraries are to be linked in.
fn needs_peers(command: &str, args: &[OsString]) -> bool {
    command == "bench" && args.iter().any(|arg| arg == OsStr::new("--peers"))
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
fn build(libtorch: Option<&Libtorch>, peers: bool) -> Result<PathBuf> {
    let features = match (libtorch.is_some(), peers) {
        (false, false) => "runner",
        (true, false) => "runner,torch",
        (false, true) => "runner,peers",
        (true, true) => "runner,torch,peers",
    };
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
        features,
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
    fn solving_listing_and_helping_do_without() {
        assert!(!needs("solve", "a.mtx"));
        assert!(!needs("solve", "a.mtx --device cpu"));
        assert!(!needs("solve", "cuda.mtx --output cuda"));
        assert!(!needs("bench", "krylov --peers"));
        assert!(!needs("reproduce", "--list"));
        assert!(!needs("train", "--help"));
        assert!(!needs("train", "compensated-ic --seed 1"));
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
