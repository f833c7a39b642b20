//! The learnable scalars of a gated elimination, in one flat array.

use super::{ARCHITECTURE, GatedConfig};
use crate::weights::{Provenance, Weights};
use crate::{GnnError, flat};

/// All parameters of a gated elimination as one flat `f32` array with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The configuration the parameters belong to.
    pub config: GatedConfig,
    /// The scalars, in the order of [`GatedConfig::parameters`].
    pub values: Vec<f32>,
}

impl Parameters {
    /// Fresh parameters: first maps uniform in ±1, second maps zero, so that all gates are open and nothing is changed.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn initialize(config: &GatedConfig, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        let specs = config.parameters();
        let mut values = flat::initialize(&specs, seed);
        for spec in &specs {
            let own = &mut values[spec.offset..spec.offset + spec.len];
            if spec.name.contains("lin2") {
                own.fill(0.0);
            } else {
                // Softsign is flat: wider than the usual ±1/√inputs.
                own.iter_mut().for_each(|v| *v *= 2.5);
            }
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
        let config: GatedConfig = flat::config(weights, ARCHITECTURE)?;
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

    /// Checks length and finiteness.
    ///
    /// # Errors
    /// [`GnnError::Config`], [`GnnError::NonFinite`].
    pub fn check(&self) -> Result<(), GnnError> {
        self.config.validate()?;
        let expected = self.config.parameter_count();
        if self.values.len() != expected {
            return Err(GnnError::Config {
                field: "values",
                reason: format!("has length {}, not {expected}", self.values.len()),
            });
        }
        match self.values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(position) => Err(GnnError::NonFinite {
                what: "`values`".into(),
                position,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Anchor, Gates};
    use super::*;

    #[test]
    fn weights_round_trip_and_mistakes_are_named() {
        let config = GatedConfig::default().with_gates(Gates::OneSided);
        let mut p = Parameters::initialize(&config, 1).unwrap();
        let weights = p.to_weights(Provenance::default());
        assert_eq!(Parameters::from_weights(&weights).unwrap(), p);
        p.values[3] = f32::NAN;
        assert!(p.check().unwrap_err().to_string().contains("position 3"));
        p.values.pop();
        assert!(p.check().unwrap_err().to_string().contains("values"));
        let both = config.with_anchor(Anchor::Relaxed);
        let text = Parameters::initialize(&both, 1).unwrap_err().to_string();
        assert!(text.contains("anchor"), "{text}");
    }
}
