//! Message-passing networks for edge regression in LibTorch.

mod aggregation;
mod attention;
mod checkpoint;
mod edge;
mod global;
mod graph;
mod layer;
mod linear;
mod loss;
mod message;
mod network;
mod node;
mod norm;
#[cfg(test)]
mod parity;
mod samples;
mod trainer;

pub use graph::ArcGraph;
pub use layer::{NodeGradients, NodeLayer, NodeLayerTape};
pub use network::{Mpgnn, MpgnnBatch, MpgnnTape};
pub use samples::{EdgeSample, EdgeSamples};
pub use trainer::{MpgnnTrained, MpgnnTrainer};
