//! Gated elimination in pure Rust and double precision: by levels, by sweeps over all entries, and with gradients.

mod engine;
mod field;
mod matrix;
mod network;
mod sweep;

pub use engine::{GatedEngine, GatedTask};
pub use matrix::EliminationMatrix;
pub use sweep::{GatedFactor, GatedSweep};
