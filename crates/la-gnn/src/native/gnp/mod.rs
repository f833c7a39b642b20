//! Graph neural preconditioners in pure Rust: inference and training.
//!
//! A feature vector of 16 channels is one cache line in `f32` and the unit of everything: products with A gather lines, perceptrons
//! run over tiles of six nodes, columns are independent but for the batch normalisation. Narrower networks are padded by zeros.

#![expect(
    clippy::needless_range_loop,
    reason = "one index runs over several arrays of lanes; iterators hide the formula"
)]

mod backward;
mod column;
mod layer;
mod maps;
mod matrix;
mod network;
mod norm;
mod perceptron;
mod perceptron_backward;
mod products;
mod scale;
mod table;
mod trainer;

pub use matrix::Matrix;
pub use network::{Network, Workspace};
pub use trainer::Trainer;

use super::Element;

use super::lanes::Lanes;

/// Lanes of the features of a node.
const D: usize = 2;
/// Lanes of hidden states.
const H: usize = 4;
/// Nodes in a tile.
const TILE: usize = 6;
/// Tiles in a block of training: its states stay in the cache of first level.
const BLOCK: usize = 8;

/// Features of a node.
type Row<T> = Lanes<T, D>;
/// Hidden state of a node.
type Hidden<T> = Lanes<T, H>;
/// Features of a tile.
type Tile<T> = [Row<T>; TILE];

/// Features of zeros.
fn zero_tile<T: Element>() -> Tile<T> {
    [[[T::ZERO; super::simd::LANES]; D]; TILE]
}
