//! What comes back.

use std::fmt;
use std::time::Duration;

use crate::{OptError, Real};

/// Which bound of a constraint is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Side {
    /// The lower one; its multiplier is at most 0.
    Lower,
    /// The upper one; its multiplier is at least 0.
    Upper,
}

/// How a solve ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum QpStatus {
    /// Not solved yet.
    Unsolved,
    /// Optimal, and the recomputed KKT residuals say so.
    Optimal,
    /// Optimal, with soft constraints violated.
    SoftOptimal,
    /// No point meets the constraints; a certificate says why.
    PrimalInfeasible,
    /// The objective falls without end along the ray of the certificate.
    DualInfeasible,
    /// The objective passed [`QpOptions::objective_bound`](super::QpOptions::objective_bound).
    BoundExceeded,
    /// The working sets repeat, even after a new factorisation.
    Cycling,
    /// The method says optimal, the recomputed KKT residuals do not.
    Inaccurate,
    /// [`QpOptions::max_iters`](super::QpOptions::max_iters) were not enough.
    IterationLimit,
    /// [`QpOptions::time_limit`](super::QpOptions::time_limit) was not enough.
    TimeLimit,
}

impl QpStatus {
    /// Whether `x` is a solution.
    #[must_use]
    pub fn is_optimal(self) -> bool {
        matches!(self, Self::Optimal | Self::SoftOptimal)
    }
}

impl fmt::Display for QpStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsolved => "not solved yet",
            Self::Optimal => "optimal",
            Self::SoftOptimal => "optimal, with soft constraints violated",
            Self::PrimalInfeasible => {
                "no point meets the constraints; the certificate names the rows that exclude each other"
            }
            Self::DualInfeasible => {
                "the objective is unbounded below; the certificate is a ray, bound the variables along it"
            }
            Self::BoundExceeded => "the objective passed its bound",
            Self::Cycling => {
                "the working sets repeat; remove dependent constraints or loosen primal_tol"
            }
            Self::Inaccurate => {
                "the KKT residuals are larger than the tolerances; scale the problem or loosen primal_tol"
            }
            Self::IterationLimit => "iteration limit; raise max_iters or start from a better guess",
            Self::TimeLimit => "time limit",
        })
    }
}

/// Residuals of the optimality conditions, recomputed from the problem as it was given. Largest absolute entries.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KktResiduals {
    /// Violation of `l ≤ G x ≤ u`, in the units of the bounds; soft constraints do not count.
    pub primal: f64,
    /// `‖P x + q + Gᵀ λ‖_∞` over `max(1, ‖P x‖_∞, ‖q‖_∞, ‖Gᵀ λ‖_∞)`.
    pub dual: f64,
    /// Largest distance of an active constraint from its bound, in the units of the bounds; soft ones do not count.
    pub complementarity: f64,
}

/// Why there is no solution.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Certificate<T> {
    /// y of length m with `Gᵀ y = 0` and `Σ max(y, 0) u + Σ min(y, 0) l < 0` (Farkas): no x meets the constraints.
    Farkas(Vec<T>),
    /// This constraint has a lower bound above its upper one.
    Crossed(usize),
    /// d of length n along which `P d = 0`, `qᵀ d < 0` and no constraint ends the way.
    Ray(Vec<T>),
}

/// The outcome of a solve.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use = "look at `status` or call `require_optimal`"]
#[non_exhaustive]
pub struct QpSolution<T = f64> {
    /// x, length n; without an optimum the last iterate, which meets the constraints of the last working set only.
    pub x: Vec<T>,
    /// λ, length m, of `P x + q + Gᵀ λ = 0`: at least 0 at upper bounds, at most 0 at lower ones, 0 elsewhere.
    pub multipliers: Vec<T>,
    /// The constraints of the last working set and the bounds they sit at, in the order of their entering.
    pub active_set: Vec<(usize, Side)>,
    /// `½ xᵀ P x + qᵀ x`.
    pub objective: f64,
    /// How it ended.
    pub status: QpStatus,
    /// Changes of the working set, and one for the last look: 1 if the first working set was right.
    pub iterations: usize,
    /// Inner solves of the proximal iteration; 1 where P is positive definite.
    pub outer_iterations: usize,
    /// Factorisations of a working set from the beginning.
    pub refactorizations: usize,
    /// Recomputed residuals; zero unless the status is optimal or inaccurate.
    pub kkt: KktResiduals,
    /// Why there is no solution, where that is known.
    pub certificate: Option<Certificate<T>>,
    /// Time of the last set-up or update, with that of the rows that this solve had to form.
    pub setup_time: Duration,
    /// Time of the solve without it.
    pub solve_time: Duration,
}

impl<T: Real> QpSolution<T> {
    pub(super) fn unsolved(n: usize, m: usize, capacity: usize) -> Self {
        Self {
            x: crate::zeros(n),
            multipliers: crate::zeros(m),
            active_set: Vec::with_capacity(capacity),
            objective: 0.0,
            status: QpStatus::Unsolved,
            iterations: 0,
            outer_iterations: 0,
            refactorizations: 0,
            kkt: KktResiduals::default(),
            certificate: None,
            setup_time: Duration::ZERO,
            solve_time: Duration::ZERO,
        }
    }

    /// The solution, or an error if there is none.
    ///
    /// # Errors
    /// [`OptError::NotOptimal`] unless [`QpStatus::is_optimal`].
    pub fn require_optimal(&self) -> Result<&Self, OptError> {
        if self.status.is_optimal() {
            return Ok(self);
        }
        Err(OptError::NotOptimal {
            status: self.status,
            iterations: self.iterations,
        })
    }
}
