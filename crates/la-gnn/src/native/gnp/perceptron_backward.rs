//! Back through the perceptrons at both ends. Hidden states are made again, block by block, and never leave the cache.

use super::super::Element;
use super::super::lanes::{load, store};
use super::super::simd::{Kernel, Simd};
use super::maps::{Decoder, Encoder, Map};
use super::norm::{GradientSums, Norm};
use super::perceptron::first;
use super::products::{apply, back, masked, outer, sum, weighted_sum};
use super::{BLOCK, D, H, Hidden, TILE, Tile};

/// Hidden states of the nodes of a block.
type Block<T> = [[Hidden<T>; TILE]; BLOCK];

/// Memory of a block: hidden states after each map but the last, and two gradients.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch<T> {
    hidden: Vec<Block<T>>,
    gradient: Vec<Block<T>>,
}

impl<T: Element> Scratch<T> {
    pub(super) fn new(mlp_layers: usize) -> Self {
        let block = [[Hidden::ZERO; TILE]; BLOCK];
        Self {
            hidden: vec![block; mlp_layers - 1],
            gradient: vec![block; 2],
        }
    }

    /// The two gradients.
    fn split(&mut self) -> (&mut [Block<T>], [&mut Block<T>; 2]) {
        let (a, b) = self.gradient.split_at_mut(1);
        (&mut self.hidden, [&mut a[0], &mut b[0]])
    }
}

/// Hidden states after the maps in the middle.
#[inline(always)]
fn through<T: Element, S: Simd<T>>(
    simd: S,
    relu: bool,
    maps: &[Map<T, H, H>],
    hidden: &mut [Block<T>],
    tiles: usize,
) {
    for (k, map) in maps.iter().enumerate() {
        let (before, after) = hidden.split_at_mut(k + 1);
        for (x, y) in before[k].iter().zip(&mut after[0]).take(tiles) {
            apply(simd, relu, map, x, y);
        }
    }
}

/// The gradient at the last hidden states to that at the first ones; gradients of the maps in the middle are added up.
#[inline(always)]
fn back_through<'a, T: Element, S: Simd<T>>(
    simd: S,
    relu: bool,
    transposed: &[Map<T, H, H>],
    hidden: &[Block<T>],
    [mut g, mut other]: [&'a mut Block<T>; 2],
    nodes: usize,
    to: &mut [Map<T, H, H>],
) -> &'a mut Block<T> {
    let tiles = nodes.div_ceil(TILE);
    for (k, (map, to)) in transposed.iter().zip(to).enumerate().rev() {
        let own = &g.as_flattened()[..nodes];
        outer(
            simd,
            &hidden[k].as_flattened()[..nodes],
            own,
            &mut to.columns,
        );
        sum(simd, own, &mut to.bias);
        for ((g, h), y) in g.iter().zip(&hidden[k]).zip(&mut *other).take(tiles) {
            back(simd, relu, &map.columns, g, h, y);
        }
        std::mem::swap(&mut g, &mut other);
    }
    g
}

/// From the gradient at the outputs to the one at what the last layer normalised, before its normalisation.
pub(super) struct DecodeBack<'a, T> {
    pub maps: &'a Decoder<T>,
    pub first: &'a Map<T, H, D>,
    pub middle: &'a [Map<T, H, H>],
    pub relu: bool,
    pub norm: &'a Norm<T>,
    /// Features after the last layer, and what it normalised.
    pub x: &'a [Tile<T>],
    pub before: &'a [Tile<T>],
    /// Gradient at the outputs of the n nodes.
    pub output: &'a [T],
    pub to: &'a mut [Tile<T>],
    pub sums: &'a mut GradientSums,
    pub gradient: &'a mut Decoder<T>,
    pub scratch: &'a mut Scratch<T>,
}

impl<T: Element> Kernel<T> for DecodeBack<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let relu = self.relu;
        let weight = load(simd, &self.maps.weight);
        let blocks = self
            .x
            .chunks(BLOCK)
            .zip(self.before.chunks(BLOCK))
            .zip(self.to.chunks_mut(BLOCK))
            .zip(self.output.chunks(BLOCK * TILE));
        for (((x, before), to), output) in blocks {
            let (tiles, nodes) = (x.len(), output.len());
            let (hidden, [g, other]) = self.scratch.split();
            for (x, h) in x.iter().zip(&mut hidden[0]) {
                apply(simd, relu, &self.maps.first, x, h);
            }
            through(simd, relu, &self.maps.middle, hidden, tiles);
            let last = hidden[hidden.len() - 1].as_flattened();
            weighted_sum(simd, output, &last[..nodes], &mut self.gradient.weight);
            for v in output {
                self.gradient.bias += *v;
            }
            for ((v, h), g) in output.iter().zip(last).zip(g.as_flattened_mut()) {
                let v = simd.splat(*v);
                let mut own = weight;
                for k in 0..H {
                    own[k] = simd.mul(own[k], v);
                }
                store(simd, masked(simd, relu, own, h), g);
            }
            for g in &mut g.as_flattened_mut()[nodes..tiles * TILE] {
                *g = Hidden::ZERO;
            }
            let g = back_through(
                simd,
                relu,
                self.middle,
                hidden,
                [g, other],
                nodes,
                &mut self.gradient.middle,
            );
            let own = &g.as_flattened()[..nodes];
            let to_first = &mut self.gradient.first;
            outer(simd, &x.as_flattened()[..nodes], own, &mut to_first.columns);
            sum(simd, own, &mut to_first.bias);
            for ((g, x), to) in g.iter().zip(x).zip(&mut *to) {
                back(simd, relu, &self.first.columns, g, x, to);
            }
            let to = &to.as_flattened()[..nodes];
            self.sums.add(simd, self.norm, to, before.as_flattened());
        }
    }
}

/// From the gradient at the features, before their nonlinearity, to the parameters of the encoder.
pub(super) struct EncodeBack<'a, T> {
    pub maps: &'a Encoder<T>,
    pub last: &'a Map<T, D, H>,
    pub middle: &'a [Map<T, H, H>],
    pub relu: bool,
    pub scale: f64,
    pub b: &'a [f64],
    pub g: &'a [Tile<T>],
    pub gradient: &'a mut Encoder<T>,
    pub scratch: &'a mut Scratch<T>,
}

impl<T: Element> Kernel<T> for EncodeBack<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let relu = self.relu;
        let mut s = [[T::ZERO; TILE]; BLOCK];
        for (b, from) in self.b.chunks(BLOCK * TILE).zip(self.g.chunks(BLOCK)) {
            let (tiles, nodes) = (from.len(), b.len());
            for (s, b) in s.as_flattened_mut().iter_mut().zip(b) {
                *s = T::from_f64(self.scale * b);
            }
            let (hidden, [g, other]) = self.scratch.split();
            for (s, h) in s.iter().zip(&mut hidden[0]).take(tiles) {
                first(simd, relu, self.maps, s, h);
            }
            through(simd, relu, &self.maps.middle, hidden, tiles);
            let last = &hidden[hidden.len() - 1];
            let own = &from.as_flattened()[..nodes];
            let to = &mut self.gradient.last;
            outer(simd, &last.as_flattened()[..nodes], own, &mut to.columns);
            sum(simd, own, &mut to.bias);
            for ((from, h), g) in from.iter().zip(last).zip(&mut *g) {
                back(simd, relu, &self.last.columns, from, h, g);
            }
            let g = back_through(
                simd,
                relu,
                self.middle,
                hidden,
                [g, other],
                nodes,
                &mut self.gradient.middle,
            );
            let own = &g.as_flattened()[..nodes];
            let s = &s.as_flattened()[..nodes];
            weighted_sum(simd, s, own, &mut self.gradient.weight);
            sum(simd, own, &mut self.gradient.bias);
        }
    }
}
