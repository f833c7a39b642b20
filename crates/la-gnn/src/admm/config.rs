//! Configuration of the learned parts of distributed ADMM.

use serde::{Deserialize, Serialize};

use super::NetworkConfig;
use crate::GnnError;
use crate::network::{in_range, specs};
use crate::neuralif::ParameterSpec;

/// Where step sizes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepSizes {
    /// α = 1.
    Constant,
    /// Every node its own, from a perceptron of iteration k (published as `alpha`). Needs no more communication than the method itself.
    #[default]
    Node,
    /// The average over the graph of what [`Node`](Self::Node) gives (published as `mean`). Needs a global sum in every learned iteration.
    Mean,
    /// One number for each iteration, `α_k = exp θ_k`, k from 0 on.
    Schedule,
}

impl StepSizes {
    /// Whether a perceptron gives them.
    #[must_use]
    pub fn has_network(self) -> bool {
        matches!(self, Self::Node | Self::Mean)
    }
}

/// Where relaxation factors come from.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Relaxation {
    /// γ = 1 (published).
    #[default]
    None,
    /// The same in all learned iterations.
    Constant {
        /// γ, in (0, 2).
        gamma: f64,
    },
    /// One number for each iteration, `γ_k = 1 + 0.98 tanh θ_k`, k from 0 on.
    Schedule,
}

/// Where edge weights come from. They are computed once for a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EdgeWeights {
    /// w = 1.
    #[default]
    Unit,
    /// A perceptron on the degree profiles of both ends: `w_uv = ½ φ(u, v) + ½ φ(v, u)` (published). Degrees go in as they are, so that it says
    /// nothing sensible about degrees that it has not seen in training.
    Profile,
    /// A perceptron on bounded ratios of degrees, times Metropolis weights: `w_uv = 4 / (1 + max(d_u, d_v)) · exp(B tanh(q / B))`,
    /// `q = ½ φ(u, v) + ½ φ(v, u)`, B = ln 8. Features and factor mean the same on 8 nodes and on 1000, and no weight is further than 8 times from
    /// the Metropolis weight, which is 1 at degree 3.
    ScaleFree,
}

/// What governs iterations from [`AdmmConfig::learned_iterations`] on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tail {
    /// Given numbers.
    Constant {
        /// α, positive. Published 1.
        alpha: f64,
        /// γ, in (0, 2). Published 1.
        gamma: f64,
    },
    /// `α = exp θ_1`, `γ = 1 + 0.98 tanh θ_2`, learned: it needs a loss that looks beyond the learned iterations.
    Learned,
}

impl Default for Tail {
    fn default() -> Self {
        Self::Constant {
            alpha: 1.0,
            gamma: 1.0,
        }
    }
}

/// Configuration of the learned parts of distributed ADMM. The default is the published variant `alpha`.
///
/// Perceptrons are `softplus(w₂ · relu(W₁ u + b₁) + b₂)`. Step sizes read `[x, y, (Aᵀy)', λ, (Aᵀλ)', w]` of a node, where a prime is the part that
/// neighbours send and w the sum of the weights of its edges; these 5 n + 1 numbers less their mean, over their deviation + 10⁻⁵.
///
/// # Examples
/// ```
/// use la_gnn::admm::{AdmmConfig, EdgeWeights, NetworkConfig, StepSizes};
///
/// let alpha = AdmmConfig::new(2);
/// assert_eq!(alpha.parameter_count(), 3753);
/// let combined = alpha.with_edges(EdgeWeights::Profile);
/// assert_eq!(combined.parameter_count(), 4138);
/// let edges = combined.with_steps(StepSizes::Constant);
/// assert_eq!(edges.parameter_count(), 385);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AdmmConfig {
    /// n, numbers of an agent; 1 to 64. Default 2.
    pub dimension: usize,
    /// K, iterations before the tail; 1 to 1000. Default 10. Iteration 0 has α = 1 whatever the perceptrons, as the state is zero.
    pub learned_iterations: usize,
    /// Hidden width of the perceptrons, 1 to 128. Default 32.
    pub hidden: usize,
    /// One perceptron of step sizes for all learned iterations, iteration 0 with them. Default false. In the published code, which has this switch and
    /// does not use it, the perceptron goes on after iteration K; here the tail takes over, since nothing is proved of node-wise steps for ever.
    pub shared: bool,
    /// Step sizes. Default [`StepSizes::Node`].
    pub steps: StepSizes,
    /// Relaxation. Default none.
    pub relaxation: Relaxation,
    /// Edge weights. Default 1.
    pub edges: EdgeWeights,
    /// Iterations from K on. Default α = γ = 1.
    pub tail: Tail,
}

impl Default for AdmmConfig {
    fn default() -> Self {
        Self {
            dimension: 2,
            learned_iterations: 10,
            hidden: 32,
            shared: false,
            steps: StepSizes::default(),
            relaxation: Relaxation::default(),
            edges: EdgeWeights::default(),
            tail: Tail::default(),
        }
    }
}

macro_rules! with {
    ($($(#[$doc:meta])* $name:ident, $field:ident: $type:ty;)*) => {
        impl AdmmConfig {
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
    /// Sets K.
    with_learned_iterations, learned_iterations: usize;
    /// Sets the hidden width.
    with_hidden, hidden: usize;
    /// Sets whether all iterations share a perceptron.
    with_shared, shared: bool;
    /// Sets where step sizes come from.
    with_steps, steps: StepSizes;
    /// Sets where relaxation factors come from.
    with_relaxation, relaxation: Relaxation;
    /// Sets where edge weights come from.
    with_edges, edges: EdgeWeights;
    /// Sets what governs later iterations.
    with_tail, tail: Tail;
}

/// Inputs of [`EdgeWeights::Profile`]: degree, and least, greatest, mean and deviation of the neighbours' degrees, of both ends.
const PROFILE_INPUTS: usize = 10;
/// Inputs of [`EdgeWeights::ScaleFree`]: five ratios of each end, and one of both.
const SCALE_FREE_INPUTS: usize = 11;

impl AdmmConfig {
    /// The published variant `alpha`, for agents of n numbers.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self {
            dimension,
            ..Self::default()
        }
    }

    /// Ordinary ADMM, α = γ = w = 1: no parameters.
    #[must_use]
    pub fn baseline(dimension: usize) -> Self {
        Self::new(dimension).with_steps(StepSizes::Constant)
    }

    /// Everything that may be learned, at once: node-wise step sizes, a relaxation schedule, edge weights from ratios of degrees, the tail. Beyond the paper;
    /// to be trained with [`AdmmLoss::at_several_depths`](crate::training::admm::AdmmLoss::at_several_depths).
    #[must_use]
    pub fn all_learned(dimension: usize) -> Self {
        Self::new(dimension)
            .with_relaxation(Relaxation::Schedule)
            .with_edges(EdgeWeights::ScaleFree)
            .with_tail(Tail::Learned)
    }

    /// Inputs of a perceptron of step sizes, 5 n + 1.
    #[must_use]
    pub fn step_inputs(&self) -> usize {
        5 * self.dimension + 1
    }

    /// Inputs of the perceptron of edge weights, 0 if there is none.
    #[must_use]
    pub fn edge_inputs(&self) -> usize {
        match self.edges {
            EdgeWeights::Unit => 0,
            EdgeWeights::Profile => PROFILE_INPUTS,
            EdgeWeights::ScaleFree => SCALE_FREE_INPUTS,
        }
    }

    /// Name of the perceptron that gives the step sizes of iteration k (counted from 0), if one does.
    #[must_use]
    pub fn step_network(&self, k: usize) -> Option<String> {
        if !self.steps.has_network() || k >= self.learned_iterations {
            None
        } else if self.shared {
            Some("step".into())
        } else {
            (k > 0).then(|| format!("step{k}"))
        }
    }
}

impl NetworkConfig for AdmmConfig {
    const ARCHITECTURE: &'static str = "distributed-admm";

    fn validate(&self) -> Result<(), GnnError> {
        in_range("dimension", self.dimension, 1..=64)?;
        in_range("learned_iterations", self.learned_iterations, 1..=1000)?;
        in_range("hidden", self.hidden, 1..=128)?;
        let gamma = |field, gamma: f64| {
            if gamma > 0.0 && gamma < 2.0 {
                return Ok(());
            }
            let reason = format!("gamma is {gamma}, must be in (0, 2)");
            Err(GnnError::Config { field, reason })
        };
        if let Relaxation::Constant { gamma: value } = self.relaxation {
            gamma("relaxation", value)?;
        }
        if let Tail::Constant {
            alpha,
            gamma: value,
        } = self.tail
        {
            gamma("tail", value)?;
            if !(alpha > 0.0 && alpha.is_finite()) {
                let reason = format!("alpha is {alpha}, must be positive and finite");
                let field = "tail";
                return Err(GnnError::Config { field, reason });
            }
        }
        Ok(())
    }

    fn parameters(&self) -> Vec<ParameterSpec> {
        let (h, iterations) = (self.hidden, self.learned_iterations);
        let mut list = Vec::new();
        let mut perceptron = |name: &str, inputs: usize| {
            list.push((format!("{name}.lin1.weight"), vec![h, inputs]));
            list.push((format!("{name}.lin1.bias"), vec![h]));
            list.push((format!("{name}.lin2.weight"), vec![1, h]));
            list.push((format!("{name}.lin2.bias"), vec![1]));
        };
        if self.edges != EdgeWeights::Unit {
            perceptron("edge", self.edge_inputs());
        }
        let mut names: Vec<String> = (0..iterations)
            .filter_map(|k| self.step_network(k))
            .collect();
        names.dedup();
        for name in names {
            perceptron(&name, self.step_inputs());
        }
        if self.steps == StepSizes::Schedule {
            list.push(("schedule.alpha".into(), vec![iterations]));
        }
        if self.relaxation == Relaxation::Schedule {
            list.push(("schedule.gamma".into(), vec![iterations]));
        }
        if self.tail == Tail::Learned {
            list.push(("tail.alpha".into(), vec![1]));
            list.push(("tail.gamma".into(), vec![1]));
        }
        specs(list)
    }

    /// Least and greatest degree of the graphs of the training set; zeros where that is not known.
    fn statistics(&self) -> Vec<ParameterSpec> {
        specs(vec![("degree.range".into(), vec![2])])
    }

    fn initial_values(&self, seed: u64) -> Vec<f32> {
        super::parameters::initial_values(self, seed)
    }
}
