//! Learned relaxation of incomplete LU in pure Rust: inference, and training through the elimination.
//!
//! Training differentiates what it is about: the residual that some steps of GMRES leave ([`RelaxationEngine`]), through the sweeps
//! with the factors and through the elimination that made them.

mod elimination;
mod features;
mod krylov;
mod network;
mod train;

pub use network::RelaxationNetwork;
pub use train::{RelaxationEngine, RelaxationSample};
