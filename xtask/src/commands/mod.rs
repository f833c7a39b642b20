//! One module per command.

mod ci;
mod data;
mod doc;
mod lint;
mod runner;
mod setup;
mod test;

use std::process::{Command as Process, ExitCode};

use anyhow::{Context, Result};

use crate::cli::Command;
use crate::console;

/// Carries out `command`; the exit code says how it went, an error that it could not be done.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Setup(options) => setup::run(&options),
        Command::Reproduce(forwarded) => runner::run("reproduce", &forwarded.args),
        Command::Solve(forwarded) => runner::run("solve", &forwarded.args),
        Command::Nmf(forwarded) => runner::run("nmf", &forwarded.args),
        Command::Train(forwarded) => runner::run("train", &forwarded.args),
        Command::Bench(forwarded) => runner::run("bench", &forwarded.args),
        Command::Data(options) => data::run(&options.command),
        Command::Test(options) => test::run(options),
        Command::Lint => Ok(exit_code(lint::run()?)),
        Command::Doc(options) => Ok(exit_code(doc::run(&options)?)),
        Command::Ci(options) => ci::run(options),
    }
}

fn exit_code(success: bool) -> ExitCode {
    if success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Announces a step, runs it with the terminal handed over, and says whether it succeeded.
fn step(title: &str, process: &mut Process) -> Result<bool> {
    console::say(&format!("==> {title}"));
    let program = process.get_program().to_string_lossy().into_owned();
    let status = process
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        console::say(&format!("==> {title}: failed ({status})"));
    }
    Ok(status.success())
}

/// Whether `cargo <name>` is there.
fn has_cargo_command(name: &str) -> bool {
    let mut process = crate::project::cargo();
    process.args([name, "--version"]);
    process.output().is_ok_and(|output| output.status.success())
}
