//! The learnable scalars of a chain model, in one flat array.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ARCHITECTURE, ChainConfig, ChainModel};
use crate::neuralif::ParameterSpec;
use crate::weights::{Provenance, Tensor, Weights};
use crate::{GnnError, flat};

/// All parameters of a model as one flat array with its configuration.
///
/// In double precision: along a chain errors multiply, and a map that was fitted to eight digits is worth keeping. A weight file holds each tensor
/// twice, rounded to single precision and what is left of it (`NAME` and `NAME.rest`), together 48 bits.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The configuration the parameters belong to.
    pub config: ChainConfig,
    /// The scalars, in the order of [`ChainConfig::parameters`].
    pub values: Vec<f64>,
}

/// Start of the last bias of [`ChainModel::Safe`].
const SAFE_BIAS: f64 = -1.0;

impl Parameters {
    /// Fresh parameters: linear maps uniform in ±1/√inputs, the recurrent unit in ±1/√hidden, the direct terms of a step at 0, the last bias of
    /// [`ChainModel::Safe`] at −1, the projective map uniform in ±1.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn initialize(config: &ChainConfig, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut values: Vec<f64> = Vec::with_capacity(config.parameter_count());
        let mut bound = 1.0;
        for spec in config.parameters() {
            if spec.name.starts_with("gru.") {
                bound = 1.0 / (config.hidden as f64).sqrt();
            } else if let [_, inputs] = spec.shape[..] {
                bound = 1.0 / (inputs as f64).sqrt();
            }
            if spec.name == "range" {
                values.extend([-1.0, 1.0]);
            } else if spec.name == "direct" {
                values.resize(values.len() + spec.len, 0.0);
            } else {
                let draw = || f64::from(rng.random_range(-bound..bound) as f32);
                values.extend(std::iter::repeat_with(draw).take(spec.len));
            }
        }
        if config.model == ChainModel::Safe
            && let Some(last) = values.last_mut()
        {
            *last = SAFE_BIAS;
        }
        Ok(Self {
            config: config.clone(),
            values,
        })
    }

    /// Checks configuration, number and finiteness of the scalars.
    ///
    /// # Errors
    /// [`GnnError::Config`], [`GnnError::NonFinite`].
    pub fn validate(&self) -> Result<(), GnnError> {
        self.config.validate()?;
        let (found, wanted) = (self.values.len(), self.config.parameter_count());
        if found != wanted {
            return Err(GnnError::Config {
                field: "values",
                reason: format!("has {found} scalars, the configuration {wanted}"),
            });
        }
        match self.values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(position) => Err(GnnError::NonFinite {
                what: "parameters".into(),
                position,
            }),
        }
    }

    /// Reads the parameters out of a weight file.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] listing every difference in names and shapes; [`GnnError::WeightsFormat`] if the stored
    /// configuration is not readable; [`GnnError::Config`] if it is out of range.
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        let config: ChainConfig = flat::config(weights, ARCHITECTURE)?;
        config.validate()?;
        let specs = config.parameters();
        let rest: Vec<ParameterSpec> = specs
            .iter()
            .map(|s| ParameterSpec {
                name: rest(&s.name),
                ..s.clone()
            })
            .collect();
        let both: Vec<ParameterSpec> = specs.iter().chain(&rest).cloned().collect();
        let values = flat::values(weights, ARCHITECTURE, &both)?;
        let (high, low) = values.split_at(values.len() / 2);
        let sum = |(&h, &l): (&f32, &f32)| f64::from(h) + f64::from(l);
        let values = high.iter().zip(low).map(sum).collect();
        let parameters = Self { config, values };
        parameters.validate()?;
        Ok(parameters)
    }

    /// The parameters as a weight file. `provenance.architecture` and `provenance.config` are filled in.
    #[must_use]
    pub fn to_weights(&self, provenance: Provenance) -> Weights {
        let high: Vec<f32> = self.values.iter().map(|&v| v as f32).collect();
        let specs = self.config.parameters();
        let mut weights = flat::weights(&high, specs, ARCHITECTURE, &self.config, provenance);
        for spec in self.config.parameters() {
            let low = |k: usize| (self.values[k] - f64::from(high[k])) as f32;
            let data = (spec.offset..spec.offset + spec.len).map(low).collect();
            let shape = spec.shape;
            weights
                .tensors
                .insert(rest(&spec.name), Tensor { shape, data });
        }
        weights
    }
}

/// Name of the tensor that holds what single precision left.
fn rest(name: &str) -> String {
    format!("{name}.rest")
}
