//! What can be wrong with a checkpoint.

use std::path::PathBuf;

/// Why a checkpoint could not be written, read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file could not be read or written.
    #[error("{}: {why}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A file is not what was written.
    #[error("{}: {why}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file of something else, or of another version.
    #[error("{}: the format is `{format}` version {version}, which this version does not read", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What it says it is.
        format: String,
        /// Its version.
        version: u32,
    },
    /// A file of another checkpoint than the manifest names.
    #[error("{}: belongs to another checkpoint than the manifest", file.display())]
    Mismatch {
        /// The file.
        file: PathBuf,
    },
    /// A checkpoint of another problem.
    #[error("the checkpoint is of another run: its {what} is {saved}, that of this run is {own}")]
    OtherRun {
        /// What differs.
        what: &'static str,
        /// In the checkpoint.
        saved: u64,
        /// In this run.
        own: u64,
    },
    /// An agent is not in the checkpoint.
    #[error("agent {agent} is not in the checkpoint")]
    Missing {
        /// The agent.
        agent: usize,
    },
    /// An agent has too few or too many numbers.
    #[error(
        "agent {agent} has {len} numbers of {what} in the checkpoint, but must have {expected}"
    )]
    Numbers {
        /// The agent.
        agent: usize,
        /// Which numbers.
        what: &'static str,
        /// How many.
        len: usize,
        /// How many there must be.
        expected: usize,
    },
}
