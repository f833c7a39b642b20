//! Models in pure Rust: fused, vectorised, threaded, no LibTorch.

mod blocks;
pub mod element;
mod full_graph;
pub mod graph;
pub mod neuralif;
pub mod neuralpcg;
mod simd;

pub use element::Element;
pub use full_graph::FullGraph;
pub use graph::{LowerGraph, equilibrate};
