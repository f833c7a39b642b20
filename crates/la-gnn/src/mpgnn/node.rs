//! The node models: how new states of the nodes come from their states and those of the arcs.

use serde::{Deserialize, Serialize};

use super::ParameterSpec;

/// Normalisation inside the perceptron of [`NodeModel::Gen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GenNorm {
    /// Batch normalisation over all nodes of a batch; running statistics in evaluation.
    #[default]
    Batch,
    /// Over the channels of each node.
    Layer,
    /// None.
    None,
}

/// How the states of the nodes are updated. The default is [`MessagePassing`](Self::MessagePassing).
///
/// j runs over the arcs (i, j) that node i receives, the diagonal of a matrix included; `e_ij` is the state of the arc.
///
/// | model | update of h_i |
/// | --- | --- |
/// | `Mlp` | `MLP(h_i)`: no neighbours |
/// | `GatV2` | `Σ_j α_ij W_s h_j + b`, `α = softmax_j(aᵀ LeakyReLU(W_s h_j + W_t h_i + W_e e_ij))`, slope 0.2, one head |
/// | `Gen` | `MLP(h_i + Σ_j softmax_j(m_ij) ∘ m_ij)`, `m_ij = ReLU(h_j + e_ij) + 1e-7`, softmax per channel, MLP c → 2c → c |
/// | `MessagePassing` | `f₂[h_i, mean_j f₁[h_i, e_ij]]`: h_j enters through e_ij only |
/// | `Transformer` | `W_r h_i + Σ_j α_ij v_ij`, `α = softmax_j(q_iᵀ k_ij / √c)`, `k_ij = W_k h_j + W_e e_ij`, `v_ij = W_v h_j + W_e e_ij` |
/// | `SgFormer` | `(1 − α) AN + α GATv2`, `AN = [V + Q̃ (K̃ᵀ V)/N] / [1 + Q̃ (K̃ᵀ 1)/N]`, `Q̃ = Q/‖Q‖_F`, per graph |
///
/// # References
/// S. Brody, U. Alon, E. Yahav, ICLR 2022 (GATv2); G. Li, C. Xiong, A. Thabet, B. Ghanem, arXiv 2006.07739 (GEN); J. Gilmer et al., ICML
/// 2017; Y. Shi et al., IJCAI 2021 (transformer); Q. Wu et al., NeurIPS 2023 (SGFormer).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum NodeModel {
    /// A perceptron on each node.
    Mlp,
    /// Graph attention, version 2.
    GatV2 {
        /// Whether the states of the arcs enter the scores.
        edges: bool,
    },
    /// Generalised aggregation.
    Gen {
        /// Whether the states of the arcs enter the messages.
        edges: bool,
        /// Normalisation in the perceptron.
        norm: GenNorm,
        /// Whether the linear maps of the perceptron have biases (the published library's have none).
        bias: bool,
    },
    /// Messages from perceptrons of receiving node and arc.
    #[default]
    MessagePassing,
    /// Attention with keys, queries and values.
    Transformer {
        /// Whether the states of the arcs enter keys and values.
        edges: bool,
    },
    /// Linear attention between all pairs of nodes of a graph, mixed with GATv2 on the arcs.
    SgFormer {
        /// Share α of the local model, in `0.0..=1.0`.
        local: f64,
    },
}

/// Widths of a node model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeShape {
    /// Width of the states that come in.
    pub inputs: usize,
    /// Width of the states that go out.
    pub outputs: usize,
    /// Width of the states of the arcs.
    pub edges: usize,
}

impl NodeModel {
    /// GATv2 without arc states, as published.
    pub const GAT: Self = Self::GatV2 { edges: false };
    /// GEN as published: batch normalisation, no biases, no arc states.
    pub const GEN: Self = Self::Gen {
        edges: false,
        norm: GenNorm::Batch,
        bias: false,
    };
    /// Transformer with arc states.
    pub const TRANSFORMER: Self = Self::Transformer { edges: true };
    /// SGFormer with equal shares.
    pub const SGFORMER: Self = Self::SgFormer { local: 0.5 };

    /// A short name: `mlp`, `gatv2`, `gen`, `message-passing`, `transformer`, `sgformer`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::GatV2 { .. } => "gatv2",
            Self::Gen { .. } => "gen",
            Self::MessagePassing => "message-passing",
            Self::Transformer { .. } => "transformer",
            Self::SgFormer { .. } => "sgformer",
        }
    }

    /// How many arcs away from a node its new state looks. `None`: everywhere in the graph.
    #[must_use]
    pub fn reach(&self) -> Option<usize> {
        match self {
            Self::Mlp => Some(0),
            Self::SgFormer { .. } => None,
            // The statistics of a batch are fixed in evaluation.
            Self::GatV2 { .. }
            | Self::Gen { .. }
            | Self::MessagePassing
            | Self::Transformer { .. } => Some(1),
        }
    }

    /// The trainable tensors, each name after `prefix`; linear maps are (outputs, inputs), row-major.
    pub(crate) fn parameters(&self, shape: NodeShape, prefix: &str, list: &mut Specs) {
        let NodeShape {
            inputs,
            outputs,
            edges,
        } = shape;
        let name = |what: &str| format!("{prefix}{what}");
        match *self {
            Self::Mlp => list.mlp(prefix, [inputs, outputs, outputs], true),
            Self::GatV2 { edges: with } => {
                list.gat(prefix, inputs, outputs, with.then_some(edges));
            }
            Self::Gen {
                edges: with,
                norm,
                bias,
            } => {
                if inputs != outputs {
                    list.linear(&name("source"), outputs, inputs, bias);
                    list.linear(&name("target"), outputs, inputs, bias);
                }
                if with && edges != outputs {
                    list.linear(&name("edge"), outputs, edges, bias);
                }
                list.linear(&name("mlp.lin1"), 2 * outputs, outputs, bias);
                if norm != GenNorm::None {
                    list.push(name("mlp.norm.weight"), vec![2 * outputs]);
                    list.push(name("mlp.norm.bias"), vec![2 * outputs]);
                }
                list.linear(&name("mlp.lin2"), outputs, 2 * outputs, bias);
            }
            Self::MessagePassing => {
                list.mlp(&name("f1."), [inputs + edges, outputs, outputs], true);
                list.mlp(&name("f2."), [inputs + outputs, outputs, outputs], true);
            }
            Self::Transformer { edges: with } => {
                for map in ["query", "key", "value"] {
                    list.linear(&name(map), outputs, inputs, true);
                }
                if with {
                    list.linear(&name("edge"), outputs, edges, false);
                }
                list.linear(&name("root"), outputs, inputs, true);
            }
            Self::SgFormer { .. } => {
                for map in ["q", "k", "v"] {
                    list.linear(&name(map), outputs, inputs, true);
                }
                list.gat(&name("local."), inputs, outputs, None);
            }
        }
    }

    /// The running statistics: mean and variance of a batch normalisation.
    pub(crate) fn statistics(&self, shape: NodeShape, prefix: &str, list: &mut Specs) {
        if let Self::Gen {
            norm: GenNorm::Batch,
            ..
        } = self
        {
            for what in ["running_mean", "running_var"] {
                list.push(format!("{prefix}mlp.norm.{what}"), vec![2 * shape.outputs]);
            }
        }
    }
}

/// Tensors laid end to end.
#[derive(Debug, Default)]
pub(crate) struct Specs(pub(crate) Vec<ParameterSpec>);

impl Specs {
    pub(crate) fn push(&mut self, name: String, shape: Vec<usize>) {
        let offset = self.0.last().map_or(0, |s| s.offset + s.len);
        let len = shape.iter().product();
        self.0.push(ParameterSpec {
            name,
            shape,
            offset,
            len,
        });
    }

    fn linear(&mut self, name: &str, outputs: usize, inputs: usize, bias: bool) {
        self.push(format!("{name}.weight"), vec![outputs, inputs]);
        if bias {
            self.push(format!("{name}.bias"), vec![outputs]);
        }
    }

    /// Two linear maps.
    pub(crate) fn mlp(&mut self, prefix: &str, widths: [usize; 3], bias: bool) {
        let [inputs, hidden, outputs] = widths;
        self.linear(&format!("{prefix}lin1"), hidden, inputs, bias);
        self.linear(&format!("{prefix}lin2"), outputs, hidden, bias);
    }

    fn gat(&mut self, prefix: &str, inputs: usize, outputs: usize, edges: Option<usize>) {
        self.linear(&format!("{prefix}source"), outputs, inputs, true);
        self.linear(&format!("{prefix}target"), outputs, inputs, true);
        if let Some(edges) = edges {
            self.linear(&format!("{prefix}edge"), outputs, edges, false);
        }
        self.push(format!("{prefix}att"), vec![1, 1, outputs]);
        self.push(format!("{prefix}bias"), vec![outputs]);
    }
}
