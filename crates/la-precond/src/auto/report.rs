//! What was tried, and what came of it.

use std::fmt;

use la_krylov::{KrylovError, Status};

use super::{Candidate, MatrixFacts};
use crate::{FactorStats, PrecondError};

/// The call was wrong, so that nothing could be tried.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AutoError {
    /// The matrix is not square, not finite, or its rows are not sorted.
    #[error("matrix: {0}")]
    Matrix(#[from] PrecondError),
    /// The right-hand side does not fit or is not finite, or an option is out of range.
    #[error(transparent)]
    Solve(#[from] KrylovError),
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AutoOutcome {
    /// The preconditioner could not be built.
    Refused(PrecondError),
    /// The method refused the preconditioner.
    Unfit(KrylovError),
    /// The residual had not fallen by a tenth over this many iterations.
    GivenUp(usize),
    /// The largest eigenvalue of `M⁻¹ A` is too large for a compensated factor: more than two thirds of the depth of the graph.
    Overcompensated {
        /// The largest Ritz value, dimensionless.
        largest: f64,
        /// Depth of the graph, in steps.
        depth: usize,
    },
    /// The solve ended by itself.
    Ended(Status),
}

impl fmt::Display for AutoOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::Unfit(error) => write!(f, "refused: {error}"),
            Self::GivenUp(window) => write!(f, "given up: no progress over {window} iterations"),
            Self::Overcompensated { largest, depth } => write!(
                f,
                "given up: too much compensated, largest eigenvalue {largest:.1} on a graph of depth {depth}"
            ),
            Self::Ended(status) => f.write_str(&status.as_str().replace('_', " ")),
        }
    }
}

/// One candidate that was tried.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AutoAttempt {
    /// What was tried, and why.
    pub candidate: Candidate,
    /// How it ended.
    pub outcome: AutoOutcome,
    /// Iterations.
    pub iterations: usize,
    /// `‖b − A x‖/‖b‖` at its end, recomputed; `None` if there was no solve.
    pub relative_residual: Option<f64>,
    /// Seconds of the set-up.
    pub setup_seconds: f64,
    /// Seconds of the solve.
    pub solve_seconds: f64,
    /// Entries of the factors over those of the matrix.
    pub fill_ratio: Option<f64>,
    /// How an incomplete Cholesky factor was made: shifts, retries.
    pub factor: Option<FactorStats>,
    /// Relative residual norms by iteration.
    pub history: Vec<f64>,
}

impl fmt::Display for AutoAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {}",
            self.candidate, self.candidate.why, self.outcome
        )?;
        if let Some(residual) = self.relative_residual {
            write!(
                f,
                ", {} iterations, relative residual {residual:.2e}",
                self.iterations
            )?;
        }
        if let Some(fill) = self.fill_ratio {
            write!(f, ", fill {fill:.2}")?;
        }
        if let Some(stats) = self.factor.filter(|s| s.shift > 0.0) {
            write!(f, ", diagonal shift {:.1e}", stats.shift)?;
        }
        write!(
            f,
            ", set-up {:.3} s, solve {:.3} s",
            self.setup_seconds, self.solve_seconds
        )
    }
}

/// The best iterate, and how it came about. `Display` explains the choice, a line for each attempt.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "inspect `status`"]
#[non_exhaustive]
pub struct AutoSolution {
    /// The best iterate.
    pub x: Vec<f64>,
    /// [`Status::Converged`] only on the recomputed residual; otherwise that of the last attempt.
    pub status: Status,
    /// `‖b − A x‖/‖b‖`, recomputed from `x` with the matrix as given; 0 for `b = 0`.
    pub relative_residual: f64,
    /// What was seen before anything was tried.
    pub facts: MatrixFacts,
    /// In order.
    pub attempts: Vec<AutoAttempt>,
}

impl AutoSolution {
    /// The attempt that converged.
    #[must_use]
    pub fn chosen(&self) -> Option<&AutoAttempt> {
        self.attempts.last().filter(|_| self.status.is_converged())
    }
}

impl fmt::Display for AutoSolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.facts)?;
        for attempt in &self.attempts {
            writeln!(f, "{attempt}")?;
        }
        write!(
            f,
            "{}, relative residual {:.3e}",
            self.status.as_str().replace('_', " "),
            self.relative_residual
        )
    }
}
