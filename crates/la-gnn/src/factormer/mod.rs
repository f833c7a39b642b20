//! Networks that improve a nonnegative factorisation `V ≈ W Hᵀ`: configuration and parameters.
//!
//! The factors are the nodes of a complete bipartite graph, the augmented line digraph of the factorisation
//! ([`la_graph::AugmentedLineDigraph`]): row i of W is a source, row j of H a target, and the arc between them knows `V_ij`. A layer (a Factormer) lets every target attend to
//! all sources, with keys and values that also see the arc's own data, the products of the ends' features and `V_ij`; for W all arcs are reversed.
//!
//! Inference is in [`native::factormer`](crate::native::factormer), training with LibTorch in `torch::factormer`.
//!
//! # References
//! J. Sjölund and M. Bånkestad, *Graph-based neural acceleration for nonnegative matrix factorization*, arXiv 2202.00264.

mod config;

pub use crate::network::{NetworkConfig, Parameters};
pub use config::{AttentionScale, FactormerConfig, FactormerInput, UpdateRule};
