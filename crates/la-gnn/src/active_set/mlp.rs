//! Configuration of a perceptron.

use serde::{Deserialize, Serialize};

use super::{ActiveSetConfig, in_range, specs};
use crate::GnnError;
use crate::neuralif::ParameterSpec;

/// What a perceptron reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MlpInput {
    /// (f, b), each entry minus its mean over the training set and divided by its deviation: all that changes where H and A are fixed.
    #[default]
    Vectors,
    /// (vec H, vec A, f, b), by rows, as it is: the published network.
    Problem,
}

/// What a perceptron says something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MlpOutput {
    /// The constraints.
    #[default]
    Constraints,
    /// The variables, which are never active, then the constraints: the published network.
    Nodes,
}

/// Configuration of a perceptron with two hidden layers, for problems of one size.
///
/// ```text
/// logits = W₃ σ(W₂ σ(W₁ x + b₁) + b₂) + b₃,   σ(t) = max(t, 0.1 t)
/// ```
///
/// # Examples
/// ```
/// use la_gnn::active_set::{ActiveSetConfig, MlpConfig};
/// let config = MlpConfig::new(10, 40);
/// assert_eq!((config.inputs(), config.outputs(), config.parameter_count()), (50, 40, 28_200));
/// let published = MlpConfig::published(10, 40);
/// assert_eq!((published.inputs(), published.outputs()), (550, 50));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MlpConfig {
    /// Variables of the problem, 1 to 4096.
    pub variables: usize,
    /// One-sided constraints of the problem, 1 to 16 384.
    pub constraints: usize,
    /// What is read.
    pub input: MlpInput,
    /// What is said.
    pub output: MlpOutput,
    /// Hidden width, 1 to 1024. Default 128.
    pub hidden: usize,
}

impl MlpConfig {
    /// A network that reads (f, b) and says something about constraints.
    #[must_use]
    pub fn new(variables: usize, constraints: usize) -> Self {
        Self {
            variables,
            constraints,
            input: MlpInput::Vectors,
            output: MlpOutput::Constraints,
            hidden: 128,
        }
    }

    /// The published network, which reads H, A, f, b as they are, and has outputs for variables too.
    #[must_use]
    pub fn published(variables: usize, constraints: usize) -> Self {
        Self {
            input: MlpInput::Problem,
            output: MlpOutput::Nodes,
            ..Self::new(variables, constraints)
        }
    }

    /// Sets the hidden width.
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }

    /// Number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        let (n, m) = (self.variables, self.constraints);
        match self.input {
            MlpInput::Vectors => n + m,
            MlpInput::Problem => n * n + m * n + n + m,
        }
    }

    /// Number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.skipped_outputs() + self.constraints
    }

    /// Outputs before those of the constraints.
    #[must_use]
    pub fn skipped_outputs(&self) -> usize {
        match self.output {
            MlpOutput::Constraints => 0,
            MlpOutput::Nodes => self.variables,
        }
    }
}

impl ActiveSetConfig for MlpConfig {
    const ARCHITECTURE: &'static str = "active-set-mlp";

    fn validate(&self) -> Result<(), GnnError> {
        in_range("variables", self.variables, 1..=4096)?;
        in_range("constraints", self.constraints, 1..=16_384)?;
        in_range("hidden", self.hidden, 1..=1024)
    }

    fn parameters(&self) -> Vec<ParameterSpec> {
        let (h, mut list) = (self.hidden, Vec::new());
        let widths = [self.inputs(), h, h, self.outputs()];
        for (k, pair) in widths.windows(2).enumerate() {
            list.push((format!("lin{}.weight", k + 1), vec![pair[1], pair[0]]));
            list.push((format!("lin{}.bias", k + 1), vec![pair[1]]));
        }
        specs(list)
    }

    fn statistics(&self) -> Vec<ParameterSpec> {
        match self.input {
            MlpInput::Problem => Vec::new(),
            MlpInput::Vectors => specs(vec![
                ("input.mean".into(), vec![self.inputs()]),
                ("input.scale".into(), vec![self.inputs()]),
            ]),
        }
    }
}
