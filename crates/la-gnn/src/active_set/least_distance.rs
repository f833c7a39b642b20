//! Configuration of a network on the constraints of the least-distance form.

use serde::{Deserialize, Serialize};

use super::{ActiveSetConfig, in_range, specs};
use crate::GnnError;
use crate::neuralif::ParameterSpec;

/// Configuration of a network whose nodes are the constraints of the least-distance form of a problem.
///
/// With `H = RᵀR`, `u = R x + R⁻ᵀ f` the problem is `min ½ ‖u‖²` subject to `M u ≤ d`, the rows of `M = S A R⁻¹` of length 1. M does not change
/// when variables or constraints are scaled, d only together with all its entries. Nodes talk through regularised projections on the rows,
///
/// ```text
/// P_k = M (MᵀM + μ_k I)⁻¹ Mᵀ,   μ_k = ridge_k · m / n,        and P_∞ = M Mᵀ / ‖M Mᵀ‖_F
/// ```
///
/// which are products of the form `y = Mᵀ h`, `z = B y`. A step of the alternating direction method of multipliers (splitting) on the problem is one
/// such product with a rectifier. Some of these steps are taken first, with nothing learned; what they say of a constraint, its slack
/// and its multiplier, are its features x, with the slack of the unconstrained minimiser. The network goes on with messages of the same kind in many channels:
///
/// ```text
/// h ← σ(V x + c)
/// h ← h + σ(W₀ h + Σ_k W_k (P_k h) + U x + b)      `layers` times, with separate weights; σ(t) = max(t, 0.1 t)
/// logit = w₂ᵀ h + c₂
/// ```
///
/// Constraints and variables may be permuted, scaled and mixed (x = T z), and the objective and the bounds scaled: the outputs stay the same. Nothing in the
/// features tells one constraint from another but through the problem at hand, so that a few families in training are not learned by heart.
///
/// # Examples
/// ```
/// use la_gnn::active_set::{ActiveSetConfig, LeastDistanceConfig};
/// let config = LeastDistanceConfig::default();
/// assert_eq!((config.steps, config.width, config.layers), (100, 24, 3));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LeastDistanceConfig {
    /// Steps of splitting before the network, 0 to 1000. Default 100.
    pub steps: usize,
    /// Channels, 1 to 256. Default 24.
    pub width: usize,
    /// Layers, 1 to 64. Default 3.
    pub layers: usize,
    /// Relative ridges of the projections, each in 1e-6 to 1e4, one to four of them. Default 3e-4 and 3e-3.
    pub ridges: Vec<f64>,
    /// Whether nodes also talk through `M Mᵀ`. Default false.
    pub gram: bool,
}

impl Default for LeastDistanceConfig {
    fn default() -> Self {
        Self {
            steps: 100,
            width: 24,
            layers: 3,
            ridges: vec![3e-4, 3e-3],
            gram: false,
        }
    }
}

impl LeastDistanceConfig {
    /// Sets the number of steps of splitting.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
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

    /// Sets the ridges.
    #[must_use]
    pub fn with_ridges(mut self, ridges: Vec<f64>) -> Self {
        self.ridges = ridges;
        self
    }

    /// Sets whether nodes also talk through `M Mᵀ`.
    #[must_use]
    pub fn with_gram(mut self, gram: bool) -> Self {
        self.gram = gram;
        self
    }

    /// Products of a layer.
    #[must_use]
    pub fn operators(&self) -> usize {
        self.ridges.len() + usize::from(self.gram)
    }

    /// Features of a constraint: three of its slack, the share of violated ones, and four for each ridge.
    #[must_use]
    pub fn features(&self) -> usize {
        4 + 4 * self.ridges.len()
    }
}

impl ActiveSetConfig for LeastDistanceConfig {
    const ARCHITECTURE: &'static str = "active-set-least-distance";

    fn validate(&self) -> Result<(), GnnError> {
        in_range("steps", self.steps, 0..=1000)?;
        in_range("width", self.width, 1..=256)?;
        in_range("layers", self.layers, 1..=64)?;
        in_range("ridges", self.ridges.len(), 1..=4)?;
        match self.ridges.iter().find(|r| !(1e-6..=1e4).contains(*r)) {
            None => Ok(()),
            Some(ridge) => Err(GnnError::Config {
                field: "ridges",
                reason: format!("holds {ridge}, must be 1e-6 to 1e4"),
            }),
        }
    }

    fn parameters(&self) -> Vec<ParameterSpec> {
        let (c, x) = (self.width, self.features());
        let inputs = c * (1 + self.operators()) + x;
        let mut list = vec![
            ("encoder.weight".into(), vec![c, x]),
            ("encoder.bias".into(), vec![c]),
        ];
        for k in 0..self.layers {
            list.push((format!("layer.{k}.weight"), vec![c, inputs]));
            list.push((format!("layer.{k}.bias"), vec![c]));
        }
        list.push(("decoder.weight".into(), vec![1, c]));
        list.push(("decoder.bias".into(), vec![1]));
        specs(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_out_of_range_are_named() {
        let config = LeastDistanceConfig::default;
        for (config, field) in [
            (config().with_steps(1001), "steps"),
            (config().with_width(0), "width"),
            (config().with_layers(65), "layers"),
            (config().with_ridges(vec![]), "ridges"),
            (config().with_ridges(vec![f64::NAN]), "ridges"),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(field), "{text}");
        }
    }
}
