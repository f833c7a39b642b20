//! Networks on the augmented line digraph that start or speed up a factorisation.
//!
//! A network sees the rows of W and H as the two sides of a complete bipartite graph with the entries of V on its arcs. It knows matrices of mean 1: data are divided by their mean and
//! factors by its root before it sees them. V must be dense, with every entry known; the network computes in single precision. What it proposes is a starting point for a solver,
//! which decides how good the answer gets.
//!
//! # References
//! J. Sjölund, M. Bånkestad, *Graph-based neural acceleration for nonnegative matrix factorization*, arXiv 2202.00264.

mod accelerate;
mod scaled;
mod start;

pub use accelerate::{FactormerAccelerator, Proposal, ProposalGuard};
pub use start::FactormerStart;
