//! Products with matrices that are stored by rows of eight lanes.
#![expect(
    clippy::needless_range_loop,
    reason = "one index runs over several arrays of registers"
)]

use super::Element;
use super::simd::{Kernel, LANES, Simd};

/// A matrix by rows, each padded by zeros to whole groups of eight.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel<T> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) groups: usize,
    pub(crate) data: Vec<[T; LANES]>,
}

impl<T: Element> Panel<T> {
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        let groups = columns.div_ceil(LANES);
        Self {
            rows,
            columns,
            groups,
            data: vec![[T::ZERO; LANES]; rows * groups],
        }
    }

    /// From entries at (row, column).
    pub(crate) fn from_fn(
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
    pub(crate) fn transposed(weight: &[f32], outputs: usize, inputs: usize) -> Self {
        Self::from_fn(inputs, outputs, |i, o| weight[o * inputs + i].into())
    }

    /// Numbers from one row to the next.
    pub(crate) fn stride(&self) -> usize {
        self.groups * LANES
    }

    pub(crate) fn flat(&self) -> &[T] {
        self.data.as_flattened()
    }

    pub(crate) fn row(&self, r: usize) -> &[T] {
        &self.flat()[r * self.stride()..(r + 1) * self.stride()]
    }

    pub(crate) fn row_mut(&mut self, r: usize) -> &mut [T] {
        let stride = self.stride();
        &mut self.data.as_flattened_mut()[r * stride..(r + 1) * stride]
    }

    /// Zeros everywhere.
    pub(crate) fn clear(&mut self) {
        self.data.fill([T::ZERO; LANES]);
    }

    /// The same row everywhere.
    pub(crate) fn fill_rows(&mut self, row: &Panel<T>) {
        for to in self.data.chunks_exact_mut(self.groups) {
            to.copy_from_slice(&row.data);
        }
    }
}

/// The left factor of a product: entry (r, k) is `data[r · row + k · inner]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) row: usize,
    pub(crate) inner: usize,
}

impl<'a, T: Element> Left<'a, T> {
    /// A panel as it is.
    pub(crate) fn of(panel: &'a Panel<T>) -> Self {
        Self {
            data: panel.flat(),
            row: panel.stride(),
            inner: 1,
        }
    }

    /// The transpose of a panel.
    pub(crate) fn transpose(panel: &'a Panel<T>) -> Self {
        Self {
            data: panel.flat(),
            row: 1,
            inner: panel.stride(),
        }
    }

    /// One row vector.
    pub(crate) fn vector(data: &'a [T]) -> Self {
        Self {
            data,
            row: data.len(),
            inner: 1,
        }
    }
}

/// `out += a b`.
pub(crate) fn add_product<T: Element>(a: Left<'_, T>, b: &Panel<T>, out: &mut Panel<T>) {
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
}
