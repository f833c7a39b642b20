//! Learned incomplete LU factors of general square matrices: configuration and parameters, shared by every engine.
//!
//! A network on the Coates graph of A (one arc per stored entry, one loop per node) gives every entry of a lower triangular L
//! and a unit upper triangular U, `A ≈ L U`, on the pattern of A with its diagonal; no elimination, no symmetry, and zero or
//! missing diagonal entries are allowed.
//!
//! P. Häusner, A. Nieto Juscafresa, J. Sjölund, *Learning incomplete factorization preconditioners for GMRES*, Northern Lights Deep
//! Learning Conference 2025, PMLR 265, 85–99.

mod config;
mod diagonal;
mod parameters;

pub use config::{AddedLoops, Base, FirstFeature, LearnedLuConfig, MatrixScale};
pub use diagonal::DiagonalActivation;
pub use parameters::Parameters;

/// Width of a node state, equal to the number of structural node features.
pub const NODE_WIDTH: usize = 8;

/// Name of the architecture in weight files.
pub const ARCHITECTURE: &str = "learned-lu";
