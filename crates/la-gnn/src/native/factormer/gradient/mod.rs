//! Loss and gradient of a network with the solver unrolled, in reverse mode, without LibTorch.
//!
//! A step runs forward and keeps what the derivatives need, then runs backward: through the objective, the iterations of the solver and the layers. Products of dense
//! matrices are the work; an arc of the graph is a number in a matrix of attention, never a vector.

mod engine;
mod layer;
mod network;
mod norm;
mod solver;
mod unroll;
mod weights;

pub use engine::FactormerEngine;
