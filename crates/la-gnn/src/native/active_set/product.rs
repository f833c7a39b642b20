//! Products with matrices that are stored by rows of eight lanes.
#![expect(
    clippy::needless_range_loop,
    reason = "one index runs over several arrays of registers"
)]

use super::super::Element;
use super::super::simd::{Kernel, LANES, Simd};

/// A matrix by rows, each padded by zeros to whole groups of eight.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel<T> {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) groups: usize,
    pub(super) data: Vec<[T; LANES]>,
}

impl<T: Element> Panel<T> {
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        let groups = columns.div_ceil(LANES);
        Self {
            rows,
            columns,
            groups,
            data: vec![[T::ZERO; LANES]; rows * groups],
        }
    }

    /// From entries at (row, column).
    pub(super) fn from_fn(
        rows: usize,
        columns: usize,
        entry: impl Fn(usize, usize) -> f64,
    ) -> Self {
        let mut panel = Self::zeros(rows, columns);
        for r in 0..rows {
            let row = panel.row_mut(r);
            for (c, value) in row[..columns].iter_mut().enumerate() {
                *value = T::from_f64(entry(r, c));
            }
        }
        panel
    }

    /// The transpose of a stored linear map (outputs, inputs), so that outputs are lanes.
    pub(super) fn transposed(weight: &[f32], outputs: usize, inputs: usize) -> Self {
        Self::from_fn(inputs, outputs, |i, o| weight[o * inputs + i].into())
    }

    /// Numbers from one row to the next.
    pub(super) fn stride(&self) -> usize {
        self.groups * LANES
    }

    pub(super) fn flat(&self) -> &[T] {
        self.data.as_flattened()
    }

    pub(super) fn row(&self, r: usize) -> &[T] {
        &self.flat()[r * self.stride()..(r + 1) * self.stride()]
    }

    pub(super) fn row_mut(&mut self, r: usize) -> &mut [T] {
        let stride = self.stride();
        &mut self.data.as_flattened_mut()[r * stride..(r + 1) * stride]
    }

    /// The same row everywhere.
    pub(super) fn fill_rows(&mut self, row: &Panel<T>) {
        for to in self.data.chunks_exact_mut(self.groups) {
            to.copy_from_slice(&row.data);
        }
    }
}

/// The left factor of a product: entry (r, k) is `data[r · row + k · inner]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left<'a, T> {
    pub(super) data: &'a [T],
    pub(super) row: usize,
    pub(super) inner: usize,
}

impl<'a, T: Element> Left<'a, T> {
    /// A panel as it is.
    pub(super) fn of(panel: &'a Panel<T>) -> Self {
        Self {
            data: panel.flat(),
            row: panel.stride(),
            inner: 1,
        }
    }

    /// The transpose of a panel.
    pub(super) fn transpose(panel: &'a Panel<T>) -> Self {
        Self {
            data: panel.flat(),
            row: 1,
            inner: panel.stride(),
        }
    }

    /// One row vector.
    pub(super) fn vector(data: &'a [T]) -> Self {
        Self {
            data,
            row: data.len(),
            inner: 1,
        }
    }
}

/// `out += a b`.
pub(super) fn add_product<T: Element>(a: Left<'_, T>, b: &Panel<T>, out: &mut Panel<T>) {
    debug_assert_eq!(b.groups, out.groups);
    if b.rows == 0 || out.rows == 0 {
        return;
    }
    T::run_kernel(AddProduct { a, b, out });
}

struct AddProduct<'a, T> {
    a: Left<'a, T>,
    b: &'a Panel<T>,
    out: &'a mut Panel<T>,
}

impl<T: Element> Kernel<T> for AddProduct<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Self { a, b, out } = self;
        let (rows, groups) = (out.rows, out.groups);
        let mut r = 0;
        while r + 4 <= rows {
            let mut g = 0;
            while g + 2 <= groups {
                tile::<T, S, 4, 2>(simd, a, b, out, r, g);
                g += 2;
            }
            if g < groups {
                tile::<T, S, 4, 1>(simd, a, b, out, r, g);
            }
            r += 4;
        }
        while r < rows {
            let mut g = 0;
            while g + 8 <= groups {
                tile::<T, S, 1, 8>(simd, a, b, out, r, g);
                g += 8;
            }
            while g + 2 <= groups {
                tile::<T, S, 1, 2>(simd, a, b, out, r, g);
                g += 2;
            }
            if g < groups {
                tile::<T, S, 1, 1>(simd, a, b, out, r, g);
            }
            r += 1;
        }
    }
}

/// `R` rows and `G` groups of the result.
#[inline(always)]
fn tile<T: Element, S: Simd<T>, const R: usize, const G: usize>(
    simd: S,
    a: Left<'_, T>,
    b: &Panel<T>,
    out: &mut Panel<T>,
    r: usize,
    g: usize,
) {
    let groups = out.groups;
    let mut acc = [[simd.splat(T::ZERO); G]; R];
    for i in 0..R {
        for j in 0..G {
            acc[i][j] = simd.load(&out.data[(r + i) * groups + g + j]);
        }
    }
    let mut at = [0; R];
    for i in 0..R {
        at[i] = (r + i) * a.row;
    }
    for row in b.data.chunks_exact(groups) {
        let row = &row[g..g + G];
        for i in 0..R {
            let x = simd.splat(a.data[at[i]]);
            at[i] += a.inner;
            for j in 0..G {
                acc[i][j] = simd.mul_add(simd.load(&row[j]), x, acc[i][j]);
            }
        }
    }
    for i in 0..R {
        for j in 0..G {
            simd.store(acc[i][j], &mut out.data[(r + i) * groups + g + j]);
        }
    }
}

/// `x ← max(x, 0.1 x)`.
pub(super) fn leaky<T: Element>(x: &mut Panel<T>) {
    T::run_kernel(Leaky(&mut x.data));
}

struct Leaky<'a, T>(&'a mut [[T; LANES]]);

impl<T: Element> Kernel<T> for Leaky<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let leak = simd.splat(T::from_f64(crate::active_set::LEAK));
        let rest = simd.splat(T::from_f64(1.0 - crate::active_set::LEAK));
        for x in self.0 {
            let value = simd.load(x);
            let scaled = simd.mul(value, leak);
            simd.store(simd.mul_add(simd.relu(value), rest, scaled), x);
        }
    }
}

/// `out ← out + σ(x)`, σ the leaky rectifier.
pub(super) fn add_leaky<T: Element>(x: &Panel<T>, out: &mut Panel<T>) {
    T::run_kernel(AddLeaky(&x.data, &mut out.data));
}

struct AddLeaky<'a, T>(&'a [[T; LANES]], &'a mut [[T; LANES]]);

impl<T: Element> Kernel<T> for AddLeaky<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let leak = simd.splat(T::from_f64(crate::active_set::LEAK));
        let rest = simd.splat(T::from_f64(1.0 - crate::active_set::LEAK));
        for (x, out) in self.0.iter().zip(self.1) {
            let value = simd.load(x);
            let sum = simd.mul_add(value, leak, simd.load(out));
            simd.store(simd.mul_add(simd.relu(value), rest, sum), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Element>(rows: usize, inner: usize, columns: usize, tol: f64) {
        let entry = |i: usize, j: usize, s: f64| ((i * 7 + j * 3) as f64 * s).sin();
        let a: Panel<T> = Panel::from_fn(rows, inner, |i, j| entry(i, j, 0.3));
        let flipped: Panel<T> = Panel::from_fn(inner, rows, |i, j| entry(j, i, 0.3));
        let b: Panel<T> = Panel::from_fn(inner, columns, |i, j| entry(i, j, 0.7));
        for left in [Left::of(&a), Left::transpose(&flipped)] {
            let mut out: Panel<T> = Panel::from_fn(rows, columns, |i, j| (i + j) as f64);
            add_product(left, &b, &mut out);
            for i in 0..rows {
                for j in 0..columns {
                    let expected: f64 = (0..inner)
                        .map(|k| entry(i, k, 0.3) * entry(k, j, 0.7))
                        .sum::<f64>()
                        + (i + j) as f64;
                    let got = out.row(i)[j].to_f64();
                    assert!((got - expected).abs() < tol, "{i} {j}: {got} {expected}");
                }
            }
        }
    }

    #[test]
    fn products_of_all_remainders() {
        for (rows, inner, columns) in [(1, 5, 80), (4, 3, 8), (7, 9, 25), (13, 1, 1), (2, 6, 17)] {
            check::<f64>(rows, inner, columns, 1e-13);
            check::<f32>(rows, inner, columns, 1e-5);
        }
    }

    #[test]
    fn leaky_rectifier() {
        let mut x: Panel<f64> = Panel::from_fn(1, 3, |_, j| [-2.0, 0.0, 3.0][j]);
        let mut sum = Panel::from_fn(1, 3, |_, j| j as f64);
        add_leaky(&x, &mut sum);
        leaky(&mut x);
        for (got, expected) in x.row(0).iter().zip([-0.2, 0.0, 3.0]) {
            assert!((got - expected).abs() < 1e-15);
        }
        for (got, expected) in sum.row(0).iter().zip([-0.2, 1.0, 5.0]) {
            assert!((got - expected).abs() < 1e-15);
        }
    }
}
