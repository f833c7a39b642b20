//! The perceptrons at both ends, over tiles of nodes.

use super::super::Element;
use super::super::lanes::{activate, load, store};
use super::super::simd::{Kernel, Simd};
use super::maps::{Decoder, Encoder, Maps};
use super::products::{apply, dot};
use super::table::LookUp;
use super::{H, Hidden, TILE, Tile};

/// The first hidden states of a tile: `σ(w s + bias)`.
#[inline(always)]
pub(super) fn first<T: Element, S: Simd<T>>(
    simd: S,
    relu: bool,
    maps: &Encoder<T>,
    s: &[T; TILE],
    h: &mut [Hidden<T>; TILE],
) {
    for r in 0..TILE {
        let v = simd.splat(s[r]);
        let mut y = load(simd, &maps.bias);
        for g in 0..H {
            y[g] = simd.mul_add(simd.load(&maps.weight[g]), v, y[g]);
        }
        store(simd, activate(simd, relu, y), &mut h[r]);
    }
}

/// Features of nodes from their scaled right-hand side, one tile for each six entries of `b`.
pub(super) fn encode<T: Element>(maps: &Maps<T>, scale: f64, b: &[f64], to: &mut [Tile<T>]) {
    match &maps.table {
        Some(table) => T::run_kernel(LookUp {
            table,
            scale,
            b,
            to,
        }),
        None => T::run_kernel(Encode {
            maps: &maps.encoder,
            relu: maps.relu,
            scale,
            b,
            to,
        }),
    }
}

/// The same by the perceptron.
struct Encode<'a, T> {
    maps: &'a Encoder<T>,
    relu: bool,
    scale: f64,
    b: &'a [f64],
    to: &'a mut [Tile<T>],
}

impl<T: Element> Kernel<T> for Encode<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let zero = [Hidden::ZERO; TILE];
        let (mut h, mut other) = (zero, zero);
        for (b, to) in self.b.chunks(TILE).zip(self.to) {
            let mut s = [T::ZERO; TILE];
            for (s, b) in s.iter_mut().zip(b) {
                *s = T::from_f64(self.scale * b);
            }
            first(simd, self.relu, self.maps, &s, &mut h);
            for map in &self.maps.middle {
                apply(simd, self.relu, map, &h, &mut other);
                std::mem::swap(&mut h, &mut other);
            }
            apply(simd, self.relu, &self.maps.last, &h, to);
        }
    }
}

/// Outputs of nodes from their features.
pub(super) struct Decode<'a, T> {
    pub maps: &'a Decoder<T>,
    pub relu: bool,
    pub scale: f64,
    pub x: &'a [Tile<T>],
    pub z: &'a mut [f64],
}

impl<T: Element> Kernel<T> for Decode<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let zero = [Hidden::ZERO; TILE];
        let (mut h, mut other) = (zero, zero);
        for (z, x) in self.z.chunks_mut(TILE).zip(self.x) {
            apply(simd, self.relu, &self.maps.first, x, &mut h);
            for map in &self.maps.middle {
                apply(simd, self.relu, map, &h, &mut other);
                std::mem::swap(&mut h, &mut other);
            }
            for (z, h) in z.iter_mut().zip(&h) {
                *z = self.scale * dot(simd, &self.maps.weight, h, self.maps.bias).to_f64();
            }
        }
    }
}
