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

use std::ops::{Deref, DerefMut};

use super::lanes::Lanes;
use super::simd::LANES;

/// Lanes of the features of a node.
const D: usize = 2;
/// Lanes of hidden states.
const H: usize = 4;
/// Nodes in a tile.
const TILE: usize = 6;
/// Tiles in a block of training: its states stay in the cache of first level.
const BLOCK: usize = 8;

/// State of a node, at the start of a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct State<T, const G: usize>(Lanes<T, G>);

impl<T, const G: usize> Deref for State<T, G> {
    type Target = Lanes<T, G>;
    #[inline(always)]
    fn deref(&self) -> &Lanes<T, G> {
        &self.0
    }
}

impl<T, const G: usize> DerefMut for State<T, G> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Lanes<T, G> {
        &mut self.0
    }
}

impl<T: Element, const G: usize> State<T, G> {
    const ZERO: Self = Self([[T::ZERO; LANES]; G]);
}

/// Features of a node.
type Row<T> = State<T, D>;
/// Hidden state of a node.
type Hidden<T> = State<T, H>;
/// Features of a tile.
type Tile<T> = [Row<T>; TILE];

/// Features of zeros.
fn zero_tile<T: Element>() -> Tile<T> {
    [Row::ZERO; TILE]
}
