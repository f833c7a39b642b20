//! Edge weights from degrees.

use super::graph::{AgentGraph, DegreeProfile};
use super::network::AdmmNetwork;
use super::perceptron::{WIDEST, guard, sigmoid, softplus};
use crate::admm::{EdgeWeights, WEIGHT_RANGE};

/// Inputs of both kinds of perceptrons.
pub(crate) const MOST: usize = 11;

/// B of [`EdgeWeights::ScaleFree`]: no weight is further than e^B times from the Metropolis weight.
pub(crate) const REACH: f64 = 2.079_441_541_679_835_8;

/// What the perceptron reads of the edge u → v; zeros beyond its inputs.
pub(crate) fn inputs(kind: EdgeWeights, u: &DegreeProfile, v: &DegreeProfile) -> [f64; MOST] {
    let mut inputs = [0.0; MOST];
    if kind == EdgeWeights::ScaleFree {
        inputs[..5].copy_from_slice(&ratios(u));
        inputs[5..10].copy_from_slice(&ratios(v));
        inputs[10] = share(u[0], v[0]);
    } else {
        inputs[..5].copy_from_slice(u);
        inputs[5..10].copy_from_slice(v);
    }
    inputs
}

/// Numbers in [0, 1] that tell how a node stands among its neighbours, and 1 / d, which tells leaves and paths from all that is denser.
fn ratios([d, least, greatest, mean, deviation]: &DegreeProfile) -> [f64; 5] {
    [
        1.0 / d.max(1.0),
        share(*d, *least),
        share(*d, *greatest),
        share(*d, *mean),
        share(*deviation, *mean),
    ]
}

/// a / (a + b), a bounded form of a / b.
fn share(a: f64, b: f64) -> f64 {
    if a + b > 0.0 { a / (a + b) } else { 0.5 }
}

/// Metropolis weights (L. Xiao, S. Boyd, *Systems & Control Letters* 53(1), 65–78, 2004), times 4: 1 at degree 3, the mean degree of the training graphs.
pub(crate) fn metropolis(u: &DegreeProfile, v: &DegreeProfile) -> f64 {
    4.0 / (1.0 + u[0].max(v[0]))
}

impl AdmmNetwork {
    /// The weight of one edge, from the degrees around its ends: what a node can compute alone once its neighbours have sent theirs. Positive, and the same
    /// from both ends.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::admm::{AdmmConfig, EdgeWeights, Parameters};
    /// use la_gnn::native::admm::{AdmmNetwork, AgentGraph};
    ///
    /// let config = AdmmConfig::baseline(2).with_edges(EdgeWeights::ScaleFree);
    /// let network = AdmmNetwork::new(&Parameters::initialize(&config, 0)?)?;
    /// let star = AgentGraph::from_edges(4, [(0, 1), (0, 2), (0, 3)])?;
    /// let (centre, leaf) = (star.profile(0), star.profile(1));
    /// assert_eq!(network.edge_weight(&centre, &leaf), network.edge_weight(&leaf, &centre));
    /// assert_eq!(network.edge_weights(&star), [network.edge_weight(&centre, &leaf); 6]);
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    #[must_use]
    pub fn edge_weight(&self, u: &DegreeProfile, v: &DegreeProfile) -> f64 {
        self.evaluate_edge(u, v, &mut [[0.0; WIDEST]; 2]).0
    }

    /// The weight of every directed edge, in the order of [`AgentGraph::edges`]. Both directions of an edge have the same.
    #[must_use]
    pub fn edge_weights(&self, graph: &AgentGraph) -> Vec<f64> {
        let mut weights = vec![0.0; graph.directed_edges()];
        self.fill_edge_weights(graph, &mut weights);
        weights
    }

    /// [`edge_weights`](Self::edge_weights) into memory of the caller. Without allocation; what does not fit is left out.
    pub fn fill_edge_weights(&self, graph: &AgentGraph, weights: &mut [f64]) {
        for i in 0..graph.nodes() {
            for (e, &j) in graph.edges(i).zip(graph.neighbours(i)) {
                let j = j as usize;
                if i < j {
                    let w = self.edge_weight(&graph.profile(i), &graph.profile(j));
                    for e in [e, graph.reverse()[e] as usize] {
                        if let Some(to) = weights.get_mut(e) {
                            *to = w;
                        }
                    }
                }
            }
        }
    }

    /// The weight, and its derivative with respect to what the perceptron gives in each direction; hidden layers of both are left in `hidden`.
    fn evaluate_edge(
        &self,
        u: &DegreeProfile,
        v: &DegreeProfile,
        hidden: &mut [[f64; WIDEST]; 2],
    ) -> (f64, [f64; 2]) {
        let kind = self.config().edges;
        let Some(perceptron) = self.edge else {
            return (1.0, [0.0; 2]);
        };
        let [to_forth, to_back] = hidden;
        let forth = perceptron.forward(&self.flat, &inputs(kind, u, v), to_forth);
        let back = perceptron.forward(&self.flat, &inputs(kind, v, u), to_back);
        match kind {
            EdgeWeights::ScaleFree => {
                let bounded = (0.5 * (forth + back) / REACH).tanh();
                let (factor, slope) = guard((REACH * bounded).exp(), [0.0, f64::INFINITY]);
                let base = metropolis(u, v);
                let slope = 0.5 * slope * base * factor * (1.0 - bounded * bounded);
                (base * factor, [slope; 2])
            }
            EdgeWeights::Unit | EdgeWeights::Profile => {
                let (w, slope) = guard(0.5 * (softplus(forth) + softplus(back)), WEIGHT_RANGE);
                let slope = 0.5 * slope;
                (w, [slope * sigmoid(forth), slope * sigmoid(back)])
            }
        }
    }

    /// Adds the gradient of the perceptron's parameters, given that of the weights of directed edges as if they were independent.
    pub(super) fn edge_weights_backward(
        &self,
        graph: &AgentGraph,
        to_weights: &[f64],
        gradient: &mut [f64],
    ) {
        let kind = self.config().edges;
        let Some(perceptron) = self.edge else { return };
        let (mut hidden, mut unused) = ([[0.0; WIDEST]; 2], [0.0; MOST]);
        for i in 0..graph.nodes() {
            for (e, &j) in graph.edges(i).zip(graph.neighbours(i)) {
                let j = j as usize;
                if i > j {
                    continue;
                }
                let (u, v) = (graph.profile(i), graph.profile(j));
                let (_, slopes) = self.evaluate_edge(&u, &v, &mut hidden);
                let to_weight = to_weights[e] + to_weights[graph.reverse()[e] as usize];
                let directions = [(&u, &v), (&v, &u)].into_iter().zip(&hidden).zip(slopes);
                for (((u, v), hidden), slope) in directions {
                    let input = inputs(kind, u, v);
                    let tape = (&input[..perceptron.inputs], &hidden[..perceptron.hidden]);
                    let output = slope * to_weight;
                    perceptron.backward(&self.flat, tape, output, gradient, &mut unused);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admm::{AdmmConfig, NetworkConfig, Parameters};

    fn network(kind: EdgeWeights, scale: f32) -> AdmmNetwork {
        let config = AdmmConfig::baseline(2).with_edges(kind);
        let mut p = Parameters::initialize(&config, 3).unwrap();
        for v in &mut p.values {
            *v *= scale;
        }
        AdmmNetwork::new(&p).unwrap()
    }

    #[test]
    fn scale_free_weights_stay_near_metropolis_on_any_graph() {
        let star = |leaves| AgentGraph::from_edges(leaves + 1, (1..=leaves).map(|j| (0, j)));
        for scale in [1.0, 1e3, -1e3] {
            let network = network(EdgeWeights::ScaleFree, scale);
            for leaves in [2, 7, 5000] {
                let w = network.edge_weights(&star(leaves).unwrap())[0];
                let ratio = w / (4.0 / (1.0 + leaves as f64));
                assert!((0.1249..8.001).contains(&ratio), "{leaves} leaves: {ratio}");
            }
        }
        // A graph in which all look alike has nearly the same factor whatever its degree.
        let complete = |m: usize| {
            let pairs = (0..m).flat_map(move |i| (0..i).map(move |j| (i, j)));
            AgentGraph::from_edges(m, pairs).unwrap()
        };
        let network = network(EdgeWeights::ScaleFree, 1.0);
        let [a, b] = [30, 300].map(|m| network.edge_weights(&complete(m))[0] * m as f64);
        assert!((a / b - 1.0).abs() < 0.1, "{a} {b}");
    }

    #[test]
    fn profile_weights_are_guarded() {
        let pair = AgentGraph::from_edges(2, [(0, 1)]).unwrap();
        let config = AdmmConfig::baseline(1).with_edges(EdgeWeights::Profile);
        let count = config.parameter_count();
        for (last, expected) in [(1e6, WEIGHT_RANGE[1]), (-1e6, WEIGHT_RANGE[0])] {
            let mut p = Parameters::initialize(&config, 0).unwrap();
            p.values[count - 1] = last;
            let network = AdmmNetwork::new(&p).unwrap();
            assert_eq!(network.edge_weights(&pair), [expected; 2]);
        }
        let mut p = Parameters::initialize(&config, 0).unwrap();
        p.values.fill(f32::MAX);
        let network = AdmmNetwork::new(&p).unwrap();
        let w = network.edge_weights(&pair)[0];
        assert!((WEIGHT_RANGE[0]..=WEIGHT_RANGE[1]).contains(&w), "{w}");
    }
}
