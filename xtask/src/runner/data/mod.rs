//! `data make`: data sets of experiments as files that need nothing of ours to read.

mod folder;
mod grids;
mod mpgnn_limits;
mod tridiagonal;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Subcommand, ValueEnum};

/// Data sets of experiments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: DataCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Write the data set of an experiment to a folder, for programs of any kind
    ///
    /// Matrices, reference factors, classes, splits, SHA-256 checksums and a README. Arrays are NumPy files, sparse matrices
    /// Matrix Market files. The same options give the same bytes.
    Make(Make),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask data make mpgnn-limits --output mpgnn-limits-data\n  \
    cargo xtask data make mpgnn-limits --output small --train 50 --validation 10 --test 10 --sparse 4")]
struct Make {
    /// The experiment
    #[arg(value_enum)]
    set: Set,
    /// Folder to write; it must be new or empty
    #[arg(long)]
    output: PathBuf,
    /// Orders of the tridiagonal matrices
    #[arg(long, value_delimiter = ',', default_value = "32,128")]
    n: Vec<usize>,
    /// Tridiagonal training matrices of each law
    #[arg(long, default_value_t = 1000)]
    train: u64,
    /// Tridiagonal validation matrices of each law
    #[arg(long, default_value_t = 100)]
    validation: u64,
    /// Tridiagonal test matrices of each law
    #[arg(long, default_value_t = 200)]
    test: u64,
    /// Matrices of each set of sparse matrices with K-optimal factors, a fifth of them for tests
    #[arg(long, default_value_t = 40)]
    sparse: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Set {
    /// Tridiagonal matrices with their factors; sparse matrices with K-optimal and IC(0) factors
    MpgnnLimits,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let DataCommand::Make(make) = &args.command;
    match make.set {
        Set::MpgnnLimits => mpgnn_limits::write(make)?,
    }
    Ok(ExitCode::SUCCESS)
}
