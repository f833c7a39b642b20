//! Configuration of a learned LU network.

use serde::{Deserialize, Serialize};

use super::{DiagonalActivation, NODE_WIDTH};
use crate::GnnError;
use crate::neuralif::{Activation, ParameterSpec};

/// The first of the eight node features; the others are structural ([`la_graph::structural_features`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FirstFeature {
    /// Row number, counted from 0 (the published text).
    Position,
    /// Entry of the right-hand side (the authors' code): the factors then depend on b.
    RightHandSide,
}

/// Whether a loop that was added for a diagonal entry that is not stored counts in the node features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AddedLoops {
    /// Like a stored entry of value 0: in the degrees of its node and of the neighbours.
    Counted,
    /// Not at all: node features are those of the stored entries alone. Messages are passed along added loops all the same.
    Ignored,
}

/// What the network's output is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Base {
    /// Nothing: the output is the factor (the published network).
    None,
    /// ILU(0) in the form `A ≈ L⁰ U⁰`, U⁰ unit upper triangular: `l_ij = l⁰_ij (1 + e_ij)`, `l_ii = l⁰_ii ζ(1 + e_ii)`,
    /// `u_ij = u⁰_ij (1 + e_ij)`. Its entries are one more feature of the arcs. Untrained, it *is* ILU(0). Not in the paper.
    Ilu0,
}

/// By what the matrix is divided before the network sees it; L is multiplied by it afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MatrixScale {
    /// Nothing (the published network): the factors of `α A` are not `α` times those of A.
    None,
    /// The mean over the rows of their largest absolute entry. Multiplying A by a power of two changes nothing but
    /// the exponents of L.
    Matrix,
    /// Each row by its largest absolute entry; a row of zeros by 1. Multiplying rows of A by powers of two changes nothing
    /// but the exponents of the rows of L.
    Rows,
}

/// Configuration of a learned LU network. The default has 4889 parameters, the number of the paper.
///
/// With h the hidden width, w the edge width and u_ij = (a_ij, p_ij), p_ij = −1, 0, +1 for i > j, i = j, i < j:
///
/// ```text
/// e_ij ← MLP([x_i, x_j, u_ij])                   first step          16 + 2 → h → w
/// e_ij ← MLP([x_i, x_j, e_ij, a_ij])             further steps       16 + w + 1 → h → w; the last one → 1
/// x_i  ← MLP([x_i, mean_j e_ij])                 every step          8 + w → h → 8; the last one 8 + 1
/// l_ij = e_ij (i > j),  l_ii = ζ(e_ii),  u_ij = e_ij (i < j),  u_ii = 1
/// ```
///
/// ζ is [`DiagonalActivation`]. The last node update does not reach the factors; its parameters are there because the
/// published count has them.
///
/// # Examples
/// ```
/// use la_gnn::learned_lu::LearnedLuConfig;
/// let config = LearnedLuConfig::default();
/// assert_eq!(config.parameter_count(), 4889);
/// assert_eq!(config.with_hidden(32).parameter_count(), 9689);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LearnedLuConfig {
    /// Message-passing steps, 1 to 16. Default 3.
    pub steps: usize,
    /// Hidden width h of every two-layer perceptron, 1 to 32. Default 16 (the count of the paper); the authors' code has 32.
    pub hidden: usize,
    /// Width w of an arc state between the steps, 1 to 64. Default 32.
    pub edge_width: usize,
    /// Nonlinearity. Default relu.
    pub activation: Activation,
    /// ε of the diagonal activation, positive, in the units of the output. Default 1e-3 (the authors' code; the text has 1e-4).
    pub eps: f64,
    /// Diagonal activation of inference; training uses the smooth one. Default hard.
    pub diagonal: DiagonalActivation,
    /// First node feature. Default the position.
    pub first_feature: FirstFeature,
    /// Whether added loops count in the node features. Default counted.
    pub added_loops: AddedLoops,
    /// Normalise the node features of each graph (learnable, three scalars a feature): positions and degrees then do not grow with
    /// the matrix. Not in the paper. Default false.
    pub graph_norm: bool,
    /// By what the matrix is divided before the network sees it. Default nothing.
    pub scale: MatrixScale,
    /// What the output is relative to. Default nothing.
    pub base: Base,
}

impl Default for LearnedLuConfig {
    fn default() -> Self {
        Self {
            steps: 3,
            hidden: 16,
            edge_width: 32,
            activation: Activation::Relu,
            eps: 1e-3,
            diagonal: DiagonalActivation::Hard,
            first_feature: FirstFeature::Position,
            added_loops: AddedLoops::Counted,
            graph_norm: false,
            scale: MatrixScale::None,
            base: Base::None,
        }
    }
}

impl LearnedLuConfig {
    /// Sets the number of message-passing steps.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }
    /// Sets the hidden width.
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }
    /// Sets the width of inner arc states.
    #[must_use]
    pub fn with_edge_width(mut self, edge_width: usize) -> Self {
        self.edge_width = edge_width;
        self
    }
    /// Sets the nonlinearity.
    #[must_use]
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }
    /// Sets ε of the diagonal activation.
    #[must_use]
    pub fn with_eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
    /// Sets the diagonal activation of inference.
    #[must_use]
    pub fn with_diagonal(mut self, diagonal: DiagonalActivation) -> Self {
        self.diagonal = diagonal;
        self
    }
    /// Sets the first node feature.
    #[must_use]
    pub fn with_first_feature(mut self, first_feature: FirstFeature) -> Self {
        self.first_feature = first_feature;
        self
    }
    /// Sets whether added loops count in the node features.
    #[must_use]
    pub fn with_added_loops(mut self, added_loops: AddedLoops) -> Self {
        self.added_loops = added_loops;
        self
    }
    /// Switches the normalisation of the node features on or off.
    #[must_use]
    pub fn with_graph_norm(mut self, graph_norm: bool) -> Self {
        self.graph_norm = graph_norm;
        self
    }
    /// Sets by what the matrix is divided.
    #[must_use]
    pub fn with_scale(mut self, scale: MatrixScale) -> Self {
        self.scale = scale;
        self
    }
    /// Sets what the output is relative to.
    #[must_use]
    pub fn with_base(mut self, base: Base) -> Self {
        self.base = base;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        for (field, value, max) in [
            ("steps", self.steps, 16),
            ("hidden", self.hidden, 32),
            ("edge_width", self.edge_width, 64),
        ] {
            if !(1..=max).contains(&value) {
                return Err(GnnError::Config {
                    field,
                    reason: format!("is {value}, must be 1 to {max}"),
                });
            }
        }
        if !(self.eps > 0.0 && self.eps.is_finite()) {
            return Err(GnnError::Config {
                field: "eps",
                reason: format!("is {}, must be positive and finite", self.eps),
            });
        }
        Ok(())
    }

    /// Features of an arc in the first step: a_ij, its position code and, on top of ILU(0), the entry of that.
    #[must_use]
    pub fn edge_features(&self) -> usize {
        2 + usize::from(self.base == Base::Ilu0)
    }

    /// Width of the arc states that step `step` makes.
    #[must_use]
    pub fn edge_outputs(&self, step: usize) -> usize {
        if step + 1 == self.steps {
            1
        } else {
            self.edge_width
        }
    }

    /// Columns of the first linear map of the edge perceptron of step `step`: receiving node, other node, then the features of
    /// the arc (first step) or its state and a_ij.
    #[must_use]
    pub fn edge_inputs(&self, step: usize) -> usize {
        let own = if step == 0 {
            self.edge_features()
        } else {
            self.edge_width + 1
        };
        2 * NODE_WIDTH + own
    }

    /// Scalars of GraphNorm, the first ones of the flat array.
    pub(crate) fn graph_norm_len(&self) -> usize {
        3 * NODE_WIDTH * usize::from(self.graph_norm)
    }

    /// Every parameter in the order in which [`super::Parameters`] stores them: GraphNorm (if any), then of each step the edge
    /// perceptron and the node perceptron.
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
        if self.graph_norm {
            for name in ["alpha", "gamma", "beta"] {
                push(format!("graph_norm.{name}"), vec![NODE_WIDTH]);
            }
        }
        let h = self.hidden;
        for step in 0..self.steps {
            let out = self.edge_outputs(step);
            for (mlp, inputs, outputs) in [
                ("edge_mlp", self.edge_inputs(step), out),
                ("node_mlp", NODE_WIDTH + out, NODE_WIDTH),
            ] {
                push(format!("step{step}.{mlp}.lin1.weight"), vec![h, inputs]);
                push(format!("step{step}.{mlp}.lin1.bias"), vec![h]);
                push(format!("step{step}.{mlp}.lin2.weight"), vec![outputs, h]);
                push(format!("step{step}.{mlp}.lin2.bias"), vec![outputs]);
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
        let config = LearnedLuConfig::default();
        assert_eq!(config.parameter_count(), 4889);
        assert_eq!(config.clone().with_hidden(32).parameter_count(), 9689);
        let of = |prefix: &str| -> usize {
            let specs = config.parameters();
            let own = specs.iter().filter(|p| p.name.starts_with(prefix));
            own.map(|p| p.len).sum()
        };
        let parts: Vec<usize> = (0..3)
            .flat_map(|t| [of(&format!("step{t}.edge")), of(&format!("step{t}.node"))])
            .collect();
        assert_eq!(parts, [848, 792, 1344, 792, 817, 296]);
    }

    #[test]
    fn parameter_counts_of_the_variants() {
        let config = LearnedLuConfig::default();
        assert_eq!(
            config.clone().with_graph_norm(true).parameter_count(),
            4889 + 24
        );
        // One column more in the first edge perceptron.
        assert_eq!(
            config.clone().with_base(Base::Ilu0).parameter_count(),
            4889 + 16
        );
        // One step is the first and the last: 18 -> 16 -> 1, 9 -> 16 -> 8.
        assert_eq!(
            config.with_steps(1).parameter_count(),
            (18 + 1) * 16 + 17 + (9 + 1) * 16 + 17 * 8
        );
    }

    #[test]
    fn fields_out_of_range_are_named() {
        let config = LearnedLuConfig::default;
        for (config, field) in [
            (config().with_steps(0), "steps"),
            (config().with_hidden(33), "hidden"),
            (config().with_edge_width(65), "edge_width"),
            (config().with_eps(0.0), "eps"),
            (config().with_eps(f64::NAN), "eps"),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(field), "{text}");
        }
    }
}
