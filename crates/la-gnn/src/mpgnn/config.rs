//! Configuration of a message-passing network.

use serde::{Deserialize, Serialize};

use super::{Activation, NodeModel, NodeShape, ParameterSpec, Specs};
use crate::GnnError;

/// What a node of the graph of a matrix knows at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NodeInput {
    /// The number 1. Then nodes differ only by what they hear of their arcs: models that do not read arcs ([`NodeModel::GAT`],
    /// [`NodeModel::GEN`], [`NodeModel::SGFORMER`]) keep all nodes alike, and an output depends on its own entry only.
    #[default]
    Ones,
    /// The diagonal entry.
    Diagonal,
}

/// Configuration of a message-passing network for edge regression. The default has the published sizes: three blocks, 16 channels.
///
/// ```text
/// h_i = MLP(x_i),  e_ij = MLP(a_ij)              encoders, w → c → c
/// e_ij ← MLP[h_i, h_j, e_ij],  h ← Node(h, e)    `blocks` times; arcs first; 3c → c → c
/// y_ij = MLP(e_ij)                               decoder, c → c → 1
/// ```
///
/// No weights are shared between blocks, and there are no residuals and no normalisation around them. The nodes of the last block
/// have no part in the output.
///
/// # Examples
/// ```
/// use la_gnn::mpgnn::{MpgnnConfig, NodeModel};
/// let config = MpgnnConfig::default();
/// assert_eq!(config.parameter_count(), 8865);
/// assert_eq!(config.with_node_model(NodeModel::Mlp).parameter_count(), 5697);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MpgnnConfig {
    /// How nodes are updated.
    pub node_model: NodeModel,
    /// Blocks K, 1 to 64. Default 3.
    pub blocks: usize,
    /// Channels c of nodes, arcs and hidden layers, 1 to 128. Default 16.
    pub width: usize,
    /// Features of a node, 1 to 64. Default 1.
    pub node_inputs: usize,
    /// Features of an arc, 1 to 64. Default 1.
    pub edge_inputs: usize,
    /// Nonlinearity of the perceptrons. Default relu.
    pub activation: Activation,
}

impl Default for MpgnnConfig {
    fn default() -> Self {
        Self {
            node_model: NodeModel::default(),
            blocks: 3,
            width: 16,
            node_inputs: 1,
            edge_inputs: 1,
            activation: Activation::Relu,
        }
    }
}

impl MpgnnConfig {
    /// Sets how nodes are updated.
    #[must_use]
    pub fn with_node_model(mut self, node_model: NodeModel) -> Self {
        self.node_model = node_model;
        self
    }
    /// Sets the number of blocks.
    #[must_use]
    pub fn with_blocks(mut self, blocks: usize) -> Self {
        self.blocks = blocks;
        self
    }
    /// Sets the number of channels.
    #[must_use]
    pub fn with_width(mut self, width: usize) -> Self {
        self.width = width;
        self
    }
    /// Sets the number of features of a node.
    #[must_use]
    pub fn with_node_inputs(mut self, inputs: usize) -> Self {
        self.node_inputs = inputs;
        self
    }
    /// Sets the number of features of an arc.
    #[must_use]
    pub fn with_edge_inputs(mut self, inputs: usize) -> Self {
        self.edge_inputs = inputs;
        self
    }
    /// Sets the nonlinearity.
    #[must_use]
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        for (field, value, max) in [
            ("blocks", self.blocks, 64),
            ("width", self.width, 128),
            ("node_inputs", self.node_inputs, 64),
            ("edge_inputs", self.edge_inputs, 64),
        ] {
            if !(1..=max).contains(&value) {
                return Err(GnnError::Config {
                    field,
                    reason: format!("is {value}, must be 1 to {max}"),
                });
            }
        }
        if let NodeModel::SgFormer { local } = self.node_model
            && !(0.0..=1.0).contains(&local)
        {
            return Err(GnnError::Config {
                field: "node_model.local",
                reason: format!("is {local}, must be 0 to 1"),
            });
        }
        Ok(())
    }

    /// Widths of the node models.
    #[must_use]
    pub fn node_shape(&self) -> NodeShape {
        NodeShape {
            inputs: self.width,
            outputs: self.width,
            edges: self.width,
        }
    }

    /// How far an output looks: that of arc (i, j) depends on entries of arcs one of whose ends is at most so many arcs away from
    /// i and j. `None`: everywhere in the graph.
    #[must_use]
    pub fn receptive_field(&self) -> Option<usize> {
        // The first block's arcs look no further than their own entry, since all nodes start from their own features only.
        Some(self.node_model.reach()? * (self.blocks - 1))
    }

    /// Every trainable tensor in the order in which [`super::Parameters`] stores them: `node_encoder`, `edge_encoder`, then of each
    /// block `edge_up.<k>` and `node_up.<k>`, then `decoder`. Linear maps are (outputs, inputs), row-major.
    #[must_use]
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let (c, mut list) = (self.width, Specs::default());
        list.mlp("node_encoder.", [self.node_inputs, c, c], true);
        list.mlp("edge_encoder.", [self.edge_inputs, c, c], true);
        for k in 0..self.blocks {
            list.mlp(&format!("edge_up.{k}.edge_mlp."), [3 * c, c, c], true);
            let prefix = format!("node_up.{k}.");
            self.node_model
                .parameters(self.node_shape(), &prefix, &mut list);
        }
        list.mlp("decoder.", [c, c, 1], true);
        list.0
    }

    /// The running statistics in the order in which [`super::Parameters`] stores them. Empty but for batch normalisation. Offsets
    /// count from the first statistic.
    #[must_use]
    pub fn statistics(&self) -> Vec<ParameterSpec> {
        let mut list = Specs::default();
        for k in 0..self.blocks {
            let prefix = format!("node_up.{k}.");
            self.node_model
                .statistics(self.node_shape(), &prefix, &mut list);
        }
        list.0
    }

    /// Number of trainable scalars.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|p| p.len).sum()
    }

    /// Number of running statistics.
    #[must_use]
    pub fn statistic_count(&self) -> usize {
        self.statistics().iter().map(|p| p.len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::GenNorm;
    use super::*;

    #[test]
    fn published_parameter_counts() {
        let config = MpgnnConfig::default();
        let of = |blocks| config.clone().with_blocks(blocks).parameter_count();
        assert_eq!([of(1), of(3), of(7)], [3553, 8865, 19_489]);
        let count = |model| config.clone().with_node_model(model).parameter_count();
        assert_eq!(count(NodeModel::Mlp), 5697);
        // Of a block: GATv2 2 (16² + 16) + 32, GEN 2 · 16 · 32 + 64, transformer 4 (16² + 16) + 16², SGFormer 3 (16² + 16) + GATv2.
        let rest = 5697 - 3 * 544;
        assert_eq!(count(NodeModel::GAT), rest + 3 * 576);
        assert_eq!(count(NodeModel::GEN), rest + 3 * 1088);
        assert_eq!(count(NodeModel::TRANSFORMER), rest + 3 * 1344);
        assert_eq!(count(NodeModel::SGFORMER), rest + 3 * 1392);
    }

    #[test]
    fn only_batch_normalisation_has_statistics() {
        let count = |model| {
            MpgnnConfig::default()
                .with_node_model(model)
                .statistic_count()
        };
        assert_eq!(count(NodeModel::GEN), 3 * 2 * 32);
        let layer = NodeModel::Gen {
            edges: true,
            norm: GenNorm::Layer,
            bias: true,
        };
        assert_eq!((count(layer), count(NodeModel::MessagePassing)), (0, 0));
    }

    #[test]
    fn fields_out_of_range_are_named() {
        let config = MpgnnConfig::default;
        for (config, field) in [
            (config().with_blocks(0), "blocks"),
            (config().with_width(129), "width"),
            (config().with_node_inputs(0), "node_inputs"),
            (config().with_edge_inputs(65), "edge_inputs"),
            (
                config().with_node_model(NodeModel::SgFormer { local: f64::NAN }),
                "node_model.local",
            ),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(field), "{text}");
        }
        assert!(config().validate().is_ok());
    }

    #[test]
    fn configuration_round_trips_as_json() {
        for model in [NodeModel::GEN, NodeModel::SGFORMER, NodeModel::Mlp] {
            let config = MpgnnConfig::default().with_node_model(model).with_blocks(7);
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<MpgnnConfig>(&text).unwrap(), config);
        }
        assert!(serde_json::from_str::<MpgnnConfig>(r#"{"block": 3}"#).is_err());
    }
}
