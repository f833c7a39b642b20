//! Corrections of incomplete Cholesky factors: configuration and parameters.
//!
//! A message-passing network sees a neighbourhood; elimination runs through the whole graph. Here the network gets what elimination says, entry by
//! entry: the factor of IC(0), in the order of the matrix and, if wanted, in the reversed one, and its outputs multiply the entries of that factor. Before training
//! the last map is zero, so that the factor *is* IC(0).
//!
//! The features and the factorisation are in `la_precond::learned::LearnedCorrector`, the network in
//! [`native::mpgnn`](crate::native::mpgnn).
//!
//! Not from a paper; the network and the loss that it answers are those of V. Trifonov, E. Muravleva, I. Oseledets, *Message-Passing GNNs Fail to
//! Approximate Sparse Triangular Factorizations*, TMLR 2026, arXiv 2502.01397. A correction of IC(0) by a network that does not see the factor is that of V. Trifonov et
//! al., arXiv 2405.15557.

mod config;
mod parameters;

pub use config::{CorrectorConfig, CorrectorInput};
pub use parameters::Parameters;

/// Name of the architecture in weight files.
pub const ARCHITECTURE: &str = "ic-corrector";
