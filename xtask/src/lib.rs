//! What the binaries of this package share: recording, judging and showing the results of experiments.
#![warn(clippy::print_stdout, clippy::print_stderr)]

#[cfg(feature = "runner")]
pub mod report;
