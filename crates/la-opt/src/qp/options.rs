//! What a user may choose.

use std::time::Duration;

use crate::OptError;

/// Which violated constraint enters the working set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Pricing {
    /// The largest violation of the normalised rows of the least-distance form, as DAQP does. One product with all rows after each
    /// addition, none after a removal.
    LargestViolation,
    /// Dual steepest edge: the largest `violation² / γ`, with γ the squared distance of the row from the span of the working set,
    /// so that twice the score is the gain of a full step. One product with all rows after each addition and each removal; on dense
    /// ill-conditioned problems half of the iterations and less.
    #[default]
    SteepestEdge,
    /// The largest violation among the rows that were violated most at the last look at all of them: a short list is priced, and all rows again when none of
    /// it is violated by half of what was the worst then. Optimal is what a look at all rows says. A product with the list for most iterations, and
    /// no more of them than [`Pricing::LargestViolation`] takes on the families of the README: with some hundred rows and more, and a list of
    /// 20 to 80, it takes half of the time of that rule, and beside [`Pricing::SteepestEdge`] less where rows are sparse, about as much where they are dense.
    Partial {
        /// Rows of the list, at least 1.
        candidates: usize,
    },
}

/// What is done where P is not positive definite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Proximal {
    /// Such problems are refused.
    Never,
    /// A sequence of problems with `½ Σ w_i (x_i − x̄_i)²` added, x̄ the solution of the one before, w on as few variables as the factorisation
    /// of P needs.
    #[default]
    WhereNeeded,
}

/// Whether equalities are solved for in advance, so that the working set goes on among the other constraints and in fewer directions.
///
/// Costs 2 n r² + 4 n² r operations of set-up for r equalities, and each step is cheaper by the share of the directions that are gone. Not done before the
/// rows of all constraints are formed; with proximal terms as without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Elimination {
    /// They are the first constraints of the working set and stay there.
    Never,
    /// With [`QpOptions::elimination_min`] equalities and [`QpOptions::elimination_share`] of the number of variables, where there are
    /// general rows besides them or P is not diagonal, and where an estimate of the operations of set-up and of n/2 iterations is a tenth below that of a
    /// working set with them.
    #[default]
    WhereItPays,
    /// All of them, whatever their number.
    Always,
}

/// Tolerances, limits and rules of a solve.
///
/// # Examples
/// ```
/// use la_opt::qp::{Pricing, QpOptions};
///
/// let options = QpOptions::default().with_pricing(Pricing::LargestViolation).with_primal_tol(1e-9);
/// assert_eq!(options.max_iters, 10_000);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct QpOptions {
    /// Largest violation of a constraint, in the units of its bounds, at least 0. Default `1e-6`.
    pub primal_tol: f64,
    /// Largest wrong sign of a multiplier of the normalised rows, at least 0. Default `1e-12`.
    pub dual_tol: f64,
    /// What counts as zero in set-up: squared norms of rows, distances of bounds. Default `1e-11`.
    pub zero_tol: f64,
    /// Pivots below this are moved to the end of the factor, and the solution is refined. Default `1e-6`.
    pub pivot_tol: f64,
    /// Least growth of the dual objective that counts as progress. Default `1e-14`.
    pub progress_tol: f64,
    /// Squared distance of a normalised row from the span of the working set below which it counts as dependent. Default `3.7e-11`.
    pub sing_tol: f64,
    /// The working set is factored anew before an optimum is accepted with a pivot below this. Default `1e-9`.
    pub refactor_tol: f64,
    /// Steps without progress before the working set is factored anew, and once more before the solve is given up. Default `10`.
    pub cycle_tol: usize,
    /// Changes of the working set at most. Default `10 000`.
    pub max_iters: usize,
    /// Time at most, looked at every 32 iterations. Default none.
    pub time_limit: Option<Duration>,
    /// The problem counts as infeasible when its objective passes this, in its own units. Default infinity.
    #[cfg_attr(feature = "serde", serde(with = "super::serial::maybe_infinite"))]
    pub objective_bound: f64,
    /// ρ: a soft constraint whose normalised row is violated by ε costs `ε² / (2 ρ)`. Default `1e-6`.
    pub rho_soft: f64,
    /// Which constraint enters.
    pub pricing: Pricing,
    /// What is done where P is not positive definite.
    pub proximal: Proximal,
    /// Whether equalities are solved for in advance.
    pub elimination: Elimination,
    /// So many equalities at least are worth it. Default `6`.
    pub elimination_min: usize,
    /// And so many as a share of the number of variables. Default `0.1`.
    pub elimination_share: f64,
    /// Weight of a proximal term, relative to the diagonal of P. Default `1e-6` in `f64`.
    pub proximal_weight: f64,
    /// The sequence ends where the proximal term contributes at most this to the gradient, relative to its size. Default `1e-7`.
    pub proximal_tol: f64,
    /// Problems of the sequence at most. Default `1000`.
    pub max_outer_iters: usize,
}

impl Default for QpOptions {
    fn default() -> Self {
        Self {
            primal_tol: 1e-6,
            dual_tol: 1e-12,
            zero_tol: 1e-11,
            pivot_tol: 1e-6,
            progress_tol: 1e-14,
            sing_tol: 3.7e-11,
            refactor_tol: 1e-9,
            cycle_tol: 10,
            max_iters: 10_000,
            time_limit: None,
            objective_bound: f64::INFINITY,
            rho_soft: 1e-6,
            pricing: Pricing::default(),
            proximal: Proximal::default(),
            elimination: Elimination::default(),
            elimination_min: 6,
            elimination_share: 0.1,
            proximal_weight: 1e-6,
            proximal_tol: 1e-7,
            max_outer_iters: 1000,
        }
    }
}

macro_rules! with {
    ($($(#[$doc:meta])* $name:ident, $field:ident: $type:ty;)*) => {
        impl QpOptions {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

with! {
    /// Sets the largest violation.
    with_primal_tol, primal_tol: f64;
    /// Sets the largest wrong sign.
    with_dual_tol, dual_tol: f64;
    /// Sets the limit on iterations.
    with_max_iters, max_iters: usize;
    /// Sets the limit on time.
    with_time_limit, time_limit: Option<Duration>;
    /// Sets the bound on the objective.
    with_objective_bound, objective_bound: f64;
    /// Sets the softness of soft constraints.
    with_rho_soft, rho_soft: f64;
    /// Sets the entering rule.
    with_pricing, pricing: Pricing;
    /// Sets what is done where P is not positive definite.
    with_proximal, proximal: Proximal;
    /// Sets whether equalities are solved for in advance.
    with_elimination, elimination: Elimination;
    /// Sets the weight of proximal terms.
    with_proximal_weight, proximal_weight: f64;
}

impl QpOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`OptError::InvalidOption`] names the first field that is out of its range or NaN.
    pub fn validate(&self) -> Result<(), OptError> {
        let positive = [
            ("primal_tol", self.primal_tol),
            ("dual_tol", self.dual_tol),
            ("zero_tol", self.zero_tol),
            ("pivot_tol", self.pivot_tol),
            ("progress_tol", self.progress_tol),
            ("sing_tol", self.sing_tol),
            ("refactor_tol", self.refactor_tol),
            ("rho_soft", self.rho_soft),
            ("proximal_tol", self.proximal_tol),
            ("elimination_share", self.elimination_share),
        ];
        for (option, value) in positive {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(OptError::InvalidOption {
                    option,
                    value,
                    requirement: "finite and at least 0",
                });
            }
        }
        if !(self.proximal_weight > 0.0 && self.proximal_weight <= 1.0) {
            return Err(OptError::InvalidOption {
                option: "proximal_weight",
                value: self.proximal_weight,
                requirement: "positive and at most 1",
            });
        }
        if self.pricing == (Pricing::Partial { candidates: 0 }) {
            return Err(OptError::InvalidOption {
                option: "candidates",
                value: 0.0,
                requirement: "at least 1",
            });
        }
        if self.objective_bound.is_nan() {
            return Err(OptError::InvalidOption {
                option: "objective_bound",
                value: self.objective_bound,
                requirement: "a number",
            });
        }
        Ok(())
    }
}
