//! Message-passing networks for edge regression in LibTorch.

mod aggregation;
mod attention;
mod edge;
mod global;
mod graph;
mod layer;
mod linear;
mod message;
mod network;
mod node;
mod norm;

pub use graph::ArcGraph;
pub use layer::{NodeGradients, NodeLayer, NodeLayerTape};
pub use network::{Mpgnn, MpgnnBatch, MpgnnTape};
