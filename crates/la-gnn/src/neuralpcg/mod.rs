//! The NeuralPCG baseline: configuration and parameters, shared by every engine.
//!
//! Encoder, K message-passing steps on the whole graph of A, decoder: a lower triangular factor whose diagonal is fixed to √a_ii.
//!
//! Y. Li, P. Y. Chen, T. Du, W. Matusik, *Learning preconditioners for conjugate gradient PDE solvers*, ICML 2023, in the form in
//! which P. Häusner, O. Öktem, J. Sjölund, *Neural incomplete factorization*, TMLR 2024, compare with it.

mod config;
mod parameters;

pub use config::{FactorForm, NeuralPcgConfig};
pub use parameters::Parameters;

/// Name of the architecture in weight files.
pub const ARCHITECTURE: &str = "neuralpcg";
