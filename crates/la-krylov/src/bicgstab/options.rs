//! Options of BiCGSTAB.

use std::time::Duration;

use crate::options::common_options;
use crate::{History, Tolerances};

/// Options of [`bicgstab`](crate::bicgstab).
///
/// # Examples
/// ```
/// use la_krylov::BicgstabOptions;
///
/// let options = BicgstabOptions::default().with_rtol(1e-10).with_max_iters(500);
/// assert!(options.validate().is_ok());
/// assert!(options.with_atol(-1.0).validate().is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct BicgstabOptions {
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
}

impl Default for BicgstabOptions {
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

common_options!(BicgstabOptions);
