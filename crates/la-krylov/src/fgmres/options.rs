//! Options of flexible GMRES.

use std::time::Duration;

use crate::gmres::{Placement, Plan, cycle_options};
use crate::options::common_options;
use crate::{History, KrylovError, Reorthogonalization, ResidualCheck, Tolerances};

/// Options of [`fgmres`](crate::fgmres).
///
/// # Examples
/// ```
/// use la_krylov::{FgmresOptions, ResidualCheck};
///
/// let options = FgmresOptions::default()
///     .with_restart(10)
///     .with_max_iters(100)
///     .with_residual_check(ResidualCheck::GNP);
/// assert!(options.validate().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct FgmresOptions {
    /// Stopping tolerances.
    pub tolerances: Tolerances,
    /// Iterations at most, over all cycles. Default `1000`.
    pub max_iters: usize,
    /// Wall-clock time after which the solve ends at the next iteration. Default: none.
    pub time_limit: Option<Duration>,
    /// The solve has diverged when the residual norm exceeds its first value by this factor;
    /// dimensionless, above 1. Default `1e10`.
    pub divergence_factor: f64,
    /// What is recorded per iteration. Default: residual norms.
    pub history: History,
    /// Iterations per cycle, at least 1. Default `30`.
    pub restart: usize,
    /// Whether to orthogonalize twice. Default: when needed.
    pub reorthogonalization: Reorthogonalization,
    /// What a residual that is not the tracked one leads to. Default: a new cycle.
    pub residual_check: ResidualCheck,
    /// Cycles in a row that achieve nothing (less than a tenth of what they promised, or rounding) and end the solve as
    /// stagnated, at least 1; `usize::MAX`: the iteration limit alone ends it. Default `3`.
    pub stalled_cycles: usize,
}

impl Default for FgmresOptions {
    fn default() -> Self {
        Self {
            tolerances: Tolerances::default(),
            max_iters: 1000,
            time_limit: None,
            divergence_factor: 1e10,
            history: History::default(),
            restart: 30,
            reorthogonalization: Reorthogonalization::default(),
            residual_check: ResidualCheck::default(),
            stalled_cycles: 3,
        }
    }
}

common_options!(FgmresOptions, validate_flexible);
cycle_options!(FgmresOptions);

impl FgmresOptions {
    /// Sets the number of cycles in vain that end the solve.
    #[must_use]
    pub fn with_stalled_cycles(mut self, stalled_cycles: usize) -> Self {
        self.stalled_cycles = stalled_cycles;
        self
    }

    fn validate_flexible(&self) -> Result<(), KrylovError> {
        if self.stalled_cycles == 0 {
            return Err(KrylovError::InvalidOption {
                option: "stalled_cycles",
                value: 0.0,
                requirement: "at least 1",
            });
        }
        self.validate_cycle()
    }

    pub(super) fn plan(&self) -> Plan {
        Plan {
            restart: self.restart,
            placement: Placement::Flexible,
            reorthogonalization: self.reorthogonalization,
            check: self.residual_check,
            stalls: self.stalled_cycles,
        }
    }
}
