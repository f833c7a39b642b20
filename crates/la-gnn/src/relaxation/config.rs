//! Configuration of a relaxation network.

use serde::{Deserialize, Serialize};

use super::FEATURES;
use crate::GnnError;
use crate::neuralif::ParameterSpec;

/// Configuration of a relaxation network.
///
/// With x_i the ten features of row i, x̄_i their mean over the columns of the row, and h the hidden width:
///
/// ```text
/// ω_i = σ(w₃ · relu(W₂ relu(W₁ [x_i, x̄_i] + b₁) + b₂) + b₃)          20 → h → h → 1
/// ```
///
/// # Examples
/// ```
/// use la_gnn::relaxation::RelaxationConfig;
/// assert_eq!(RelaxationConfig::default().parameter_count(), 625);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RelaxationConfig {
    /// Hidden width h, 1 to 64. Default 16.
    pub hidden: usize,
    /// Whether a row hears of its neighbours (x̄_i). Default true; without it the network is a function of one row.
    pub messages: bool,
}

impl Default for RelaxationConfig {
    fn default() -> Self {
        Self {
            hidden: 16,
            messages: true,
        }
    }
}

impl RelaxationConfig {
    /// Sets the hidden width.
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }

    /// Sets whether a row hears of its neighbours.
    #[must_use]
    pub fn with_messages(mut self, messages: bool) -> Self {
        self.messages = messages;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        if (1..=64).contains(&self.hidden) {
            return Ok(());
        }
        Err(GnnError::Config {
            field: "hidden",
            reason: format!("is {}, must be 1 to 64", self.hidden),
        })
    }

    /// Columns of the first linear map.
    #[must_use]
    pub fn inputs(&self) -> usize {
        FEATURES * (1 + usize::from(self.messages))
    }

    /// Every parameter in the order in which [`super::Parameters`] stores them.
    #[must_use]
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let h = self.hidden;
        let mut offset = 0;
        [
            ("lin1.weight", vec![h, self.inputs()]),
            ("lin1.bias", vec![h]),
            ("lin2.weight", vec![h, h]),
            ("lin2.bias", vec![h]),
            ("lin3.weight", vec![1, h]),
            ("lin3.bias", vec![1]),
        ]
        .into_iter()
        .map(|(name, shape)| {
            let len = shape.iter().product();
            offset += len;
            ParameterSpec {
                name: name.into(),
                shape,
                offset: offset - len,
                len,
            }
        })
        .collect()
    }

    /// Number of learnable scalars.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|p| p.len).sum()
    }
}
