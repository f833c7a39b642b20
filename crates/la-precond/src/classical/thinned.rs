//! Leaving small entries of the matrix out before it is factored.

use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::input::with_rows;
use crate::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

/// A factorisation of the matrix without its small entries: those with `|a_ij| ≤ tau √(a_ii a_jj)`.
///
/// Set-up, memory and sweeps all shrink with the entries that are left, against more iterations. Pays on matrices with
/// many entries in a row of very different size; on discretised equations, where all entries of a row are alike, it does
/// not. Dropping *after* the factorisation ([`Ic0::with_drop_tol`](crate::classical::Ic0::with_drop_tol)) saves time in the sweeps only.
/// The thinned matrix need not be positive definite: the factorisation may have to shift.
///
/// Costs one pass over the matrix.
///
/// # Shapes
/// As for the factorisation. Both triangles are thinned alike.
///
/// # Examples
/// ```
/// use la_precond::IncompleteCholeskyBuilder;
/// use la_precond::classical::{Ic0, Thinned};
/// use la_precond::sprs::CsMatI;
///
/// // Entry (1, 0) is 0.25 of √(1 · 16), entry (2, 1) is 0.01 of it.
/// let (indptr, indices) = (vec![0, 2, 5, 7], vec![0, 1, 0, 1, 2, 1, 2]);
/// let a = CsMatI::<f64, u32>::new((3, 3), indptr, indices, vec![1.0, 1.0, 1.0, 16.0, 0.04, 0.04, 1.0]);
/// let factor = Thinned::new(Ic0::default(), 0.1).build(a.view())?;
/// assert_eq!(factor.nnz(), 4); // three on the diagonal, (1, 0)
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// A. Jennings, G. M. Malik, *J. Inst. Math. Appl.* 20, 307–321, 1977 (rejection by size relative to the diagonal, there
/// during the factorisation).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Thinned<B> {
    /// What factors the thinned matrix.
    pub factorisation: B,
    /// Relative size up to which entries are left out, in [0, 1).
    pub tau: f64,
}

impl<B> Thinned<B> {
    /// Thins the matrix in front of a factorisation.
    #[must_use]
    pub fn new(factorisation: B, tau: f64) -> Self {
        Self { factorisation, tau }
    }

    /// The matrix without its small entries.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] if `tau` is not in [0, 1); [`PrecondError::NotSquare`];
    /// [`PrecondError::MissingDiagonal`], [`PrecondError::NonPositiveDiagonal`], [`PrecondError::UnsortedRow`] naming the row.
    pub fn matrix<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<CsMatI<T, u32>, PrecondError> {
        if !(self.tau >= 0.0 && self.tau < 1.0) {
            return Err(PrecondError::InvalidOption {
                option: "tau",
                value: self.tau,
                expected: "a number from 0 up to 1, 1 excluded",
            });
        }
        with_rows(a, |rows, n| {
            let mut reciprocal = Vec::with_capacity(n);
            for row in 0..n {
                let (columns, values) = rows.row(row);
                if columns.windows(2).any(|w| w[0] >= w[1]) {
                    return Err(PrecondError::UnsortedRow { row });
                }
                let Some(at) = columns.iter().position(|j| j.index() == row) else {
                    return Err(PrecondError::MissingDiagonal { row });
                };
                let value = values[at].to_f64();
                if value.is_nan() || value <= 0.0 {
                    return Err(PrecondError::NonPositiveDiagonal { row, value });
                }
                reciprocal.push(1.0 / value.sqrt());
            }
            let mut indptr = Vec::with_capacity(n + 1);
            let (mut indices, mut data) = (Vec::new(), Vec::new());
            indptr.push(0);
            for i in 0..n {
                let (columns, values) = rows.row(i);
                for (j, &value) in columns.iter().zip(values) {
                    let j = j.index();
                    // The same product for both triangles; an entry that is not a number stays, to be reported.
                    let relative = value.to_f64() * (reciprocal[i] * reciprocal[j]);
                    if i == j || relative.is_nan() || relative.abs() > self.tau {
                        indices.push(j as u32);
                        data.push(value);
                    }
                }
                indptr.push(indices.len() as u32);
            }
            // Part of the entries of a matrix with sorted rows.
            Ok(CsMatI::new((n, n), indptr, indices, data))
        })
    }
}

impl<B: IncompleteCholeskyBuilder> IncompleteCholeskyBuilder for Thinned<B> {
    fn name(&self) -> &str {
        self.factorisation.name()
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        let start = Instant::now();
        let factor = self.factorisation.build(self.matrix(a)?.view())?;
        // Its rows are sorted, otherwise there would be no factor.
        let rows = a.outer_iterator().enumerate();
        let lower: usize = rows
            .map(|(i, row)| row.indices().partition_point(|j| j.index() <= i))
            .sum();
        let stats = factor
            .stats()
            .with_fill_ratio(factor.nnz() as f64 / lower.max(1) as f64)
            .with_setup_seconds(start.elapsed().as_secs_f64());
        Ok(factor.with_stats(stats))
    }
}
