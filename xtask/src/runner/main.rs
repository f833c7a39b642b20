//! The commands that compute: `reproduce`, `solve`, `train` and `bench`.
//!
//! `cargo xtask` builds this program in release mode and hands its arguments over unchanged.

mod bench;
mod reproduce;
mod solve;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Experiments, solves, training and benchmarks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to compute.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment of a paper: ours beside the paper's
    Reproduce(reproduce::Args),
    /// Solve a linear system from a file
    Solve(solve::Args),
    /// Train or fine-tune a model on a family of problems
    Train(train::Args),
    /// Run benchmarks, with --peers beside other programs
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(cli) => match cli.command {
            Command::Reproduce(args) => reproduce::run(args),
            Command::Solve(args) => solve::run(args),
            Command::Train(args) => train::run(args),
            Command::Bench(args) => bench::run(args),
        },
        Err(error) => {
            // Usage errors exit 1, where clap would exit 2; help and version are no errors.
            let code = u8::from(error.use_stderr());
            if error.print().is_err() {
                return ExitCode::FAILURE;
            }
            return ExitCode::from(code);
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
