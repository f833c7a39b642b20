//! Checked construction: nothing unsound reaches the triangular sweeps.

use std::sync::Arc;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::{IncompleteCholesky, LowerPattern};
use crate::PrecondError;

impl<T: Real> IncompleteCholesky<T> {
    /// Takes a lower triangular matrix in CSR form, diagonal included, as the factor.
    ///
    /// This is the door for factors from elsewhere, learned ones included; everything that could
    /// make the preconditioner wrong is checked in one pass, O(nnz).
    ///
    /// # Shapes
    /// - `lower`: n × n, CSR, columns increasing in each row, the diagonal stored in every row.
    ///
    /// # Errors
    /// Names the first bad row: [`PrecondError::NotSquare`], [`PrecondError::UnsortedRow`],
    /// [`PrecondError::NotLowerTriangular`], [`PrecondError::MissingDiagonal`],
    /// [`PrecondError::NonFinite`], [`PrecondError::NonPositiveDiagonal`], [`PrecondError::TooLarge`].
    /// A CSC matrix is refused as [`PrecondError::NotLowerTriangular`] unless it is diagonal.
    ///
    /// # Examples
    /// ```
    /// use la_precond::{IncompleteCholesky, PrecondError, sprs::CsMatI};
    ///
    /// let bad = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 3], vec![0, 0, 1], vec![2.0, 1.0, -3.0]);
    /// assert_eq!(
    ///     IncompleteCholesky::from_lower(bad.view()).unwrap_err(),
    ///     PrecondError::NonPositiveDiagonal { row: 1, value: -3.0 }
    /// );
    /// ```
    pub fn from_lower<I: SpIndex>(lower: CsMatViewI<'_, T, I>) -> Result<Self, PrecondError> {
        let n = square(lower.rows(), lower.cols(), lower.nnz())?;
        // The outer dimension of CSC holds columns: read as rows it is an upper triangle.
        let mut indptr = Vec::with_capacity(n + 1);
        let mut indices = Vec::with_capacity(lower.nnz().saturating_sub(n));
        let mut values = Vec::with_capacity(lower.nnz().saturating_sub(n));
        let mut diagonal = Vec::with_capacity(n);
        indptr.push(0);
        for (i, row) in lower.outer_iterator().enumerate() {
            let (cols, vals) = (row.indices(), row.data());
            match cols.last().map(|c| c.index()) {
                Some(last) if last == i => {}
                Some(last) if last > i && lower.is_csc() => {
                    return Err(PrecondError::NotLowerTriangular { row: last, col: i });
                }
                Some(last) if last > i => {
                    return Err(PrecondError::NotLowerTriangular { row: i, col: last });
                }
                _ => return Err(PrecondError::MissingDiagonal { row: i }),
            }
            let strict = cols.len() - 1;
            indices.extend(cols[..strict].iter().map(|c| c.index() as u32));
            values.extend_from_slice(&vals[..strict]);
            diagonal.push(vals[strict]);
            indptr.push(indices.len() as u32);
        }
        Self::from_parts(indptr, indices, values, diagonal)
    }

    /// Takes the strict lower triangle of `L` in CSR arrays and its diagonal, without a copy.
    ///
    /// # Shapes
    /// - `indptr`: length n + 1, starts at 0; `indices`, `values`: length `indptr[n]`, columns
    ///   increasing in each row and left of the diagonal; `diagonal`: length n, positive.
    ///
    /// # Errors
    /// As [`from_lower`](Self::from_lower), and [`PrecondError::DimensionMismatch`] if the arrays do
    /// not fit together.
    ///
    /// # Examples
    /// ```
    /// use la_precond::IncompleteCholesky;
    ///
    /// let factor = IncompleteCholesky::from_parts(vec![0, 0, 1], vec![0], vec![1.0], vec![2.0, 3.0])?;
    /// assert_eq!(factor.nnz(), 3);
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    pub fn from_parts(
        indptr: Vec<u32>,
        indices: Vec<u32>,
        values: Vec<T>,
        diagonal: Vec<T>,
    ) -> Result<Self, PrecondError> {
        let n = diagonal.len();
        square(n, n, indices.len())?;
        let expect = |what, found, expected| {
            if found == expected {
                Ok(())
            } else {
                Err(PrecondError::DimensionMismatch {
                    what,
                    found,
                    expected,
                })
            }
        };
        expect("indptr", indptr.len(), n + 1)?;
        expect("first entry of indptr", indptr[0] as usize, 0)?;
        expect("indices", indices.len(), indptr[n] as usize)?;
        expect("values", values.len(), indices.len())?;
        for i in 0..n {
            let (start, end) = (indptr[i] as usize, indptr[i + 1] as usize);
            if start > end || end > indices.len() {
                return Err(PrecondError::PatternMismatch { row: i });
            }
            let cols = &indices[start..end];
            if cols.windows(2).any(|w| w[0] >= w[1]) {
                return Err(PrecondError::UnsortedRow { row: i });
            }
            match cols.last() {
                Some(&last) if last as usize >= i => {
                    return Err(PrecondError::NotLowerTriangular {
                        row: i,
                        col: last as usize,
                    });
                }
                _ => {}
            }
        }
        positive(&diagonal)?;
        let mut scaled = values;
        for i in 0..n {
            let (start, end) = (indptr[i] as usize, indptr[i + 1] as usize);
            for (value, &col) in scaled[start..end].iter_mut().zip(&indices[start..end]) {
                *value = *value / diagonal[i];
                if !value.is_finite() {
                    return Err(PrecondError::NonFinite {
                        row: i,
                        col: col as usize,
                    });
                }
            }
        }
        let pattern = Arc::new(LowerPattern { indptr, indices });
        Ok(Self::assemble(pattern, scaled, diagonal))
    }
}

/// Checks that every `l_ii` is finite and positive and has a finite reciprocal.
pub(crate) fn positive<T: Real>(diagonal: &[T]) -> Result<(), PrecondError> {
    for (i, &d) in diagonal.iter().enumerate() {
        if !d.is_finite() {
            return Err(PrecondError::NonFinite { row: i, col: i });
        }
        if d <= T::ZERO || !(T::ONE / d).is_finite() {
            return Err(PrecondError::NonPositiveDiagonal {
                row: i,
                value: d.to_f64(),
            });
        }
    }
    Ok(())
}

/// Order of a square matrix whose sizes fit 32 bits.
pub(crate) fn square(rows: usize, cols: usize, nnz: usize) -> Result<usize, PrecondError> {
    if rows != cols {
        return Err(PrecondError::NotSquare { rows, cols });
    }
    if u32::try_from(rows).is_err() || u32::try_from(nnz).is_err() {
        return Err(PrecondError::TooLarge { rows, nnz });
    }
    Ok(rows)
}
