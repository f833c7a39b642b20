//! What a user may choose.

use std::time::Duration;

use super::{AdmmError, Anderson, Form, Safeguard};

/// How α changes after the iterations of a policy.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Adapt {
    /// Not at all.
    #[default]
    None,
    /// Where one residual is `ratio` times as large as the other, α is multiplied or divided by `factor`.
    ///
    /// S. Boyd, N. Parikh, E. Chu, B. Peleato, J. Eckstein, *Found. Trends Mach. Learn.* 3(1), 2011, section 3.4.1; relative residuals after B. Wohlberg, arXiv 1704.06209.
    Balance {
        /// μ, at least 1.
        ratio: f64,
        /// τ, greater than 1.
        factor: f64,
        /// Each residual is divided by the norm that its tolerance is relative to, so that the scale of the data does not matter.
        relative: bool,
    },
    /// α is the geometric mean of two estimates of Barzilai and Borwein along the last steps: the curvature of the local functions in the metric `M_i`, in which an agent's own step is
    /// measured (safeguarded), and that in the metric `Aᵀ (D + 1)⁻¹ A`, in which disagreement is. The first is right for modes that change sign from neighbour to neighbour, the second for those that
    /// are slow on this graph; the rate is best in between. Changes by less than a quarter are left undone.
    ///
    /// Z. Xu, M. Figueiredo, T. Goldstein, *AISTATS* 2017 (AADMM, the first estimate and the safeguard); E. Ghadimi, A. Teixeira, I. Shames, M. Johansson, *IEEE Trans. Automat. Contr.* 60(3), 2015 (the geometric mean of extreme
    /// curvatures is optimal for quadratic functions). Deviates: the constraint is an indicator and has no curvature of its own, so that the authors' mean of two functions would be the first estimate alone, which knows nothing of the graph.
    Spectral {
        /// Least correlation between steps and changes of subgradients at which the estimate is used, in [0, 1).
        correlation: f64,
    },
}

impl Adapt {
    /// Relative residual balancing with μ = 10, τ = 2.
    #[must_use]
    pub fn balance() -> Self {
        Self::Balance {
            ratio: 10.0,
            factor: 2.0,
            relative: true,
        }
    }

    /// Spectral steps with the correlation 0.2 of the authors.
    #[must_use]
    pub fn spectral() -> Self {
        Self::Spectral { correlation: 0.2 }
    }
}

/// Options of [`Admm`](super::Admm).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct AdmmOptions {
    /// The constraint that stands for agreement. Default [`Form::Nodes`].
    pub form: Form,
    /// Step size α after the iterations of a policy, positive. Default `1`.
    pub alpha: f64,
    /// Over-relaxation γ after the iterations of a policy, in (0, 2); 1 is none. Default `1.8`.
    pub gamma: f64,
    /// How α changes. Default [`Adapt::None`].
    pub adapt: Adapt,
    /// α changes at most so often. Then it stays, and the theory of a constant one applies. Default `20`.
    pub max_changes: usize,
    /// Iterations, at least 1. Default `10 000`.
    pub max_iters: usize,
    /// Absolute tolerance of a residual, for each of its entries. Default `1e-8`.
    pub eps_abs: f64,
    /// Tolerance relative to what a residual is a difference of. Default `1e-6`.
    pub eps_rel: f64,
    /// Residuals are looked at, and α adapted, every so many iterations; costs a pass and one sum over all processes. Default `10`.
    pub check_every: usize,
    /// Sums over agents are exact, so that decisions and iterates are the same bits on any number of threads and processes. Default yes.
    pub deterministic: bool,
    /// The sums of a look are waited for at the next one, so that no iteration waits for all processes; convergence is then seen `check_every` iterations later. Looks are waited for all the same while iterations have sums of their own: with [`Plan::Mean`](super::Plan::Mean), with an acceleration. Default no.
    pub pipelined: bool,
    /// Time of a solve. Default none.
    pub time_limit: Option<Duration>,
    /// When a policy is given up before its horizon. Default never.
    pub safeguard: Option<Safeguard>,
    /// Acceleration of the iterations after those of a policy. Default none.
    pub acceleration: Option<Anderson>,
    /// Checkpoints while a solve runs; looks are then not pipelined. Default none.
    #[cfg(feature = "serde")]
    pub checkpoint: Option<super::Checkpointing>,
}

impl Default for AdmmOptions {
    fn default() -> Self {
        Self {
            form: Form::Nodes,
            alpha: 1.0,
            gamma: 1.8,
            adapt: Adapt::None,
            max_changes: 20,
            max_iters: 10_000,
            eps_abs: 1e-8,
            eps_rel: 1e-6,
            check_every: 10,
            deterministic: true,
            pipelined: false,
            time_limit: None,
            safeguard: None,
            acceleration: None,
            #[cfg(feature = "serde")]
            checkpoint: None,
        }
    }
}

impl AdmmOptions {
    /// ADMM without over-relaxation.
    #[must_use]
    pub fn plain(alpha: f64) -> Self {
        Self::default().with_alpha(alpha).with_gamma(1.0)
    }

    /// Sets the form.
    #[must_use]
    pub fn with_form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Sets α.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets γ.
    #[must_use]
    pub fn with_gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }

    /// Sets how α changes.
    #[must_use]
    pub fn with_adapt(mut self, adapt: Adapt) -> Self {
        self.adapt = adapt;
        self
    }

    /// Sets how often α may change.
    #[must_use]
    pub fn with_max_changes(mut self, max_changes: usize) -> Self {
        self.max_changes = max_changes;
        self
    }

    /// Sets the iterations of a solve.
    #[must_use]
    pub fn with_max_iters(mut self, max_iters: usize) -> Self {
        self.max_iters = max_iters;
        self
    }

    /// Sets both tolerances.
    #[must_use]
    pub fn with_tolerances(mut self, eps_abs: f64, eps_rel: f64) -> Self {
        self.eps_abs = eps_abs;
        self.eps_rel = eps_rel;
        self
    }

    /// Sets how often residuals are looked at.
    #[must_use]
    pub fn with_check_every(mut self, check_every: usize) -> Self {
        self.check_every = check_every;
        self
    }

    /// Sets whether sums are exact.
    #[must_use]
    pub fn with_deterministic(mut self, deterministic: bool) -> Self {
        self.deterministic = deterministic;
        self
    }

    /// Sets whether sums are waited for at the next look.
    #[must_use]
    pub fn with_pipelined(mut self, pipelined: bool) -> Self {
        self.pipelined = pipelined;
        self
    }

    /// Sets the time limit.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Option<Duration>) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Sets when a policy is given up.
    #[must_use]
    pub fn with_safeguard(mut self, safeguard: Option<Safeguard>) -> Self {
        self.safeguard = safeguard;
        self
    }

    /// Sets the acceleration.
    #[must_use]
    pub fn with_acceleration(mut self, acceleration: Option<Anderson>) -> Self {
        self.acceleration = acceleration;
        self
    }

    /// Sets where and how often checkpoints are written.
    #[cfg(feature = "serde")]
    #[must_use]
    pub fn with_checkpoint(mut self, checkpoint: Option<super::Checkpointing>) -> Self {
        self.checkpoint = checkpoint;
        self
    }

    pub(super) fn check(&self) -> Result<(), AdmmError> {
        let require = |holds: bool, option, value, requirement| {
            if holds {
                return Ok(());
            }
            Err(AdmmError::InvalidOption {
                option,
                value,
                requirement,
            })
        };
        let positive = |x: f64| x > 0.0 && x.is_finite();
        require(positive(self.alpha), "alpha", self.alpha, "positive")?;
        let relaxation = self.gamma > 0.0 && self.gamma < 2.0;
        require(relaxation, "gamma", self.gamma, "in (0, 2)")?;
        require(self.eps_abs >= 0.0, "eps_abs", self.eps_abs, "at least 0")?;
        require(self.eps_rel >= 0.0, "eps_rel", self.eps_rel, "at least 0")?;
        require(self.max_iters > 0, "max_iters", 0.0, "at least 1")?;
        require(self.check_every > 0, "check_every", 0.0, "at least 1")?;
        if let Some(anderson) = &self.acceleration {
            let (memory, safeguard) = (anderson.memory, anderson.safeguard);
            let regularization = anderson.regularization;
            let fits = (1..=50).contains(&memory);
            require(fits, "memory", memory as f64, "in 1..=50")?;
            require(positive(safeguard), "safeguard", safeguard, "positive")?;
            let least = regularization >= 0.0 && regularization.is_finite();
            require(least, "regularization", regularization, "at least 0")?;
        }
        if let Some(Safeguard { growth, patience }) = self.safeguard {
            require(growth >= 1.0, "growth", growth, "at least 1")?;
            require(patience > 0, "patience", 0.0, "at least 1")?;
        }
        match self.adapt {
            Adapt::None => Ok(()),
            Adapt::Balance { ratio, factor, .. } => {
                require(ratio >= 1.0, "ratio", ratio, "at least 1")?;
                require(factor > 1.0, "factor", factor, "greater than 1")
            }
            Adapt::Spectral { correlation } => require(
                (0.0..1.0).contains(&correlation),
                "correlation",
                correlation,
                "in [0, 1)",
            ),
        }
    }
}
