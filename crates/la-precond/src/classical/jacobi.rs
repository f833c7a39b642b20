//! Diagonal scaling.

use la_krylov::{Definiteness, Host, Preconditioner, PreconditionerError, Real};
use sprs::{CsMatViewI, SpIndex};

use super::factor::square;
use super::input::check_lengths;
use crate::PrecondError;

/// Jacobi: `M = diag(A)`, `z_i = r_i / a_ii`.
///
/// The cheapest preconditioner: n numbers, one product per entry, parallel without effort. Helps
/// where the diagonal of `A` varies a lot, not against a bad condition number of the mesh kind.
/// Symmetric positive definite if all diagonal entries are positive; any nonzero diagonal is taken.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, cg, sprs::CsMat};
/// use la_precond::classical::Jacobi;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let m = Jacobi::new(a.view())?;
/// let solution = cg(&a, &[6.0_f64, 12.0], &m, &CgOptions::default())?;
/// assert!((solution.x[0] - 1.0).abs() < 1e-10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., 2003, section 4.1.
#[derive(Debug, Clone)]
pub struct Jacobi<T = f64> {
    inverse: Vec<T>,
    positive: bool,
}

impl<T: Real> Jacobi<T> {
    /// Takes the diagonal of `a`.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`]; [`PrecondError::MissingDiagonal`] if an entry is not stored;
    /// [`PrecondError::NonPositiveDiagonal`] if it is zero or so small that its reciprocal
    /// overflows; [`PrecondError::NonFinite`].
    pub fn new<I: SpIndex>(a: CsMatViewI<'_, T, I>) -> Result<Self, PrecondError> {
        let n = square(a.rows(), a.cols(), a.nnz())?;
        let mut diagonal = Vec::with_capacity(n);
        for (row, entries) in a.outer_iterator().enumerate() {
            let at = entries.indices().binary_search(&I::from_usize(row));
            let k = at.map_err(|_| PrecondError::MissingDiagonal { row })?;
            diagonal.push(entries.data()[k]);
        }
        Self::from_diagonal(diagonal)
    }

    /// Takes a diagonal that is known already, for matrices that are not stored.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Examples
    /// ```
    /// use la_precond::{PrecondError, classical::Jacobi};
    ///
    /// let error = Jacobi::from_diagonal(vec![2.0, 0.0]).unwrap_err();
    /// assert_eq!(error, PrecondError::NonPositiveDiagonal { row: 1, value: 0.0 });
    /// ```
    pub fn from_diagonal(mut diagonal: Vec<T>) -> Result<Self, PrecondError> {
        let mut positive = true;
        for (row, d) in diagonal.iter_mut().enumerate() {
            if !d.is_finite() {
                return Err(PrecondError::NonFinite { row, col: row });
            }
            let inverse = T::ONE / *d;
            if !inverse.is_finite() {
                return Err(PrecondError::NonPositiveDiagonal {
                    row,
                    value: d.to_f64(),
                });
            }
            positive &= *d > T::ZERO;
            *d = inverse;
        }
        Ok(Self {
            inverse: diagonal,
            positive,
        })
    }
}

impl<T: Real, S: Real> Preconditioner<Host<S>> for Jacobi<T> {
    fn dimension(&self) -> usize {
        self.inverse.len()
    }

    fn apply(&self, _space: &Host<S>, r: &[S], z: &mut [S]) -> Result<(), PreconditionerError> {
        check_lengths(self.inverse.len(), r.len(), z.len())?;
        for ((z, r), inverse) in z.iter_mut().zip(r).zip(&self.inverse) {
            *z = *r * S::from_f64(inverse.to_f64());
        }
        Ok(())
    }

    fn definiteness(&self) -> Definiteness {
        if self.positive {
            Definiteness::SymmetricPositiveDefinite
        } else {
            Definiteness::Symmetric
        }
    }
}
