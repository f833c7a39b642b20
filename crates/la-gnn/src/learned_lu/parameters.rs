//! The learnable scalars of a learned LU network, in one flat array.

use super::{ARCHITECTURE, Base, LearnedLuConfig};
use crate::weights::{Provenance, Weights};
use crate::{GnnError, flat};

/// All parameters of a network as one flat `f32` array with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The configuration the parameters belong to.
    pub config: LearnedLuConfig,
    /// The scalars, in the order of [`LearnedLuConfig::parameters`].
    pub values: Vec<f32>,
}

impl Parameters {
    /// Fresh parameters: linear maps uniform in ±1/√inputs (LibTorch's default), GraphNorm at identity. On top of ILU(0) the map
    /// that makes the output starts at zero, so that training starts from ILU(0).
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn initialize(config: &LearnedLuConfig, seed: u64) -> Result<Self, GnnError> {
        config.validate()?;
        let specs = config.parameters();
        let mut values = flat::initialize(&specs, seed);
        if config.base == Base::Ilu0 {
            let output = format!("step{}.edge_mlp.lin2.", config.steps - 1);
            for spec in specs.iter().filter(|s| s.name.starts_with(&output)) {
                values[spec.offset..spec.offset + spec.len].fill(0.0);
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
        let config: LearnedLuConfig = flat::config(weights, ARCHITECTURE)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_round_trip_and_mismatches_are_listed() {
        let p = Parameters::initialize(&LearnedLuConfig::default(), 7).unwrap();
        assert_eq!(p.values.len(), 4889);
        let mut weights = p.to_weights(Provenance::default());
        assert_eq!(Parameters::from_weights(&weights).unwrap(), p);
        weights.tensors.remove("step2.edge_mlp.lin2.bias");
        let text = Parameters::from_weights(&weights).unwrap_err().to_string();
        assert!(text.contains("step2.edge_mlp.lin2.bias"), "{text}");
        weights.provenance.architecture = "neuralif".into();
        let text = Parameters::from_weights(&weights).unwrap_err().to_string();
        assert!(text.contains("the file holds `neuralif`"), "{text}");
    }

    #[test]
    fn initialisation_is_seeded_and_bounded() {
        let config = LearnedLuConfig::default();
        let a = Parameters::initialize(&config, 1).unwrap();
        assert_eq!(a, Parameters::initialize(&config, 1).unwrap());
        assert_ne!(a, Parameters::initialize(&config, 2).unwrap());
        // The last map has 16 inputs.
        let last = a.values.len() - 17 * 8;
        assert!(a.values[last..].iter().all(|v| v.abs() <= 0.25));
    }

    #[test]
    fn on_top_of_ilu0_the_output_starts_at_zero() {
        let config = LearnedLuConfig::default().with_base(Base::Ilu0);
        let p = Parameters::initialize(&config, 1).unwrap();
        let output =
            |s: &&crate::neuralif::ParameterSpec| s.name.starts_with("step2.edge_mlp.lin2");
        let specs = config.parameters();
        for s in specs.iter() {
            let zero = p.values[s.offset..s.offset + s.len]
                .iter()
                .all(|v| *v == 0.0);
            assert_eq!(zero, output(&s), "{}", s.name);
        }
    }
}
