//! The trainable scalars and running statistics of a message-passing network, in flat arrays.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ARCHITECTURE, MpgnnConfig, ParameterSpec};
use crate::weights::{Provenance, Weights};
use crate::{GnnError, flat};

/// All parameters of a network as flat `f32` arrays with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The configuration the parameters belong to.
    pub config: MpgnnConfig,
    /// The trainable scalars, in the order of [`MpgnnConfig::parameters`].
    pub values: Vec<f32>,
    /// Running means and variances, in the order of [`MpgnnConfig::statistics`].
    pub statistics: Vec<f32>,
}

impl Parameters {
    /// Fresh parameters: linear maps and their biases uniform in ±1/√inputs (LibTorch's default), attention vectors in
    /// ±√(6/(c + 1)), biases added to attention 0, normalisations at identity with running mean 0 and variance 1.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::mpgnn::{MpgnnConfig, Parameters};
    /// let p = Parameters::initialize(&MpgnnConfig::default().with_blocks(1), 0)?;
    /// assert_eq!((p.values.len(), p.statistics.len()), (3553, 0));
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn initialize(config: &MpgnnConfig, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut values = Vec::with_capacity(config.parameter_count());
        let (mut bound, mut attention) = (1.0f32, false);
        for spec in config.parameters() {
            let name = spec.name.as_str();
            let last = spec.shape[spec.shape.len() - 1] as f32;
            if name.ends_with("norm.weight") {
                values.resize(values.len() + spec.len, 1.0);
                continue;
            }
            // What follows an attention vector is the bias added to the sum.
            if name.ends_with("norm.bias") || attention {
                attention = false;
                values.resize(values.len() + spec.len, 0.0);
                continue;
            }
            match spec.shape.len() {
                2 => bound = 1.0 / last.sqrt(),
                3 => (bound, attention) = ((6.0 / (last + 1.0)).sqrt(), true),
                _ => {}
            }
            values.extend((0..spec.len).map(|_| rng.random_range(-bound..bound)));
        }
        let mut statistics = vec![0.0; config.statistic_count()];
        for spec in config.statistics() {
            if spec.name.ends_with("running_var") {
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
    /// configuration is not readable; [`GnnError::Config`] if it or a running variance is out of range.
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        let config: MpgnnConfig = flat::config(weights, ARCHITECTURE)?;
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
        let (values, statistics) = (&self.values, &self.statistics);
        for (field, values, expected) in [
            ("values", values, self.config.parameter_count()),
            ("statistics", statistics, self.config.statistic_count()),
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
        for spec in self.config.statistics() {
            let own = &statistics[spec.offset..spec.offset + spec.len];
            if spec.name.ends_with("running_var") && own.iter().any(|v| *v < 0.0) {
                return Err(GnnError::Config {
                    field: "statistics",
                    reason: format!("{} is negative somewhere", spec.name),
                });
            }
        }
        Ok(())
    }
}

/// Trainable tensors, then statistics.
fn tensors(config: &MpgnnConfig) -> Vec<ParameterSpec> {
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
    use super::super::NodeModel;
    use super::*;

    #[test]
    fn weights_round_trip_and_mismatches_are_listed() {
        let config = MpgnnConfig::default().with_node_model(NodeModel::GEN);
        let p = Parameters::initialize(&config, 7).unwrap();
        let mut weights = p.to_weights(Provenance::default());
        assert_eq!(Parameters::from_weights(&weights).unwrap(), p);
        weights.tensors.remove("node_up.2.mlp.norm.running_var");
        let text = Parameters::from_weights(&weights).unwrap_err().to_string();
        assert!(text.contains("node_up.2.mlp.norm.running_var"), "{text}");
    }

    #[test]
    fn initialisation_is_seeded_and_bounded() {
        for model in [NodeModel::GAT, NodeModel::SGFORMER, NodeModel::GEN] {
            let config = MpgnnConfig::default().with_node_model(model);
            let p = Parameters::initialize(&config, 1).unwrap();
            assert_eq!(p, Parameters::initialize(&config, 1).unwrap());
            assert_ne!(p, Parameters::initialize(&config, 2).unwrap());
            for spec in config.parameters() {
                let own = &p.values[spec.offset..spec.offset + spec.len];
                let largest = own.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                let bound = match spec.name.as_str() {
                    name if name.ends_with("att") => (6.0f32 / 17.0).sqrt(),
                    name if name.ends_with("norm.weight") => 1.0,
                    "node_up.1.bias" | "node_up.1.local.bias" | "node_up.1.mlp.norm.bias" => 0.0,
                    name if name.contains("_encoder.lin1.") => 1.0,
                    _ => 0.25,
                };
                assert!(largest <= bound, "{}: {largest}", spec.name);
                assert!(
                    largest > 0.0 || spec.name.ends_with("bias"),
                    "{}",
                    spec.name
                );
            }
        }
    }

    #[test]
    fn wrong_lengths_and_values_are_named() {
        let config = MpgnnConfig::default().with_node_model(NodeModel::GEN);
        let good = Parameters::initialize(&config, 1).unwrap();
        let text = |p: Parameters| p.check().unwrap_err().to_string();
        let mut p = good.clone();
        p.values.pop();
        assert!(text(p).contains("values"));
        let mut p = good.clone();
        p.values[17] = f32::NAN;
        assert!(text(p).contains("position 17"));
        let mut p = good;
        p.statistics[32] = -1.0;
        assert!(text(p).contains("node_up.0.mlp.norm.running_var"));
    }
}
