//! V H and Vᵀ W.

use std::ops::Range;

use super::Unstored;
use super::compressed::Compressed;
use super::data::{Data, Entries};
use crate::Real;
use crate::kernels::Kernels;

/// Which factor has the rows of a product: W those of V, H its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    W,
    H,
}

/// The factor that is held, in rows of `stride` numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held<'a, T> {
    pub(super) kernels: Kernels,
    pub(super) stride: usize,
    pub(super) factor: &'a [T],
    /// Its Gram matrix, stride × stride.
    pub(super) gram: &'a [T],
}

impl<T: Real> Data<'_, T> {
    /// `out = V H` or `out = Vᵀ W` for some rows of it. With missing entries V is completed by the product of the factors, of which `own` has these rows.
    pub(super) fn times(
        &self,
        side: Side,
        range: Range<usize>,
        held: Held<'_, T>,
        own: &[T],
        out: &mut [T],
    ) {
        out.fill(T::ZERO);
        let (kernels, stride, n) = (held.kernels, held.stride, self.columns);
        match &self.entries {
            Entries::Dense { values, gaps } => {
                match side {
                    Side::W => {
                        let rows = &values[range.start * n..range.end * n];
                        kernels.panel_times(n, stride, rows, held.factor, out);
                    }
                    Side::H => {
                        kernels.panel_transposed(n, stride, range.start, values, held.factor, out);
                    }
                }
                let Some(gaps) = gaps else { return };
                let gaps = match side {
                    Side::W => &gaps.by_rows,
                    Side::H => &gaps.by_columns,
                };
                held.add_fitted(range, gaps, |()| T::ZERO, T::ONE, own, out);
            }
            Entries::Sparse { values, unstored } => {
                let values = match side {
                    Side::W => &values.by_rows,
                    Side::H => &values.by_columns,
                };
                if *unstored == Unstored::Missing {
                    held.add_fitted(range, values, |v| v, -T::ONE, own, out);
                    kernels.panel_times(stride, stride, own, held.gram, out);
                    return;
                }
                for (i, out) in range.zip(out.chunks_exact_mut(stride)) {
                    let (indices, values) = values.line(i);
                    kernels.gather(stride, indices, values, held.factor, out);
                }
            }
        }
    }
}

impl<T: Real> Held<'_, T> {
    /// Adds `Σ_j (value_ij + sign · own_iᵀ held_j) held_j` over the entries of each row.
    fn add_fitted<V: Copy>(
        &self,
        range: Range<usize>,
        entries: &Compressed<V>,
        value: impl Fn(V) -> T,
        sign: T,
        own: &[T],
        out: &mut [T],
    ) {
        let rows = own.chunks_exact(self.stride);
        for ((i, own), out) in range.zip(rows).zip(out.chunks_exact_mut(self.stride)) {
            let (indices, values) = entries.line(i);
            for (j, &v) in indices.iter().zip(values) {
                let held = &self.factor[*j as usize * self.stride..][..self.stride];
                let fitted = self.kernels.dot(own, held);
                let coefficient = [value(v) + sign * fitted];
                self.kernels
                    .gather(self.stride, &[*j], &coefficient, self.factor, out);
            }
        }
    }
}
