//! Networks that choose step sizes and edge weights of distributed ADMM: configuration and parameters.
//!
//! m agents on a connected graph minimise `Σ_i f_i(x)`; agent i knows f_i only and talks to its neighbours only. One iteration of the node-based method
//! ([`native::admm`](crate::native::admm) has it in full) is governed by a step size α_i of every agent and a weight w_ij of every edge. Both may be learned:
//!
//! | part | learned as |
//! | --- | --- |
//! | [`StepSizes`] | a perceptron on the state of a node, one for each iteration (published); one free number for each iteration |
//! | [`Relaxation`] | one free number γ_k for each iteration |
//! | [`EdgeWeights`] | a perceptron on the degrees around both ends (published); the same on features that do not depend on the size of the graph |
//! | [`Tail`] | two free numbers for all later iterations |
//!
//! Whatever these parts say, the method keeps its fixed points, which are solutions, and it is ordinary ADMM after the learned iterations: α and w are
//! positive, w is symmetric and the same in all iterations, and α and γ are constant in the end. Learned parts can make a run slow, not wrong.
//!
//! # References
//! H. Doerks, P. Häusner, D. Hernández Escobar, J. Sjölund, *Learning to accelerate distributed ADMM using graph neural networks*, L4DC 2026,
//! arXiv 2509.05288, with the authors' published code. Schedules, relaxation, scale-free edge features and the learned tail are ours.
//! The method: A. Makhdoumi, A. Ozdaglar, *IEEE Trans. Automatic Control* 62(10), 5082–5095, 2017.

mod config;
mod parameters;

pub use crate::network::{NetworkConfig, Parameters};
pub use config::{AdmmConfig, EdgeWeights, Relaxation, StepSizes, Tail};

/// Range to which step sizes of perceptrons are clamped.
pub const STEP_RANGE: [f64; 2] = [1e-4, 1e4];

/// Range to which [`EdgeWeights::Profile`] is clamped.
pub const WEIGHT_RANGE: [f64; 2] = [1e-3, 1e2];

/// `γ = 1 + 0.98 tanh θ`: a learned relaxation factor stays this far from 1 at most, so that it is inside (0, 2), where the method converges.
pub const RELAXATION_REACH: f64 = 0.98;
