//! A Res-GCONV layer over tiles of nodes.

use super::super::Element;
use super::super::lanes::{activate, load, store};
use super::super::simd::{Kernel, Simd};
use super::maps::Layer;
use super::matrix::Rows;
use super::products::multiply;
use super::{D, Row, TILE, Tile, zero_tile};

/// Row `i` of `A X`.
#[inline(always)]
pub(super) fn gather<T: Element, S: Simd<T>>(
    simd: S,
    a: &Rows<T>,
    i: usize,
    x: &[Row<T>],
) -> [S::Lanes; D] {
    // Two sums, so that one addition need not wait for the one before.
    let mut sums = [[simd.splat(T::ZERO); D]; 2];
    let entries = a.start[i]..a.start[i + 1];
    let (columns, values) = (&a.column[entries.clone()], &a.value[entries]);
    let (pairs, last) = columns.as_chunks::<2>();
    let (pair_values, last_value) = values.as_chunks::<2>();
    for (j, v) in pairs.iter().zip(pair_values) {
        for k in 0..2 {
            let row = &x[j[k] as usize];
            let v = simd.splat(v[k]);
            for d in 0..D {
                sums[k][d] = simd.mul_add(simd.load(&row[d]), v, sums[k][d]);
            }
        }
    }
    for (j, v) in last.iter().zip(last_value) {
        let row = &x[*j as usize];
        let v = simd.splat(*v);
        for d in 0..D {
            sums[0][d] = simd.mul_add(simd.load(&row[d]), v, sums[0][d]);
        }
    }
    for d in 0..D {
        sums[0][d] = simd.add(sums[0][d], sums[1][d]);
    }
    sums[0]
}

/// `σ(X skip + (A X) gconv)` for the nodes of some tiles.
pub(super) struct Apply<'a, T> {
    pub a: &'a Rows<T>,
    pub maps: &'a Layer<T>,
    pub relu: bool,
    pub x: &'a [Tile<T>],
    /// First tile of `to`.
    pub first: usize,
    pub to: &'a mut [Tile<T>],
}

impl<T: Element> Kernel<T> for Apply<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let n = self.a.start.len() - 1;
        let rows = self.x.as_flattened();
        let mut y = zero_tile();
        for (t, to) in self.to.iter_mut().enumerate() {
            let t = self.first + t;
            gather_tile(simd, self.a, n, t, rows, &mut y);
            let acc = pre_activation(simd, self.maps, &self.x[t], &y);
            for r in 0..TILE {
                store(simd, activate(simd, self.relu, acc[r]), &mut to[r]);
            }
        }
    }
}

/// The rows of tile `t` of `A X`; rows past the n-th keep what they hold.
#[inline(always)]
pub(super) fn gather_tile<T: Element, S: Simd<T>>(
    simd: S,
    a: &Rows<T>,
    n: usize,
    t: usize,
    x: &[Row<T>],
    y: &mut Tile<T>,
) {
    for r in 0..TILE {
        let i = t * TILE + r;
        if i < n {
            store(simd, gather(simd, a, i, x), &mut y[r]);
        }
    }
}

/// `x skip + y gconv + bias` of a tile.
#[inline(always)]
pub(super) fn pre_activation<T: Element, S: Simd<T>>(
    simd: S,
    maps: &Layer<T>,
    x: &Tile<T>,
    y: &Tile<T>,
) -> [[S::Lanes; D]; TILE] {
    let mut acc = [load(simd, &maps.skip.bias); TILE];
    multiply(simd, &maps.skip.columns, 0, x, &mut acc);
    multiply(simd, &maps.gconv.columns, 0, y, &mut acc);
    acc
}
