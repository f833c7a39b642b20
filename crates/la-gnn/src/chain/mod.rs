//! Learned elimination along a chain: Cholesky pivots of tridiagonal matrices.
//!
//! For a tridiagonal positive definite matrix with diagonal a_i and b_i below it, scaled to a unit diagonal, elimination is one scalar map
//! from row to row:
//!
//! ```text
//! r_i = b_i² / (a_i a_{i-1}),    ρ_1 = 1,    ρ_i = 1 − r_i / ρ_{i-1},      L_ii = √(ρ_i a_i),    L_{i,i-1} = b_i / √(ρ_{i-1} a_{i-1})
//! ```
//!
//! A message-passing network with k rounds sees k rows; here the learned map runs *along* the elimination order, so that one sweep
//! carries what happened in the first row to the last, in O(n). Signs come from b: only the pivots ρ_i in (0, 1] are learned. With
//! z_i = log ρ_{i-1} − log r_i the exact map is `1 − ρ_i = exp(−z_i)`, that is `logit ρ_i = log(exp z_i − 1)`.
//!
//! Five models ([`ChainModel`]); one has the exact map built in, the others are learned from scratch. Errors multiply along the chain by
//! (1 − ρ_i)/ρ_i from row to row; a map that only ever raises pivots cannot break down (elimination is monotone), one that may lower
//! them can, which is what the margin is for.
//!
//! Not from a paper. The question (can a network approximate triangular factors?) is that of V. Trifonov, E. Muravleva, I. Oseledets,
//! TMLR 2026, arXiv 2502.01397.

mod config;
mod parameters;

pub use config::{ChainConfig, ChainModel};
pub use parameters::Parameters;

/// Name of the architecture in weight files.
pub const ARCHITECTURE: &str = "chain-pivots";
