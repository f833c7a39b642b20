//! Configuration of a graph neural preconditioner.

use serde::{Deserialize, Serialize};

use super::{Activation, ParameterSpec};
use crate::GnnError;

/// Configuration of a graph neural preconditioner. The default is [`paper`](Self::paper), 10 001 parameters.
///
/// With n the order of A, d the width, h the hidden width, σ the nonlinearity, b one column and X of n × d:
///
/// ```text
/// τ = ‖b‖₂,  s(b) = (√n / τ) b                                           equation 8
/// X ← MLP(s(b))                      1 → h → … → h → d, σ after every map
/// X ← σ(N(X Uᵀ + c + (A X) Wᵀ + e))  `layers` times; equation 7, N and the biases are the authors' code's
/// M(b) = (τ / √n) MLP(X)             d → h → … → h → 1, σ after every map but the last
/// ```
///
/// Node-wise: `x_i ← σ(N(U x_i + c + W Σ_j a_ij x_j + e))`. U is `skip`, W is `gconv`. N normalises each channel over all nodes and
/// columns of a batch in training and with running statistics afterwards.
///
/// # Examples
/// ```
/// use la_gnn::gnp::GnpConfig;
/// assert_eq!(GnpConfig::paper().parameter_count(), 10_001);
/// assert_eq!(GnpConfig::paper_text().parameter_count(), 5_521);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GnpConfig {
    /// Res-GCONV layers, 1 to 64. Default 8.
    pub layers: usize,
    /// Width d of the features of a node, 1 to 128. Default 16. The native engine has up to 16.
    pub width: usize,
    /// Hidden width h of the perceptrons, 1 to 256. Default 32. The native engine has up to 32.
    pub hidden: usize,
    /// Linear maps of each perceptron, 2 to 8. Default 4 (the authors' code; the text has 2).
    pub mlp_layers: usize,
    /// Batch normalisation before the nonlinearity of each layer. Default true (the authors' code; the text has none).
    pub batch_norm: bool,
    /// Biases: of all linear maps, and the shift of the batch normalisation. Default true. Without them and without batch
    /// normalisation the network has `M(αb) = α M(b)` for α > 0 with any nonlinearity, and for all α with an odd one.
    pub bias: bool,
    /// Nonlinearity σ. Default relu; tanh is the odd one.
    pub activation: Activation,
}

impl Default for GnpConfig {
    fn default() -> Self {
        Self::paper()
    }
}

impl GnpConfig {
    /// The network of the authors' code, behind the numbers of the paper: perceptrons of four maps, batch normalisation.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            layers: 8,
            width: 16,
            hidden: 32,
            mlp_layers: 4,
            batch_norm: true,
            bias: true,
            activation: Activation::Relu,
        }
    }

    /// The network that the text of the paper describes: perceptrons of two maps, no batch normalisation.
    #[must_use]
    pub fn paper_text() -> Self {
        Self {
            mlp_layers: 2,
            batch_norm: false,
            ..Self::paper()
        }
    }

    /// Sets the number of Res-GCONV layers.
    #[must_use]
    pub fn with_layers(mut self, layers: usize) -> Self {
        self.layers = layers;
        self
    }
    /// Sets the width of the features.
    #[must_use]
    pub fn with_width(mut self, width: usize) -> Self {
        self.width = width;
        self
    }
    /// Sets the hidden width of the perceptrons.
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }
    /// Sets the number of linear maps of each perceptron.
    #[must_use]
    pub fn with_mlp_layers(mut self, mlp_layers: usize) -> Self {
        self.mlp_layers = mlp_layers;
        self
    }
    /// Switches batch normalisation on or off.
    #[must_use]
    pub fn with_batch_norm(mut self, batch_norm: bool) -> Self {
        self.batch_norm = batch_norm;
        self
    }
    /// Switches the biases on or off.
    #[must_use]
    pub fn with_bias(mut self, bias: bool) -> Self {
        self.bias = bias;
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
        for (field, value, min, max) in [
            ("layers", self.layers, 1, 64),
            ("width", self.width, 1, 128),
            ("hidden", self.hidden, 1, 256),
            ("mlp_layers", self.mlp_layers, 2, 8),
        ] {
            if !(min..=max).contains(&value) {
                return Err(GnnError::Config {
                    field,
                    reason: format!("is {value}, must be {min} to {max}"),
                });
            }
        }
        Ok(())
    }

    /// Every trainable tensor in the order in which [`super::Parameters`] stores them: `encoder.lin<k>`, then of each layer `gconv`,
    /// `skip` and `bn`, then `decoder.lin<k>`. Linear maps are (outputs, inputs), row-major.
    #[must_use]
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let mut list = Specs::default();
        let (d, h, maps) = (self.width, self.hidden, self.mlp_layers);
        let linear = |name: String, outputs: usize, inputs: usize, list: &mut Specs| {
            list.push(format!("{name}.weight"), vec![outputs, inputs]);
            if self.bias {
                list.push(format!("{name}.bias"), vec![outputs]);
            }
        };
        for k in 1..=maps {
            let (inputs, outputs) = (if k == 1 { 1 } else { h }, if k == maps { d } else { h });
            linear(format!("encoder.lin{k}"), outputs, inputs, &mut list);
        }
        for l in 0..self.layers {
            linear(format!("layer{l}.gconv"), d, d, &mut list);
            linear(format!("layer{l}.skip"), d, d, &mut list);
            if self.batch_norm {
                list.push(format!("layer{l}.bn.weight"), vec![d]);
                if self.bias {
                    list.push(format!("layer{l}.bn.bias"), vec![d]);
                }
            }
        }
        for k in 1..=maps {
            let (inputs, outputs) = (if k == 1 { d } else { h }, if k == maps { 1 } else { h });
            linear(format!("decoder.lin{k}"), outputs, inputs, &mut list);
        }
        list.0
    }

    /// The running statistics in the order in which [`super::Parameters`] stores them: mean and variance of each layer. Empty
    /// without batch normalisation. Offsets count from the first statistic.
    #[must_use]
    pub fn statistics(&self) -> Vec<ParameterSpec> {
        let mut list = Specs::default();
        if self.batch_norm {
            for l in 0..self.layers {
                list.push(format!("layer{l}.bn.running_mean"), vec![self.width]);
                list.push(format!("layer{l}.bn.running_var"), vec![self.width]);
            }
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
        2 * self.layers * self.width * usize::from(self.batch_norm)
    }
}

/// Tensors laid end to end.
#[derive(Default)]
struct Specs(Vec<ParameterSpec>);

impl Specs {
    fn push(&mut self, name: String, shape: Vec<usize>) {
        let offset = self.0.last().map_or(0, |s| s.offset + s.len);
        let len = shape.iter().product();
        self.0.push(ParameterSpec {
            name,
            shape,
            offset,
            len,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_parameter_counts() {
        let config = GnpConfig::paper();
        let of = |prefix: &str| -> usize {
            let specs = config.parameters();
            let own = specs.iter().filter(|p| p.name.starts_with(prefix));
            own.map(|p| p.len).sum()
        };
        assert_eq!(of("encoder."), 2704);
        assert_eq!(of("layer3."), 576);
        assert_eq!(of("decoder."), 2689);
        assert_eq!(config.parameter_count(), 10_001);
        assert_eq!(config.statistic_count(), 8 * 32);
        let text = GnpConfig::paper_text();
        assert_eq!(text.parameter_count(), 5_521);
        assert_eq!(text.statistic_count(), 0);
        assert_eq!(text.with_batch_norm(true).parameter_count(), 5_777);
    }

    #[test]
    fn without_biases_no_tensor_shifts() {
        let config = GnpConfig::paper().with_bias(false);
        assert!(
            config
                .parameters()
                .iter()
                .all(|p| p.name.ends_with(".weight"))
        );
        // 4 × 32 - 16 encoder, 8 × 3 × 16 layers, 3 × 32 + 1 decoder biases less.
        assert_eq!(config.parameter_count(), 10_001 - 112 - 384 - 97);
    }

    #[test]
    fn fields_out_of_range_are_named() {
        let config = GnpConfig::paper;
        for (config, field) in [
            (config().with_layers(0), "layers"),
            (config().with_width(129), "width"),
            (config().with_hidden(0), "hidden"),
            (config().with_mlp_layers(1), "mlp_layers"),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(field), "{text}");
        }
    }

    #[test]
    fn configuration_round_trips_as_json() {
        let config = GnpConfig::paper_text().with_activation(Activation::Tanh);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<GnpConfig>(&text).unwrap(), config);
        assert_eq!(
            serde_json::from_str::<GnpConfig>("{}").unwrap(),
            GnpConfig::paper()
        );
    }
}
