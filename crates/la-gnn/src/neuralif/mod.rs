//! The NeuralIF architecture: configuration and parameters, shared by every engine.
//!
//! P. Häusner, O. Öktem, J. Sjölund, *Neural incomplete factorization: learning preconditioners for
//! the conjugate gradient method*, TMLR 2024.

mod config;
mod parameters;

pub use config::{Activation, MessageGraph, NeuralIfConfig};
pub use parameters::{ParameterSpec, Parameters};

/// Width of a node state, equal to the number of structural node features.
pub const NODE_WIDTH: usize = 8;

/// Name of the architecture in weight files.
pub const ARCHITECTURE: &str = "neuralif";
