//! Learned step sizes, relaxation and edge weights, ready to run.

use super::graph::AgentGraph;
use super::perceptron::{
    MOST_INPUTS, Perceptron, Scale, WIDEST, guard, normalise, sigmoid, softplus,
};
use crate::GnnError;
use crate::admm::{
    AdmmConfig, NetworkConfig, Parameters, RELAXATION_REACH, Relaxation, STEP_RANGE, StepSizes,
    Tail,
};

/// Where the step sizes of an iteration come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepRule {
    /// All nodes have this one.
    Given(f64),
    /// Every node has that of [`AdmmNetwork::step_size`].
    Node,
    /// All nodes have the average of [`AdmmNetwork::step_size`] over the graph.
    Mean,
}

/// The learned parts of distributed ADMM, ready to run; see [`AdmmConfig`].
///
/// A step size costs about `2 (5 n + 3) · hidden` operations, 700 at the published sizes; nothing allocates but [`edge_weights`](Self::edge_weights).
/// Everything is computed node by node and edge by edge in one order, so that it is the same bit by bit wherever nodes are computed.
///
/// # Examples
/// ```
/// use la_gnn::admm::{AdmmConfig, Parameters};
/// use la_gnn::native::admm::{AdmmNetwork, StepRule};
///
/// let network = AdmmNetwork::new(&Parameters::initialize(&AdmmConfig::new(1), 0)?)?;
/// assert_eq!(network.step_rule(0), StepRule::Given(1.0));
/// assert_eq!(network.step_rule(1), StepRule::Node);
/// assert_eq!(network.step_rule(10), StepRule::Given(1.0));
/// // x, y, what neighbours send of y, λ, what they send of λ, w.
/// let alpha = network.step_size(1, &[0.5, 0.1, -0.1, 0.1, -0.1, 2.0])?;
/// assert!(alpha > 0.0);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
///
/// # References
/// H. Doerks, P. Häusner, D. Hernández Escobar, J. Sjölund, arXiv 2509.05288, and the authors' code.
#[derive(Debug, Clone)]
pub struct AdmmNetwork {
    config: AdmmConfig,
    degree_range: Option<[usize; 2]>,
    /// Parameters in the order of [`Perceptron`].
    pub(super) flat: Vec<f64>,
    pub(super) edge: Option<Perceptron>,
    /// One, or one for each iteration from 1 on.
    steps: Vec<Perceptron>,
    pub(super) alphas: Option<usize>,
    pub(super) gammas: Option<usize>,
    pub(super) tail: Option<usize>,
}

impl AdmmNetwork {
    /// A network with these parameters.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range or the number of scalars is not that of the configuration,
    /// [`GnnError::NonFinite`].
    pub fn new(parameters: &Parameters<AdmmConfig>) -> Result<Self, GnnError> {
        parameters.check()?;
        let config = parameters.config.clone();
        let specs = config.parameters();
        let offset = |name: &str| specs.iter().find(|s| s.name == name).map(|s| s.offset);
        let mut edge = None;
        let mut steps = Vec::new();
        for spec in &specs {
            if let Some(name) = spec.name.strip_suffix(".lin1.weight") {
                let perceptron = Perceptron {
                    offset: spec.offset,
                    inputs: spec.shape[1],
                    hidden: config.hidden,
                };
                if name == "edge" {
                    edge = Some(perceptron);
                } else {
                    steps.push(perceptron);
                }
            }
        }
        let mut network = Self {
            degree_range: parameters.degree_range(),
            flat: vec![0.0; config.parameter_count()],
            edge,
            steps,
            alphas: offset("schedule.alpha"),
            gammas: offset("schedule.gamma"),
            tail: offset("tail.alpha"),
            config,
        };
        network.load(&parameters.values);
        Ok(network)
    }

    /// Takes other parameters of the same configuration.
    pub(super) fn load(&mut self, values: &[f32]) {
        for (to, &value) in self.flat.iter_mut().zip(values) {
            *to = value.into();
        }
        for perceptron in self.edge.iter().chain(&self.steps) {
            perceptron.pack(values, &mut self.flat);
        }
    }

    /// Adds a gradient in the order of `flat` to one in the order of the parameters.
    pub(super) fn unpack(&self, flat: &[f64], gradient: &mut [f64]) {
        let mut rest = self.flat.len();
        for start in [self.alphas, self.gammas, self.tail].into_iter().flatten() {
            rest = rest.min(start);
        }
        for (to, value) in gradient[rest..].iter_mut().zip(&flat[rest..]) {
            *to += value;
        }
        for perceptron in self.edge.iter().chain(&self.steps) {
            perceptron.unpack(flat, gradient);
        }
    }

    /// What the network is.
    #[must_use]
    pub fn config(&self) -> &AdmmConfig {
        &self.config
    }

    /// Least and greatest degree of the training graphs, where that is known.
    #[must_use]
    pub fn degree_range(&self) -> Option<[usize; 2]> {
        self.degree_range
    }

    /// Whether all degrees of a graph are among those of the training graphs; false where these are not known.
    #[must_use]
    pub fn covers(&self, graph: &AgentGraph) -> bool {
        let [low, high] = graph.degree_range();
        self.degree_range
            .is_some_and(|[least, greatest]| low >= least && high <= greatest)
    }

    /// Where the step sizes of iteration k come from, k from 0 on.
    #[must_use]
    pub fn step_rule(&self, k: usize) -> StepRule {
        if k >= self.config.learned_iterations {
            return StepRule::Given(self.tail()[0]);
        }
        if let Some(alphas) = self.alphas {
            return StepRule::Given(guard(self.flat[alphas + k].exp(), STEP_RANGE).0);
        }
        match (self.step_perceptron(k), self.config.steps) {
            (None, _) => StepRule::Given(1.0),
            (Some(_), StepSizes::Mean) => StepRule::Mean,
            (Some(_), _) => StepRule::Node,
        }
    }

    /// γ of iteration k, in (0, 2).
    #[must_use]
    pub fn relaxation(&self, k: usize) -> f64 {
        if k >= self.config.learned_iterations {
            return self.tail()[1];
        }
        match (self.gammas, self.config.relaxation) {
            (Some(gammas), _) => gamma(self.flat[gammas + k]),
            (None, Relaxation::Constant { gamma }) => gamma,
            (None, _) => 1.0,
        }
    }

    /// α and γ of all iterations from [`AdmmConfig::learned_iterations`] on.
    #[must_use]
    pub fn tail(&self) -> [f64; 2] {
        match (self.tail, self.config.tail) {
            (Some(at), _) => [
                guard(self.flat[at].exp(), STEP_RANGE).0,
                gamma(self.flat[at + 1]),
            ],
            (None, Tail::Constant { alpha, gamma }) => [alpha, gamma],
            (None, Tail::Learned) => [1.0; 2],
        }
    }

    /// The perceptron of iteration k.
    pub(super) fn step_perceptron(&self, k: usize) -> Option<&Perceptron> {
        if k >= self.config.learned_iterations {
            None
        } else if self.config.shared {
            self.steps.first()
        } else {
            self.steps.get(k.checked_sub(1)?)
        }
    }

    /// The step size of one node in iteration k, from the state before it: `[x, y, (Aᵀy)', λ, (Aᵀλ)', w]`, where `(Aᵀy)'_i = −Σ_j w_ij y_j` is what
    /// neighbours send and w the sum of the node's edge weights. In 10⁻⁴ to 10⁴, and 1 where the perceptron has no finite answer.
    ///
    /// Where no perceptron is asked ([`StepRule::Given`]) it is the given one.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if there are not 5 n + 1 numbers.
    pub fn step_size(&self, k: usize, features: &[f64]) -> Result<f64, GnnError> {
        let mut alpha = [1.0];
        self.step_sizes(k, features, &mut alpha)?;
        Ok(alpha[0])
    }

    /// [`step_size`](Self::step_size) of many nodes, nodes × (5 n + 1).
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if there are not 5 n + 1 numbers for each of `alpha`.
    pub fn step_sizes(
        &self,
        k: usize,
        features: &[f64],
        alpha: &mut [f64],
    ) -> Result<(), GnnError> {
        let inputs = self.config.step_inputs();
        if features.len() != inputs * alpha.len() {
            return Err(GnnError::Matrix {
                reason: format!(
                    "features of {} nodes have length {}, expected {inputs} for each",
                    alpha.len(),
                    features.len()
                ),
            });
        }
        let Some(perceptron) = self.step_perceptron(k) else {
            if let StepRule::Given(given) = self.step_rule(k) {
                alpha.fill(given);
            }
            return Ok(());
        };
        let (mut input, mut hidden) = ([0.0; MOST_INPUTS], [0.0; WIDEST]);
        let input = &mut input[..inputs];
        for (features, alpha) in features.chunks_exact(inputs).zip(alpha) {
            input.copy_from_slice(features);
            *alpha = self.step_forward(perceptron, input, &mut hidden).0;
        }
        Ok(())
    }

    /// Normalises the features in place and evaluates the perceptron: step size, its derivative with respect to the perceptron's output, scale of the features.
    #[inline]
    pub(super) fn step_forward(
        &self,
        perceptron: &Perceptron,
        features: &mut [f64],
        hidden: &mut [f64],
    ) -> (f64, f64, Scale) {
        let scale = normalise(features);
        let output = perceptron.forward(&self.flat, features, hidden);
        let (alpha, slope) = guard(softplus(output), STEP_RANGE);
        (alpha, slope * sigmoid(output), scale)
    }
}

fn gamma(theta: f64) -> f64 {
    1.0 + RELAXATION_REACH * theta.tanh()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_and_tail() {
        let config = AdmmConfig::new(2)
            .with_learned_iterations(3)
            .with_steps(StepSizes::Schedule)
            .with_relaxation(Relaxation::Schedule)
            .with_tail(Tail::Learned);
        let mut p = Parameters::initialize(&config, 0).unwrap();
        p.values
            .copy_from_slice(&[0.5, -1.0, 20.0, 0.25, 100.0, 0.0, 2.0, -0.5]);
        let network = AdmmNetwork::new(&p).unwrap();
        assert_eq!(network.step_rule(0), StepRule::Given(0.5f64.exp()));
        assert_eq!(network.step_rule(2), StepRule::Given(STEP_RANGE[1]));
        assert_eq!(network.step_rule(7), StepRule::Given(2f64.exp()));
        assert_eq!(network.relaxation(0), 1.0 + 0.98 * 0.25f64.tanh());
        assert_eq!((network.relaxation(1), network.relaxation(2)), (1.98, 1.0));
        assert_eq!(network.tail(), [2f64.exp(), 1.0 - 0.98 * 0.5f64.tanh()]);
        let mut alpha = [0.0; 2];
        network.step_sizes(7, &[0.0; 22], &mut alpha).unwrap();
        assert_eq!(alpha, [2f64.exp(); 2]);
        let text = network.step_size(1, &[0.0; 10]).unwrap_err().to_string();
        assert!(text.contains("length 10"), "{text}");
    }

    #[test]
    fn step_sizes_are_guarded() {
        let config = AdmmConfig::new(1).with_shared(true);
        let mut p = Parameters::initialize(&config, 0).unwrap();
        let network = AdmmNetwork::new(&p).unwrap();
        assert_eq!(network.step_size(0, &[f64::NAN; 6]).unwrap(), 1.0);
        assert_eq!(network.step_rule(0), StepRule::Node, "shared: from 0 on");
        for (last, expected) in [(1e5, STEP_RANGE[1]), (-1e5, STEP_RANGE[0])] {
            *p.values.last_mut().unwrap() = last;
            let network = AdmmNetwork::new(&p).unwrap();
            let alpha = network.step_size(3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            assert_eq!(alpha.unwrap(), expected);
        }
    }

    #[test]
    fn degrees_out_of_range_are_seen() {
        let p = Parameters::initialize(&AdmmConfig::new(1), 0).unwrap();
        let star = |leaves| AgentGraph::from_edges(leaves + 1, (1..=leaves).map(|j| (0, j)));
        let [small, large] = [2, 8].map(|leaves| star(leaves).unwrap());
        assert!(!AdmmNetwork::new(&p).unwrap().covers(&small), "not known");
        let network = AdmmNetwork::new(&p.with_degree_range([1, 7])).unwrap();
        assert!(network.covers(&small) && !network.covers(&large));
    }
}
