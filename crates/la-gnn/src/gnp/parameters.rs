//! The trainable scalars and running statistics of a graph neural preconditioner, in flat arrays.

use super::{ARCHITECTURE, GnpConfig, ParameterSpec};
use crate::weights::{Provenance, Weights};
use crate::{GnnError, flat};

/// All parameters of a network as flat `f32` arrays with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The configuration the parameters belong to.
    pub config: GnpConfig,
    /// The trainable scalars, in the order of [`GnpConfig::parameters`].
    pub values: Vec<f32>,
    /// Running means and variances of the batch normalisations, in the order of [`GnpConfig::statistics`].
    pub statistics: Vec<f32>,
}

impl Parameters {
    /// Fresh parameters: weights and biases of linear maps uniform in ±1/√inputs (LibTorch's default), batch normalisation at
    /// identity with running mean 0 and variance 1.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn initialize(config: &GnpConfig, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        let mut statistics = vec![0.0; config.statistic_count()];
        for spec in config.statistics() {
            if spec.name.ends_with("running_var") {
                statistics[spec.offset..spec.offset + spec.len].fill(1.0);
            }
        }
        Ok(Self {
            values: flat::initialize(&config.parameters(), seed),
            statistics,
            config: config.clone(),
        })
    }

    /// The same network with everything that shifts set to zero: biases, shifts and running means of the batch normalisations.
    ///
    /// A control. With its biases an untrained network maps many vectors close to a constant vector, which is the solution that
    /// the usual test right-hand side `A 1` asks for.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::gnp::{GnpConfig, Parameters};
    /// let p = Parameters::initialize(&GnpConfig::paper(), 0)?.without_biases();
    /// assert_eq!(p.values.iter().filter(|v| **v == 0.0).count(), 112 + 8 * 48 + 97);
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    #[must_use]
    pub fn without_biases(mut self) -> Self {
        for spec in self.config.parameters() {
            if spec.name.ends_with(".bias") {
                self.values[spec.offset..spec.offset + spec.len].fill(0.0);
            }
        }
        for spec in self.config.statistics() {
            if spec.name.ends_with("running_mean") {
                self.statistics[spec.offset..spec.offset + spec.len].fill(0.0);
            }
        }
        self
    }

    /// Reads the parameters out of a weight file.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] listing every difference in names and shapes; [`GnnError::WeightsFormat`] if the stored
    /// configuration is not readable; [`GnnError::Config`] if it or a running variance is out of range.
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        let config: GnpConfig = flat::config(weights, ARCHITECTURE)?;
        config.validate()?;
        let mut values = flat::values(weights, ARCHITECTURE, &tensors(&config))?;
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
        flat::weights(&all, specs, ARCHITECTURE, &self.config, provenance)
    }

    /// Checks lengths, that every number is finite and that no running variance is negative.
    ///
    /// # Errors
    /// [`GnnError::Config`] for the configuration, a wrong length or a negative variance; [`GnnError::NonFinite`].
    pub fn check(&self) -> Result<(), GnnError> {
        self.config.validate()?;
        for (field, len, expected) in [
            ("values", self.values.len(), self.config.parameter_count()),
            (
                "statistics",
                self.statistics.len(),
                self.config.statistic_count(),
            ),
        ] {
            if len != expected {
                return Err(GnnError::Config {
                    field,
                    reason: format!("has length {len}, the configuration asks for {expected}"),
                });
            }
        }
        for (what, values) in [
            ("parameters", &self.values),
            ("statistics", &self.statistics),
        ] {
            if let Some(position) = values.iter().position(|v| !v.is_finite()) {
                return Err(GnnError::NonFinite {
                    what: format!("`{what}`"),
                    position,
                });
            }
        }
        for spec in self.config.statistics() {
            let own = &self.statistics[spec.offset..spec.offset + spec.len];
            if spec.name.ends_with("running_var") && own.iter().any(|v| *v < 0.0) {
                return Err(GnnError::Config {
                    field: "statistics",
                    reason: format!("`{}` has a negative entry", spec.name),
                });
            }
        }
        Ok(())
    }
}

/// Trainable tensors and statistics, one after the other.
fn tensors(config: &GnpConfig) -> Vec<ParameterSpec> {
    let mut specs = config.parameters();
    let start: usize = specs.iter().map(|s| s.len).sum();
    specs.extend(config.statistics().into_iter().map(|mut s| {
        s.offset += start;
        s
    }));
    specs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_round_trip_and_mismatches_are_listed() {
        for config in [GnpConfig::paper(), GnpConfig::paper_text().with_bias(false)] {
            let mut p = Parameters::initialize(&config, 7).unwrap();
            if let Some(v) = p.statistics.last_mut() {
                *v = 0.25;
            }
            let mut weights = p.to_weights(Provenance::default());
            assert_eq!(Parameters::from_weights(&weights).unwrap(), p);
            weights.tensors.remove("decoder.lin2.weight");
            let text = Parameters::from_weights(&weights).unwrap_err().to_string();
            assert!(text.contains("decoder.lin2.weight"), "{text}");
            weights.provenance.architecture = "neuralif".into();
            let text = Parameters::from_weights(&weights).unwrap_err().to_string();
            assert!(text.contains("the file holds `neuralif`"), "{text}");
        }
    }

    #[test]
    fn initialisation_is_seeded_bounded_and_normalises_nothing() {
        let config = GnpConfig::paper();
        let p = Parameters::initialize(&config, 1).unwrap();
        assert_eq!(p, Parameters::initialize(&config, 1).unwrap());
        assert_ne!(p, Parameters::initialize(&config, 2).unwrap());
        for spec in config.parameters() {
            let own = &p.values[spec.offset..spec.offset + spec.len];
            match spec.name.as_str() {
                name if name.ends_with("bn.weight") => assert!(own.iter().all(|v| *v == 1.0)),
                name if name.ends_with("bn.bias") => assert!(own.iter().all(|v| *v == 0.0)),
                // One input: bound 1. The largest of 32 and the smallest lie outside ±1/2.
                "encoder.lin1.weight" | "encoder.lin1.bias" => {
                    assert!(own.iter().all(|v| v.abs() <= 1.0));
                    assert!(own.iter().any(|v| v.abs() > 0.5));
                }
                name if name.starts_with("layer") => {
                    assert!(own.iter().all(|v| v.abs() <= 0.25), "{name}");
                }
                _ => assert!(own.iter().all(|v| v.abs() <= 0.25), "{}", spec.name),
            }
        }
        assert_eq!(p.statistics[..16], [0.0; 16]);
        assert_eq!(p.statistics[16..32], [1.0; 16]);
    }

    #[test]
    fn wrong_lengths_and_values_are_named() {
        let good = Parameters::initialize(&GnpConfig::paper(), 1).unwrap();
        let text = |p: Parameters| p.check().unwrap_err().to_string();
        let mut p = good.clone();
        p.values.pop();
        assert!(text(p).contains("10000"));
        let mut p = good.clone();
        p.values[17] = f32::NAN;
        assert!(text(p).contains("position 17"));
        let mut p = good;
        p.statistics[16] = -1.0;
        assert!(text(p).contains("layer0.bn.running_var"));
    }
}
