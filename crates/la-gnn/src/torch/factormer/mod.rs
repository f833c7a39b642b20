//! Training of networks that improve a nonnegative factorisation, with the solver unrolled behind or between them. Inference is in
//! [`crate::native::factormer`].
//!
//! A layer is a handful of dense products, as in inference; gradients are LibTorch's, through the Cholesky factors and triangular solves of the solver too.

mod engine;
mod layer;
mod network;
mod solver;

pub use engine::{FactormerEngine, Unrolled, unroll};
pub use layer::{LayerForm, layer};
pub use network::FactormerNetwork;
pub use solver::{half_step, iterate};
