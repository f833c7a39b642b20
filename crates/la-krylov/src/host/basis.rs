//! Several vectors side by side, and the two products with all of them that Arnoldi needs.
//!
//! Both products walk the rows in blocks and, within a block, the columns four at a time: the block of
//! the single vector stays in a cache near the core, so that memory sees each column once and the
//! vector once (twice where it is written).

use super::reduce::Job;
use crate::Real;

/// Columns whose inner products are formed in one pass over the vector.
pub(super) const GROUP: usize = 32;

/// Rows of a block: 32 kB of the vector in `f64`. Shorter pieces of the columns leave the processor's prefetching no time to start: with
/// 1024 rows the products took half as long again.
const BLOCK: usize = 4096;

/// Independent partial sums per column.
const LANES: usize = 4;

/// Vectors of one length as the contiguous columns of a matrix: the basis of [`Host`](crate::Host).
///
/// # Examples
/// ```
/// use la_krylov::{Host, VectorSpace};
///
/// let space = Host::new(3);
/// let mut basis = space.basis(2);
/// space.set_column(&mut basis, 0, 1.0, &[1.0, 0.0, 0.0]);
/// space.set_column(&mut basis, 1, 0.5, &[0.0, 2.0, 0.0]);
/// let (mut w, mut h) = ([5.0, 6.0, 7.0], [0.0; 2]);
/// space.project(&basis, &w, &mut h);
/// assert_eq!(h, [5.0, 6.0]);
/// assert_eq!(space.subtract(&basis, &h, &mut w), 7.0);
/// ```
#[derive(Debug, Clone)]
pub struct HostBasis<T = f64> {
    data: Vec<T>,
    n: usize,
    /// Entries from one column to the next.
    stride: usize,
    columns: usize,
}

impl<T: Real> HostBasis<T> {
    pub(super) fn new(n: usize, columns: usize) -> Self {
        // Columns begin at cache lines relative to each other, and never a multiple of a page
        // apart: four of them would compete for the same few places of a cache.
        let line = 64 / size_of::<T>();
        let mut stride = n.next_multiple_of(line);
        if (stride * size_of::<T>()).is_multiple_of(4096) {
            stride += line;
        }
        Self {
            data: vec![T::ZERO; stride.saturating_mul(columns)],
            n,
            stride,
            columns,
        }
    }

    /// `N` columns from column `start` on; `None` for vectors without entries.
    pub(crate) fn columns_mut<const N: usize>(&mut self, start: usize) -> Option<[&mut [T]; N]> {
        if self.n == 0 {
            return None;
        }
        let ranges = std::array::from_fn(|k| {
            let first = (start + k) * self.stride;
            first..first + self.n
        });
        self.data.get_disjoint_mut(ranges).ok()
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn column(&self, j: usize) -> &[T] {
        &self.data[j * self.stride..][..self.n]
    }

    pub(crate) fn column_mut(&mut self, j: usize) -> &mut [T] {
        &mut self.data[j * self.stride..][..self.n]
    }
}

/// Some rows of some columns.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    basis: &'a HostBasis<T>,
    column: usize,
    row: usize,
}

impl<'a, T: Real> Rows<'a, T> {
    /// Rows `start..start + len`, counted from the first of these, of column `j`.
    fn slice(&self, j: usize, start: usize, len: usize) -> &'a [T] {
        &self.basis.column(self.column + j)[self.row + start..][..len]
    }

    fn skip(self, rows: usize) -> Self {
        Self {
            row: self.row + rows,
            ..self
        }
    }
}

/// `vⱼᵀ w` of up to [`GROUP`] columns.
pub(super) struct Project<'a, T> {
    rows: Rows<'a, T>,
    columns: usize,
    w: &'a [T],
}

impl<'a, T: Real> Project<'a, T> {
    pub(super) fn new(basis: &'a HostBasis<T>, column: usize, columns: usize, w: &'a [T]) -> Self {
        assert_eq!(w.len(), basis.n, "vectors of different lengths");
        assert!(columns <= GROUP && column + columns <= basis.columns);
        let row = 0;
        Self {
            rows: Rows { basis, column, row },
            columns,
            w,
        }
    }
}

impl<T: Real> Job for Project<'_, T> {
    type Part = [f64; GROUP];

    fn len(&self) -> usize {
        self.w.len()
    }
    fn split_at(self, mid: usize) -> (Self, Self) {
        let (w0, w1) = self.w.split_at(mid);
        let rows = self.rows.skip(mid);
        (
            Self { w: w0, ..self },
            Self {
                w: w1,
                rows,
                ..self
            },
        )
    }
    fn run(self) -> [f64; GROUP] {
        let mut sums = [0.0; GROUP];
        for (block, w) in self.w.chunks(BLOCK).enumerate() {
            let column = |j| self.rows.slice(j, block * BLOCK, w.len());
            let (quads, rest) = sums[..self.columns].as_chunks_mut::<4>();
            let mut j = 0;
            for quad in quads {
                let part = dots([column(j), column(j + 1), column(j + 2), column(j + 3)], w);
                quad.iter_mut().zip(part).for_each(|(s, p)| *s += p);
                j += 4;
            }
            for sum in rest {
                *sum += dots([column(j)], w)[0];
                j += 1;
            }
        }
        sums
    }
}

/// The inner products of `K` vectors with `w`, each in the same order whatever `K` is.
fn dots<T: Real, const K: usize>(v: [&[T]; K], w: &[T]) -> [f64; K] {
    let mut sums = [[0.0; LANES]; K];
    let (w_chunks, w_rest) = w.as_chunks::<LANES>();
    let chunks = v.map(|v| &v.as_chunks::<LANES>().0[..w_chunks.len()]);
    for (i, w) in w_chunks.iter().enumerate() {
        for k in 0..K {
            for l in 0..LANES {
                sums[k][l] += chunks[k][i][l].to_f64() * w[l].to_f64();
            }
        }
    }
    let mut totals = sums.map(|s| (s[0] + s[2]) + (s[1] + s[3]));
    for (total, v) in totals.iter_mut().zip(v) {
        for (v, w) in v.as_chunks::<LANES>().1.iter().zip(w_rest) {
            *total += v.to_f64() * w.to_f64();
        }
    }
    totals
}

/// `w = w + alpha V h`, then `Σ w²`.
pub(super) struct Combine<'a, T> {
    rows: Rows<'a, T>,
    alpha: f64,
    h: &'a [f64],
    w: &'a mut [T],
}

impl<'a, T: Real> Combine<'a, T> {
    pub(super) fn new(basis: &'a HostBasis<T>, alpha: f64, h: &'a [f64], w: &'a mut [T]) -> Self {
        assert_eq!(w.len(), basis.n, "vectors of different lengths");
        assert!(h.len() <= basis.columns, "more coefficients than columns");
        let (column, row) = (0, 0);
        let rows = Rows { basis, column, row };
        Self { rows, alpha, h, w }
    }
}

impl<T: Real> Job for Combine<'_, T> {
    type Part = f64;

    fn len(&self) -> usize {
        self.w.len()
    }
    fn split_at(self, mid: usize) -> (Self, Self) {
        let (w0, w1) = self.w.split_at_mut(mid);
        let Self { rows, alpha, h, .. } = self;
        let upper = Self {
            rows,
            alpha,
            h,
            w: w0,
        };
        let rows = rows.skip(mid);
        let lower = Self {
            rows,
            alpha,
            h,
            w: w1,
        };
        (upper, lower)
    }
    fn run(self) -> f64 {
        let factor = |h: f64| T::from_f64(self.alpha * h);
        let mut squares = 0.0;
        for (block, w) in self.w.chunks_mut(BLOCK).enumerate() {
            let (start, len) = (block * BLOCK, w.len());
            let column = |j| self.rows.slice(j, start, len);
            let (quads, rest) = self.h.as_chunks::<4>();
            let mut j = 0;
            for h in quads {
                let v = [column(j), column(j + 1), column(j + 2), column(j + 3)];
                add(w, v, h.map(factor));
                j += 4;
            }
            for h in rest {
                add(w, [column(j)], [factor(*h)]);
                j += 1;
            }
            squares += dots([&*w], w)[0];
        }
        squares
    }
}

/// `w = w + Σ h v`, term after term.
fn add<T: Real, const K: usize>(w: &mut [T], v: [&[T]; K], h: [T; K]) {
    let v = v.map(|v| &v[..w.len()]);
    for (i, w) in w.iter_mut().enumerate() {
        let mut sum = *w;
        for k in 0..K {
            sum += h[k] * v[k][i];
        }
        *w = sum;
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use crate::{Host, VectorSpace};

    fn filled(space: &Host, columns: usize) -> (super::HostBasis, Vec<f64>) {
        let n = space.dimension();
        let mut basis = space.basis(columns);
        for j in 0..columns {
            let v: Vec<f64> = (0..n)
                .map(|i| ((i * (j + 1)) as f64 * 0.37).sin())
                .collect();
            space.set_column(&mut basis, j, 2.0, &v);
        }
        let w = (0..n).map(|i| (i as f64 * 0.11).cos()).collect();
        (basis, w)
    }

    #[test]
    fn products_are_those_of_the_columns() {
        for (n, k) in [
            (0, 2),
            (1, 1),
            (7, 3),
            (512, 5),
            (1027, 4),
            (9001, 33),
            (4097, 71),
        ] {
            let space = Host::new(n);
            let (basis, w) = filled(&space, k + 1);
            assert_eq!(space.columns(&basis), k + 1);
            let mut h = vec![f64::NAN; k];
            space.project(&basis, &w, &mut h);
            let (mut less, mut more) = (w.clone(), w.clone());
            for (j, h) in h.iter().enumerate() {
                let v = space.column(&basis, j);
                assert_relative_eq!(*h, space.dot(v, &w), max_relative = 1e-12, epsilon = 1e-11);
                space.axpy(-h / n as f64, v, &mut less);
                space.axpy(0.5, v, &mut more);
            }
            h.iter_mut().for_each(|h| *h /= n as f64);
            let (mut u, mut x) = (w.clone(), w.clone());
            let norm = space.subtract(&basis, &h, &mut u);
            assert_relative_eq!(norm, space.norm(&less), max_relative = 1e-12);
            space.lincomb(&basis, &vec![0.5; k], &mut x);
            for i in 0..n {
                assert_relative_eq!(u[i], less[i], epsilon = 1e-11);
                assert_relative_eq!(x[i], more[i], epsilon = 1e-11);
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let n = 150_001;
        let (one, many) = (Host::sequential(n), Host::new(n));
        let (basis, w) = filled(&one, 9);
        let (mut g, mut h) = ([0.0; 9], [0.0; 9]);
        one.project(&basis, &w, &mut g);
        many.project(&basis, &w, &mut h);
        assert_eq!(g, h);
        let (mut u, mut v) = (w.clone(), w);
        let norms = (
            one.subtract(&basis, &g, &mut u),
            many.subtract(&basis, &h, &mut v),
        );
        assert_eq!((norms.0, u), (norms.1, v));
    }

    #[test]
    fn single_precision_accumulates_in_double() {
        let space = Host::<f32>::new(3);
        let mut basis = space.basis(1);
        space.set_column(&mut basis, 0, 1.0, &[1e8, 1.0, -1e8]);
        let mut h = [0.0];
        space.project(&basis, &[1.0, 1.0, 1.0], &mut h);
        assert_eq!(h, [1.0]);
    }
}
