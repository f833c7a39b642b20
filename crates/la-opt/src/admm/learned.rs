//! Step sizes, relaxation and edge weights by a network.

use la_gnn::admm::{AdmmConfig, Parameters};
use la_gnn::native::admm::{AdmmNetwork, AgentGraph, StepRule};
use la_gnn::{GnnError, Weights};

use super::{AdmmError, AdmmOptions, EdgeWeights, Form, Network, NodeView, Plan, StepPolicy};

/// A trained network for [`Admm`](super::Admm): it gives the edges of a graph their weights, chooses the step sizes of the first iterations, and says which
/// constants govern those after them, for which convergence is that of ordinary ADMM.
///
/// # Examples
/// Weights that are part of `la-gnn`, for averages (`admm-consensus`) and for least squares (`admm-least-squares`) in two variables, written by `cargo xtask train admm`.
/// ```
/// use la_gnn::Weights;
/// use la_opt::admm::learned::LearnedAdmm;
/// use la_opt::admm::{Admm, AdmmOptions, AdmmStatus, Network, SquaredDistance};
///
/// let ring = Network::from_edges(12, (0..12).map(|i| (i, (i + 1) % 12)))?;
/// let agents = (0..12).map(|i| SquaredDistance::new(vec![f64::from(i), 3.0]));
/// let agents = agents.collect::<Result<Vec<_>, _>>()?;
///
/// let learned = LearnedAdmm::from_weights(&Weights::bundled("admm-consensus")?)?.with_guard();
/// let setup = learned.setup(ring, AdmmOptions::default())?;
/// let mut admm = Admm::new(&setup.network, agents, setup.options)?.with_policy(setup.policy);
///
/// assert!(setup.used); // a graph like those of training
/// assert_eq!(admm.solve().status, AdmmStatus::Converged);
/// assert!((admm.x(0)[0] - 5.5).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// H. Doerks, P. Häusner, D. Hernández Escobar, J. Sjölund, *Learning to accelerate distributed ADMM using graph neural networks*, L4DC 2026, arXiv 2509.05288.
#[derive(Debug, Clone)]
pub struct LearnedAdmm {
    network: AdmmNetwork,
    guard: bool,
}

/// What [`LearnedAdmm::setup`] makes of a graph and options.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LearnedSetup {
    /// The graph with learned weights.
    pub network: Network,
    /// The options with the constants of later iterations, and the form that networks are trained for.
    pub options: AdmmOptions,
    /// Chooses the step sizes of the first iterations.
    pub policy: LearnedSteps,
    /// Whether the network is used: false if the graph has degrees that it was not trained on, and is guarded against them. Then graph and options are as they were.
    pub used: bool,
}

impl LearnedAdmm {
    /// From parameters.
    ///
    /// # Errors
    /// As [`AdmmNetwork::new`].
    pub fn new(parameters: &Parameters<AdmmConfig>) -> Result<Self, GnnError> {
        Ok(Self {
            network: AdmmNetwork::new(parameters)?,
            guard: false,
        })
    }

    /// From a weight file as `cargo xtask train admm` writes it.
    ///
    /// # Errors
    /// As [`Parameters::from_weights`] and [`LearnedAdmm::new`].
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        Self::new(&Parameters::from_weights(weights)?)
    }

    /// Refuses graphs with degrees outside those of training, and those of networks that do not know them: on them ADMM runs as the options say.
    #[must_use]
    pub fn with_guard(mut self) -> Self {
        self.guard = true;
        self
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &AdmmNetwork {
        &self.network
    }

    /// Weights, options and policy for a graph.
    ///
    /// # Errors
    /// [`AdmmError::Network`] if the graph cannot be read, which it can if it is a [`Network`].
    pub fn setup(&self, network: Network, options: AdmmOptions) -> Result<LearnedSetup, AdmmError> {
        let graph = AgentGraph::new(network.pattern())?;
        let used = !self.guard || self.network.covers(&graph);
        let policy = |horizon| LearnedSteps {
            horizon,
            features: vec![0.0; self.network.config().step_inputs()],
            network: self.network.clone(),
        };
        if !used {
            return Ok(LearnedSetup {
                network,
                options,
                policy: policy(0),
                used,
            });
        }
        let weights = EdgeWeights::Given(self.network.edge_weights(&graph));
        let [alpha, gamma] = self.network.tail();
        Ok(LearnedSetup {
            network: network.with_weights(weights)?,
            options: options
                .with_form(Form::Nodes)
                .with_alpha(alpha)
                .with_gamma(gamma),
            policy: policy(self.network.config().learned_iterations),
            used,
        })
    }
}

impl From<GnnError> for AdmmError {
    fn from(error: GnnError) -> Self {
        Self::Network(error.to_string())
    }
}

/// The [`StepPolicy`] of a network.
#[derive(Debug, Clone)]
pub struct LearnedSteps {
    horizon: usize,
    network: AdmmNetwork,
    features: Vec<f64>,
}

impl StepPolicy for LearnedSteps {
    fn horizon(&self) -> usize {
        self.horizon
    }

    fn plan(&mut self, k: usize) -> Plan {
        let gamma = self.network.relaxation(k);
        match self.network.step_rule(k) {
            StepRule::Given(alpha) => Plan::Global { alpha, gamma },
            StepRule::Mean => Plan::Mean { gamma },
            _ => Plan::Nodes { gamma },
        }
    }

    /// NaN, which stands for the α of the options, where agents have another number of variables than the network was made for.
    fn step(&mut self, k: usize, view: &NodeView<'_>) -> f64 {
        let parts = [
            view.x,
            view.y,
            view.y_neighbours,
            view.lambda,
            view.lambda_neighbours,
        ];
        let n = view.x.len();
        if self.features.len() != 5 * n + 1 {
            return f64::NAN;
        }
        for (to, from) in self.features.chunks_exact_mut(n).zip(parts) {
            to.copy_from_slice(from);
        }
        self.features[5 * n] = view.weighted_degree;
        self.network
            .step_size(k, &self.features)
            .unwrap_or(f64::NAN)
    }
}
