//! The learnable scalars of a NeuralIF network, in one flat array.

use super::{ARCHITECTURE, NeuralIfConfig};
use crate::weights::{Provenance, Weights};
use crate::{GnnError, flat};

/// Name, shape and place of one parameter tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Name in weight files, for example `block0.step1.edge_mlp.lin1.weight`.
    pub name: String,
    /// Shape; linear weights are (out, in), row-major.
    pub shape: Vec<usize>,
    /// First position in the flat array.
    pub offset: usize,
    /// Number of scalars.
    pub len: usize,
}

/// All parameters of a network as one flat `f32` array with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The configuration the parameters belong to.
    pub config: NeuralIfConfig,
    /// The scalars, in the order of [`NeuralIfConfig::parameters`].
    pub values: Vec<f32>,
}

impl Parameters {
    /// Fresh parameters: linear maps uniform in ±1/√inputs (LibTorch's default), GraphNorm at identity.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn initialize(config: &NeuralIfConfig, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        Ok(Self {
            config: config.clone(),
            values: flat::initialize(&config.parameters(), seed),
        })
    }

    /// Reads the parameters out of a weight file.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] listing every difference in names and shapes;
    /// [`GnnError::WeightsFormat`] if the stored configuration is not readable;
    /// [`GnnError::NonFinite`] if a value is NaN or infinite.
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        let config: NeuralIfConfig = flat::config(weights, ARCHITECTURE)?;
        config.validate()?;
        let values = flat::values(weights, ARCHITECTURE, &config.parameters())?;
        Ok(Self { config, values })
    }

    /// The parameters as a weight file. `provenance.architecture` and `provenance.config` are filled in.
    #[must_use]
    pub fn to_weights(&self, provenance: Provenance) -> Weights {
        let specs = self.config.parameters();
        flat::weights(&self.values, specs, ARCHITECTURE, &self.config, provenance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Tensor;

    #[test]
    fn weights_round_trip_and_mismatches_are_listed() {
        let p = Parameters::initialize(&NeuralIfConfig::default(), 7).unwrap();
        let mut weights = p.to_weights(Provenance::default());
        assert_eq!(Parameters::from_weights(&weights).unwrap(), p);
        weights.tensors.remove("graph_norm.beta");
        weights.tensors.insert(
            "extra".into(),
            Tensor {
                shape: vec![1],
                data: vec![0.0],
            },
        );
        let text = Parameters::from_weights(&weights).unwrap_err().to_string();
        assert!(
            text.contains("graph_norm.beta") && text.contains("extra"),
            "{text}"
        );
    }

    #[test]
    fn initialisation_is_seeded_and_bounded() {
        let config = NeuralIfConfig::default();
        let a = Parameters::initialize(&config, 1).unwrap();
        assert_eq!(a, Parameters::initialize(&config, 1).unwrap());
        assert_ne!(a, Parameters::initialize(&config, 2).unwrap());
        assert!(a.values.iter().all(|v| v.abs() <= 1.0));
    }
}
