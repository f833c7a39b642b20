//! The files of a training run: checkpoint and folder, and what is said of them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use la_gnn::training::Exchange;

/// The folder that a file goes to.
pub(super) fn make_folder_of(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
    let Some(folder) = folder else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// What to say of a run that failed.
pub(super) fn did_not_go_on(checkpoint: &Path) -> String {
    if !checkpoint.is_file() {
        return "training failed".to_owned();
    }
    format!(
        "training did not go on from {}; remove it to start anew, or choose another --output",
        checkpoint.display()
    )
}

/// The checkpoint beside a weight file, from which a run goes on.
pub(super) fn checkpoint_of(exchange: &dyn Exchange, output: &Path) -> PathBuf {
    let checkpoint = output.with_extension("checkpoint");
    if exchange.rank() == 0 && checkpoint.is_file() {
        println!("going on from {}", checkpoint.display());
    }
    checkpoint
}

/// The end of a run that was interrupted.
pub(super) fn stopped(exchange: &dyn Exchange, checkpoint: &Path) -> ExitCode {
    if exchange.rank() == 0 {
        println!(
            "stopped; the same command goes on from {}",
            checkpoint.display()
        );
    }
    ExitCode::from(130)
}
