//! Pivots that are too small to divide by.

use la_krylov::Real;

use crate::PrecondError;

/// What to do with a pivot that is zero or too small.
///
/// With `‖a_i‖ = max_j |a_ij|`, a pivot `|u_ii| ≤ threshold · ‖a_i‖` is replaced by
/// `± replacement · ‖a_i‖`, keeping its sign (plus for zero). In a row of zeros the largest entry of
/// the matrix stands for `‖a_i‖`, and 1 in a matrix of zeros. The rule is relative: multiplying the
/// matrix by a power of two changes no decision. Every replacement is counted in
/// [`LuStats::replaced_pivots`](crate::LuStats::replaced_pivots); the factor is then that of a matrix
/// that differs from `A` in those diagonal entries. A row that overflows in the elimination keeps
/// nothing but a diagonal entry `‖a_i‖`, and counts as well.
///
/// Incomplete LU does not repeat the factorisation with a shifted diagonal, as incomplete Cholesky
/// does: without definiteness no sign of a shift is the right one.
///
/// # Examples
/// ```
/// use la_precond::classical::{Ilu, PivotRule};
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![0.0, 1.0, 1.0, 0.0]);
/// let rule = PivotRule::default().with_replacement(0.5);
/// let factor = Ilu::default().with_pivot(rule).factor(a.view())?;
/// assert_eq!(factor.inverse_diagonal()[0], 2.0);
/// assert_eq!(factor.stats().replaced_pivots, 1);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PivotRule {
    /// Relative size up to which a pivot is replaced; at least 0, below 1. Default `1e-8`. At least
    /// the rounding unit of the scalar type is used, unless it is 0.
    pub threshold: f64,
    /// Relative size of what it is replaced with; positive, at least `threshold`. Default `1e-3`.
    pub replacement: f64,
}

impl Default for PivotRule {
    fn default() -> Self {
        Self {
            threshold: 1e-8,
            replacement: 1e-3,
        }
    }
}

impl PivotRule {
    /// Sets the relative size up to which a pivot is replaced.
    #[must_use]
    pub fn with_threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets the relative size of the replacement.
    #[must_use]
    pub fn with_replacement(mut self, replacement: f64) -> Self {
        self.replacement = replacement;
        self
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] names the first field out of range.
    pub fn validate(&self) -> Result<(), PrecondError> {
        if !(0.0..1.0).contains(&self.threshold) {
            return Err(PrecondError::InvalidOption {
                option: "threshold",
                value: self.threshold,
                expected: "a number at least 0 and below 1",
            });
        }
        let positive = self.replacement.is_finite() && self.replacement > 0.0;
        if !positive || self.replacement < self.threshold {
            return Err(PrecondError::InvalidOption {
                option: "replacement",
                value: self.replacement,
                expected: "a finite positive number, at least `threshold`",
            });
        }
        Ok(())
    }

    /// The pivot to use, and whether it is another one. `norm` is positive.
    #[inline]
    pub(crate) fn apply<T: Real>(&self, pivot: T, norm: T) -> (T, bool) {
        let floor = if self.threshold == 0.0 {
            T::ZERO
        } else {
            let threshold = T::from_f64(self.threshold);
            norm * if threshold < T::EPSILON {
                T::EPSILON
            } else {
                threshold
            }
        };
        // The reciprocal of a tiny pivot of a tiny matrix would overflow.
        if pivot.abs() > floor && (T::ONE / pivot).is_finite() {
            return (pivot, false);
        }
        let replacement = norm * T::from_f64(self.replacement);
        if pivot < T::ZERO {
            (-replacement, true)
        } else {
            (replacement, true)
        }
    }
}
