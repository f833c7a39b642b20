//! `reproduce`.

use std::process::ExitCode;

/// Arguments of `reproduce`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `reproduce`.
pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not available yet")
}
