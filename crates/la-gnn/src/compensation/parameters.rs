//! The learnable scalars of a rule of compensation, in one flat array.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{ARCHITECTURE, CompensationConfig, INPUTS};
use crate::weights::{Provenance, Weights};
use crate::{GnnError, flat};

/// All parameters of a rule as one flat `f32` array with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The configuration the parameters belong to.
    pub config: CompensationConfig,
    /// The scalars, in the order of [`CompensationConfig::parameters`].
    pub values: Vec<f32>,
}

/// c₀ … c₃, a_s, a_u, p: supported and negative fill taken up to a tenth, a quarter of the other fill, η = 0.6 / D.
const START: [f32; 7] = [2.3, 0.3, 2.3, -0.5, 0.5, 0.0, -1.0];

/// Where the constants c₀ … c₃ and the exponents stand.
const P: usize = 6;

impl Parameters {
    /// Fresh parameters: W₁ and b₁ standard normal, W₂ = 0, so that the rule starts with one setting for all rows.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn initialize(config: &CompensationConfig, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        let mut values = vec![0.0; config.parameter_count()];
        values[..START.len()].copy_from_slice(&START);
        let first = config.scalars();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for value in &mut values[first..first + config.hidden * (INPUTS + 1)] {
            *value = rng.sample(StandardNormal);
        }
        let mut parameters = Self {
            config: config.clone(),
            values,
        };
        parameters.project();
        Ok(parameters)
    }

    /// The same rule with another configuration: other bounds of the exponents, to which they are clipped, and zeros for what depends on
    /// the dimension only now.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range, has another width, or leaves out what depends on the dimension.
    pub fn adapted(mut self, config: &CompensationConfig) -> Result<Self, GnnError> {
        config.validate()?;
        let refuse = |field, reason: &str| {
            let reason = reason.to_owned();
            Err(GnnError::Config { field, reason })
        };
        if config.hidden != self.config.hidden {
            return refuse("hidden", "is not that of the weights to start from");
        }
        if config.by_dimension && !self.config.by_dimension {
            let first = self.config.scalars();
            let added = config.scalars() - first;
            self.values
                .splice(first..first, std::iter::repeat_n(0.0, added));
        } else if self.config.by_dimension && !config.by_dimension {
            return refuse("by_dimension", "is set in the weights to start from");
        }
        self.config = config.clone();
        self.project();
        Ok(self)
    }

    /// Brings the exponents into their ranges: a_s and a_u from 0 to those of the configuration, p from −2 to −1/2.
    pub fn project(&mut self) {
        let config = &self.config;
        let tops = [config.supported_exponent, config.unsupported_exponent];
        for (value, top) in self.values[4..P].iter_mut().zip(tops) {
            *value = value.clamp(0.0, top as f32);
        }
        if let Some(p) = self.values.get_mut(P) {
            *p = p.clamp(-2.0, -0.5);
        }
    }

    /// Reads the parameters out of a weight file.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] listing every difference in names and shapes; [`GnnError::WeightsFormat`] if the stored
    /// configuration is not readable; [`GnnError::Config`] if it is out of range.
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        let config: CompensationConfig = flat::config(weights, ARCHITECTURE)?;
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
