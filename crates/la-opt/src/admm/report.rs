//! What comes back.

use std::fmt;
use std::time::Duration;

use super::{LocalFailure, Traffic};

/// How a solve ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AdmmStatus {
    /// Both residuals, computed from the present x and λ, are within their tolerances.
    Converged,
    /// [`AdmmOptions::max_iters`](super::AdmmOptions::max_iters) were done.
    IterationLimit,
    /// [`AdmmOptions::time_limit`](super::AdmmOptions::time_limit) was used up.
    TimeLimit,
    /// An agent had no answer; [`AdmmReport::failure`] says which and why.
    LocalFailure,
    /// Residuals are NaN or infinite.
    NonFinite,
}

impl fmt::Display for AdmmStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Converged => "converged: the agents agree and are optimal",
            Self::IterationLimit => "iteration limit; raise max_iters, loosen the tolerances or adapt alpha",
            Self::TimeLimit => "time limit",
            Self::LocalFailure => "an agent could not solve its local problem",
            Self::NonFinite => "the residuals are not finite; look for infinite data or a function that is unbounded below",
        })
    }
}

/// One look at the residuals.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct AdmmStep {
    /// Iterations that were done.
    pub iteration: usize,
    /// `√(Σ_i ‖(A x)_i‖² / (d_i + 1))`: how far the copies are from agreement.
    pub primal: f64,
    /// `√(Σ_i ‖s_i‖²)` with `s_i ∈ ∂f_i(x_i) + (A λ)_i`: how far the agents are from optimal.
    pub dual: f64,
    /// α of the iteration, the mean where agents have their own.
    pub alpha: f64,
    /// Seconds since the solve began.
    pub seconds: f64,
}

/// The outcome of a solve. The iterates stay in [`Admm`](super::Admm).
#[derive(Debug, Clone, PartialEq)]
#[must_use = "look at `status`"]
#[non_exhaustive]
pub struct AdmmReport {
    /// How it ended.
    pub status: AdmmStatus,
    /// Iterations of this solve.
    pub iterations: usize,
    /// Exchanges between neighbours: two for each iteration, or one ([`Form::Edges`](super::Form::Edges)).
    pub rounds: usize,
    /// The last residuals, as in [`AdmmStep`].
    pub primal: f64,
    /// As [`AdmmReport::primal`].
    pub dual: f64,
    /// The last α.
    pub alpha: f64,
    /// Every look at the residuals.
    pub history: Vec<AdmmStep>,
    /// Iterations after which the policy was given up by the [`Safeguard`](super::Safeguard).
    pub policy_given_up: Option<usize>,
    /// Global number of the first agent without an answer, and why, on the process that owns it.
    pub failure: Option<(usize, LocalFailure)>,
    /// Why the last checkpoint that was due could not be written; the solve went on.
    #[cfg(feature = "serde")]
    pub checkpoint: Option<super::AdmmError>,
    /// What went over the wire, of this process.
    pub traffic: Traffic,
    /// Time of the solve.
    pub time: Duration,
}
