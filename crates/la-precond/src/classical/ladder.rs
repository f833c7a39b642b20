//! IC(0) with a few shifts, and a factorisation that cannot fail at the end.

use std::sync::Arc;
use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::compensated::ajiz_jennings_and_share;
use super::input::{lower_pattern, with_rows};
use super::shift::AttemptError;
use super::{CompensatedIc, KeptVector, SymmetryCheck, ic0};
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

/// IC(0) of `A + α diag(A)` for a few values of α and, should all break down, Ajiz–Jennings.
///
/// For matrices that are far from M-matrices, structural ones above all. A doubling shift ends with what makes the
/// factorisation possible, 0.1 or more, and such a factor is little better than the diagonal; the compensation of
/// Ajiz–Jennings puts the same stability only where fill is dropped. The rungs are those of this crate, found on structural
/// matrices of moderate size; they are a rule of thumb.
///
/// Costs at most one IC(0) per rung, most of them cut short, and two [`CompensatedIc`] sweeps.
///
/// # Shapes
/// As for [`Ic0`](crate::classical::Ic0).
///
/// # Examples
/// ```
/// use la_precond::classical::ShiftLadder;
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let factor = ShiftLadder::default().factor(a.view())?;
/// assert_eq!((factor.stats().shift, factor.stats().shift_attempts), (0.0, 0));
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// T. A. Manteuffel, *Math. Comp.* 34(150), 473–497, 1980; M. A. Ajiz, A. Jennings, *Int. J. Numer. Methods Eng.* 20,
/// 949–966, 1984.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ShiftLadder {
    /// The values of α in the order in which they are tried; not negative, dimensionless. Default `0, 0.002, 0.016, 0.064`.
    pub rungs: Vec<f64>,
    /// Share of negative fill, in all that Ajiz–Jennings in the weights of ones drops, from which on that factor is used after the first
    /// breakdown and no further rung is tried. `None`, the default: never.
    ///
    /// Of negative fill Ajiz–Jennings keeps the row sums, as MIC of positive fill: the more of it, the less the factor suffers from what
    /// it adds. On beams and some plates 0.55 gains a lot; on the biharmonic operator it loses as much.
    pub negative_share: Option<f64>,
    /// What follows the last rung. Default: Ajiz–Jennings in balanced weights.
    pub last: CompensatedIc,
    /// How much of the symmetry is checked. Default: the number of entries.
    pub symmetry: SymmetryCheck,
}

impl Default for ShiftLadder {
    fn default() -> Self {
        Self {
            rungs: vec![0.0, 0.002, 0.016, 0.064],
            negative_share: None,
            last: CompensatedIc::ajiz_jennings().with_vector(KeptVector::Balanced),
            symmetry: SymmetryCheck::default(),
        }
    }
}

impl ShiftLadder {
    /// Sets the shifts that are tried.
    #[must_use]
    pub fn with_rungs(mut self, rungs: Vec<f64>) -> Self {
        self.rungs = rungs;
        self
    }

    /// Sets the share of negative fill from which on Ajiz–Jennings follows the first breakdown.
    #[must_use]
    pub fn with_negative_share(mut self, negative_share: Option<f64>) -> Self {
        self.negative_share = negative_share;
        self
    }

    /// Sets what follows the last rung.
    #[must_use]
    pub fn with_last(mut self, last: CompensatedIc) -> Self {
        self.last = last;
        self
    }

    /// Sets how much of the symmetry is checked.
    #[must_use]
    pub fn with_symmetry(mut self, symmetry: SymmetryCheck) -> Self {
        self.symmetry = symmetry;
        self
    }

    /// Checks the ranges; every factorisation starts with it.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] names the first field out of range.
    pub fn validate(&self) -> Result<(), PrecondError> {
        let bad = |rung: &&f64| !(rung.is_finite() && **rung >= 0.0);
        if let Some(&value) = self.rungs.iter().find(bad) {
            let (option, expected) = ("rungs", "finite numbers that are not negative");
            return Err(PrecondError::InvalidOption {
                option,
                value,
                expected,
            });
        }
        if let Some(value) = self.negative_share.filter(|s| !(0.0..=1.0).contains(s)) {
            let (option, expected) = ("negative_share", "a number in [0, 1]");
            return Err(PrecondError::InvalidOption {
                option,
                value,
                expected,
            });
        }
        self.last.validate()
    }

    /// Factors `a`. The statistics count the rungs that broke down as attempts.
    ///
    /// # Errors
    /// As [`Ic0::factor`](crate::classical::Ic0::factor); a breakdown only if that of [`last`](Self::last) breaks down.
    ///
    /// # Examples
    /// See [`ShiftLadder`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteCholesky<T>, PrecondError> {
        self.validate()?;
        let start = Instant::now();
        // Whether the share of negative fill is still to be looked at.
        let mut share = self.negative_share;
        let (found, failed) = with_rows(a, |rows, n| {
            let pattern = Arc::new(lower_pattern(&rows, n, self.symmetry)?);
            for (failed, &rung) in self.rungs.iter().enumerate() {
                match ic0::attempt(&pattern, &rows, rung) {
                    Ok(factor) => {
                        let stats = FactorStats::default().with_fill_ratio(1.0);
                        let stats = stats.with_shift(rung, failed);
                        return Ok((Some(factor.with_stats(stats)), 0));
                    }
                    Err(AttemptError::Pivot { .. }) => {}
                    Err(AttemptError::Fatal(error)) => return Err(error),
                }
                if let Some(least) = share.take()
                    && let Ok((factor, share)) = ajiz_jennings_and_share(a, self.symmetry)
                    && share >= least
                {
                    return Ok((Some(factor), failed + 1));
                }
            }
            Ok((None, self.rungs.len()))
        })?;
        let factor = match found {
            Some(factor) => factor,
            None => self.last.factor(a)?,
        };
        let stats = factor.stats();
        let stats = stats
            .with_shift(stats.shift, failed + stats.shift_attempts)
            .with_setup_seconds(start.elapsed().as_secs_f64());
        Ok(factor.with_stats(stats))
    }
}

impl IncompleteCholeskyBuilder for ShiftLadder {
    fn name(&self) -> &str {
        "shift-ladder"
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.factor(a)
    }
}
