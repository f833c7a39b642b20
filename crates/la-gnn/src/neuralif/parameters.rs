//! The learnable scalars of a NeuralIF network, in one flat array.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ARCHITECTURE, NeuralIfConfig};
use crate::GnnError;
use crate::weights::{Provenance, Tensor, Weights};

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
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut values = vec![0.0f32; config.parameter_count()];
        let mut bound = 1.0f32;
        for spec in config.parameters() {
            let slice = &mut values[spec.offset..spec.offset + spec.len];
            if spec.name.starts_with("graph_norm.") {
                slice.fill(if spec.name.ends_with("beta") {
                    0.0
                } else {
                    1.0
                });
                continue;
            }
            if spec.name.ends_with(".weight") {
                // The bias that follows its weight uses the same bound.
                bound = 1.0 / (spec.shape[1] as f32).sqrt();
            }
            slice.fill_with(|| rng.random_range(-bound..bound));
        }
        Ok(Self {
            config: config.clone(),
            values,
        })
    }

    /// Reads the parameters out of a weight file.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] listing every difference in names and shapes;
    /// [`GnnError::WeightsFormat`] if the stored configuration is not readable;
    /// [`GnnError::NonFinite`] if a value is NaN or infinite.
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        let provenance = &weights.provenance;
        if provenance.architecture != ARCHITECTURE {
            return Err(GnnError::WeightsMismatch {
                architecture: ARCHITECTURE.into(),
                differences: vec![format!("the file holds `{}`", provenance.architecture)],
            });
        }
        let config: NeuralIfConfig =
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
        let mut values = vec![0.0; config.parameter_count()];
        for spec in specs {
            values[spec.offset..spec.offset + spec.len]
                .copy_from_slice(&weights.tensors[&spec.name].data);
        }
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
                (
                    s.name,
                    Tensor {
                        shape: s.shape,
                        data,
                    },
                )
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
