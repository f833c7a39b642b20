//! Res-GCONV layers in training: forward with moments, and back.

use super::super::Element;
use super::super::lanes::store;
use super::super::simd::{Kernel, Simd};
use super::layer::{gather_tile, pre_activation};
use super::maps::{Layer, Map};
use super::matrix::Rows;
use super::norm::{GradientSums, Moments, Norm, NormBack};
use super::products::{masked, multiply, outer};
use super::{BLOCK, D, TILE, Tile, zero_tile};

/// `to = σ(norm(from))`.
pub(super) struct Normalise<'a, T> {
    pub norm: &'a Norm<T>,
    pub relu: bool,
    pub from: &'a [Tile<T>],
    pub to: &'a mut [Tile<T>],
}

impl<T: Element> Kernel<T> for Normalise<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        for (from, to) in self.from.iter().zip(self.to) {
            self.norm.forward(simd, self.relu, from, to);
        }
    }
}

/// `to = X skip + (A X) gconv` with the moments of what comes out.
pub(super) struct LayerForward<'a, T> {
    pub a: &'a Rows<T>,
    pub maps: &'a Layer<T>,
    pub x: &'a [Tile<T>],
    pub to: &'a mut [Tile<T>],
    pub moments: &'a mut Moments,
}

impl<T: Element> Kernel<T> for LayerForward<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let n = self.a.start.len() - 1;
        let rows = self.x.as_flattened();
        let mut y = zero_tile();
        for (block, to) in self.to.chunks_mut(BLOCK).enumerate() {
            let first = block * BLOCK;
            for (t, to) in to.iter_mut().enumerate() {
                gather_tile(simd, self.a, n, first + t, rows, &mut y);
                let acc = pre_activation(simd, self.maps, &self.x[first + t], &y);
                for r in 0..TILE {
                    store(simd, acc[r], &mut to[r]);
                }
            }
            let nodes = (to.len() * TILE).min(n - first * TILE);
            self.moments.add(simd, &to.as_flattened()[..nodes]);
        }
    }
}

/// From the gradient at what a layer normalised, after its normalisation, to the same of the layer before.
pub(super) struct LayerBack<'a, T> {
    /// Rows of Aᵀ.
    pub a: &'a Rows<T>,
    /// `skip` and `gconv`, transposed.
    pub maps: &'a (Map<T, D, D>, Map<T, D, D>),
    pub relu: bool,
    /// Back through the normalisation of this layer, and what it normalised.
    pub norm: &'a NormBack<T>,
    pub after: &'a [Tile<T>],
    /// Normalisation of the layer before; `None` for the first layer.
    pub norm_before: Option<&'a Norm<T>>,
    /// What the layer before normalised; features for the first layer.
    pub before: &'a [Tile<T>],
    /// Gradient that comes in; changed.
    pub g: &'a mut [Tile<T>],
    pub to: &'a mut [Tile<T>],
    pub sums: &'a mut GradientSums,
    pub gradient: &'a mut Layer<T>,
}

impl<T: Element> Kernel<T> for LayerBack<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let n = self.a.start.len() - 1;
        for (v, g) in self.after.iter().zip(&mut *self.g) {
            self.norm.apply(simd, v, g);
        }
        let rows = self.g.as_flattened();
        let (mut x, mut q) = ([zero_tile(); BLOCK], [zero_tile(); BLOCK]);
        for (block, to) in self.to.chunks_mut(BLOCK).enumerate() {
            let first = block * BLOCK;
            let g = &self.g[first..first + to.len()];
            let before = &self.before[first..first + to.len()];
            for (t, to) in to.iter_mut().enumerate() {
                match self.norm_before {
                    Some(norm) => norm.forward(simd, self.relu, &before[t], &mut x[t]),
                    None => x[t] = before[t],
                }
                gather_tile(simd, self.a, n, first + t, rows, &mut q[t]);
                let mut acc = [[simd.splat(T::ZERO); D]; TILE];
                multiply(simd, &self.maps.0.columns, 0, &g[t], &mut acc);
                multiply(simd, &self.maps.1.columns, 0, &q[t], &mut acc);
                for r in 0..TILE {
                    store(simd, masked(simd, self.relu, acc[r], &x[t][r]), &mut to[r]);
                }
            }
            let nodes = (to.len() * TILE).min(n - first * TILE);
            let x = &x.as_flattened()[..nodes];
            let (skip, gconv) = (&mut self.gradient.skip, &mut self.gradient.gconv);
            outer(simd, x, g.as_flattened(), &mut skip.columns);
            outer(simd, x, q.as_flattened(), &mut gconv.columns);
            if let Some(norm) = self.norm_before {
                let to = &to.as_flattened()[..nodes];
                self.sums.add(simd, norm, to, before.as_flattened());
            }
        }
    }
}
