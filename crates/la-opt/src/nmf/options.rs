//! What a user may choose.

use std::time::Duration;

use crate::OptError;

/// Penalty ρ of AO-ADMM.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Rho {
    /// The same in all half steps, positive, in the units of the Gram matrices.
    Fixed(f64),
    /// `tr(G) / r` for the Gram matrix G of the factor that is held: it follows the scale of the data.
    #[default]
    TraceOverRank,
    /// `s a^(1 − p) g^p`, with the arithmetic mean a = `tr(G) / r` and the geometric mean g = `det(G)^(1 / r)` of the eigenvalues of G: two numbers that can be fitted to
    /// a family of matrices. p = 0, s = 1 is [`Rho::TraceOverRank`]; with p = 1 directions that are nearly dependent make ρ small.
    Means {
        /// s, positive.
        scale: f64,
        /// p, in [0, 1].
        power: f64,
    },
}

/// Where the dual variable of a half step of AO-ADMM starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum DualStart {
    /// At 0, as an accelerator needs that changes the factors between iterations.
    Cold,
    /// Where it ended in the last iteration.
    #[default]
    Warm,
}

/// What is done where a half step raises the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Safeguard {
    /// Nothing: the iteration of the papers.
    None,
    /// Each row of a factor whose part of the error rises by the Gram matrix is replaced by a sweep of coordinate descent from where it was, so that the error falls in
    /// every half step.
    #[default]
    Monotone,
}

/// Alternating optimisation, each half step a few steps of ADMM.
///
/// # References
/// K. Huang, N. D. Sidiropoulos, A. P. Liavas, *IEEE Trans. Signal Process.* 64(19), 5052–5065, 2016, Algorithm 1. J. Sjölund, M. Bånkestad, arXiv 2202.00264, eqs. 20–22; the dual step there has the
/// wrong sign, here it is `U ← U + H − Y`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct AoAdmm {
    /// ρ. Default [`Rho::TraceOverRank`].
    pub rho: Rho,
    /// Inner iterations of a half step, at least 1. Default `5`.
    pub inner_iters: usize,
    /// Inner iterations end when `‖H − Y‖ < ε ‖H‖` and `‖H − H_before‖ < ε ‖U‖`, with this ε, at least 0. Default none: all of them are done.
    pub inner_tol: Option<f64>,
    /// Start of the dual. Default [`DualStart::Warm`].
    pub dual: DualStart,
    /// What is done where the error rises. Default [`Safeguard::Monotone`].
    pub safeguard: Safeguard,
}

impl Default for AoAdmm {
    fn default() -> Self {
        Self {
            rho: Rho::default(),
            inner_iters: 5,
            inner_tol: None,
            dual: DualStart::default(),
            safeguard: Safeguard::default(),
        }
    }
}

impl AoAdmm {
    /// The settings of Sjölund and Bånkestad: ρ = 1, 5 inner iterations, no safeguard. They leave open where the dual starts.
    #[must_use]
    pub fn published(dual: DualStart) -> Self {
        Self {
            rho: Rho::Fixed(1.0),
            dual,
            safeguard: Safeguard::None,
            ..Self::default()
        }
    }

    /// Sets ρ.
    #[must_use]
    pub fn with_rho(mut self, rho: Rho) -> Self {
        self.rho = rho;
        self
    }

    /// Sets the number of inner iterations.
    #[must_use]
    pub fn with_inner_iters(mut self, inner_iters: usize) -> Self {
        self.inner_iters = inner_iters;
        self
    }

    /// Sets the rule that ends inner iterations.
    #[must_use]
    pub fn with_inner_tol(mut self, inner_tol: Option<f64>) -> Self {
        self.inner_tol = inner_tol;
        self
    }

    /// Sets the start of the dual.
    #[must_use]
    pub fn with_dual(mut self, dual: DualStart) -> Self {
        self.dual = dual;
        self
    }

    /// Sets what is done where the error rises.
    #[must_use]
    pub fn with_safeguard(mut self, safeguard: Safeguard) -> Self {
        self.safeguard = safeguard;
        self
    }
}

/// What extrapolated points are made of.
///
/// The step β grows by `growth` as long as the error falls, up to a bound that grows by `bound_growth`; where the error rises the step is divided by `shrink` and both
/// factors go back to the last accepted ones.
///
/// # References
/// A. M. S. Ang, N. Gillis, *Neural Comput.* 31(2), 417–439, 2019, Algorithm 2 with projection of H (hp = 3).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Extrapolation {
    /// β of the first iteration, in [0, 1]. Default `0.5`.
    pub beta: f64,
    /// γ, at least 1. Default `1.01`.
    pub growth: f64,
    /// γ̄, at least 1 and at most γ. Default `1.005`.
    pub bound_growth: f64,
    /// η, greater than γ. Default `1.5`.
    pub shrink: f64,
}

impl Default for Extrapolation {
    fn default() -> Self {
        Self {
            beta: 0.5,
            growth: 1.01,
            bound_growth: 1.005,
            shrink: 1.5,
        }
    }
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Loss {
    /// `½ ‖W Hᵀ − V‖_F²`.
    #[default]
    Frobenius,
    /// `Σ v ln(v / q) − v + q` with `q = (W Hᵀ)_ij`, the divergence of Kullback and Leibler.
    KullbackLeibler,
}

/// How the factors are improved. The divergence of Kullback and Leibler is minimised by [`Method::ScalarNewton`] and by multiplicative updates.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Method {
    /// Alternating optimisation with ADMM.
    AoAdmm(AoAdmm),
    /// Hierarchical alternating least squares: exact coordinate descent over the columns of H, then over those of W.
    ///
    /// A. Cichocki, R. Zdunek, S. Amari, *ICA 2007*, LNCS 4666, 169–176; more than one sweep after N. Gillis, F. Glineur, *Neural Comput.* 24(4), 1085–1105, 2012.
    Hals {
        /// Sweeps of a half step, at least 1.
        sweeps: usize,
    },
    /// The same with extrapolation.
    ExtrapolatedHals {
        /// Sweeps of a half step, at least 1.
        sweeps: usize,
        /// Steps.
        extrapolation: Extrapolation,
    },
    /// Multiplicative updates. Zeros of the start stay zeros: start from [`Fill::Random`](super::Fill::Random) or a random start.
    ///
    /// D. D. Lee, H. S. Seung, *NIPS 13*, 556–562, 2000.
    Multiplicative(Loss),
    /// Coordinate descent for the divergence of Kullback and Leibler, which falls with every coordinate. A sweep costs some multiplicative updates and is worth many.
    ///
    /// Scalar Newton steps as in C.-J. Hsieh, I. S. Dhillon, *KDD 2011*, 1064–1072, and L. T. K. Hien, N. Gillis, *J. Sci. Comput.* 87, 93, 2021; their lengths, which take the
    /// place of those papers' missing or damped safeguard, are bounds of the step to the minimum that are derived in this crate (`nmf/newton.rs`).
    ///
    /// A zero of the start can grow where the other factor is positive at its entries. An entry of V where W and H are both zero stays without a fit, and the divergence infinite: start from
    /// [`Fill::Random`](super::Fill::Random), [`Fill::Mean`](super::Fill::Mean) or a random start where [`Nndsvd`](super::Nndsvd) may leave such entries.
    ScalarNewton {
        /// Sweeps of a half step, at least 1.
        sweeps: usize,
    },
}

impl Default for Method {
    /// Extrapolated HALS with four sweeps.
    fn default() -> Self {
        Self::extrapolated_hals(4)
    }
}

impl Method {
    /// Extrapolated HALS with the default steps.
    #[must_use]
    pub fn extrapolated_hals(sweeps: usize) -> Self {
        Self::ExtrapolatedHals {
            sweeps,
            extrapolation: Extrapolation::default(),
        }
    }

    /// What it minimises.
    #[must_use]
    pub fn loss(&self) -> Loss {
        match self {
            Self::Multiplicative(loss) => *loss,
            Self::ScalarNewton { .. } => Loss::KullbackLeibler,
            _ => Loss::Frobenius,
        }
    }
}

/// Method, limits and records of a factorisation.
///
/// # Examples
/// ```
/// use la_opt::nmf::{AoAdmm, Method, NmfOptions};
///
/// let options = NmfOptions::default().with_method(Method::AoAdmm(AoAdmm::default())).with_max_iters(50);
/// assert_eq!(options.kkt_tol, 1e-4);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct NmfOptions {
    /// How. Default extrapolated HALS.
    pub method: Method,
    /// Outer iterations, each a half step of H and one of W, at most. Default `200`.
    pub max_iters: usize,
    /// Time at most, looked at after each iteration, without the time of recorded errors. Default none.
    pub time_limit: Option<Duration>,
    /// Converged when the norm of the projected gradient falls to this share of what it was at the start, at least 0; 0 switches it off. Under the divergence of Kullback and
    /// Leibler it is computed when what the last iteration met on its way was as small, and a start that fits some entries by almost nothing has a very large one. Default `1e-4`.
    pub kkt_tol: f64,
    /// Stalled when an iteration lowers the loss by less than this share, at least 0; 0 switches it off. Default `0`.
    pub change_tol: f64,
    /// Reached when the root of the mean squared error falls to this, in the units of the data. Default none.
    pub target_rmse: Option<f64>,
    /// The error is recorded every so many iterations, and at start and end; 0 records nothing. Default `1`.
    pub history_every: usize,
}

impl Default for NmfOptions {
    fn default() -> Self {
        Self {
            method: Method::default(),
            max_iters: 200,
            time_limit: None,
            kkt_tol: 1e-4,
            change_tol: 0.0,
            target_rmse: None,
            history_every: 1,
        }
    }
}

macro_rules! with {
    ($($(#[$doc:meta])* $name:ident, $field:ident: $type:ty;)*) => {
        impl NmfOptions {
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
    /// Sets the method.
    with_method, method: Method;
    /// Sets the limit on iterations.
    with_max_iters, max_iters: usize;
    /// Sets the limit on time.
    with_time_limit, time_limit: Option<Duration>;
    /// Sets the share of the projected gradient.
    with_kkt_tol, kkt_tol: f64;
    /// Sets the least share by which the loss falls.
    with_change_tol, change_tol: f64;
    /// Sets the error that is enough.
    with_target_rmse, target_rmse: Option<f64>;
    /// Sets how often the error is recorded.
    with_history_every, history_every: usize;
}

impl NmfOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`OptError::InvalidOption`] names the first field that is out of its range or NaN.
    pub fn validate(&self) -> Result<(), OptError> {
        let require = |ok: bool, option, value, requirement| {
            if ok {
                return Ok(());
            }
            Err(OptError::InvalidOption {
                option,
                value,
                requirement,
            })
        };
        let size = "finite and at least 0";
        let nonnegative = |x: f64| x >= 0.0 && x.is_finite();
        require(nonnegative(self.kkt_tol), "kkt_tol", self.kkt_tol, size)?;
        let change = self.change_tol;
        require(nonnegative(change), "change_tol", change, size)?;
        let target = self.target_rmse.unwrap_or(0.0);
        require(nonnegative(target), "target_rmse", target, size)?;
        match &self.method {
            Method::AoAdmm(admm) => {
                let inner = admm.inner_iters;
                require(inner > 0, "inner_iters", inner as f64, "at least 1")?;
                let tol = admm.inner_tol.unwrap_or(0.0);
                require(nonnegative(tol), "inner_tol", tol, size)?;
                let positive = |x: f64| x > 0.0 && x.is_finite();
                match admm.rho {
                    Rho::Fixed(rho) => require(positive(rho), "rho", rho, "finite and positive")?,
                    Rho::Means { scale, power } => {
                        require(positive(scale), "scale", scale, "finite and positive")?;
                        let ok = (0.0..=1.0).contains(&power);
                        require(ok, "power", power, "in [0, 1]")?;
                    }
                    Rho::TraceOverRank => {}
                }
            }
            Method::Hals { sweeps } | Method::ScalarNewton { sweeps } => {
                require(*sweeps > 0, "sweeps", *sweeps as f64, "at least 1")?;
            }
            Method::ExtrapolatedHals {
                sweeps,
                extrapolation: e,
            } => {
                require(*sweeps > 0, "sweeps", *sweeps as f64, "at least 1")?;
                let ok = (0.0..=1.0).contains(&e.beta);
                require(ok, "beta", e.beta, "in [0, 1]")?;
                let ok = e.bound_growth >= 1.0 && e.bound_growth <= e.growth;
                require(ok, "bound_growth", e.bound_growth, "in [1, growth]")?;
                let ok = e.growth >= 1.0 && e.growth < e.shrink;
                require(ok, "growth", e.growth, "at least 1 and less than shrink")?;
                let finite = e.shrink.is_finite();
                require(finite, "shrink", e.shrink, "finite")?;
            }
            Method::Multiplicative(_) => {}
        }
        Ok(())
    }
}
