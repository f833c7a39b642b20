//! Step sizes of an iteration, and who chooses them.

/// α and γ of one iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum StepSizes<'a> {
    /// One α for all.
    Global {
        /// α, positive.
        alpha: f64,
        /// γ, in (0, 2).
        gamma: f64,
    },
    /// Each agent its own. Fixed points are right, but convergence is proved only if this happens finitely often.
    Nodes {
        /// α of each agent, own ones and ghosts.
        alpha: &'a [f64],
        /// γ, in (0, 2).
        gamma: f64,
    },
}

impl StepSizes<'_> {
    /// α of own agent i.
    #[inline]
    pub(super) fn of(&self, i: usize) -> f64 {
        match self {
            Self::Global { alpha, .. } => *alpha,
            Self::Nodes { alpha, .. } => alpha[i],
        }
    }

    /// γ.
    #[inline]
    pub(super) fn gamma(&self) -> f64 {
        match *self {
            Self::Global { gamma, .. } | Self::Nodes { gamma, .. } => gamma,
        }
    }
}

/// What a [`StepPolicy`] wants of an iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Plan {
    /// This α and γ for all.
    Global {
        /// α, positive.
        alpha: f64,
        /// γ, in (0, 2).
        gamma: f64,
    },
    /// [`StepPolicy::step`] is to be asked for each agent.
    Nodes {
        /// γ, in (0, 2).
        gamma: f64,
    },
    /// [`StepPolicy::step`] is to be asked for each agent, and the mean of the answers is the α of all. Costs a sum over all processes.
    Mean {
        /// γ, in (0, 2).
        gamma: f64,
    },
}

/// What an agent knows before it updates its x: its state and that of its neighbours, n numbers of each, or n_i of its own variables.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct NodeView<'a> {
    /// Global number of the agent.
    pub agent: usize,
    /// x_i (n).
    pub x: &'a [f64],
    /// y_i (n), the mean residual of its row.
    pub y: &'a [f64],
    /// `−Σ_j w_ij y_j` (n).
    pub y_neighbours: &'a [f64],
    /// λ_i (n).
    pub lambda: &'a [f64],
    /// `−Σ_j w_ij λ_j` (n).
    pub lambda_neighbours: &'a [f64],
    /// w_i, of the network also where agents have variables of their own.
    pub weighted_degree: f64,
}

/// Chooses the step sizes of the first iterations; after them those of the options are used.
///
/// Whatever it says is checked: steps that are not finite and positive become those of the options, others are clamped to `1e-4..1e4` and `0.02..1.98`.
pub trait StepPolicy: Send {
    /// Iterations it is asked for. After them convergence is that of constant steps, from wherever it led.
    fn horizon(&self) -> usize;

    /// What it wants of iteration k, counted from 0.
    fn plan(&mut self, k: usize) -> Plan;

    /// The step size of one agent in iteration k.
    fn step(&mut self, k: usize, view: &NodeView<'_>) -> f64 {
        let _ = (k, view);
        f64::NAN
    }
}

/// Step sizes written down in advance, (α, γ) of iterations 0, 1, ...
///
/// # Examples
/// ```
/// use la_opt::admm::{Plan, Schedule, StepPolicy};
///
/// let mut schedule = Schedule::new(vec![(1.0, 1.0), (0.5, 1.8)]);
/// assert_eq!(schedule.horizon(), 2);
/// assert_eq!(schedule.plan(1), Plan::Global { alpha: 0.5, gamma: 1.8 });
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schedule {
    steps: Vec<(f64, f64)>,
}

impl Schedule {
    /// From (α, γ) of each iteration.
    #[must_use]
    pub fn new(steps: Vec<(f64, f64)>) -> Self {
        Self { steps }
    }
}

impl StepPolicy for Schedule {
    fn horizon(&self) -> usize {
        self.steps.len()
    }

    fn plan(&mut self, k: usize) -> Plan {
        let (alpha, gamma) = self.steps[k];
        Plan::Global { alpha, gamma }
    }
}

pub(super) fn clamp_alpha(alpha: f64, instead: f64) -> f64 {
    if alpha.is_finite() && alpha > 0.0 {
        alpha.clamp(1e-4, 1e4)
    } else {
        instead
    }
}

pub(super) fn clamp_gamma(gamma: f64, instead: f64) -> f64 {
    if gamma.is_finite() {
        gamma.clamp(0.02, 1.98)
    } else {
        instead
    }
}
