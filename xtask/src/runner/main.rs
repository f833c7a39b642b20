//! The commands that compute: `reproduce`, `solve`, `train` and `bench`.
//!
//! `cargo xtask` builds this program in release mode and hands its arguments over unchanged.

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
enum Command {}

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => match cli.command {},
        Err(error) => {
            // Usage errors exit 1, where clap would exit 2; help and version are no errors.
            let code = u8::from(error.use_stderr());
            if error.print().is_err() {
                return ExitCode::FAILURE;
            }
            ExitCode::from(code)
        }
    }
}
