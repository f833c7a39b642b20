//! Options of conjugate gradients.

use std::time::Duration;

use crate::options::common_options;
use crate::{History, Tolerances};

/// Options of [`cg`](crate::cg).
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, History};
///
/// let options = CgOptions::default().with_rtol(1e-10).with_max_iters(500).with_history(History::None);
/// assert!(options.validate().is_ok());
/// assert!(options.with_rtol(f64::NAN).validate().is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct CgOptions {
    /// Stopping tolerances.
    pub tolerances: Tolerances,
    /// Iterations at most. Default `10_000`.
    pub max_iters: usize,
    /// Wall-clock time after which the solve ends at the next iteration. Default: none.
    pub time_limit: Option<Duration>,
    /// The solve has diverged when the residual norm exceeds its first value by this factor;
    /// dimensionless, above 1. Residuals of CG may grow by the square root of the condition number
    /// before they fall. Default `1e10`.
    pub divergence_factor: f64,
    /// What is recorded per iteration. Default: residual norms.
    pub history: History,
}

impl Default for CgOptions {
    fn default() -> Self {
        Self {
            tolerances: Tolerances::default(),
            max_iters: 10_000,
            time_limit: None,
            divergence_factor: 1e10,
            history: History::default(),
        }
    }
}

common_options!(CgOptions);
