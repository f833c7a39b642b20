//! The perceptrons at both ends, over tiles of nodes.

use super::super::Element;
use super::super::lanes::{Lanes, activate, load, store};
use super::super::simd::{Kernel, LANES, Simd};
use super::maps::{Decoder, Encoder, Map};
use super::{D, H, Hidden, Row, TILE, Tile};

/// Nodes whose hidden states are in registers at once: three times four vectors and their operands fill them.
const PART: usize = 3;

/// `acc_r += Σ_j x_rj column_j` for `R` nodes at once.
#[inline(always)]
pub(super) fn multiply<T: Element, S: Simd<T>, const I: usize, const O: usize, const R: usize>(
    simd: S,
    columns: &[[Lanes<T, O>; LANES]; I],
    x: &[Lanes<T, I>; R],
    acc: &mut [[S::Lanes; O]; R],
) {
    for g in 0..I {
        for l in 0..LANES {
            let mut column = [simd.splat(T::ZERO); O];
            for o in 0..O {
                column[o] = simd.load(&columns[g][l][o]);
            }
            for r in 0..R {
                let v = simd.splat(x[r][g][l]);
                for o in 0..O {
                    acc[r][o] = simd.mul_add(column[o], v, acc[r][o]);
                }
            }
        }
    }
}

/// `σ(map x)` of `R` nodes.
#[inline(always)]
fn apply<T: Element, S: Simd<T>, const I: usize, const O: usize, const R: usize>(
    simd: S,
    relu: bool,
    map: &Map<T, I, O>,
    x: &[Lanes<T, I>; R],
    y: &mut [Lanes<T, O>; R],
) {
    let mut acc = [load(simd, &map.bias); R];
    multiply(simd, &map.columns, x, &mut acc);
    for r in 0..R {
        store(simd, activate(simd, relu, acc[r]), &mut y[r]);
    }
}

/// `σ(map x)` of the hidden states of a tile, some at a time.
#[inline(always)]
fn apply_hidden<T: Element, S: Simd<T>, const I: usize>(
    simd: S,
    relu: bool,
    map: &Map<T, I, H>,
    x: &[Lanes<T, I>; TILE],
    y: &mut [Hidden<T>; TILE],
) {
    let (x, y) = (x.as_chunks::<PART>().0, y.as_chunks_mut::<PART>().0);
    for (x, y) in x.iter().zip(y) {
        apply(simd, relu, map, x, y);
    }
}

/// Features of nodes from their scaled right-hand side.
pub(super) struct Encode<'a, T> {
    pub maps: &'a Encoder<T>,
    pub relu: bool,
    pub scale: f64,
    pub b: &'a [f64],
    /// One tile for each six entries of `b`, the last one filled up as if by zeros.
    pub to: &'a mut [Tile<T>],
}

impl<T: Element> Kernel<T> for Encode<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let zero = [[[T::ZERO; LANES]; H]; TILE];
        let (mut h, mut other) = (zero, zero);
        for (b, to) in self.b.chunks(TILE).zip(self.to) {
            let mut s = [T::ZERO; TILE];
            for (s, b) in s.iter_mut().zip(b) {
                *s = T::from_f64(self.scale * b);
            }
            for r in 0..TILE {
                let v = simd.splat(s[r]);
                let mut y = load(simd, &self.maps.bias);
                for g in 0..H {
                    y[g] = simd.mul_add(simd.load(&self.maps.weight[g]), v, y[g]);
                }
                store(simd, activate(simd, self.relu, y), &mut h[r]);
            }
            for map in &self.maps.middle {
                apply_hidden(simd, self.relu, map, &h, &mut other);
                std::mem::swap(&mut h, &mut other);
            }
            apply::<_, _, H, D, TILE>(simd, self.relu, &self.maps.last, &h, to);
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
        let zero = [[[T::ZERO; LANES]; H]; TILE];
        let (mut h, mut other) = (zero, zero);
        for (z, x) in self.z.chunks_mut(TILE).zip(self.x) {
            apply_hidden(simd, self.relu, &self.maps.first, x, &mut h);
            for map in &self.maps.middle {
                apply_hidden(simd, self.relu, map, &h, &mut other);
                std::mem::swap(&mut h, &mut other);
            }
            for (z, h) in z.iter_mut().zip(&h) {
                *z = self.scale * dot(simd, &self.maps.weight, h, self.maps.bias).to_f64();
            }
        }
    }
}

/// `wᵀ h + bias`.
#[inline(always)]
pub(super) fn dot<T: Element, S: Simd<T>>(simd: S, w: &Hidden<T>, h: &Hidden<T>, bias: T) -> T {
    let mut sum = simd.splat(T::ZERO);
    for g in 0..H {
        sum = simd.mul_add(simd.load(&w[g]), simd.load(&h[g]), sum);
    }
    simd.sum(sum) + bias
}

/// Features of zeros.
pub(super) fn zero_row<T: Element>() -> Row<T> {
    [[T::ZERO; LANES]; D]
}
