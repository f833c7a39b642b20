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

/// The files of tests that need MPI.
const MPI_TESTS: &str = "*mpi*";

/// Packages with tests that need both, whose files have both in their names.
pub(super) const TORCH_AND_MPI: [&str; 1] = ["la-gnn"];

/// Runs the tests in as few combinations of features as possible: each one is compiled anew.
pub(crate) fn run(options: cli::Test) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut summary = Summary::default();
    let ranks = match options.no_mpi {
        true => Err("--no-mpi was given".to_owned()),
        false => mpi::for_tests(),
    };

    let mut portable = project::cargo();
    portable.args([
        "test",
        "--workspace",
        "--features",
        &workspace.portable_features(),
    ]);
    record(&mut summary, "workspace", portable, options)?;

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
            for package in workspace
                .packages_with("torch")
                .into_iter()
                .filter(|name| *name != "xtask")
            {
                torch.args(["--package", package]);
                features.push(format!("{package}/torch"));
            }
            // What needs both is tested here: a run of its own would compile everything once more.
            if ranks.is_ok() {
                features.extend(TORCH_AND_MPI.map(|package| format!("{package}/mpi")));
            }
            torch.args(["--features", &features.join(",")]);
            libtorch.apply_to(&mut torch);
            record(&mut summary, title, torch, options)?;
        }
    }

    match ranks {
        Ok(found) => {
            console::say(&found.to_string());
            record(&mut summary, "MPI", on_ranks(&workspace), options)?;
        }
        Err(reason) => summary.leave_out("MPI", &reason),
    }

    println!("{summary}");
    Ok(exit_code(summary.passed()))
}

/// The tests that start `mpirun`; everything else of those packages has run without MPI.
fn on_ranks(workspace: &Workspace) -> Command {
    let mut tests = project::cargo();
    tests.args(["test", "--test", MPI_TESTS]);
    let mut features = Vec::new();
    for package in workspace.packages_with("mpi") {
        tests.args(["--package", package]);
        features.push(format!("{package}/mpi"));
    }
    tests.args(["--features", &features.join(",")]);
    tests
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
    fn tests_that_start_mpirun_are_named_so() {
        let members = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let packages = std::fs::read_dir(members.join("crates")).unwrap();
        let mut packages: Vec<_> = packages.map(|p| p.unwrap().path()).collect();
        packages.push(members.join("xtask"));
        let mut seen = 0;
        for package in packages {
            let Ok(files) = std::fs::read_dir(package.join("tests")) else {
                continue;
            };
            for path in files.map(|file| file.unwrap().path()) {
                let text = match path.extension() {
                    Some(extension) if extension == "rs" => std::fs::read_to_string(&path).unwrap(),
                    _ => continue,
                };
                if text.contains("on_ranks(") || text.contains("Launcher::find") {
                    seen += 1;
                    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                    assert!(name.contains("mpi"), "{name} would never run");
                    let package = package.file_name().unwrap().to_string_lossy();
                    let both = super::TORCH_AND_MPI.contains(&&*package);
                    assert!(both || !name.contains("torch"), "{name} would never run");
                }
            }
        }
        assert!(seen > 0);
    }

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
