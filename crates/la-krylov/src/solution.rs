//! What comes back from a solve.

use std::fmt;

use crate::spectrum::Spectrum;
use crate::{KrylovError, PreconditionerError};

/// How a solve ended. `Display` says what happened and what to try next.
///
/// # Examples
/// ```
/// use la_krylov::Status;
///
/// assert_eq!(Status::IterationLimit.as_str(), "iteration_limit");
/// assert!(Status::Converged.is_converged());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Status {
    /// The true residual norm is at most `max(rtol·‖b‖, atol)`.
    Converged,
    /// `max_iters` iterations were done.
    IterationLimit,
    /// The time limit has passed.
    TimeLimit,
    /// The true residual stopped falling although the recurrence went on (attainable accuracy), or a
    /// whole cycle of a restarted method achieved nothing.
    Stagnated,
    /// The residual norm grew beyond `divergence_factor` times its first value.
    Diverged,
    /// A quotient of the recurrence became zero over zero: the operator or the preconditioner is
    /// numerically singular in the search direction.
    Breakdown,
    /// The system has no solution, or none within the tolerance: the residual of `x` is orthogonal to
    /// the range of the operator, so that no other vector has a smaller one.
    LeastSquares,
    /// A direction `p` with `pᵀ A p < 0` was met.
    IndefiniteOperator,
    /// A residual `r` with `rᵀ M⁻¹ r < 0` was met.
    IndefinitePreconditioner,
    /// The preconditioner returned an error, kept in [`Solution::failure`].
    PreconditionerFailure,
    /// The tracked residual was not the true one, and
    /// [`ResidualCheck::Fail`](crate::ResidualCheck::Fail) was asked for.
    ResidualMismatch,
    /// An infinity or NaN appeared.
    NonFinite,
    /// The monitor asked to stop.
    StoppedByMonitor,
}

impl Status {
    /// Whether the solve converged.
    #[must_use]
    pub fn is_converged(self) -> bool {
        self == Self::Converged
    }

    /// The variant's name in snake case, as written to files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::IterationLimit => "iteration_limit",
            Self::TimeLimit => "time_limit",
            Self::Stagnated => "stagnated",
            Self::Diverged => "diverged",
            Self::Breakdown => "breakdown",
            Self::LeastSquares => "least_squares",
            Self::IndefiniteOperator => "indefinite_operator",
            Self::IndefinitePreconditioner => "indefinite_preconditioner",
            Self::PreconditionerFailure => "preconditioner_failure",
            Self::ResidualMismatch => "residual_mismatch",
            Self::NonFinite => "non_finite",
            Self::StoppedByMonitor => "stopped_by_monitor",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Converged => "converged: the recomputed residual meets the tolerance",
            Self::IterationLimit => {
                "iteration limit reached: raise `max_iters`, or use a stronger preconditioner"
            }
            Self::TimeLimit => {
                "time limit reached: raise `time_limit`, or use a stronger preconditioner"
            }
            Self::Stagnated => {
                "stagnated: the true residual no longer falls; where it is small, the tolerance is below \
                 what this precision attains: raise `rtol` or `atol`, scale the system, or solve in \
                 f64; where it is not, raise `restart`"
            }
            Self::Diverged => {
                "diverged: the residual grew; check that the operator and the preconditioner are \
                 what the method needs (symmetric positive definite for CG)"
            }
            Self::Breakdown => {
                "breakdown: the operator or the preconditioner is numerically singular; check for \
                 zero rows and for a right-hand side outside the range; after BiCGSTAB try GMRES"
            }
            Self::LeastSquares => {
                "least squares: no vector has a smaller residual; the system is inconsistent, or \
                 the tolerance is below what this precision attains"
            }
            Self::IndefiniteOperator => {
                "the operator is not positive definite: use MINRES or GMRES, or shift it"
            }
            Self::IndefinitePreconditioner => {
                "the preconditioner is not positive definite: shift the matrix before factoring, \
                 or use GMRES"
            }
            Self::PreconditionerFailure => {
                "the preconditioner failed while it was applied: see `failure`; try a simpler one"
            }
            Self::ResidualMismatch => {
                "the tracked residual is not the true one: the preconditioner amplifies rounding \
                 errors; use a better conditioned one, or `ResidualCheck::Restart`"
            }
            Self::NonFinite => {
                "an infinity or NaN appeared: check the entries of the operator and of the \
                 preconditioner, and their scaling"
            }
            Self::StoppedByMonitor => "stopped by the monitor",
        })
    }
}

/// One entry of a history.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Step {
    /// Residual norm of the recurrence, in the units of `b`; the true one where the solve
    /// recomputed it and went on from there.
    pub recurrence_norm: f64,
    /// Seconds since the solve began, if times were recorded.
    pub seconds: Option<f64>,
}

/// The result of a solve: the best iterate, how the solve ended, and the true residual.
///
/// `X` is the owned vector of the space, `Vec<f64>` by default.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, IdentityPreconditioner, cg, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(3);
/// let m = IdentityPreconditioner::new(3);
/// let solution = cg(&a, &[1.0, 2.0, 3.0], &m, &CgOptions::default())?;
/// assert_eq!(solution.x, [1.0, 2.0, 3.0]);
/// assert_eq!(solution.iterations_to(1e-3), Some(1));
/// solution.require_converged()?;
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "inspect `status` or call `require_converged`"]
#[non_exhaustive]
pub struct Solution<X = Vec<f64>> {
    /// The solution, or the best iterate in the sense of the residual norm.
    pub x: X,
    /// How the solve ended.
    pub status: Status,
    /// Iterations done; each costs one product with the operator (two in BiCGSTAB and LSMR).
    pub iterations: usize,
    /// How often the iteration started again from the true residual: where that disagreed with the
    /// recurrence, where the recurrence broke down, and after every cycle of a restarted method.
    pub restarts: usize,
    /// `‖b − A x‖₂`, recomputed from `x`.
    pub residual_norm: f64,
    /// `‖b‖₂`.
    pub rhs_norm: f64,
    /// The residual norm that was asked for: `max(rtol·‖b‖₂, atol)`.
    pub target: f64,
    /// Seconds from the call to the end of the solve.
    pub seconds: f64,
    /// Entry `k` belongs to iteration `k`, entry 0 to the initial guess. Empty with
    /// [`History::None`](crate::History::None); at most [`HISTORY_LIMIT`](crate::HISTORY_LIMIT) entries.
    pub history: Vec<Step>,
    /// What the preconditioner said when it failed.
    pub failure: Option<PreconditionerError>,
    /// What the iteration learned of the spectrum.
    pub(crate) spectrum: Spectrum,
}

impl<X> Solution<X> {
    pub(crate) fn empty(x: X, history_capacity: usize) -> Self {
        Self {
            x,
            status: Status::IterationLimit,
            iterations: 0,
            restarts: 0,
            residual_norm: f64::NAN,
            rhs_norm: f64::NAN,
            target: f64::NAN,
            seconds: 0.0,
            history: Vec::with_capacity(history_capacity),
            failure: None,
            spectrum: Spectrum::default(),
        }
    }

    /// `‖b − A x‖₂ / ‖b‖₂`, dimensionless; 0 where `b = 0` was solved by `x = 0`.
    #[must_use]
    pub fn relative_residual(&self) -> f64 {
        if self.residual_norm == 0.0 {
            0.0
        } else {
            self.residual_norm / self.rhs_norm
        }
    }

    /// Turns every status other than [`Status::Converged`] into an error.
    ///
    /// # Errors
    /// [`KrylovError::NotConverged`] with the status and the norms.
    pub fn require_converged(&self) -> Result<&Self, KrylovError> {
        if self.status.is_converged() {
            return Ok(self);
        }
        Err(KrylovError::NotConverged {
            status: self.status,
            iterations: self.iterations,
            residual_norm: self.residual_norm,
            target: self.target,
        })
    }

    /// The first recorded iteration whose recurrence norm is at most `rel·‖b‖₂`.
    #[must_use]
    pub fn iterations_to(&self, rel: f64) -> Option<usize> {
        let bound = rel * self.rhs_norm;
        self.history
            .iter()
            .position(|step| step.recurrence_norm <= bound)
    }

    /// The area between the residual history and `rtol`, over iterations, dimensionless: lower is better.
    ///
    /// `Σ (log₁₀ rᵢ − log₁₀ rtol)` over all iterations i and the initial state, where `rᵢ` is the
    /// recurrence norm divided by `‖b‖`; terms below zero count as zero. Infinite for solves that
    /// failed: [`Status::ResidualMismatch`], [`Status::PreconditionerFailure`], [`Status::NonFinite`].
    /// `None` where the history is not complete, where `b = 0`, or where `rtol` is not positive.
    ///
    /// # Examples
    /// ```
    /// use la_krylov::{CgOptions, IdentityPreconditioner, cg, sprs::CsMat};
    ///
    /// let a: CsMat<f64> = CsMat::eye(2);
    /// let solution = cg(&a, &[1.0, 2.0], &IdentityPreconditioner::new(2), &CgOptions::default())?;
    /// // From 1 to 0 in one iteration: 8 decades, once.
    /// assert_eq!(solution.iteration_auc(1e-8), Some(8.0));
    /// # Ok::<(), la_krylov::KrylovError>(())
    /// ```
    ///
    /// # References
    /// J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR
    /// 2025, Section 4 (Iter-AUC). Deviates: terms below zero, and the infinity, are made explicit.
    #[must_use]
    pub fn iteration_auc(&self, rtol: f64) -> Option<f64> {
        self.areas(rtol, |terms| terms.map(|(height, _)| Some(height)).sum())
    }

    /// The area between the residual history and `rtol`, over time, in seconds:
    /// `Σ (log₁₀ rᵢ − log₁₀ rtol) (tᵢ − tᵢ₋₁)` over the iterations i. Otherwise as
    /// [`iteration_auc`](Self::iteration_auc); also `None` where times were not recorded
    /// ([`History::ResidualsAndTimes`](crate::History::ResidualsAndTimes)).
    ///
    /// # References
    /// As [`iteration_auc`](Self::iteration_auc) (Time-AUC).
    #[must_use]
    pub fn time_auc(&self, rtol: f64) -> Option<f64> {
        self.areas(rtol, |terms| {
            let mut before = None;
            let widths = terms.map(|(height, seconds)| {
                let seconds = seconds?;
                let width = before.map_or(0.0, |before| seconds - before);
                before = Some(seconds);
                Some(height * width)
            });
            widths.sum()
        })
    }

    /// What `sum` makes of the heights above `rtol` in decades, and the times.
    fn areas(
        &self,
        rtol: f64,
        sum: impl FnOnce(&mut dyn Iterator<Item = (f64, Option<f64>)>) -> Option<f64>,
    ) -> Option<f64> {
        let complete = self.history.len() == self.iterations + 1;
        if !(complete && rtol > 0.0 && self.rhs_norm > 0.0) {
            return None;
        }
        let mut terms = self.history.iter().map(|step| {
            let relative = step.recurrence_norm / self.rhs_norm;
            ((relative.log10() - rtol.log10()).max(0.0), step.seconds)
        });
        let area = sum(&mut terms)?;
        match self.status {
            Status::ResidualMismatch | Status::PreconditionerFailure | Status::NonFinite => {
                Some(f64::INFINITY)
            }
            _ => Some(area),
        }
    }

    /// Seconds from the beginning of the solve to the end of that iteration, if times were recorded.
    #[must_use]
    pub fn seconds_to(&self, rel: f64) -> Option<f64> {
        self.history[self.iterations_to(rel)?].seconds
    }
}

impl<X> fmt::Display for Solution<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (iterations {}, relative residual {:.6e})",
            self.status,
            self.iterations,
            self.relative_residual()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_by_hand() {
        let mut solution = Solution::empty(vec![0.0], 0);
        solution.rhs_norm = 2.0;
        for (recurrence_norm, seconds) in [(2.0, 0.5), (2e-4, 1.0), (2e-8, 3.0)] {
            let seconds = Some(seconds);
            solution.history.push(Step {
                recurrence_norm,
                seconds,
            });
        }
        assert_eq!(solution.iteration_auc(1e-8), None, "one step is missing");
        solution.iterations = 2;
        approx::assert_relative_eq!(solution.iteration_auc(1e-8).unwrap(), 12.0, epsilon = 1e-12);
        approx::assert_relative_eq!(solution.time_auc(1e-8).unwrap(), 2.0, epsilon = 1e-12);
        // What lies below the tolerance does not count.
        approx::assert_relative_eq!(solution.iteration_auc(1e-4).unwrap(), 4.0, epsilon = 1e-12);
        solution.status = Status::ResidualMismatch;
        assert_eq!(solution.iteration_auc(1e-8), Some(f64::INFINITY));
        solution.history[1].seconds = None;
        assert_eq!(solution.time_auc(1e-8), None);
        assert_eq!(solution.iteration_auc(0.0), None);
    }
}
