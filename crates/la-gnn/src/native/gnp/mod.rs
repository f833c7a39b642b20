//! Graph neural preconditioners in pure Rust: inference and training.
//!
//! A feature vector of 16 channels is one cache line in `f32` and the unit of everything: products with A gather lines, perceptrons
//! run over tiles of six nodes, columns are independent but for the batch normalisation. Narrower networks are padded by zeros.

mod layer;
mod maps;
mod matrix;
mod network;
mod perceptron;
mod scale;

pub use matrix::Matrix;
pub use network::{Network, Workspace};

use super::lanes::Lanes;

/// Lanes of the features of a node.
const D: usize = 2;
/// Lanes of hidden states.
const H: usize = 4;
/// Nodes in a tile.
const TILE: usize = 6;

/// Features of a node.
type Row<T> = Lanes<T, D>;
/// Hidden state of a node.
type Hidden<T> = Lanes<T, H>;
/// Features of a tile.
type Tile<T> = [Row<T>; TILE];
