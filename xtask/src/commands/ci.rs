//! `ci`: what CI runs, the cheap checks first.

use std::process::ExitCode;

use anyhow::Result;

use super::{doc, lint, test};
use crate::cli;

pub(crate) fn run(options: cli::Test) -> Result<ExitCode> {
    if !lint::run()? || !doc::run(&cli::Doc { open: false })? {
        return Ok(ExitCode::FAILURE);
    }
    test::run(options)
}
