//! Models in pure Rust: fused, vectorised, threaded, no LibTorch.

pub mod element;
pub mod graph;
pub mod neuralif;
mod simd;

pub use element::Element;
pub use graph::{LowerGraph, equilibrate};
