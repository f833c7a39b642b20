#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod active_set;
pub mod admm;
pub mod chain;
pub mod compensation;
pub mod corrector;
mod error;
pub mod factormer;
mod flat;
pub mod gated;
pub mod gnp;
pub mod learned_lu;
pub mod mpgnn;
pub mod native;
pub mod network;
pub mod neuralif;
pub mod neuralpcg;
pub mod relaxation;
#[cfg(feature = "torch")]
pub mod torch;
pub mod training;
pub mod weights;

pub use error::GnnError;
pub use sprs;
pub use weights::{Provenance, Tensor, Weights};
