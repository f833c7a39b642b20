//! Configurations of networks, and their scalars in flat arrays.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use crate::neuralif::ParameterSpec;
use crate::weights::{Provenance, Weights};
use crate::{GnnError, flat};

/// The configuration of a network whose parameters are [`Parameters`].
pub trait NetworkConfig: Clone + PartialEq + Debug + Serialize + DeserializeOwned {
    /// Name of the architecture in weight files.
    const ARCHITECTURE: &'static str;

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    fn validate(&self) -> Result<(), GnnError>;

    /// Every trainable tensor in the order in which [`Parameters`] stores them; linear maps are (outputs, inputs), row-major.
    fn parameters(&self) -> Vec<ParameterSpec>;

    /// Tensors that are measured on the training set and not trained. Offsets count from the first of them.
    fn statistics(&self) -> Vec<ParameterSpec> {
        Vec::new()
    }

    /// Number of trainable scalars.
    fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|p| p.len).sum()
    }

    /// Number of measured scalars.
    fn statistic_count(&self) -> usize {
        self.statistics().iter().map(|p| p.len).sum()
    }

    /// Fresh trainable scalars: linear maps and their biases uniform in ±1/√inputs (LibTorch's default), normalisations at identity.
    fn initial_values(&self, seed: u64) -> Vec<f32> {
        uniform_values(self, seed)
    }
}

/// Uniform numbers in `±1/√inputs` for linear maps with their biases, the identity for normalisations.
pub(crate) fn uniform_values<C: NetworkConfig>(config: &C, seed: u64) -> Vec<f32> {
    flat::uniform(&config.parameters(), seed, |name| {
        let normalises = name.split('.').any(|part| part.starts_with("norm"));
        normalises.then(|| f32::from(name.ends_with("weight")))
    })
}

/// All parameters of a network as flat `f32` arrays with its configuration.
///
/// # Examples
/// ```
/// use la_gnn::active_set::{GnnConfig, Parameters};
/// let parameters = Parameters::initialize(&GnnConfig::default(), 123)?;
/// assert_eq!(parameters.values.len(), 52_098);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters<C> {
    /// The configuration the parameters belong to.
    pub config: C,
    /// The trainable scalars, in the order of [`NetworkConfig::parameters`].
    pub values: Vec<f32>,
    /// The measured scalars, in the order of [`NetworkConfig::statistics`].
    pub statistics: Vec<f32>,
}

impl<C: NetworkConfig> Parameters<C> {
    /// Fresh parameters: [`NetworkConfig::initial_values`], means of inputs 0 and scales 1.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn initialize(config: &C, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        let values = config.initial_values(seed);
        let mut statistics = vec![0.0; config.statistic_count()];
        for spec in config.statistics() {
            if spec.name.ends_with("scale") {
                statistics[spec.offset..spec.offset + spec.len].fill(1.0);
            }
        }
        Ok(Self {
            config: config.clone(),
            values,
            statistics,
        })
    }

    /// Reads the parameters out of a weight file.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] listing every difference in names and shapes; [`GnnError::WeightsFormat`] if the stored
    /// configuration is not readable; [`GnnError::Config`] if it is out of range.
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        let config: C = flat::config(weights, C::ARCHITECTURE)?;
        config.validate()?;
        let mut values = flat::values(weights, C::ARCHITECTURE, &tensors(&config))?;
        let statistics = values.split_off(config.parameter_count());
        let parameters = Self {
            config,
            values,
            statistics,
        };
        parameters.check()?;
        Ok(parameters)
    }

    /// The parameters as a weight file. `provenance.architecture` and `provenance.config` are filled in.
    #[must_use]
    pub fn to_weights(&self, provenance: Provenance) -> Weights {
        let all: Vec<f32> = [&self.values[..], &self.statistics].concat();
        let specs = tensors(&self.config);
        flat::weights(&all, specs, C::ARCHITECTURE, &self.config, provenance)
    }

    /// Checks the configuration, lengths, and that every number is finite.
    ///
    /// # Errors
    /// [`GnnError::Config`] for the configuration or a wrong length; [`GnnError::NonFinite`].
    pub fn check(&self) -> Result<(), GnnError> {
        self.config.validate()?;
        for (field, values, expected) in [
            ("values", &self.values, self.config.parameter_count()),
            (
                "statistics",
                &self.statistics,
                self.config.statistic_count(),
            ),
        ] {
            if values.len() != expected {
                return Err(GnnError::Config {
                    field,
                    reason: format!(
                        "has length {}, the configuration asks for {expected}",
                        values.len()
                    ),
                });
            }
            if let Some(position) = values.iter().position(|v| !v.is_finite()) {
                return Err(GnnError::NonFinite {
                    what: format!("`{field}`"),
                    position,
                });
            }
        }
        Ok(())
    }

    /// The scalars of a tensor of the layout.
    pub(crate) fn tensor<'a>(&'a self, specs: &[ParameterSpec], name: &str) -> &'a [f32] {
        match specs.iter().find(|spec| spec.name == name) {
            Some(spec) => &self.values[spec.offset..spec.offset + spec.len],
            None => &[],
        }
    }
}

/// Named shapes, with offsets.
pub(crate) fn specs(list: Vec<(String, Vec<usize>)>) -> Vec<ParameterSpec> {
    let mut offset = 0;
    list.into_iter()
        .map(|(name, shape)| {
            let len = shape.iter().product();
            offset += len;
            ParameterSpec {
                name,
                shape,
                offset: offset - len,
                len,
            }
        })
        .collect()
}

/// Checks that a size is in its range.
pub(crate) fn in_range(
    field: &'static str,
    value: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<(), GnnError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(GnnError::Config {
        field,
        reason: format!("is {value}, must be {} to {}", range.start(), range.end()),
    })
}

/// Trainable tensors, then statistics.
fn tensors<C: NetworkConfig>(config: &C) -> Vec<ParameterSpec> {
    let mut specs = config.parameters();
    let shift = config.parameter_count();
    specs.extend(config.statistics().into_iter().map(|s| ParameterSpec {
        offset: s.offset + shift,
        ..s
    }));
    specs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::active_set::{GnnConfig, LeastDistanceConfig, MlpConfig};

    fn round_trip<C: NetworkConfig>(config: &C) {
        let p = Parameters::initialize(config, 7).unwrap();
        p.check().unwrap();
        assert_ne!(p, Parameters::initialize(config, 8).unwrap());
        let mut weights = p.to_weights(Provenance::default());
        let bytes = weights.to_bytes().unwrap();
        weights = Weights::from_bytes(&bytes).unwrap();
        assert_eq!(Parameters::<C>::from_weights(&weights).unwrap(), p);
        let name = weights.tensors.keys().next().unwrap().clone();
        weights.tensors.remove(&name);
        let text = Parameters::<C>::from_weights(&weights).unwrap_err();
        assert!(text.to_string().contains(&name), "{text}");
        let mut bad = p.clone();
        bad.values[1] = f32::NAN;
        assert!(bad.check().unwrap_err().to_string().contains("position 1"));
        bad.values.pop();
        assert!(bad.check().is_err());
    }

    #[test]
    fn weights_round_trip_and_mismatches_are_named() {
        round_trip(&MlpConfig::new(3, 5));
        round_trip(&GnnConfig::default().with_width(16));
        round_trip(&LeastDistanceConfig::default().with_width(16));
    }
}
