//! Message-passing networks for edge regression in pure Rust and double precision: outputs, gradients, training.
//!
//! The native twin of `torch::Mpgnn` for [`NodeModel::MessagePassing`](crate::mpgnn::NodeModel) and the baseline without messages: small enough
//! to run inside the set-up of a preconditioner, and to be trained in minutes on one core with losses that LibTorch does not know.

mod engine;
mod graph;
mod network;
mod perceptron;

pub use engine::{Cosine, EdgeEngine, EdgeLoss, EdgeTask};
pub use graph::EdgeGraph;
pub use network::{MessageNetwork, MessageTape};
