//! The learnable scalars of a NeuralPCG network, in one flat array.

use super::{ARCHITECTURE, NeuralPcgConfig};
use crate::weights::{Provenance, Weights};
use crate::{GnnError, flat};

/// All parameters of a network as one flat `f32` array with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The configuration the parameters belong to.
    pub config: NeuralPcgConfig,
    /// The scalars, in the order of [`NeuralPcgConfig::parameters`].
    pub values: Vec<f32>,
}

impl Parameters {
    /// Fresh parameters: linear maps uniform in ±1/√inputs (LibTorch's default), GraphNorm at identity.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn initialize(config: &NeuralPcgConfig, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        Ok(Self {
            config: config.clone(),
            values: flat::initialize(&config.parameters(), seed),
        })
    }

    /// Reads the parameters out of a weight file.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] listing every difference in names and shapes; [`GnnError::WeightsFormat`] if the stored
    /// configuration is not readable; [`GnnError::Config`] if it is out of range.
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        let config: NeuralPcgConfig = flat::config(weights, ARCHITECTURE)?;
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

    #[test]
    fn weights_round_trip_and_mismatches_are_listed() {
        let p = Parameters::initialize(&NeuralPcgConfig::default(), 7).unwrap();
        assert_eq!(p.values.len(), 10_177);
        let mut weights = p.to_weights(Provenance::default());
        assert_eq!(Parameters::from_weights(&weights).unwrap(), p);
        weights.tensors.remove("edge_decoder.lin2.bias");
        let text = Parameters::from_weights(&weights).unwrap_err().to_string();
        assert!(text.contains("edge_decoder.lin2.bias"), "{text}");
        weights.provenance.architecture = "neuralif".into();
        let text = Parameters::from_weights(&weights).unwrap_err().to_string();
        assert!(text.contains("the file holds `neuralif`"), "{text}");
    }

    #[test]
    fn initialisation_is_seeded_and_bounded() {
        let config = NeuralPcgConfig::default();
        let a = Parameters::initialize(&config, 1).unwrap();
        assert_eq!(a, Parameters::initialize(&config, 1).unwrap());
        assert_ne!(a, Parameters::initialize(&config, 2).unwrap());
        assert!(a.values.iter().all(|v| v.abs() <= 1.0));
        // The decoder has 16 inputs.
        let last = a.values.len() - 17;
        assert!(a.values[last..].iter().all(|v| v.abs() <= 0.25));
    }
}
