//! What every method lets its caller choose.

use std::time::Duration;

use crate::KrylovError;

/// When a solve has converged: `‖b − A x‖₂ ≤ max(rtol·‖b‖₂, atol)`, for the true residual.
///
/// # Examples
/// ```
/// use la_krylov::Tolerances;
///
/// let tolerances = Tolerances::default().with_rtol(0.5);
/// assert_eq!(tolerances.target(100.0), 50.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Tolerances {
    /// Relative to `‖b‖₂`, dimensionless, at least 0. Default `1e-8` (ask for more in `f32`).
    pub rtol: f64,
    /// Absolute, in the units of `b`, at least 0. Default `0`.
    pub atol: f64,
}

impl Default for Tolerances {
    fn default() -> Self {
        Self {
            rtol: 1e-8,
            atol: 0.0,
        }
    }
}

impl Tolerances {
    /// Sets the relative tolerance.
    #[must_use]
    pub fn with_rtol(mut self, rtol: f64) -> Self {
        self.rtol = rtol;
        self
    }

    /// Sets the absolute tolerance.
    #[must_use]
    pub fn with_atol(mut self, atol: f64) -> Self {
        self.atol = atol;
        self
    }

    /// The residual norm that counts as converged for a right-hand side of this norm.
    #[must_use]
    pub fn target(&self, rhs_norm: f64) -> f64 {
        (self.rtol * rhs_norm).max(self.atol)
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`KrylovError::InvalidOption`] names the first field that is negative, infinite or NaN.
    pub fn validate(&self) -> Result<(), KrylovError> {
        for (option, value) in [("rtol", self.rtol), ("atol", self.atol)] {
            if !(value >= 0.0 && value.is_finite()) {
                let requirement = "finite and at least 0";
                return Err(KrylovError::InvalidOption {
                    option,
                    value,
                    requirement,
                });
            }
        }
        Ok(())
    }
}

/// What a solve records per iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum History {
    /// Nothing.
    None,
    /// Residual norms of the recurrence.
    #[default]
    Residuals,
    /// Residual norms and the seconds since the solve began.
    ResidualsAndTimes,
}

/// Steps that a history holds at most: the initial residual and the iterations that follow it.
///
/// The room (24 bytes a step, or less when `max_iters` is smaller) is allocated before the first
/// iteration. Later iterations are done and counted, but not recorded.
pub const HISTORY_LIMIT: usize = 1 << 17;

/// The part of the options that all methods share, as the iteration sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) tolerances: Tolerances,
    pub(crate) max_iters: usize,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) divergence_factor: f64,
    pub(crate) history: History,
}

impl Limits {
    pub(crate) fn validate(&self) -> Result<(), KrylovError> {
        self.tolerances.validate()?;
        if self.divergence_factor > 1.0 {
            return Ok(());
        }
        Err(KrylovError::InvalidOption {
            option: "divergence_factor",
            value: self.divergence_factor,
            requirement: "greater than 1",
        })
    }

    /// Steps to make room for.
    pub(crate) fn history_capacity(&self) -> usize {
        match self.history {
            History::None => 0,
            _ => self.max_iters.saturating_add(1).min(HISTORY_LIMIT),
        }
    }
}

/// The methods that the options of every solver have, over the fields that they share.
macro_rules! common_options {
    ($options:ty $(, $check:ident)?) => {
        impl $options {
            /// Sets both stopping tolerances.
            #[must_use]
            pub fn with_tolerances(mut self, tolerances: Tolerances) -> Self {
                self.tolerances = tolerances;
                self
            }

            /// Sets the tolerance relative to `‖b‖₂`.
            #[must_use]
            pub fn with_rtol(mut self, rtol: f64) -> Self {
                self.tolerances.rtol = rtol;
                self
            }

            /// Sets the absolute tolerance.
            #[must_use]
            pub fn with_atol(mut self, atol: f64) -> Self {
                self.tolerances.atol = atol;
                self
            }

            /// Sets the iteration limit.
            #[must_use]
            pub fn with_max_iters(mut self, max_iters: usize) -> Self {
                self.max_iters = max_iters;
                self
            }

            /// Sets the time limit.
            #[must_use]
            pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
                self.time_limit = Some(time_limit);
                self
            }

            /// Sets the growth of the residual that counts as divergence.
            #[must_use]
            pub fn with_divergence_factor(mut self, divergence_factor: f64) -> Self {
                self.divergence_factor = divergence_factor;
                self
            }

            /// Sets what is recorded per iteration.
            #[must_use]
            pub fn with_history(mut self, history: History) -> Self {
                self.history = history;
                self
            }

            /// Checks the ranges; every solve starts with it.
            ///
            /// # Errors
            /// [`KrylovError::InvalidOption`](crate::KrylovError::InvalidOption) names the first
            /// field out of range.
            pub fn validate(&self) -> Result<(), crate::KrylovError> {
                $(self.$check()?;)?
                self.limits().validate()
            }

            pub(crate) fn limits(&self) -> crate::options::Limits {
                crate::options::Limits {
                    tolerances: self.tolerances,
                    max_iters: self.max_iters,
                    time_limit: self.time_limit,
                    divergence_factor: self.divergence_factor,
                    history: self.history,
                }
            }
        }
    };
}
pub(crate) use common_options;
