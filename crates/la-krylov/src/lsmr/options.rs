//! Options of LSMR.

use std::time::Duration;

use crate::options::common_options;
use crate::{History, KrylovError, Tolerances};

/// Options of [`lsmr`](crate::lsmr).
///
/// # Examples
/// ```
/// use la_krylov::LsmrOptions;
///
/// let options = LsmrOptions::default().with_rtol(1e-10).with_max_iters(500);
/// assert!(options.validate().is_ok());
/// assert!(options.with_atol(-1.0).validate().is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct LsmrOptions {
    /// Stopping tolerances.
    pub tolerances: Tolerances,
    /// Iterations at most. Default `10_000`.
    pub max_iters: usize,
    /// Wall-clock time after which the solve ends at the next iteration. Default: none.
    pub time_limit: Option<Duration>,
    /// The solve has diverged when the residual norm exceeds its first value by this factor;
    /// dimensionless, above 1. Default `1e10`.
    pub divergence_factor: f64,
    /// What is recorded per iteration. Default: residual norms.
    pub history: History,
    /// The residual counts as orthogonal to the range, and x as a least-squares solution, when
    /// `‖Aᵀr‖ ≤ normal_rtol · ‖A‖₂ · ‖r‖` for the recomputed `r = b − A x`. In the place of `‖A‖₂` stands
    /// the largest `‖A v‖` of the unit vectors v that were met, which is no larger; dimensionless, at
    /// least 0. Default `1e-8`.
    pub normal_rtol: f64,
}

impl Default for LsmrOptions {
    fn default() -> Self {
        Self {
            tolerances: Tolerances::default(),
            max_iters: 10_000,
            time_limit: None,
            divergence_factor: 1e10,
            history: History::default(),
            normal_rtol: 1e-8,
        }
    }
}

common_options!(LsmrOptions, validate_normal_rtol);

impl LsmrOptions {
    /// Sets the tolerance of least-squares solutions.
    #[must_use]
    pub fn with_normal_rtol(mut self, normal_rtol: f64) -> Self {
        self.normal_rtol = normal_rtol;
        self
    }

    fn validate_normal_rtol(&self) -> Result<(), KrylovError> {
        if self.normal_rtol >= 0.0 && self.normal_rtol.is_finite() {
            return Ok(());
        }
        Err(KrylovError::InvalidOption {
            option: "normal_rtol",
            value: self.normal_rtol,
            requirement: "finite and at least 0",
        })
    }
}
