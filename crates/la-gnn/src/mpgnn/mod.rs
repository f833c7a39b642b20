//! Message-passing networks for edge regression, above all for the entries of triangular factors: configuration and parameters.
//!
//! Encoder, K blocks that update arcs and then nodes, decoder on arcs. Six ways to update the nodes ([`NodeModel`]) are compared by
//! V. Trifonov, E. Muravleva, I. Oseledets, *Message-Passing GNNs Fail to Approximate Sparse Triangular Factorizations*, TMLR 2026,
//! arXiv 2502.01397. Feature `torch` runs and trains them.

mod config;
mod node;
mod parameters;

pub use crate::neuralif::{Activation, ParameterSpec};
pub use config::MpgnnConfig;
pub use node::{GenNorm, NodeModel, NodeShape};
pub use parameters::Parameters;

pub(crate) use node::Specs;

/// Name of the architecture in weight files.
pub const ARCHITECTURE: &str = "mpgnn";

/// ε of batch and layer normalisation.
#[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "for LibTorch"))]
pub(crate) const NORM_EPS: f64 = 1e-5;

/// Weight of a batch in the running statistics.
#[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "for LibTorch"))]
pub(crate) const NORM_MOMENTUM: f64 = 0.1;
