//! The directions that equalities leave.

use super::eliminate::Equalities;
use super::least_distance::LeastDistance;
use super::root::Root;
use crate::Real;
use crate::kernels::upper_row;

impl<T: Real> Equalities<T> {
    /// `R⁻¹ Q₂`, rows padded to a multiple of eight.
    ///
    /// With `Q = I − H K Hᵀ`, H the vectors as columns and K upper triangular (R. Schreiber, C. Van Loan, *SIAM J. Sci. Stat. Comput.* 10, 53–57, 1989), this is
    /// `S₂ − (S H) (K H₂ᵀ)` for S = R⁻¹ and the last columns of S and H: products of matrices all of it.
    pub(super) fn directions(&self, ldp: &LeastDistance<T>) -> Vec<T> {
        let (n, rank, kernels) = (ldp.full, self.kept.len(), ldp.kernels);
        let left = n - rank;
        let (wide, wide_rank) = (left.next_multiple_of(8), rank.next_multiple_of(8));
        let mut by_rows = vec![T::ZERO; n * wide_rank];
        for (k, h) in self.vectors.chunks_exact(n.max(1)).enumerate() {
            for (row, &h) in by_rows.chunks_exact_mut(wide_rank.max(1)).zip(h) {
                row[k] = h;
            }
        }
        let mut gram = vec![T::ZERO; rank * rank];
        kernels.times_matrix(n, rank, &self.vectors, &by_rows, &mut gram);
        // Column k of K is −τ_k K (H_1..kᵀ h_k), and τ_k itself.
        let mut middle = vec![T::ZERO; rank * rank];
        let mut sums = vec![T::ZERO; rank];
        for (k, &factor) in self.factors.iter().enumerate() {
            let products = &gram[k * rank..k * rank + k];
            for (i, sum) in sums[..k].iter_mut().enumerate() {
                let row = &middle[i * rank + i..i * rank + k];
                *sum = -factor * kernels.dot(row, &products[i..]);
            }
            for (i, &sum) in sums[..k].iter().enumerate() {
                middle[i * rank + k] = sum;
            }
            middle[k * rank + k] = factor;
        }
        let mut last = vec![T::ZERO; rank * wide];
        for (h, last) in self
            .vectors
            .chunks_exact(n.max(1))
            .zip(last.chunks_exact_mut(wide.max(1)))
        {
            last[..left].copy_from_slice(&h[rank..]);
        }
        let mut right = vec![T::ZERO; rank * left];
        kernels.times_matrix(rank, left, &middle, &last, &mut right);
        let mut padded = vec![T::ZERO; rank * wide];
        let rows = right.chunks_exact(left.max(1));
        for (to, from) in padded.chunks_exact_mut(wide.max(1)).zip(rows) {
            to[..left].copy_from_slice(from);
        }
        // S H and S₂, four rows of S at a time, from the first column that they have.
        let mut image = vec![T::ZERO; n * rank];
        let mut out = vec![T::ZERO; n * wide];
        let mut group = Vec::with_capacity(4 * n);
        for first in (0..n).step_by(4) {
            let count = (n - first).min(4);
            let columns = n - first;
            group.clear();
            group.resize(count * columns, T::ZERO);
            for (g, row) in group.chunks_exact_mut(columns).enumerate() {
                let i = first + g;
                match &ldp.root {
                    Root::Identity => row[g] = T::ONE,
                    Root::Diagonal(inverse) => row[g] = inverse[i],
                    Root::Dense(upper) => {
                        row[g..].copy_from_slice(&upper[upper_row(n, i)]);
                    }
                }
                // Columns from `rank` on.
                let (from, to) = (rank.saturating_sub(first), first.saturating_sub(rank));
                let part = &row[from.min(columns)..];
                out[i * wide + to..][..part.len()].copy_from_slice(part);
            }
            let image = &mut image[first * rank..(first + count) * rank];
            if let Root::Dense(_) = &ldp.root {
                let h = &by_rows[first * wide_rank..];
                kernels.times_matrix(columns, rank, &group, h, image);
            } else {
                for (g, image) in image.chunks_exact_mut(rank.max(1)).enumerate() {
                    let h = &by_rows[(first + g) * wide_rank..];
                    for (image, &h) in image.iter_mut().zip(h) {
                        *image = group[g * columns + g] * h;
                    }
                }
            }
        }
        let mut product = vec![T::ZERO; n * left];
        kernels.times_matrix(rank, left, &image, &padded, &mut product);
        let rows = product.chunks_exact(left.max(1));
        for (out, product) in out.chunks_exact_mut(wide.max(1)).zip(rows) {
            for (out, &product) in out.iter_mut().zip(product) {
                *out -= product;
            }
        }
        out
    }
}
