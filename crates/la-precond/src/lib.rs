#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod auto;
pub mod classical;
mod error;
#[cfg(feature = "learned")]
pub mod learned;
#[cfg(feature = "mpi")]
pub mod mpi;
pub mod quality;
#[cfg(feature = "torch")]
pub mod torch;

pub use classical::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder};
pub use classical::{IncompleteLu, IncompleteLuBuilder, LuStats};
pub use error::PrecondError;
pub use la_krylov::sprs;
