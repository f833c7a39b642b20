//! Vectors and small square matrices as groups of eight lanes, and the perceptrons that are made of them.
#![expect(
    clippy::needless_range_loop,
    reason = "lane loops index several arrays of fixed length alike; iterators hide the formula"
)]

use super::Element;
use super::simd::{LANES, Simd};

/// `G` groups of eight lanes.
pub(super) type Lanes<T, const G: usize> = [[T; LANES]; G];

/// A square matrix by columns, padded by zeros.
pub(super) type Square<T, const G: usize> = [[Lanes<T, G>; LANES]; G];

/// `acc + M h` for several h at once, so that a column of M is loaded once for all.
#[inline(always)]
pub(super) fn add_product<T: Element, S: Simd<T>, const G: usize, const N: usize>(
    simd: S,
    matrix: &Square<T, G>,
    h: &[Lanes<T, G>; N],
    acc: &mut [[S::Lanes; G]; N],
) {
    for group in 0..G {
        for lane in 0..LANES {
            let column = &matrix[group][lane];
            for k in 0..N {
                let x = simd.splat(h[k][group][lane]);
                for g in 0..G {
                    acc[k][g] = simd.mul_add(simd.load(&column[g]), x, acc[k][g]);
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn activate<T: Element, S: Simd<T>, const G: usize>(
    simd: S,
    relu: bool,
    mut x: [S::Lanes; G],
) -> [S::Lanes; G] {
    if relu {
        for g in 0..G {
            x[g] = simd.relu(x[g]);
        }
        x
    } else {
        simd.tanh_each(x)
    }
}

/// Loads `G` groups. A loop, not a closure: closures are not compiled for the kernel's instructions.
#[inline(always)]
pub(super) fn load<T: Element, S: Simd<T>, const G: usize>(
    simd: S,
    x: &Lanes<T, G>,
) -> [S::Lanes; G] {
    let mut lanes = [simd.splat(T::ZERO); G];
    for g in 0..G {
        lanes[g] = simd.load(&x[g]);
    }
    lanes
}

#[inline(always)]
pub(super) fn store<T: Element, S: Simd<T>, const G: usize>(
    simd: S,
    x: [S::Lanes; G],
    to: &mut Lanes<T, G>,
) {
    for g in 0..G {
        simd.store(x[g], &mut to[g]);
    }
}

/// A two-layer perceptron as it is stored: `V σ(W x + b) + c`, row-major.
pub(super) struct Perceptron<'a> {
    pub w: &'a [f32],
    pub inputs: usize,
    pub b: &'a [f32],
    pub v: &'a [f32],
    pub c: &'a [f32],
}

impl<'a> Perceptron<'a> {
    /// Takes the next perceptron from the flat parameter array.
    pub(super) fn take(rest: &mut &'a [f32], inputs: usize, hidden: usize, outputs: usize) -> Self {
        let mut take = |len: usize| {
            let (head, tail) = rest.split_at(len);
            *rest = tail;
            head
        };
        Self {
            w: take(hidden * inputs),
            inputs,
            b: take(hidden),
            v: take(outputs * hidden),
            c: take(outputs),
        }
    }

    /// Columns `start .. start + len` of W, row-major.
    pub(super) fn block(&self, start: usize, len: usize) -> Vec<f64> {
        self.w
            .chunks_exact(self.inputs)
            .flat_map(|row| row[start..start + len].iter().map(|v| f64::from(*v)))
            .collect()
    }
}

/// `A V` and `A c`, row-major, of a matrix A with as many columns as the perceptron has outputs.
pub(super) fn fold(a: &[f64], inner: &Perceptron<'_>) -> (Vec<f64>, Vec<f64>) {
    let (hidden, outputs) = (inner.b.len(), inner.c.len());
    let rows = a.len() / outputs;
    let mut product = vec![0.0; rows * hidden];
    let mut shift = vec![0.0; rows];
    for i in 0..rows {
        for k in 0..outputs {
            let factor = a[i * outputs + k];
            shift[i] += factor * f64::from(inner.c[k]);
            for j in 0..hidden {
                product[i * hidden + j] += factor * f64::from(inner.v[k * hidden + j]);
            }
        }
    }
    (product, shift)
}

pub(super) fn lanes<T: Element, const G: usize>(
    values: impl IntoIterator<Item = f64>,
) -> Lanes<T, G> {
    let mut out = [[T::ZERO; LANES]; G];
    for (to, v) in out.as_flattened_mut().iter_mut().zip(values) {
        *to = T::from_f64(v);
    }
    out
}

/// A row-major w × w matrix by columns.
pub(super) fn square<T: Element, const G: usize>(a: &[f64], w: usize) -> Square<T, G> {
    std::array::from_fn(|g| {
        std::array::from_fn(|l| {
            let column = g * LANES + l;
            if column < w {
                lanes((0..w).map(|i| a[i * w + column]))
            } else {
                [[T::ZERO; LANES]; G]
            }
        })
    })
}

pub(super) fn doubles(values: &[f32]) -> impl Iterator<Item = f64> + '_ {
    values.iter().map(|v| f64::from(*v))
}

/// `values + shift`.
pub(super) fn sum<'a>(values: &'a [f32], shift: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    doubles(values).zip(shift).map(|(v, s)| v + s)
}
