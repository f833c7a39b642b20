//! The commands that compute: `reproduce`, `solve`, `nmf`, `train`, `bench` and `data make`.
//!
//! `cargo xtask` builds this program in release mode and hands its arguments over unchanged.

mod bench;
mod data;
mod experiment;
mod nmf;
mod npy;
mod progress;
mod reproduce;
mod solve;
mod train;

use std::path::{Path, PathBuf};
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
    Train(Box<train::Args>),
    /// Run benchmarks, with --peers beside other programs
    Bench(bench::Args),
    /// Make data sets
    Data(data::Args),
    /// Factorise a nonnegative matrix from a file
    Nmf(nmf::Args),
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// The commit that the workspace stands at, `-dirty` where files have changed.
fn commit() -> String {
    xtask::report::Environment::capture(&root(), 1, None).commit
}

fn main() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(cli) => match cli.command {
            Command::Reproduce(args) => reproduce::run(args),
            Command::Solve(args) => solve::run(args),
            Command::Train(args) => train::run(*args),
            Command::Bench(args) => bench::run(args),
            Command::Data(args) => data::run(&args),
            Command::Nmf(args) => nmf::run(&args),
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
