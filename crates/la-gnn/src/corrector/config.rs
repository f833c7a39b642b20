//! Configuration of a corrector.

use serde::{Deserialize, Serialize};

use crate::GnnError;
use crate::mpgnn::{MpgnnConfig, NodeModel};

/// What the network sees of a matrix, and what its outputs multiply.
///
/// Numbers of the matrix with unit diagonal, Â; ρ are pivots (squares of the diagonal of the factor); "kind" is two numbers that say whether an arc lies on the diagonal, or
/// below it.
///
/// | input | arc (i, j) | node i | entry |
/// | --- | --- | --- | --- |
/// | `Raw` | a_ij | 1 | output (the published form) |
/// | `Scaled` | log \|â_ij\|, kind | 1 | â_ij exp(output) |
/// | `Forward` | log \|â_ij\|, kind, log \|l_ij\|, log ρ_i, log ρ_j of IC(0) | log ρ_i | l_ij exp(output) |
/// | `Both` | the same, and those of IC(0) in the reversed order | log ρ_i, twice | l_ij exp(output) |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CorrectorInput {
    /// Entries as they are.
    Raw,
    /// Entries of the scaled matrix.
    Scaled,
    /// And the factor of IC(0).
    #[default]
    Forward,
    /// And the factor of IC(0) in the reversed order.
    Both,
}

impl CorrectorInput {
    /// A short name: `raw`, `scaled`, `forward`, `both`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Scaled => "scaled",
            Self::Forward => "forward",
            Self::Both => "both",
        }
    }

    /// Features of a node.
    #[must_use]
    pub fn node_inputs(self) -> usize {
        match self {
            Self::Both => 2,
            _ => 1,
        }
    }

    /// Features of an arc.
    #[must_use]
    pub fn edge_inputs(self) -> usize {
        match self {
            Self::Raw => 1,
            Self::Scaled => 3,
            Self::Forward => 6,
            Self::Both => 9,
        }
    }
}

/// Configuration of a corrector.
///
/// # Examples
/// ```
/// use la_gnn::corrector::{CorrectorConfig, CorrectorInput};
/// let config = CorrectorConfig::default();
/// assert_eq!(config.network().parameter_count(), 8945);
/// assert_eq!(config.with_input(CorrectorInput::Raw).network().parameter_count(), 8865);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CorrectorConfig {
    /// What the network sees. Default: the factor of IC(0).
    pub input: CorrectorInput,
    /// Blocks of the network. Default 3.
    pub blocks: usize,
    /// Channels of the network. Default 16.
    pub width: usize,
    /// Largest output in magnitude, positive. Default 4.
    pub limit: f64,
}

impl Default for CorrectorConfig {
    fn default() -> Self {
        Self {
            input: CorrectorInput::default(),
            blocks: 3,
            width: 16,
            limit: 4.0,
        }
    }
}

impl CorrectorConfig {
    /// Sets what the network sees.
    #[must_use]
    pub fn with_input(mut self, input: CorrectorInput) -> Self {
        self.input = input;
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
    /// Sets the largest output.
    #[must_use]
    pub fn with_limit(mut self, limit: f64) -> Self {
        self.limit = limit;
        self
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> MpgnnConfig {
        MpgnnConfig::default()
            .with_node_model(NodeModel::MessagePassing)
            .with_blocks(self.blocks)
            .with_width(self.width)
            .with_node_inputs(self.input.node_inputs())
            .with_edge_inputs(self.input.edge_inputs())
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        if !(self.limit > 0.0 && self.limit.is_finite()) {
            return Err(GnnError::Config {
                field: "limit",
                reason: format!("is {}, must be positive and finite", self.limit),
            });
        }
        self.network().validate()
    }
}
