//! Configuration of a NeuralIF network.

use serde::{Deserialize, Serialize};

use super::{NODE_WIDTH, ParameterSpec};
use crate::GnnError;

/// Elementwise nonlinearity of the two-layer perceptrons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// Hyperbolic tangent (the published setting).
    Tanh,
    /// `max(0, x)` (the reference code's default).
    Relu,
}

/// The graph that messages are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MessageGraph {
    /// The lower triangle, each block a step along it and a step against it (the published network).
    Triangle,
    /// All stored entries of A, each block one step with means, `l_ij = e_ij + e_ji` and `l_ii = 2 exp(e_ii / 2)`: the
    /// ablation network of the authors' code ("PreCondNet"), 931 parameters without GraphNorm.
    Full,
}

/// Configuration of a NeuralIF network.
///
/// The default is the published setting: three blocks, hidden width 8, tanh, GraphNorm on the node
/// features, skip connections, scalar edge states; 1870 parameters.
///
/// # Examples
/// ```
/// use la_gnn::neuralif::NeuralIfConfig;
/// let config = NeuralIfConfig::default();
/// assert_eq!(config.parameter_count(), 1870);
/// assert_eq!(config.with_graph_norm(false).parameter_count(), 1846);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct NeuralIfConfig {
    /// Message-passing blocks T, 1 to 16. Default 3.
    pub blocks: usize,
    /// Hidden width h of every two-layer perceptron, 1 to 32. Default 8.
    pub hidden: usize,
    /// Nonlinearity. Default tanh.
    pub activation: Activation,
    /// Normalise the node features of each graph (learnable). Default true.
    pub graph_norm: bool,
    /// Append the original entry `a_ij` to the edge input of every block but the first. Default true.
    pub skip: bool,
    /// Scale every row so that `diag(L Lᵀ) = diag(A)`. Default false.
    pub normalize_diag: bool,
    /// Give the network `D^-1/2 A D^-1/2`, D = diag(A), and multiply row i of the result by `√a_ii`. The
    /// network then need not learn to divide, and scaling rows and columns of A alike changes nothing. Not in the
    /// paper. Default false.
    pub equilibrate: bool,
    /// Leave entries with `|a_ij| ≤ thin √(a_ii a_jj)` out of the graph, and so out of the factor, at least 0. The network passes
    /// fewer messages, and the sweeps of its factor cost less. Not in the paper. Default 0: every stored entry is an arc.
    pub thin: f64,
    /// Run on the pattern of A² (new entries start at 0) instead of that of A. Default false.
    pub two_hop: bool,
    /// The graph that messages are passed on. Default [`MessageGraph::Triangle`], the only one of the native engine.
    pub graph: MessageGraph,
    /// Width of an arc state between the first input and the last output, which are scalars, 1 to 32. Default 1, the only
    /// one of the native engine.
    pub edge_features: usize,
    /// Width of a state of the whole graph, 0 to 32; it starts at 0, is the first input of every perceptron, and is updated
    /// in every step from the means of node and arc states and itself. Default 0, the only one of the native engine.
    pub global_features: usize,
    /// Decode the final node states to a scalar each. The factor does not depend on it. Default false.
    pub node_decoder: bool,
}

impl Default for NeuralIfConfig {
    fn default() -> Self {
        Self {
            blocks: 3,
            hidden: 8,
            activation: Activation::Tanh,
            graph_norm: true,
            skip: true,
            normalize_diag: false,
            equilibrate: false,
            thin: 0.0,
            two_hop: false,
            graph: MessageGraph::Triangle,
            edge_features: 1,
            global_features: 0,
            node_decoder: false,
        }
    }
}

impl NeuralIfConfig {
    /// Sets the number of blocks.
    #[must_use]
    pub fn with_blocks(mut self, blocks: usize) -> Self {
        self.blocks = blocks;
        self
    }
    /// Sets the hidden width.
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }
    /// Sets the nonlinearity.
    #[must_use]
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }
    /// Switches GraphNorm on or off.
    #[must_use]
    pub fn with_graph_norm(mut self, graph_norm: bool) -> Self {
        self.graph_norm = graph_norm;
        self
    }
    /// Switches the diagonal normalisation of the output on or off.
    #[must_use]
    pub fn with_normalize_diag(mut self, normalize_diag: bool) -> Self {
        self.normalize_diag = normalize_diag;
        self
    }
    /// Switches the equilibration of the input on or off.
    #[must_use]
    pub fn with_equilibrate(mut self, equilibrate: bool) -> Self {
        self.equilibrate = equilibrate;
        self
    }
    /// Sets the size of entries, relative to the diagonal, up to which they are left out.
    #[must_use]
    pub fn with_thin(mut self, thin: f64) -> Self {
        self.thin = thin;
        self
    }
    /// Switches the two-hop pattern on or off.
    #[must_use]
    pub fn with_two_hop(mut self, two_hop: bool) -> Self {
        self.two_hop = two_hop;
        self
    }
    /// Sets the graph that messages are passed on.
    #[must_use]
    pub fn with_graph(mut self, graph: MessageGraph) -> Self {
        self.graph = graph;
        self
    }
    /// Sets the width of inner arc states.
    #[must_use]
    pub fn with_edge_features(mut self, edge_features: usize) -> Self {
        self.edge_features = edge_features;
        self
    }
    /// Sets the width of the state of the graph.
    #[must_use]
    pub fn with_global_features(mut self, global_features: usize) -> Self {
        self.global_features = global_features;
        self
    }
    /// Switches the node decoder on or off.
    #[must_use]
    pub fn with_node_decoder(mut self, node_decoder: bool) -> Self {
        self.node_decoder = node_decoder;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        let range = |field, value: usize, max| {
            if (1..=max).contains(&value) {
                Ok(())
            } else {
                Err(GnnError::Config {
                    field,
                    reason: format!("is {value}, must be 1 to {max}"),
                })
            }
        };
        range("blocks", self.blocks, 16)?;
        range("hidden", self.hidden, 32)?;
        range("edge_features", self.edge_features, 32)?;
        if self.global_features > 32 {
            return Err(GnnError::Config {
                field: "global_features",
                reason: format!("is {}, must be at most 32", self.global_features),
            });
        }
        if !(self.thin >= 0.0 && self.thin < 1.0) {
            return Err(GnnError::Config {
                field: "thin",
                reason: format!("is {}, must be at least 0 and less than 1", self.thin),
            });
        }
        if self.thin > 0.0 && self.two_hop {
            return Err(GnnError::Config {
                field: "thin",
                reason: "cannot go together with `two_hop`".into(),
            });
        }
        if self.graph == MessageGraph::Full && self.two_hop {
            return Err(GnnError::Config {
                field: "two_hop",
                reason: "is possible on the triangle only".into(),
            });
        }
        Ok(())
    }

    /// Refuses what only LibTorch computes.
    pub(crate) fn validate_native(&self) -> Result<(), GnnError> {
        self.validate()?;
        let fields = [
            ("graph", self.graph == MessageGraph::Triangle),
            ("edge_features", self.edge_features == 1),
            ("global_features", self.global_features == 0),
        ];
        match fields.iter().find(|(_, native)| !native) {
            None => Ok(()),
            Some((field, _)) => Err(GnnError::Config {
                field,
                reason:
                    "has a value that only LibTorch computes; the native engine takes the default"
                        .into(),
            }),
        }
    }

    /// Refuses what only the native engine computes.
    #[cfg(feature = "torch")]
    pub(crate) fn validate_torch(&self) -> Result<(), GnnError> {
        self.validate()?;
        if self.thin > 0.0 {
            return Err(GnnError::Config {
                field: "thin",
                reason:
                    "has a value that only the native engine computes; LibTorch takes the default"
                        .into(),
            });
        }
        Ok(())
    }

    /// GraphNet steps in a block.
    pub(crate) fn steps_per_block(&self) -> usize {
        match self.graph {
            MessageGraph::Triangle => 2,
            MessageGraph::Full => 1,
        }
    }

    /// Width of the arc states before step `step` of all steps (0: the entries of A).
    fn edge_width(&self, step: usize) -> usize {
        if step == 0 || step == self.blocks * self.steps_per_block() {
            1
        } else {
            self.edge_features
        }
    }

    /// Columns of the first linear map of the edge perceptron of `block`, `step` (0 or 1): state of the graph, receiving
    /// node, other node, edge state and, in the first step of every block but the first, the skip value.
    #[must_use]
    pub fn edge_inputs(&self, block: usize, step: usize) -> usize {
        let state = self.edge_width(block * self.steps_per_block() + step);
        let skip = usize::from(self.skip && block > 0 && step == 0);
        self.global_features + 2 * NODE_WIDTH + state + skip
    }

    /// Every parameter in the order in which [`super::Parameters`] stores them.
    #[must_use]
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let mut list = Vec::new();
        let mut offset = 0;
        let mut push = |name: String, shape: Vec<usize>| {
            let len = shape.iter().product();
            list.push(ParameterSpec {
                name,
                shape,
                offset,
                len,
            });
            offset += len;
        };
        let h = self.hidden;
        if self.graph_norm {
            for name in ["alpha", "gamma", "beta"] {
                push(format!("graph_norm.{name}"), vec![NODE_WIDTH]);
            }
        }
        let mut mlp = |prefix: &str, inputs: usize, outputs: usize| {
            push(format!("{prefix}.lin1.weight"), vec![h, inputs]);
            push(format!("{prefix}.lin1.bias"), vec![h]);
            push(format!("{prefix}.lin2.weight"), vec![outputs, h]);
            push(format!("{prefix}.lin2.bias"), vec![outputs]);
        };
        let (steps, global) = (self.steps_per_block(), self.global_features);
        for s in 0..self.blocks * steps {
            let (block, step) = (s / steps, s % steps);
            let name = format!("block{block}.step{}", step + 1);
            let out = self.edge_width(s + 1);
            let inputs = self.edge_inputs(block, step);
            mlp(&format!("{name}.edge_mlp"), inputs, out);
            mlp(
                &format!("{name}.node_mlp"),
                global + NODE_WIDTH + out,
                NODE_WIDTH,
            );
            if global > 0 {
                mlp(
                    &format!("{name}.global_mlp"),
                    NODE_WIDTH + out + global,
                    global,
                );
            }
        }
        if self.node_decoder {
            mlp("node_decoder", NODE_WIDTH, 1);
        }
        list
    }

    /// Number of learnable scalars.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|p| p.len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_parameter_counts() {
        let config = NeuralIfConfig::default();
        assert_eq!(config.parameter_count(), 1870);
        assert_eq!(
            config.clone().with_graph_norm(false).parameter_count(),
            1846
        );
        let per_block: Vec<usize> = (0..3)
            .map(|t| {
                let prefix = format!("block{t}.");
                config
                    .parameters()
                    .iter()
                    .filter(|p| p.name.starts_with(&prefix))
                    .map(|p| p.len)
                    .sum()
            })
            .collect();
        assert_eq!(per_block, [610, 618, 618]);
    }

    #[test]
    fn parameter_counts_of_the_variants() {
        let plain = NeuralIfConfig::default().with_graph_norm(false);
        // Three steps of MLP(17 or 18 -> 8 -> 1) and MLP(9 -> 8 -> 8).
        let ablation = plain.clone().with_graph(MessageGraph::Full);
        assert_eq!(ablation.parameter_count(), 931);
        assert_eq!(305 + 2 * 313, 931);
        // A decoder 8 -> 8 -> 1 more.
        let decoder = plain.clone().with_node_decoder(true);
        assert_eq!(decoder.parameter_count(), 1846 + 72 + 9);
        // One block, k = 3: 17 -> 3, 11 -> 8, then 19 -> 1, 9 -> 8.
        let wide = plain.clone().with_blocks(1).with_edge_features(3);
        assert_eq!(
            wide.parameter_count(),
            (144 + 27) + (96 + 72) + (160 + 9) + (80 + 72)
        );
        // One block, g = 2: two columns more everywhere, and MLP(11 -> 8 -> 2) twice.
        let global = plain.with_blocks(1).with_global_features(2);
        assert_eq!(global.parameter_count(), 610 + 4 * 16 + 2 * (96 + 18));
    }

    #[test]
    fn the_native_engine_names_what_it_does_not_compute() {
        let config = NeuralIfConfig::default();
        for (config, field) in [
            (config.clone().with_graph(MessageGraph::Full), "graph"),
            (config.clone().with_edge_features(2), "edge_features"),
            (config.clone().with_global_features(1), "global_features"),
        ] {
            assert!(config.validate().is_ok());
            let text = config.validate_native().unwrap_err().to_string();
            assert!(text.contains(field) && text.contains("LibTorch"), "{text}");
        }
        assert!(config.with_node_decoder(true).validate_native().is_ok());
    }

    #[test]
    fn fields_out_of_range_are_named() {
        let error = NeuralIfConfig::default()
            .with_hidden(0)
            .validate()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "configuration field `hidden`: is 0, must be 1 to 32"
        );
        let config = NeuralIfConfig::default();
        for wrong in [
            config.clone().with_blocks(17),
            config.clone().with_edge_features(0),
            config.clone().with_global_features(33),
            config.clone().with_thin(1.0),
            config.clone().with_thin(f64::NAN),
            config.clone().with_thin(0.1).with_two_hop(true),
            config.with_graph(MessageGraph::Full).with_two_hop(true),
        ] {
            assert!(wrong.validate().is_err(), "{wrong:?}");
        }
    }
}
