//! `test`: every test of the workspace, and one summary.

mod summary;

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use self::summary::{Reader, Summary};
use super::exit_code;
use crate::libtorch::{self, Mode};
use crate::workspace::Workspace;
use crate::{cli, console, mpi, project};

/// The files of tests that need LibTorch.
const TORCH_TESTS: &str = "*torch*";

/// Runs the tests in as few combinations of features as possible: each one is compiled anew.
pub(crate) fn run(options: cli::Test) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut summary = Summary::default();

    let ranks = match options.no_mpi {
        true => Err("--no-mpi was given".to_owned()),
        false => mpi::for_tests(),
    };
    // The tests that start `mpirun` are among the others: a run of their own would compile most of them again.
    let mpi: &[&str] = match ranks {
        Ok(found) => {
            console::say(&found.to_string());
            &["mpi"]
        }
        Err(reason) => {
            summary.leave_out("MPI", &reason);
            &[]
        }
    };
    let mut all = project::cargo();
    all.args(["test", "--workspace", "--features"]);
    all.arg(workspace.features_with(mpi));
    record(&mut summary, "workspace", all, options)?;

    if options.no_torch {
        summary.leave_out("LibTorch", "--no-torch was given");
    } else {
        let libtorch = libtorch::ensure(Mode::Keep)?;
        console::say(&libtorch.to_string());
        // The other tests have run without LibTorch; with it they would be compiled and run once more.
        for (title, targets) in [
            ("LibTorch", &["--lib", "--test", TORCH_TESTS][..]),
            ("LibTorch, documentation", &["--doc"]),
        ] {
            let mut torch = project::cargo();
            torch.arg("test").args(targets);
            let mut features = Vec::new();
            let packages = workspace.packages_with("torch");
            for package in packages.iter().filter(|name| **name != "xtask") {
                torch.args(["--package", package]);
                features.push(format!("{package}/torch"));
                // For the tests that need both.
                if !mpi.is_empty() && workspace.packages_with("mpi").contains(package) {
                    features.push(format!("{package}/mpi"));
                }
            }
            torch.args(["--features", &features.join(",")]);
            libtorch.apply_to(&mut torch);
            record(&mut summary, title, torch, options)?;
        }
    }

    println!("{summary}");
    Ok(exit_code(summary.passed()))
}

/// Runs one cargo test command, shows what matters of its output and adds up its counts.
fn record(
    summary: &mut Summary,
    title: &str,
    mut cargo: Command,
    options: cli::Test,
) -> Result<()> {
    console::say(&format!("==> tests: {title}"));
    let started = Instant::now();
    cargo.args(["--no-fail-fast", "--", "--show-output"]);
    if options.full {
        cargo.arg("--include-ignored");
    }
    let mut child = cargo
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut reader = Reader::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("cannot read the output of the tests")?;
            let line = String::from_utf8_lossy(&line);
            if reader.read(&line) {
                println!("{line}");
            }
        }
    }
    let status = child.wait()?;
    summary.add(title, reader.finish(status.success()), started.elapsed());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn tests_that_need_libtorch_are_named_so() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        let mut seen = 0;
        for package in std::fs::read_dir(crates).unwrap() {
            let Ok(files) = std::fs::read_dir(package.unwrap().path().join("tests")) else {
                continue;
            };
            for file in files {
                let path = file.unwrap().path();
                if path.extension().is_some_and(|e| e == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                    if text.contains("feature = \"torch\"") {
                        seen += 1;
                        assert!(name.contains("torch"), "{name} would never run");
                    }
                }
            }
        }
        assert!(seen > 0);
    }
}
