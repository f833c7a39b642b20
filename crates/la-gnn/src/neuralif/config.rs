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
    /// Run on the pattern of A² (new entries start at 0) instead of that of A. Default false.
    pub two_hop: bool,
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
            two_hop: false,
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
    /// Switches the two-hop pattern on or off.
    #[must_use]
    pub fn with_two_hop(mut self, two_hop: bool) -> Self {
        self.two_hop = two_hop;
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
        range("hidden", self.hidden, 32)
    }

    /// Columns of the first linear map of the edge perceptron of `block`, `step` (0 or 1): receiving
    /// node, other node, edge state and, in the first step of every block but the first, the skip value.
    #[must_use]
    pub fn edge_inputs(&self, block: usize, step: usize) -> usize {
        2 * NODE_WIDTH + 1 + usize::from(self.skip && block > 0 && step == 0)
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
        for block in 0..self.blocks {
            for step in 0..2 {
                let mut mlp = |kind: &str, inputs: usize, outputs: usize| {
                    let prefix = format!("block{block}.step{}.{kind}_mlp", step + 1);
                    push(format!("{prefix}.lin1.weight"), vec![h, inputs]);
                    push(format!("{prefix}.lin1.bias"), vec![h]);
                    push(format!("{prefix}.lin2.weight"), vec![outputs, h]);
                    push(format!("{prefix}.lin2.bias"), vec![outputs]);
                };
                mlp("edge", self.edge_inputs(block, step), 1);
                mlp("node", NODE_WIDTH + 1, NODE_WIDTH);
            }
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
    fn fields_out_of_range_are_named() {
        let error = NeuralIfConfig::default()
            .with_hidden(0)
            .validate()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "configuration field `hidden`: is 0, must be 1 to 32"
        );
        assert!(
            NeuralIfConfig::default()
                .with_blocks(17)
                .validate()
                .is_err()
        );
    }
}
