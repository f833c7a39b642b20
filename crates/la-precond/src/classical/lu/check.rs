//! Checked construction: nothing unsound reaches the triangular sweeps.

use std::sync::Arc;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::factor::{IncompleteLu, Pattern};
use crate::PrecondError;
use crate::classical::factor::square;
use crate::classical::input::with_rows;

impl<T: Real> IncompleteLu<T> {
    /// Takes a unit lower and an upper triangular matrix as the factors.
    ///
    /// This is the door for factors from elsewhere, learned ones included; everything that could
    /// make the sweeps wrong is checked in one pass, O(nnz).
    ///
    /// # Shapes
    /// - `lower`: n × n, columns increasing in each row, all ones on the diagonal.
    /// - `upper`: n × n, columns increasing in each row, the diagonal stored and not zero.
    ///
    /// # Errors
    /// Names the first bad row: [`PrecondError::NotSquare`], [`PrecondError::DimensionMismatch`],
    /// [`PrecondError::UnsortedRow`], [`PrecondError::NotLowerTriangular`],
    /// [`PrecondError::MissingDiagonal`], [`PrecondError::PatternMismatch`] if an entry of `upper` lies
    /// below the diagonal, [`PrecondError::NonFinite`] also for a zero pivot,
    /// [`PrecondError::NotUnitDiagonal`], [`PrecondError::TooLarge`].
    ///
    /// # Examples
    /// See [`IncompleteLu`].
    pub fn from_triangles<I: SpIndex>(
        lower: CsMatViewI<'_, T, I>,
        upper: CsMatViewI<'_, T, I>,
    ) -> Result<Self, PrecondError> {
        let n = square(lower.rows(), lower.cols(), lower.nnz())?;
        if upper.rows() != n {
            return Err(PrecondError::DimensionMismatch {
                what: "upper triangle",
                found: upper.rows(),
                expected: n,
            });
        }
        let lower = with_rows(lower, |rows, n| {
            let (mut pattern, mut values) = empty(n);
            for i in 0..n {
                let (cols, data) = rows.row(i);
                sorted(i, cols)?;
                let strict = match cols.last().map(|c| c.index()) {
                    Some(last) if last == i => cols.len() - 1,
                    Some(last) if last > i => {
                        return Err(PrecondError::NotLowerTriangular { row: i, col: last });
                    }
                    _ => return Err(PrecondError::MissingDiagonal { row: i }),
                };
                if data[strict] != T::ONE {
                    let value = data[strict].to_f64();
                    return Err(PrecondError::NotUnitDiagonal { row: i, value });
                }
                pattern
                    .indices
                    .extend(cols[..strict].iter().map(|c| c.index() as u32));
                values.extend_from_slice(&data[..strict]);
                pattern.indptr.push(pattern.indices.len() as u32);
            }
            Ok((Arc::new(pattern), values))
        })?;
        let (upper, inverse) = with_rows(upper, |rows, n| {
            let (mut pattern, mut values) = empty(n);
            let mut inverse = Vec::with_capacity(n);
            for i in 0..n {
                let (cols, data) = rows.row(i);
                sorted(i, cols)?;
                match cols.first().map(|c| c.index()) {
                    Some(first) if first == i => {}
                    Some(first) if first < i => {
                        return Err(PrecondError::PatternMismatch { row: i });
                    }
                    _ => return Err(PrecondError::MissingDiagonal { row: i }),
                }
                inverse.push(T::ONE / data[0]);
                pattern
                    .indices
                    .extend(cols[1..].iter().map(|c| c.index() as u32));
                values.extend(data[1..].iter().map(|&v| v / data[0]));
                pattern.indptr.push(pattern.indices.len() as u32);
            }
            Ok(((Arc::new(pattern), values), inverse))
        })?;
        let factor = Self::assemble(lower, upper, inverse);
        factor.check_finite()?;
        Ok(factor)
    }

    /// Refuses entries that are infinite or NaN; a zero pivot has an infinite reciprocal.
    pub(super) fn check_finite(&self) -> Result<(), PrecondError> {
        for i in 0..self.dimension() {
            let own = [(i, self.inverse_diagonal[i])];
            let row = self.lower_row(i).chain(own).chain(self.scaled_upper_row(i));
            for (col, value) in row {
                if !value.is_finite() {
                    return Err(PrecondError::NonFinite { row: i, col });
                }
            }
            if self.inverse_diagonal[i] == T::ZERO {
                return Err(PrecondError::NonFinite { row: i, col: i });
            }
        }
        Ok(())
    }
}

fn empty<T>(n: usize) -> (Pattern, Vec<T>) {
    let mut indptr = Vec::with_capacity(n + 1);
    indptr.push(0);
    let indices = Vec::new();
    (Pattern { indptr, indices }, Vec::new())
}

/// Refuses columns that are not strictly increasing.
pub(crate) fn sorted<I: SpIndex>(row: usize, cols: &[I]) -> Result<(), PrecondError> {
    if cols.windows(2).all(|w| w[0] < w[1]) {
        Ok(())
    } else {
        Err(PrecondError::UnsortedRow { row })
    }
}
