//! `setup`: LibTorch, found or provisioned.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli;
use crate::libtorch::{self, Mode};

pub(crate) fn run(options: &cli::Setup) -> Result<ExitCode> {
    let mode = if options.force {
        Mode::Force
    } else {
        Mode::Keep
    };
    println!("{}", libtorch::ensure(mode)?);
    Ok(ExitCode::SUCCESS)
}
