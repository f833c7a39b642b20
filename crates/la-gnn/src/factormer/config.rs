//! Configuration of a stack of Factormers.

use serde::{Deserialize, Serialize};

use crate::GnnError;
use crate::network::{NetworkConfig, in_range, specs, uniform_values};
use crate::neuralif::ParameterSpec;

/// What a node knows at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactormerInput {
    /// Its row of the factor: the network starts a factorisation (Algorithm 1).
    #[default]
    Factor,
    /// Its row of the last proposal, then its row after an iteration of the solver from there: the network accelerates (Algorithm 2).
    FactorAndSolver,
}

/// How a node takes a message m, with y = LN₁(x + m). The source says two different things in two places; the third is the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UpdateRule {
    /// `LN₂(x + FFN(y))`, equation (15).
    #[default]
    Eq15,
    /// `LN₂(m + FFN(y))`, Algorithm 3.
    Alg3,
    /// `LN₂(y + FFN(y))`, as in transformers with normalisation behind.
    PostNorm,
}

/// By what scores are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttentionScale {
    /// The root of a head's width.
    #[default]
    PerHead,
    /// The root of the number of channels.
    Full,
}

/// Configuration of a stack of Factormers (an N-Factormer).
///
/// # Examples
/// ```
/// use la_gnn::factormer::{FactormerConfig, NetworkConfig};
/// let config = FactormerConfig::new(10);
/// assert_eq!((config.width, config.heads, config.pairs), (100, 4, 4));
/// assert_eq!(config.parameter_count(), 367_710);
/// assert_eq!(config.with_share_pair(false).parameter_count(), 733_310);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FactormerConfig {
    /// r, columns of W and H, 1 to 1024.
    pub rank: usize,
    /// What a node knows at first. Default its row of the factor.
    #[serde(default)]
    pub input: FactormerInput,
    /// d, channels, 1 to 1024, a multiple of the heads. Default 100.
    pub width: usize,
    /// Heads of attention. Default 4.
    pub heads: usize,
    /// N, pairs of an update of H and one of W, 1 to 64. Default 4.
    pub pairs: usize,
    /// Hidden units of the perceptron of a node. Default 2 d.
    pub hidden: usize,
    /// How a node takes a message.
    #[serde(default)]
    pub update: UpdateRule,
    /// By what scores are divided.
    #[serde(default)]
    pub scale: AttentionScale,
    /// Whether the two updates of a pair have the same weights. Default true, as in the pseudo-code.
    pub share_pair: bool,
    /// Whether the last pair ends with LN₂. Default false.
    pub final_norm: bool,
    /// Whether the output is added to the factor that the node knows, the solver's if it knows two. Default false. A network begins at this factor then: its extraction starts at
    /// zero.
    pub skip: bool,
}

macro_rules! with {
    ($($(#[$doc:meta])* $name:ident, $field:ident: $type:ty;)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $field: $type) -> Self {
                self.$field = $field;
                self
            }
        )*
    };
}

impl FactormerConfig {
    /// The published network for this rank, which starts a factorisation.
    #[must_use]
    pub fn new(rank: usize) -> Self {
        Self {
            rank,
            input: FactormerInput::Factor,
            width: 100,
            heads: 4,
            pairs: 4,
            hidden: 200,
            update: UpdateRule::Eq15,
            scale: AttentionScale::PerHead,
            share_pair: true,
            final_norm: false,
            skip: false,
        }
    }

    /// Sets the number of channels, and twice as many hidden units.
    #[must_use]
    pub fn with_width(mut self, width: usize) -> Self {
        (self.width, self.hidden) = (width, 2 * width);
        self
    }

    with! {
        /// Sets what a node knows at first.
        with_input, input: FactormerInput;
        /// Sets the number of heads.
        with_heads, heads: usize;
        /// Sets the number of pairs.
        with_pairs, pairs: usize;
        /// Sets the number of hidden units.
        with_hidden, hidden: usize;
        /// Sets how a node takes a message.
        with_update, update: UpdateRule;
        /// Sets by what scores are divided.
        with_scale, scale: AttentionScale;
        /// Sets whether the two updates of a pair have the same weights.
        with_share_pair, share_pair: bool;
        /// Sets whether the last pair ends with LN₂.
        with_final_norm, final_norm: bool;
        /// Sets whether the output is added to the factor that the node knows, the solver's if it knows two.
        with_skip, skip: bool;
    }

    /// Numbers that a node knows at first.
    #[must_use]
    pub fn inputs(&self) -> usize {
        match self.input {
            FactormerInput::Factor => self.rank,
            FactormerInput::FactorAndSolver => 2 * self.rank,
        }
    }

    /// Where the factor stands in what a node knows that the output is added to.
    pub(crate) fn skip_from(&self) -> usize {
        self.inputs() - self.rank
    }

    /// Sets of weights: one or two for each pair.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.pairs * if self.share_pair { 1 } else { 2 }
    }

    /// The set of weights of a half of a pair: 0 for the update of H, 1 for that of W.
    pub(crate) fn layer(&self, pair: usize, half: usize) -> usize {
        if self.share_pair {
            pair
        } else {
            2 * pair + half
        }
    }

    /// Whether the updates of a pair end with LN₂.
    pub(crate) fn normalises(&self, pair: usize) -> bool {
        self.final_norm || pair + 1 < self.pairs
    }

    /// τ.
    pub(crate) fn temperature(&self) -> f64 {
        let channels = match self.scale {
            AttentionScale::PerHead => self.width / self.heads,
            AttentionScale::Full => self.width,
        };
        (channels as f64).sqrt()
    }
}

impl NetworkConfig for FactormerConfig {
    const ARCHITECTURE: &'static str = "factormer";

    fn validate(&self) -> Result<(), GnnError> {
        in_range("rank", self.rank, 1..=1024)?;
        in_range("width", self.width, 1..=1024)?;
        in_range("heads", self.heads, 1..=self.width)?;
        in_range("pairs", self.pairs, 1..=64)?;
        in_range("hidden", self.hidden, 1..=8192)?;
        if !self.width.is_multiple_of(self.heads) {
            return Err(GnnError::Config {
                field: "heads",
                reason: format!("is {}, must divide the width {}", self.heads, self.width),
            });
        }
        Ok(())
    }

    fn initial_values(&self, seed: u64) -> Vec<f32> {
        let mut values = uniform_values(self, seed);
        if self.skip {
            let specs = self.parameters().into_iter();
            for spec in specs.filter(|spec| spec.name.starts_with("extract.")) {
                values[spec.offset..spec.offset + spec.len].fill(0.0);
            }
        }
        values
    }

    /// The affine parameters of a last LN₂ that is left out are there all the same.
    fn parameters(&self) -> Vec<ParameterSpec> {
        let (d, f) = (self.width, self.hidden);
        let linear = |name: String, outputs: usize, inputs: usize| {
            [
                (format!("{name}.weight"), vec![outputs, inputs]),
                (format!("{name}.bias"), vec![outputs]),
            ]
        };
        let mut list = Vec::new();
        list.extend(linear("embed".into(), d, self.inputs()));
        list.extend(linear("extract".into(), self.rank, d));
        for k in 0..self.layers() {
            for (name, outputs, inputs) in [
                ("q", d, d),
                ("key_node", d, d),
                ("value_node", d, d),
                ("key_edge", d, d + 1),
                ("value_edge", d, d + 1),
                ("ffn1", f, d),
                ("ffn2", d, f),
            ] {
                list.extend(linear(format!("layer.{k}.{name}"), outputs, inputs));
            }
            for name in ["norm1", "norm2"] {
                list.push((format!("layer.{k}.{name}.weight"), vec![d]));
                list.push((format!("layer.{k}.{name}.bias"), vec![d]));
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
            (FactormerConfig::new(0), "rank"),
            (FactormerConfig::new(3).with_width(0), "width"),
            (FactormerConfig::new(3).with_heads(3), "heads"),
            (FactormerConfig::new(3).with_heads(0), "heads"),
            (FactormerConfig::new(3).with_pairs(0), "pairs"),
            (FactormerConfig::new(3).with_hidden(0), "hidden"),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(field), "{text}");
        }
    }

    #[test]
    fn normalisations_start_at_the_identity() {
        let config = FactormerConfig::new(4).with_width(8).with_pairs(2);
        let parameters = crate::network::Parameters::initialize(&config, 1).unwrap();
        for spec in config.parameters() {
            let values = &parameters.values[spec.offset..spec.offset + spec.len];
            if spec.name.contains(".norm") {
                let expected = f32::from(spec.name.ends_with("weight"));
                assert!(values.iter().all(|&v| v == expected), "{}", spec.name);
            } else {
                let bound = (1.0 / config.rank.min(8) as f32).sqrt();
                assert!(values.iter().all(|v| v.abs() <= bound), "{}", spec.name);
                assert!(values.iter().any(|&v| v != 0.0), "{}", spec.name);
            }
        }
    }
}
