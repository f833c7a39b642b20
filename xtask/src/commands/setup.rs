//! `setup`: LibTorch, found or provisioned; with `--mpi` what MPI programs need.

use std::process::ExitCode;

use anyhow::Result;

use crate::libtorch::{self, Mode};
use crate::{cli, mpi};

pub(crate) fn run(options: &cli::Setup) -> Result<ExitCode> {
    if options.mpi {
        println!("{}", mpi::ensure()?);
        return Ok(ExitCode::SUCCESS);
    }
    let mode = if options.force {
        Mode::Force
    } else {
        Mode::Keep
    };
    println!("{}", libtorch::ensure(mode)?);
    Ok(ExitCode::SUCCESS)
}
