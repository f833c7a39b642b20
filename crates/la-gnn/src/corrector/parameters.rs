//! The learnable scalars of a corrector, in one flat array.

use super::{ARCHITECTURE, CorrectorConfig, CorrectorInput};
use crate::weights::{Provenance, Weights};
use crate::{GnnError, flat, mpgnn};

/// All parameters of a corrector as one flat `f32` array with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The configuration the parameters belong to.
    pub config: CorrectorConfig,
    /// The scalars, in the order of [`MpgnnConfig::parameters`](crate::mpgnn::MpgnnConfig::parameters).
    pub values: Vec<f32>,
}

impl Parameters {
    /// Fresh parameters: those of the network, with the last map zero, so that nothing is corrected. With [`CorrectorInput::Raw`] nothing is
    /// zero.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn initialize(config: &CorrectorConfig, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        let network = config.network();
        let mut values = mpgnn::Parameters::initialize(&network, seed)?.values;
        if config.input != CorrectorInput::Raw {
            for spec in network.parameters() {
                if spec.name.starts_with("decoder.lin2.") {
                    values[spec.offset..spec.offset + spec.len].fill(0.0);
                }
            }
        }
        Ok(Self {
            config: config.clone(),
            values,
        })
    }

    /// The parameters of the network alone.
    #[must_use]
    pub fn network(&self) -> mpgnn::Parameters {
        mpgnn::Parameters {
            config: self.config.network(),
            values: self.values.clone(),
            statistics: Vec::new(),
        }
    }

    /// Reads the parameters out of a weight file.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] listing every difference in names and shapes; [`GnnError::WeightsFormat`] if the stored
    /// configuration is not readable; [`GnnError::Config`] if it is out of range.
    pub fn from_weights(weights: &Weights) -> Result<Self, GnnError> {
        let config: CorrectorConfig = flat::config(weights, ARCHITECTURE)?;
        config.validate()?;
        let values = flat::values(weights, ARCHITECTURE, &config.network().parameters())?;
        Ok(Self { config, values })
    }

    /// The parameters as a weight file. `provenance.architecture` and `provenance.config` are filled in.
    #[must_use]
    pub fn to_weights(&self, provenance: Provenance) -> Weights {
        let specs = self.config.network().parameters();
        flat::weights(&self.values, specs, ARCHITECTURE, &self.config, provenance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_round_trip_and_the_last_map_is_zero() {
        for (input, zero) in [(CorrectorInput::Both, true), (CorrectorInput::Raw, false)] {
            let config = CorrectorConfig::default().with_input(input);
            let p = Parameters::initialize(&config, 1).unwrap();
            let last = &p.values[p.values.len() - 17..];
            assert_eq!(last.iter().all(|v| *v == 0.0), zero);
            let weights = p.to_weights(Provenance::default());
            assert_eq!(Parameters::from_weights(&weights).unwrap(), p);
        }
        let bad = CorrectorConfig::default().with_limit(0.0);
        let text = Parameters::initialize(&bad, 0).unwrap_err().to_string();
        assert!(text.contains("limit"), "{text}");
    }
}
