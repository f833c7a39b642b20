//! The learnable scalars of a relaxation network, in one flat array.

use super::{ARCHITECTURE, RelaxationConfig};
use crate::weights::{Provenance, Weights};
use crate::{GnnError, flat};

/// All parameters of a network as one flat `f32` array with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The configuration the parameters belong to.
    pub config: RelaxationConfig,
    /// The scalars, in the order of [`RelaxationConfig::parameters`].
    pub values: Vec<f32>,
}

/// σ(2) = 0.88: where an untrained network starts.
const START: f32 = 2.0;

impl Parameters {
    /// Fresh parameters: linear maps uniform in ±1/√inputs, the last bias at 2, so that the relaxation starts near 0.88.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn initialize(config: &RelaxationConfig, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        let mut values = flat::initialize(&config.parameters(), seed);
        if let Some(last) = values.last_mut() {
            *last = START;
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
        let config: RelaxationConfig = flat::config(weights, ARCHITECTURE)?;
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
