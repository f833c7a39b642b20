//! Products with `sprs` matrices: kernels over the compressed slices.

use std::ops::Deref;

use sprs::{CsMatBase, SpIndex};

use crate::{Host, LinearOperator, Real, TransposeOperator};

/// Nonzeros below which a product stays on the calling thread, and which one thread takes at a time.
#[cfg(feature = "rayon")]
const NONZEROS_PER_TASK: usize = 1 << 15;

/// A compressed matrix as plain slices. `outer[i]..outer[i + 1]`, less `outer[0]`, are the entries
/// of compressed row or column `i`.
#[derive(Clone, Copy)]
pub(crate) struct Compressed<'a, V, I, P> {
    pub(crate) outer: &'a [P],
    pub(crate) indices: &'a [I],
    pub(crate) values: &'a [V],
}

impl<'a, V: Real, I: SpIndex, P: SpIndex> Compressed<'a, V, I, P> {
    /// Sum over one compressed row. Four partial sums, so that long rows are not bound by the
    /// latency of additions; their number depends on the row alone, so results repeat.
    #[inline]
    fn gather<T: Real>(indices: &[I], values: &[V], x: &[T]) -> T {
        let (index_quads, index_rest) = indices.as_chunks::<4>();
        let (value_quads, value_rest) = values.as_chunks::<4>();
        let mut sums = [T::ZERO; 4];
        for (j, v) in index_quads.iter().zip(value_quads) {
            for k in 0..4 {
                sums[k] += convert::<V, T>(v[k]) * x[j[k].index_unchecked()];
            }
        }
        let mut sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
        for (j, v) in index_rest.iter().zip(value_rest) {
            sum += convert::<V, T>(*v) * x[j.index_unchecked()];
        }
        sum
    }

    /// `y = A x` where the compressed slices are rows, on the calling thread.
    fn row_product<T: Real>(&self, x: &[T], y: &mut [T]) {
        let base = self.base();
        let mut start = 0;
        for (y, end) in y.iter_mut().zip(&self.outer[1..]) {
            let end = end.index() - base;
            *y = Self::gather(&self.indices[start..end], &self.values[start..end], x);
            start = end;
        }
    }

    /// `y = Aᵀ x` where the compressed slices are rows: each row is added to `y`, scaled by its
    /// entry of `x`.
    pub(crate) fn transposed_product<T: Real>(&self, x: &[T], y: &mut [T]) {
        y.fill(T::ZERO);
        let base = self.base();
        let mut start = 0;
        for (x, end) in x.iter().zip(&self.outer[1..]) {
            let end = end.index() - base;
            for (j, v) in self.indices[start..end]
                .iter()
                .zip(&self.values[start..end])
            {
                y[j.index_unchecked()] += convert::<V, T>(*v) * *x;
            }
            start = end;
        }
    }

    /// `y = A x` where the compressed slices are rows; with `parallel` shared by the rayon pool in
    /// parts of about equal numbers of nonzeros. Every row is summed by one thread in one order.
    pub(crate) fn product<T: Real>(&self, x: &[T], y: &mut [T], parallel: bool) {
        #[cfg(feature = "rayon")]
        if parallel && self.values.len() >= 2 * NONZEROS_PER_TASK {
            return self.fork(x, y);
        }
        let _ = parallel;
        self.row_product(x, y);
    }

    #[cfg(feature = "rayon")]
    fn fork<T: Real>(self, x: &[T], y: &mut [T]) {
        if self.values.len() <= NONZEROS_PER_TASK || y.len() < 2 {
            return self.row_product(x, y);
        }
        let base = self.base();
        let half = self.values.len() / 2;
        let row = self
            .outer
            .partition_point(|p| p.index() - base < half)
            .clamp(1, y.len() - 1);
        let entry = self.outer[row].index() - base;
        let (indices, values) = (self.indices.split_at(entry), self.values.split_at(entry));
        let upper = Self {
            outer: &self.outer[..=row],
            indices: indices.0,
            values: values.0,
        };
        let lower = Self {
            outer: &self.outer[row..],
            indices: indices.1,
            values: values.1,
        };
        let (y_upper, y_lower) = y.split_at_mut(row);
        rayon::join(|| upper.fork(x, y_upper), || lower.fork(x, y_lower));
    }

    fn base(&self) -> usize {
        self.outer.first().map_or(0, |p| p.index())
    }
}

#[inline]
fn convert<V: Real, T: Real>(value: V) -> T {
    // Between equal types this compiles to nothing.
    T::from_f64(value.to_f64())
}

impl<T, V, I, PS, IS, DS, P> LinearOperator<Host<T>> for CsMatBase<V, I, PS, IS, DS, P>
where
    T: Real,
    V: Real,
    I: SpIndex,
    P: SpIndex,
    PS: Deref<Target = [P]>,
    IS: Deref<Target = [I]>,
    DS: Deref<Target = [V]>,
{
    fn rows(&self) -> usize {
        self.rows()
    }

    fn cols(&self) -> usize {
        self.cols()
    }

    /// Rows in CSR are shared by the rayon pool (feature `rayon`); CSC runs on the calling thread.
    ///
    /// # Panics
    /// If `x` or `y` has the wrong length.
    fn apply(&self, space: &Host<T>, x: &[T], y: &mut [T]) {
        check_lengths(self.cols(), self.rows(), x, y);
        if self.is_csr() {
            slices(self).product(x, y, space.is_parallel());
        } else {
            slices(self).transposed_product(x, y);
        }
    }
}

impl<T, V, I, PS, IS, DS, P> TransposeOperator<Host<T>> for CsMatBase<V, I, PS, IS, DS, P>
where
    T: Real,
    V: Real,
    I: SpIndex,
    P: SpIndex,
    PS: Deref<Target = [P]>,
    IS: Deref<Target = [I]>,
    DS: Deref<Target = [V]>,
{
    /// Columns in CSC are shared by the rayon pool (feature `rayon`); CSR runs on the calling thread.
    ///
    /// # Panics
    /// If `x` or `y` has the wrong length.
    fn apply_transpose(&self, space: &Host<T>, x: &[T], y: &mut [T]) {
        check_lengths(self.rows(), self.cols(), x, y);
        if self.is_csc() {
            slices(self).product(x, y, space.is_parallel());
        } else {
            slices(self).transposed_product(x, y);
        }
    }
}

/// The slices of a `sprs` matrix, which guarantees on construction that they fit together.
fn slices<V, I, PS, IS, DS, P>(a: &CsMatBase<V, I, PS, IS, DS, P>) -> Compressed<'_, V, I, P>
where
    I: SpIndex,
    P: SpIndex,
    PS: Deref<Target = [P]>,
    IS: Deref<Target = [I]>,
    DS: Deref<Target = [V]>,
{
    Compressed {
        outer: a.indptr().into_raw_storage(),
        indices: a.indices(),
        values: a.data(),
    }
}

/// Panics unless `x` and `y` fit an operator that maps `from` entries to `to`.
pub(crate) fn check_lengths<T>(from: usize, to: usize, x: &[T], y: &[T]) {
    assert_eq!(x.len(), from, "length of x");
    assert_eq!(y.len(), to, "length of y");
}

#[cfg(test)]
mod tests {
    use sprs::{CsMatI, TriMatI};

    use super::*;

    fn matrix<I: SpIndex>() -> CsMatI<f64, I> {
        // [ 1 2 0 ; 0 0 3 ]
        let mut t = TriMatI::new((2, 3));
        t.add_triplet(0, 0, 1.0);
        t.add_triplet(0, 1, 2.0);
        t.add_triplet(1, 2, 3.0);
        t.to_csr()
    }

    #[test]
    fn rectangular_by_hand() {
        let (x, mut y) = ([1.0, 10.0, 100.0], [f64::NAN; 2]);
        matrix::<u32>().apply(&Host::new(3), &x, &mut y);
        assert_eq!(y, [21.0, 300.0]);
        matrix::<usize>().to_csc().apply(&Host::new(3), &x, &mut y);
        assert_eq!(y, [21.0, 300.0]);
        matrix::<i16>().view().apply(&Host::new(3), &x, &mut y);
        assert_eq!(y, [21.0, 300.0]);
    }

    #[test]
    fn views_of_some_rows_keep_their_offset() {
        let a = matrix::<u32>();
        let mut y = [0.0];
        a.slice_outer(1..2)
            .apply(&Host::new(3), &[1.0, 10.0, 100.0], &mut y);
        assert_eq!(y, [300.0]);
        let csc = a.to_csc();
        let mut y = [0.0; 2];
        csc.slice_outer(1..3)
            .apply(&Host::new(2), &[10.0, 100.0], &mut y);
        assert_eq!(y, [20.0, 300.0]);
    }

    #[test]
    fn scalars_mix() {
        let a = matrix::<u32>().map(|v| *v as f32);
        let mut y = [0.0f64; 2];
        a.apply(&Host::new(3), &[1.0, 10.0, 1e10], &mut y);
        assert_eq!(y, [21.0, 3e10]);
    }

    #[test]
    fn empty_matrices() {
        let a = CsMatI::<f64, u32>::zero((0, 0));
        a.apply(&Host::<f64>::new(0), &[], &mut []);
        let a = CsMatI::<f64, u32>::zero((2, 2));
        let mut y = [1.0; 2];
        a.apply(&Host::new(2), &[1.0; 2], &mut y);
        assert_eq!(y, [0.0; 2]);
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        // Rows of very different lengths, two of them empty.
        let n = 4000;
        let mut t = TriMatI::<f64, u32>::new((n, n));
        for i in (0..n).filter(|i| i % 1999 != 5) {
            for k in 0..=(i % 67) {
                t.add_triplet(i, (i * 31 + k * 97) % n, ((i + k) as f64).sin());
            }
        }
        let a: CsMatI<f64, u32> = t.to_csr();
        let x: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
        let (mut y, mut z) = (vec![0.0; n], vec![0.0; n]);
        a.apply(&Host::new(n), &x, &mut y);
        a.apply(&Host::sequential(n), &x, &mut z);
        assert_eq!(y, z);
        for (i, row) in a.outer_iterator().enumerate() {
            let expected: f64 = row.iter().map(|(j, v)| v * x[j]).sum();
            approx::assert_relative_eq!(y[i], expected, max_relative = 1e-12, epsilon = 1e-13);
        }
    }
}
