//! Networks that guess the active set of a quadratic program: configurations and parameters.
//!
//! The problem is `min ½ xᵀ H x + fᵀ x` subject to `A x ≤ b`, with n variables and m one-sided constraints; what is guessed is which of
//! them hold with equality at the solution. A dual active-set method that starts there has less to do.
//!
//! | configuration | network | for |
//! | --- | --- | --- |
//! | [`MlpConfig`] | perceptron of (f, b), or of the whole problem | one family with fixed H, A: the cheapest and the best there |
//! | [`GnnConfig`] | graph network on the matrix of the optimality conditions | the published network |
//! | [`LeastDistanceConfig`] | messages between constraints in the least-distance form | problems with other H, A and sizes than in training |
//!
//! Inference is in [`native::active_set`](crate::native::active_set), training with LibTorch in `torch::active_set`.
//!
//! # References
//! E. J. Schmidtobreick, D. Arnström, P. Häusner, J. Sjölund, *Warm-starting active-set solvers using graph neural networks*, arXiv 2511.13174
//! (the first two, but for the input of f and b alone).

mod gnn;
mod least_distance;
mod mlp;

pub use crate::network::{NetworkConfig as ActiveSetConfig, Parameters};
pub(crate) use crate::network::{in_range, specs};
pub use gnn::{GnnConfig, GnnFeatures};
pub use least_distance::LeastDistanceConfig;
pub use mlp::{MlpConfig, MlpInput, MlpOutput};

/// Slope of the leaky rectifier of all these networks for negative arguments.
pub const LEAK: f64 = 0.1;
