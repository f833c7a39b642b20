//! What to do when a pivot is not positive.

use crate::PrecondError;

/// What an incomplete factorisation does when it meets a pivot that is not positive.
///
/// Incomplete factorisations exist for M- and H-matrices, but not for every positive definite
/// matrix. A shift always helps in the end: `A + α diag(A)` becomes diagonally dominant.
///
/// # References
/// T. A. Manteuffel, *Math. Comp.* 34(150), 473–497, 1980 (the shift);
/// C.-J. Lin, J. J. Moré, *SIAM J. Sci. Comput.* 21(1), 24–45, 1999, Algorithm 3.1 (1e-3, doubled).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ShiftStrategy {
    /// Give up with [`PrecondError::Breakdown`].
    None,
    /// Start again with `A + α diag(A)`, with a growing `α`.
    Diagonal {
        /// The first `α`, dimensionless, positive. Default `1e-3`.
        start: f64,
        /// `α` grows by this factor, above 1. Default `2`.
        growth: f64,
        /// Repetitions at most. Default `24`.
        max_attempts: usize,
    },
}

impl Default for ShiftStrategy {
    fn default() -> Self {
        Self::Diagonal {
            start: 1e-3,
            growth: 2.0,
            max_attempts: 24,
        }
    }
}

/// How one attempt at a factorisation failed.
pub(crate) enum AttemptError {
    /// A pivot is not positive: a larger shift may help.
    Pivot { row: usize },
    /// Nothing helps.
    Fatal(PrecondError),
}

impl ShiftStrategy {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] names the first field out of range.
    pub fn validate(&self) -> Result<(), PrecondError> {
        let Self::Diagonal { start, growth, .. } = *self else {
            return Ok(());
        };
        if !(start.is_finite() && start > 0.0) {
            let expected = "a positive number";
            return Err(PrecondError::InvalidOption {
                option: "start",
                value: start,
                expected,
            });
        }
        if !(growth.is_finite() && growth > 1.0) {
            let expected = "a number above 1";
            return Err(PrecondError::InvalidOption {
                option: "growth",
                value: growth,
                expected,
            });
        }
        Ok(())
    }

    /// Calls `attempt(α)` for α = 0, then for growing shifts, until it succeeds. Returns the result,
    /// the last α and the number of repetitions.
    pub(crate) fn run<F>(
        &self,
        mut attempt: impl FnMut(f64) -> Result<F, AttemptError>,
    ) -> Result<(F, f64, usize), PrecondError> {
        let (start, growth, max_attempts) = match *self {
            Self::None => (0.0, 1.0, 0),
            Self::Diagonal {
                start,
                growth,
                max_attempts,
            } => (start, growth, max_attempts),
        };
        let (mut shift, mut repeated) = (0.0, 0);
        loop {
            match attempt(shift) {
                Ok(factor) => return Ok((factor, shift, repeated)),
                Err(AttemptError::Fatal(error)) => return Err(error),
                // A shift beyond all numbers cannot help.
                Err(AttemptError::Pivot { row })
                    if repeated == max_attempts || !shift.is_finite() =>
                {
                    return Err(PrecondError::Breakdown {
                        row,
                        shift,
                        attempts: repeated + 1,
                    });
                }
                Err(AttemptError::Pivot { .. }) => {
                    shift = if repeated == 0 { start } else { shift * growth };
                    repeated += 1;
                }
            }
        }
    }
}
