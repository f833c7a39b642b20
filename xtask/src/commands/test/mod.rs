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
use crate::{cli, console, project};

/// Runs the tests in as few combinations of features as possible: each one is compiled anew.
pub(crate) fn run(options: cli::Test) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut summary = Summary::default();

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
        let mut torch = project::cargo();
        torch.arg("test");
        let mut features = Vec::new();
        for package in workspace
            .packages_with("torch")
            .into_iter()
            .filter(|name| *name != "xtask")
        {
            torch.args(["--package", package]);
            features.push(format!("{package}/torch"));
        }
        torch.args(["--features", &features.join(",")]);
        libtorch.apply_to(&mut torch);
        record(&mut summary, "LibTorch", torch, options)?;
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
