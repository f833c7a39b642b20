//! `solve`.

use std::process::ExitCode;

/// Arguments of `solve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `solve`.
pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not available yet")
}
