//! Inference of networks that improve a nonnegative factorisation.
//!
//! A layer by its formulas holds a key and a value for each of the m n arcs, `O(m n d)` numbers. [`Factormer`] computes the same from dense products: the part of an arc's key that comes from
//! the products `x_i ⊙ x_j` is a bilinear form in the two ends, so that scores are `⟨c_j, x_i⟩ + g_j V_ij` with an effective query c_j, and the message needs only `Σ α_ij x_i` and `Σ α_ij V_ij`. It goes over
//! targets in blocks: `O((m + n) d)` numbers and a block of scores. [`edge_list`] is the literal form on the graph, to compare with.

pub mod edge_list;
mod gradient;
mod layer;
mod network;

pub use gradient::FactormerEngine;
pub use network::{Factormer, FactormerUpdate};
