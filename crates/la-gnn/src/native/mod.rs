//! Models in pure Rust: fused, vectorised, threaded, no LibTorch.

pub mod active_set;
pub mod admm;
mod blocks;
pub mod chain;
mod coates;
pub mod compensation;
pub mod element;
pub mod factormer;
mod features;
mod full_graph;
pub mod gated;
pub mod gnp;
pub mod graph;
mod graph_norm;
mod lanes;
pub mod learned_lu;
pub mod leconv;
pub mod mpgnn;
pub mod neuralif;
pub mod neuralpcg;
mod panel;
pub mod relaxation;
pub(crate) mod simd;

pub use coates::CoatesGraph;
pub use element::Element;
pub use full_graph::FullGraph;
pub use graph::{LowerGraph, equilibrate};
