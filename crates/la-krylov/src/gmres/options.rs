//! Options of GMRES, and those it shares with FGMRES.

use std::time::Duration;

use super::cycle::{Placement, Plan};
use crate::options::common_options;
use crate::{History, KrylovError, Tolerances};

/// What the options of GMRES and FGMRES have in common.
macro_rules! cycle_options {
    ($options:ty) => {
        impl $options {
            /// Sets the number of iterations per cycle.
            #[must_use]
            pub fn with_restart(mut self, restart: usize) -> Self {
                self.restart = restart;
                self
            }

            /// Sets whether to orthogonalize twice.
            #[must_use]
            pub fn with_reorthogonalization(
                mut self,
                reorthogonalization: crate::Reorthogonalization,
            ) -> Self {
                self.reorthogonalization = reorthogonalization;
                self
            }

            /// Sets what a residual that is not the tracked one leads to.
            #[must_use]
            pub fn with_residual_check(mut self, residual_check: crate::ResidualCheck) -> Self {
                self.residual_check = residual_check;
                self
            }

            /// Columns that a cycle can fill.
            pub(crate) fn columns(&self) -> usize {
                self.restart.min(self.max_iters.max(1))
            }

            fn validate_cycle(&self) -> Result<(), crate::KrylovError> {
                if self.restart == 0 {
                    return Err(crate::KrylovError::InvalidOption {
                        option: "restart",
                        value: 0.0,
                        requirement: "at least 1",
                    });
                }
                self.residual_check.validate()
            }
        }
    };
}
pub(crate) use cycle_options;

/// On which side of the operator the preconditioner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Side {
    /// `M⁻¹ A x = M⁻¹ b`. Minimises `‖M⁻¹ (b − A x)‖₂`, of which the residual norms of the history
    /// are estimates: those norms times `‖r‖ / ‖M⁻¹ r‖` at the start of the cycle.
    Left,
    /// `A M⁻¹ u = b`, `x = M⁻¹ u`. Minimises the residual norm itself.
    #[default]
    Right,
}

/// Whether new basis vectors are made orthogonal to the others a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Reorthogonalization {
    /// One pass of classical Gram–Schmidt: cheapest, and enough where few digits are asked for.
    Never,
    /// One pass of modified Gram–Schmidt, the textbook form of GMRES: loses orthogonality in proportion to the
    /// condition number, which does no harm to the residual (Paige, Rozložník, Strakoš, *SIAM J. Matrix Anal. Appl.* 28,
    /// 2006). One reduction for each basis vector instead of one in all: slower than [`WhenNeeded`](Self::WhenNeeded), and there to compare
    /// with others.
    Modified,
    /// A second pass where the first took away so much that less than `1/√2` of the norm is left
    /// (Daniel, Gragg, Kaufman, Stewart, *Math. Comp.* 30, 1976).
    #[default]
    WhenNeeded,
    /// Two passes: orthogonal to working precision (Giraud, Langou, Rozložník, van den Eshof,
    /// *Numer. Math.* 101, 2005).
    Always,
}

/// What happens when, at the end of a cycle, the tracked residual norm α is not the true one, β.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ResidualCheck {
    /// The next cycle starts from the true residual.
    #[default]
    Restart,
    /// The solve ends with [`Status::ResidualMismatch`](crate::Status::ResidualMismatch) unless
    /// `|α − β| ≤ absolute + relative·β`. Not used with [`Side::Left`], whose α is an estimate.
    Fail {
        /// Relative tolerance, dimensionless.
        relative: f64,
        /// Absolute tolerance, in the units of `b`.
        absolute: f64,
    },
}

impl ResidualCheck {
    /// The rule of J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear
    /// Systems*, ICLR 2025, with the tolerances of its implementation. Meant for systems scaled
    /// such that `‖b‖` is about 1: with both norms below `1e-8` it never fires.
    pub const GNP: Self = Self::Fail {
        relative: 1e-5,
        absolute: 1e-8,
    };

    pub(super) fn bound(self, placement: Placement) -> Option<(f64, f64)> {
        match self {
            Self::Fail { relative, absolute } if placement != Placement::Left => {
                Some((relative, absolute))
            }
            _ => None,
        }
    }

    pub(crate) fn validate(self) -> Result<(), KrylovError> {
        let Self::Fail { relative, absolute } = self else {
            return Ok(());
        };
        for value in [relative, absolute] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(KrylovError::InvalidOption {
                    option: "residual_check",
                    value,
                    requirement: "finite and at least 0",
                });
            }
        }
        Ok(())
    }
}

/// Options of [`gmres`](crate::gmres).
///
/// # Examples
/// ```
/// use la_krylov::{GmresOptions, Reorthogonalization, Side};
///
/// let options = GmresOptions::default()
///     .with_restart(50)
///     .with_side(Side::Left)
///     .with_reorthogonalization(Reorthogonalization::Always);
/// assert!(options.validate().is_ok());
/// assert!(options.with_restart(0).validate().is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct GmresOptions {
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
    /// Where the preconditioner stands. Default: right.
    pub side: Side,
    /// Whether to orthogonalize twice. Default: when needed.
    pub reorthogonalization: Reorthogonalization,
    /// What a residual that is not the tracked one leads to. Default: a new cycle.
    pub residual_check: ResidualCheck,
}

impl Default for GmresOptions {
    fn default() -> Self {
        Self {
            tolerances: Tolerances::default(),
            max_iters: 1000,
            time_limit: None,
            divergence_factor: 1e10,
            history: History::default(),
            restart: 30,
            side: Side::default(),
            reorthogonalization: Reorthogonalization::default(),
            residual_check: ResidualCheck::default(),
        }
    }
}

common_options!(GmresOptions, validate_cycle);
cycle_options!(GmresOptions);

impl GmresOptions {
    /// Sets the side of the preconditioner.
    #[must_use]
    pub fn with_side(mut self, side: Side) -> Self {
        self.side = side;
        self
    }

    pub(super) fn plan(&self) -> Plan {
        Plan {
            restart: self.restart,
            placement: match self.side {
                Side::Left => Placement::Left,
                Side::Right => Placement::Right,
            },
            reorthogonalization: self.reorthogonalization,
            check: self.residual_check,
            stalls: 1,
        }
    }
}
