//! The learnable scalars of a NeuralPCG network, in one flat array.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ARCHITECTURE, NeuralPcgConfig};
use crate::GnnError;
use crate::weights::{Provenance, Tensor, Weights};

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
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut values = Vec::with_capacity(config.parameter_count());
        let mut bound = 1.0f32;
        for spec in config.parameters() {
            if spec.name.starts_with("graph_norm.") {
                let value = f32::from(!spec.name.ends_with("beta"));
                values.resize(values.len() + spec.len, value);
                continue;
            }
            if let [_, inputs] = spec.shape[..] {
                // The bias that follows its weight uses the same bound.
                bound = 1.0 / (inputs as f32).sqrt();
            }
            values.extend((0..spec.len).map(|_| rng.random_range(-bound..bound)));
        }
        Ok(Self {
            config: config.clone(),
            values,
        })
    }

    /// Reads the parameters out of a weight file.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] listing every difference in names and shapes; [`GnnError::WeightsFormat`] if the stored
    /// configuration is not readable; [`GnnError::Config`] if it is out of range.
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        let provenance = &weights.provenance;
        if provenance.architecture != ARCHITECTURE {
            return Err(GnnError::WeightsMismatch {
                architecture: ARCHITECTURE.into(),
                differences: vec![format!("the file holds `{}`", provenance.architecture)],
            });
        }
        let config: NeuralPcgConfig =
            serde_json::from_value(provenance.config.clone()).map_err(|e| {
                GnnError::WeightsFormat {
                    reason: format!("configuration: {e}"),
                }
            })?;
        config.validate()?;
        let specs = config.parameters();
        weights.check_layout(
            ARCHITECTURE,
            specs.iter().map(|s| (s.name.as_str(), s.shape.as_slice())),
        )?;
        let values = specs
            .iter()
            .flat_map(|s| weights.tensors[&s.name].data.iter().copied())
            .collect();
        Ok(Self { config, values })
    }

    /// The parameters as a weight file. `provenance.architecture` and `provenance.config` are filled in.
    #[must_use]
    pub fn to_weights(&self, mut provenance: Provenance) -> Weights {
        provenance.architecture = ARCHITECTURE.into();
        provenance.config = serde_json::to_value(&self.config).unwrap_or_default();
        let tensors = self
            .config
            .parameters()
            .into_iter()
            .map(|s| {
                let data = self.values[s.offset..s.offset + s.len].to_vec();
                let shape = s.shape;
                (s.name, Tensor { shape, data })
            })
            .collect();
        Weights {
            tensors,
            provenance,
        }
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
