//! What happened in a safeguarded solve.

use std::fmt;

use la_krylov::{Solution, Status};

use crate::PrecondError;

/// The result of [`Safeguarded::solve`](super::Safeguarded::solve).
#[derive(Debug, Clone, PartialEq)]
#[must_use = "inspect `solution.status`"]
#[non_exhaustive]
pub struct SafeguardedSolution {
    /// The best iterate, the status of the last attempt, and the true residual.
    pub solution: Solution,
    /// What was tried, in this order; the last one gave the status.
    pub attempts: Vec<Attempt>,
}

/// One factor that was tried.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// Name of the builder; `none` for CG without a preconditioner.
    pub builder: String,
    /// How it went.
    pub outcome: AttemptOutcome,
    /// Iterations done with this factor.
    pub iterations: usize,
    /// True residual norm `‖b − A x‖₂` at its end; NaN if there was no solve.
    pub residual_norm: f64,
    /// Seconds to build and check the factor.
    pub setup_seconds: f64,
    /// Seconds of the solve.
    pub solve_seconds: f64,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// The factor could not be built or failed its checks.
    Refused(PrecondError),
    /// The solve was stopped because it did not pay.
    GivenUp(Concern),
    /// The solve ended with this status.
    Ended(Status),
}

/// Why a solve was given up.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Concern {
    /// More iterations than expected, slack included.
    OverBudget {
        /// Iterations that were allowed.
        budget: usize,
    },
    /// The smallest residual norm did not fall over a whole window.
    NoProgress {
        /// Iterations of the window.
        window: usize,
    },
    /// Even ten times the iteration limit would not be enough at this pace.
    TooSlow {
        /// Iterations the solve would need.
        predicted: f64,
    },
}

impl Attempt {
    pub(super) fn refused(builder: String, setup_seconds: f64, error: PrecondError) -> Self {
        Self {
            builder,
            outcome: AttemptOutcome::Refused(error),
            iterations: 0,
            residual_norm: f64::NAN,
            setup_seconds,
            solve_seconds: 0.0,
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverBudget { budget } => {
                write!(f, "not converged within its {budget} iterations")
            }
            Self::NoProgress { window } => write!(f, "no progress over {window} iterations"),
            Self::TooSlow { predicted } => write!(f, "would need about {predicted:.0} iterations"),
        }
    }
}

impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::GivenUp(concern) => write!(f, "given up: {concern}"),
            Self::Ended(status) => f.write_str(status.as_str()),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} after {} iterations",
            self.builder, self.outcome, self.iterations
        )
    }
}

impl fmt::Display for SafeguardedSolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.solution)?;
        for attempt in &self.attempts {
            write!(f, "\n  {attempt}")?;
        }
        Ok(())
    }
}
