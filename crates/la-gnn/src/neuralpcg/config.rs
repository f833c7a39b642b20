//! Configuration of a NeuralPCG network.

use serde::{Deserialize, Serialize};

use crate::GnnError;
use crate::neuralif::{Activation, NODE_WIDTH, ParameterSpec};

/// How the factor is made of the decoded arcs `s_ij`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactorForm {
    /// `l_ij = s_ij + s_ji` for i > j, `l_ii = √a_ii`, for symmetric matrices with a positive diagonal (the original).
    Symmetric,
    /// `l_ij = s_ij` for i > j, `l_ii = exp(s_ii)`, for any square matrix: `A ≈ L Lᵀ` as a baseline beside learned LU. The graph is
    /// that of [`LearnedLuConfig`](crate::learned_lu::LearnedLuConfig): one loop per node, and the position code
    /// −1, 0, +1 as the second feature of an arc.
    Triangle,
}

/// Configuration of a NeuralPCG network. The default has 10 177 parameters.
///
/// With w the width of every state and hidden layer:
///
/// ```text
/// x_i = MLP_x(f_i),  e_ij = MLP_e(a_ij)                              encoders, → w
/// e'_ij = MLP([x_i, x_j, e_ij]),  x'_i = MLP([x_i, mean_j e'_ij])    K times, on all stored entries of A
/// s_ij = MLP_d(e_ij)                                                 decoder, → 1
/// l_ij = s_ij + s_ji for i > j,  l_ii = √a_ii                        or as [`FactorForm`] says
/// ```
///
/// # Examples
/// ```
/// use la_gnn::neuralpcg::NeuralPcgConfig;
/// let config = NeuralPcgConfig::default();
/// assert_eq!(config.parameter_count(), 10_177);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct NeuralPcgConfig {
    /// Width w of node and arc states and of hidden layers, 1 to 256. Default 16.
    pub width: usize,
    /// Message-passing steps K, 1 to 32. Default 5.
    pub steps: usize,
    /// Features of a node, 1 to 64. Default 1: the entry of the right-hand side.
    pub node_features: usize,
    /// Nonlinearity. Default relu.
    pub activation: Activation,
    /// Normalise the node features of each graph (learnable, three scalars a feature). Needed with the structural
    /// features, whose positions grow with the matrix. Not in the original. Default false.
    pub graph_norm: bool,
    /// Give the network `D^-1/2 A D^-1/2`, D = diag(A), and multiply row i of the result by `√a_ii`. Not in the
    /// original. Default false.
    pub equilibrate: bool,
    /// How the factor is made of the decoded arcs. Default [`FactorForm::Symmetric`].
    pub form: FactorForm,
}

impl Default for NeuralPcgConfig {
    fn default() -> Self {
        Self {
            width: 16,
            steps: 5,
            node_features: 1,
            activation: Activation::Relu,
            graph_norm: false,
            equilibrate: false,
            form: FactorForm::Symmetric,
        }
    }
}

impl NeuralPcgConfig {
    /// The variant that maps a matrix to a factor without its right-hand side: the eight structural features of
    /// [`la_graph::structural_features`], normalised, on the equilibrated matrix; 10 313 parameters.
    ///
    /// The same inputs and the same scaling as the best variant of NeuralIF, so that the two can be compared.
    #[must_use]
    pub fn equilibrated() -> Self {
        Self::default()
            .with_node_features(NODE_WIDTH)
            .with_graph_norm(true)
            .with_equilibrate(true)
    }

    /// The baseline "Learned IC" of P. Häusner, A. Nieto Juscafresa, J. Sjölund, *Learning incomplete factorization preconditioners
    /// for GMRES*, 2025: eight node features, two of an arc, [`FactorForm::Triangle`]; 10 305 parameters.
    #[must_use]
    pub fn general() -> Self {
        Self::default()
            .with_node_features(NODE_WIDTH)
            .with_form(FactorForm::Triangle)
    }

    /// Sets the width.
    #[must_use]
    pub fn with_width(mut self, width: usize) -> Self {
        self.width = width;
        self
    }
    /// Sets the number of message-passing steps.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }
    /// Sets the number of features of a node.
    #[must_use]
    pub fn with_node_features(mut self, node_features: usize) -> Self {
        self.node_features = node_features;
        self
    }
    /// Sets the nonlinearity.
    #[must_use]
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }
    /// Switches the normalisation of the node features on or off.
    #[must_use]
    pub fn with_graph_norm(mut self, graph_norm: bool) -> Self {
        self.graph_norm = graph_norm;
        self
    }
    /// Switches the equilibration of the input on or off.
    #[must_use]
    pub fn with_equilibrate(mut self, equilibrate: bool) -> Self {
        self.equilibrate = equilibrate;
        self
    }

    /// Sets how the factor is made of the decoded arcs.
    #[must_use]
    pub fn with_form(mut self, form: FactorForm) -> Self {
        self.form = form;
        self
    }

    /// Features of an arc: a_ij, and its position code for [`FactorForm::Triangle`].
    #[must_use]
    pub fn edge_features(&self) -> usize {
        match self.form {
            FactorForm::Symmetric => 1,
            FactorForm::Triangle => 2,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        for (field, value, max) in [
            ("width", self.width, 256),
            ("steps", self.steps, 32),
            ("node_features", self.node_features, 64),
        ] {
            if !(1..=max).contains(&value) {
                return Err(GnnError::Config {
                    field,
                    reason: format!("is {value}, must be 1 to {max}"),
                });
            }
        }
        if self.form == FactorForm::Triangle && self.equilibrate {
            return Err(GnnError::Config {
                field: "equilibrate",
                reason: "takes square roots of the diagonal, which a general matrix need not have"
                    .into(),
            });
        }
        if self.form == FactorForm::Triangle && self.node_features != NODE_WIDTH {
            return Err(GnnError::Config {
                field: "node_features",
                reason: format!(
                    "is {}, the form `triangle` takes {NODE_WIDTH}",
                    self.node_features
                ),
            });
        }
        Ok(())
    }

    /// Refuses networks for general matrices where only symmetric ones run.
    pub(crate) fn validate_symmetric(&self) -> Result<(), GnnError> {
        self.validate()?;
        if self.form == FactorForm::Symmetric {
            return Ok(());
        }
        Err(GnnError::Config {
            field: "form",
            reason: "is `triangle`: this network runs on the graph of a general matrix".into(),
        })
    }

    /// Every parameter in the order in which [`super::Parameters`] stores them: GraphNorm (if any), node encoder, arc
    /// encoder, the steps (arc perceptron, node perceptron), decoder. Inputs of a step's perceptrons: receiving node, other node, arc state; node,
    /// aggregate.
    #[must_use]
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let w = self.width;
        let mut list = Vec::new();
        let mut offset = 0;
        if self.graph_norm {
            for name in ["alpha", "gamma", "beta"] {
                list.push(ParameterSpec {
                    name: format!("graph_norm.{name}"),
                    shape: vec![self.node_features],
                    offset,
                    len: self.node_features,
                });
                offset += self.node_features;
            }
        }
        let mut mlp = |prefix: &str, inputs: usize, outputs: usize| {
            for (name, shape) in [
                ("lin1.weight", vec![w, inputs]),
                ("lin1.bias", vec![w]),
                ("lin2.weight", vec![outputs, w]),
                ("lin2.bias", vec![outputs]),
            ] {
                let len = shape.iter().product();
                list.push(ParameterSpec {
                    name: format!("{prefix}.{name}"),
                    shape,
                    offset,
                    len,
                });
                offset += len;
            }
        };
        mlp("node_encoder", self.node_features, w);
        mlp("edge_encoder", self.edge_features(), w);
        for step in 0..self.steps {
            mlp(&format!("step{step}.edge_mlp"), 3 * w, w);
            mlp(&format!("step{step}.node_mlp"), 2 * w, w);
        }
        mlp("edge_decoder", w, 1);
        list
    }

    /// Scalars of GraphNorm, the first ones of the flat array.
    pub(crate) fn graph_norm_len(&self) -> usize {
        3 * self.node_features * usize::from(self.graph_norm)
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
    fn parameter_counts() {
        let config = NeuralPcgConfig::default();
        assert_eq!(config.parameter_count(), 10_177);
        // Encoders 304 each, five steps of 1056 + 800, decoder 289; eight features instead of one: 7·16 more.
        assert_eq!(2 * 304 + 5 * (1056 + 800) + 289, 10_177);
        assert_eq!(config.with_node_features(8).parameter_count(), 10_289);
        assert_eq!(NeuralPcgConfig::equilibrated().parameter_count(), 10_313);
        assert_eq!(NeuralPcgConfig::general().parameter_count(), 10_289 + 16);
    }

    #[test]
    fn fields_out_of_range_are_named() {
        for (config, field) in [
            (NeuralPcgConfig::default().with_width(0), "width"),
            (NeuralPcgConfig::default().with_steps(33), "steps"),
            (
                NeuralPcgConfig::default().with_node_features(0),
                "node_features",
            ),
            (
                NeuralPcgConfig::general().with_equilibrate(true),
                "equilibrate",
            ),
            (
                NeuralPcgConfig::general().with_node_features(1),
                "node_features",
            ),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(field), "{text}");
        }
        let text = NeuralPcgConfig::general().validate_symmetric();
        assert!(text.unwrap_err().to_string().contains("form"));
        assert!(NeuralPcgConfig::default().validate_symmetric().is_ok());
    }
}
