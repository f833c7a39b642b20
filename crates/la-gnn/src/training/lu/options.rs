//! Which loss.

use serde::{Deserialize, Serialize};

use crate::GnnError;

/// What training of an LU factorisation minimises; w is a standard normal probe, fresh at every update.
///
/// The first three are those of the paper. Where A⁻¹ occurs, stored pairs `A x = b` with standard normal b stand for
/// `x = A⁻¹ w`, see [`LuSystem`](super::LuSystem): nothing is solved during training.
///
/// The others are not in the paper. They are logarithms of condition numbers of the preconditioned matrix, do not change when P is
/// multiplied by a number, and look at relative, not at absolute, errors of P.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LuObjective {
    /// `‖A w − P w‖²`: the large singular values of `A P⁻¹` (eq. 5, "L_max").
    Max,
    /// `‖P x − b‖²` with a pair: the small singular values. With a fresh pair at every update it is `‖P A⁻¹ w − w‖²` (eq. 6,
    /// "L_min"), with one pair per matrix the biased form without solves (eq. 7).
    Min,
    /// `‖A w − P w‖² + α ‖P x‖²` with a pair: both ends (eq. 8, "L_com").
    Combined,
    /// `log(‖A P⁻¹ w‖² / n) + (2/n) log |det L|`.
    ///
    /// Up to a constant it is the logarithm of `‖B‖_F² / (n |det B|^(2/n))` with `B = A P⁻¹`: Kaporin's condition number of BᵀB
    /// (I. Kaporin, *Numer. Linear Algebra Appl.* 1(2), 179–210, 1994), at its least where B is orthogonal up to scale. Needs
    /// triangular solves: at the start of a training, where L and U are arbitrary, P⁻¹ w may overflow; start from weights trained with
    /// [`LuObjective::Max`].
    LogMax,
    /// `log(‖P x‖² / n) − (2/n) log |det L|` with a pair: the same for `B⁻¹ = P A⁻¹`. No triangular solves.
    LogMin,
    /// `log(‖A P⁻¹ w‖² / n) + log(‖P x‖² / n)` with a pair: twice the logarithm of the Frobenius condition number `‖B‖_F ‖B⁻¹‖_F / n`; the
    /// sum of the two before it, whose determinants cancel.
    LogBoth,
}

/// Whether the norms of [`LuObjective::Max`], [`LuObjective::Min`] and [`LuObjective::Combined`] are squared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LuPower {
    /// As in the paper.
    Square,
    /// The norms themselves, as in the authors' code.
    Norm,
}

/// A loss of LU factors. The default is `‖A w − P w‖²`.
///
/// # Examples
/// ```
/// use la_gnn::training::lu::{LuLoss, LuObjective};
/// let loss = LuLoss::default().with_objective(LuObjective::Combined).with_alpha(0.25);
/// assert!(loss.validate().is_ok() && loss.needs_pairs());
/// assert!(loss.with_alpha(-1.0).validate().is_err());
/// ```
///
/// # References
/// P. Häusner, A. Nieto Juscafresa, J. Sjölund, *Learning incomplete factorization preconditioners for GMRES*, 2025, eqs. 5–8.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LuLoss {
    /// Objective. Default [`LuObjective::Max`].
    pub objective: LuObjective,
    /// Squared norms or norms. Default squared. No meaning for the logarithmic objectives.
    pub power: LuPower,
    /// Weight α of the second term of [`LuObjective::Combined`], at least 0. Default 1/7 (the paper's).
    pub alpha: f64,
}

impl Default for LuLoss {
    fn default() -> Self {
        Self {
            objective: LuObjective::Max,
            power: LuPower::Square,
            alpha: 1.0 / 7.0,
        }
    }
}

impl LuLoss {
    /// Sets the objective.
    #[must_use]
    pub fn with_objective(mut self, objective: LuObjective) -> Self {
        self.objective = objective;
        self
    }
    /// Sets whether norms are squared.
    #[must_use]
    pub fn with_power(mut self, power: LuPower) -> Self {
        self.power = power;
        self
    }
    /// Sets α.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Whether it looks at solutions of systems with A.
    #[must_use]
    pub fn needs_pairs(&self) -> bool {
        match self.objective {
            LuObjective::Max | LuObjective::LogMax => false,
            LuObjective::Min
            | LuObjective::Combined
            | LuObjective::LogMin
            | LuObjective::LogBoth => true,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the field.
    pub fn validate(&self) -> Result<(), GnnError> {
        if !(self.alpha >= 0.0 && self.alpha.is_finite()) {
            return Err(GnnError::Config {
                field: "alpha",
                reason: format!("is {}, must be at least 0 and finite", self.alpha),
            });
        }
        Ok(())
    }
}
