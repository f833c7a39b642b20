//! Configuration of the published graph network.

use serde::{Deserialize, Serialize};

use super::{ActiveSetConfig, in_range, specs};
use crate::GnnError;
use crate::neuralif::ParameterSpec;

/// What a node of the graph of a problem knows at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GnnFeatures {
    /// Variable i: (f_i, 0, 0, 0); constraint j of `A x ≤ b`: (0, b_j, 0, 1).
    #[default]
    OneSided,
    /// Variable i: (f_i, 0, 0, 0, 0, 0); constraint j of `l ≤ A x ≤ u`: (0, l_j, 1, u_j, 2, 1).
    TwoSided,
}

impl GnnFeatures {
    /// Number of features.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::OneSided => 4,
            Self::TwoSided => 6,
        }
    }

    /// Never.
    #[must_use]
    pub fn is_empty(self) -> bool {
        false
    }
}

/// Configuration of the published graph network.
///
/// With K the matrix of the optimality conditions, `[H Aᵀ; A 0]`, on n variables and then m constraints, and X the features, each minus its mean
/// over all nodes of the batch and divided by its deviation:
///
/// ```text
/// conv(X) = K (X W₁ᵀ + 1 b₁ᵀ) − diag(K 1) X W₂ᵀ + X W₃ᵀ + 1 b₃ᵀ
/// logits  = conv₃(σ(norm₂(conv₂(σ(norm₁(conv₁(X)))))))        σ(t) = max(t, 0.1 t), norm over the channels of a node
/// ```
///
/// With more than three layers the middle one is applied repeatedly, with the same weights.
///
/// # Examples
/// ```
/// use la_gnn::active_set::{ActiveSetConfig, GnnConfig};
/// assert_eq!(GnnConfig::default().parameter_count(), 52_098);
/// assert_eq!(GnnConfig::default().with_layers(5).parameter_count(), 52_098);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GnnConfig {
    /// What a node knows at first.
    pub features: GnnFeatures,
    /// Channels, 1 to 512. Default 128.
    pub width: usize,
    /// Layers, 3 to 64. Default 3.
    pub layers: usize,
}

impl Default for GnnConfig {
    fn default() -> Self {
        Self {
            features: GnnFeatures::OneSided,
            width: 128,
            layers: 3,
        }
    }
}

impl GnnConfig {
    /// Sets what a node knows at first.
    #[must_use]
    pub fn with_features(mut self, features: GnnFeatures) -> Self {
        self.features = features;
        self
    }

    /// Sets the number of channels.
    #[must_use]
    pub fn with_width(mut self, width: usize) -> Self {
        self.width = width;
        self
    }

    /// Sets the number of layers.
    #[must_use]
    pub fn with_layers(mut self, layers: usize) -> Self {
        self.layers = layers;
        self
    }
}

impl ActiveSetConfig for GnnConfig {
    const ARCHITECTURE: &'static str = "active-set-leconv";

    fn validate(&self) -> Result<(), GnnError> {
        in_range("width", self.width, 1..=512)?;
        in_range("layers", self.layers, 3..=64)
    }

    fn parameters(&self) -> Vec<ParameterSpec> {
        let (c, mut list) = (self.width, Vec::new());
        for (k, [inputs, outputs]) in [[self.features.len(), c], [c, c], [c, 1]]
            .into_iter()
            .enumerate()
        {
            let k = k + 1;
            for (part, bias) in [("w1", true), ("w2", false), ("w3", true)] {
                list.push((format!("conv{k}.{part}.weight"), vec![outputs, inputs]));
                if bias {
                    list.push((format!("conv{k}.{part}.bias"), vec![outputs]));
                }
            }
            if k < 3 {
                list.push((format!("norm{k}.weight"), vec![c]));
                list.push((format!("norm{k}.bias"), vec![c]));
            }
        }
        specs(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_out_of_range_are_named() {
        for (config, field) in [
            (GnnConfig::default().with_width(0), "width"),
            (GnnConfig::default().with_layers(2), "layers"),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(field), "{text}");
        }
        let two_sided = GnnConfig::default()
            .with_features(GnnFeatures::TwoSided)
            .with_width(32);
        assert_eq!(two_sided.parameter_count(), 4002);
    }
}
