//! Training of networks that improve a nonnegative factorisation: matrices, loss, schedule.

use serde::{Deserialize, Serialize};

use crate::GnnError;
use crate::factormer::FactormerInput;

/// Steps of the inner method in a half-step of the solver, in both engines.
pub(crate) const INNER_STEPS: usize = 5;

/// A matrix with the factors that a run starts from, all row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct FactormerSample {
    /// V, m × n, nonnegative, of mean 1.
    pub v: Vec<f64>,
    /// W, m × r.
    pub w: Vec<f64>,
    /// H, n × r.
    pub h: Vec<f64>,
}

impl FactormerSample {
    /// Checks lengths and that all numbers are finite.
    ///
    /// # Errors
    /// [`GnnError::Matrix`], [`GnnError::NonFinite`].
    pub fn check(&self, rank: usize) -> Result<(), GnnError> {
        let (m, n) = (self.w.len() / rank, self.h.len() / rank);
        for (what, len, expected) in [
            ("V", self.v.len(), m * n),
            ("W", self.w.len(), m * rank),
            ("H", self.h.len(), n * rank),
        ] {
            if len != expected {
                let reason = format!("{what} has {len} entries, expected {expected}");
                return Err(GnnError::Matrix { reason });
            }
        }
        for (what, values) in [("V", &self.v), ("W", &self.w), ("H", &self.h)] {
            if let Some(position) = values.iter().position(|v| !v.is_finite()) {
                let what = what.to_owned();
                return Err(GnnError::NonFinite { what, position });
            }
        }
        Ok(())
    }
}

/// What training minimises: `Σ_k γᵏ ½ ‖W Hᵀ − V‖²` over the iterates of a run from behind.
///
/// # Examples
/// ```
/// use la_gnn::factormer::FactormerInput;
/// use la_gnn::training::factormer::FactormerLoss;
/// let loss = FactormerLoss::published(FactormerInput::FactorAndSolver, 15_000);
/// assert_eq!((loss.gamma, loss.steps), (0.2, 5));
/// // Two epochs of one step, two of two, ..., then five.
/// let steps = [0, 29_999, 30_000, 119_999, 120_000, 224_999];
/// assert_eq!(steps.map(|update| loss.steps_at(update)), [1, 1, 2, 4, 5, 5]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FactormerLoss {
    /// γ, in (0, 1].
    pub gamma: f64,
    /// T: iterations of the solver after a network that starts a factorisation, steps of one that accelerates.
    pub steps: usize,
    /// Updates after which a run has one step more, from one on; 0: it has all from the beginning.
    pub grow_every: usize,
    /// Whether the objective is divided by the number of entries, so that matrices of any size count alike. Not stated in the source.
    pub mean: bool,
    /// Whether the logarithm of the sum is minimised, so that an easy matrix counts as much as a hard one. Not of the source.
    #[serde(default)]
    pub logarithm: bool,
    /// Whether a zero of a proposal that the loss would have larger takes its derivative as if it had not been cut off there, so that a column of zeros is not the end of it. Not
    /// of the source; with the native engine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revive: bool,
    /// ρ of the solver.
    pub rho: f64,
}

impl FactormerLoss {
    /// The published loss, for epochs of so many updates; γ of a network that starts a factorisation is not published and is 1.
    #[must_use]
    pub fn published(input: FactormerInput, epoch: usize) -> Self {
        let (gamma, grow_every) = match input {
            FactormerInput::Factor => (1.0, 0),
            FactormerInput::FactorAndSolver => (0.2, 2 * epoch),
        };
        Self {
            gamma,
            steps: 5,
            grow_every,
            mean: true,
            logarithm: false,
            revive: false,
            rho: 1.0,
        }
    }

    /// Sets the number of steps.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Sets γ.
    #[must_use]
    pub fn with_gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }

    /// Sets whether matrices of any size count alike.
    #[must_use]
    pub fn with_mean(mut self, mean: bool) -> Self {
        self.mean = mean;
        self
    }

    /// Sets whether the logarithm of the sum is minimised.
    #[must_use]
    pub fn with_logarithm(mut self, logarithm: bool) -> Self {
        self.logarithm = logarithm;
        self
    }

    /// Sets whether zeros of a proposal take derivatives that would have them larger.
    #[must_use]
    pub fn with_revive(mut self, revive: bool) -> Self {
        self.revive = revive;
        self
    }

    /// Steps of a run at an update, counted from 0.
    #[must_use]
    pub fn steps_at(&self, update: usize) -> usize {
        match self.grow_every {
            0 => self.steps,
            every => self.steps.min(1 + update / every),
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        let bad = |field, reason: String| Err(GnnError::Config { field, reason });
        if !(self.gamma > 0.0 && self.gamma <= 1.0) {
            return bad("gamma", format!("is {}, must be in (0, 1]", self.gamma));
        }
        if !(self.rho > 0.0 && self.rho.is_finite()) {
            return bad("rho", format!("is {}, must be positive", self.rho));
        }
        if self.steps > 1000 {
            return bad("steps", format!("is {}, must be at most 1000", self.steps));
        }
        Ok(())
    }
}
