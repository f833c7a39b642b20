//! Models in pure Rust: fused, vectorised, threaded, no LibTorch.

pub mod element;
pub mod graph;
pub mod neuralif;

pub use element::Element;
pub use graph::LowerGraph;
