//! What comes back.

use std::fmt;
use std::time::Duration;

use super::Factors;

/// How a factorisation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum NmfStatus {
    /// The projected gradient fell to [`NmfOptions::kkt_tol`](super::NmfOptions::kkt_tol) of what it was at the start.
    Converged,
    /// The error fell to [`NmfOptions::target_rmse`](super::NmfOptions::target_rmse).
    TargetReached,
    /// An iteration changed the loss by less than [`NmfOptions::change_tol`](super::NmfOptions::change_tol).
    Stalled,
    /// [`NmfOptions::max_iters`](super::NmfOptions::max_iters) were done.
    IterationLimit,
    /// [`NmfOptions::time_limit`](super::NmfOptions::time_limit) was used up.
    TimeLimit,
    /// The loss, or the gradient of the divergence, overflowed or is NaN; the factors are those of the last iteration.
    NonFinite,
}

impl fmt::Display for NmfStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Converged => "converged: the projected gradient is small",
            Self::TargetReached => "the error is as small as asked for",
            Self::Stalled => "stalled: the loss changes too little; lower change_tol to go on",
            Self::IterationLimit => "iteration limit; raise max_iters or loosen kkt_tol",
            Self::TimeLimit => "time limit",
            Self::NonFinite => "the loss is not finite; scale the data to mean 1",
        })
    }
}

/// A record of one iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NmfStep {
    /// Outer iterations that are done; 0 is the start.
    pub iteration: usize,
    /// Root of the mean squared error over the known entries, in the units of the data.
    pub rmse: f64,
    /// The loss that is minimised, over the known entries.
    pub loss: f64,
    /// Seconds of the iterations so far, without those of this record.
    pub seconds: f64,
}

/// The outcome of a factorisation.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use = "look at `status`"]
#[non_exhaustive]
pub struct NmfSolution<T = f64> {
    /// W and H.
    pub factors: Factors<T>,
    /// How it ended.
    pub status: NmfStatus,
    /// Outer iterations.
    pub iterations: usize,
    /// `‖W Hᵀ − V‖_F / √(number of known entries)` over the known entries.
    pub rmse: f64,
    /// The loss that was minimised: `½ ‖W Hᵀ − V‖_F²` or the divergence, over the known entries.
    pub loss: f64,
    /// Norm of the projected gradient over that at the start, where [`NmfOptions::kkt_tol`](super::NmfOptions::kkt_tol) was looked at; else NaN.
    pub kkt: f64,
    /// Records, as often as [`NmfOptions::history_every`](super::NmfOptions::history_every) says.
    pub history: Vec<NmfStep>,
    /// Time of the iterations, without that of the records.
    pub solve_time: Duration,
}
