//! The experiment as data.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::file::ExperimentFile;
use super::super::references::ReferenceRow;

/// Everything that decides the experiment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Experiment {
    /// Weights of the learned baseline.
    pub(super) neuralpcg_weights: String,
    pub(super) profiles: BTreeMap<String, ProfileSettings>,
    pub(super) tuning: Tuning,
    pub(super) ict: IctSettings,
    references: Vec<ReferenceRow>,
}

/// Sizes of one profile.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ProfileSettings {
    pub(super) about: String,
    /// Order of the synthetic matrices, and how many are tested.
    pub(super) n: usize,
    pub(super) tests: u64,
    /// Poisson problems and the range of their orders.
    pub(super) poisson: u64,
    pub(super) poisson_sizes: [usize; 2],
    /// Synthetic matrices of shifted density.
    pub(super) shifted: u64,
    /// Bundled weights, the first of which is `neuralif`.
    pub(super) weights: Vec<String>,
    pub(super) poisson_weights: Vec<String>,
    /// Updates of the network that is trained from scratch in the run.
    pub(super) scratch_updates: usize,
    /// Validation matrices for tuning.
    pub(super) tuning: u64,
    /// Repetitions of every set-up; the median counts.
    pub(super) repetitions: usize,
    /// Matrices on which other right-hand sides are tried.
    pub(super) rhs_controls: u64,
}

/// Candidates that are tried on validation matrices.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tuning {
    pub(super) drop_tol: Vec<f64>,
    pub(super) shift: Vec<f64>,
    /// Sizes of entries, relative to the diagonal, up to which they are left out before factoring.
    pub(super) thin: Vec<f64>,
    pub(super) ssor_omega: Vec<f64>,
    /// What an entry of the factor costs in the two sweeps together, over an entry of the matrix in a product.
    pub(super) sweep_cost: f64,
}

/// Threshold incomplete Cholesky.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IctSettings {
    pub(super) drop_tol: f64,
    pub(super) fill_factor: f64,
}

impl ExperimentFile for Experiment {
    const NAME: &'static str = "neuralif";
    const TEXT: &'static str = include_str!("../../../../experiments/neuralif.toml");
    type Profile = ProfileSettings;

    fn profiles(&self) -> &BTreeMap<String, ProfileSettings> {
        &self.profiles
    }

    fn about(profile: &ProfileSettings) -> &str {
        &profile.about
    }

    fn references(&self) -> &[ReferenceRow] {
        &self.references
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_experiment_is_readable_and_complete() {
        let experiment = Experiment::load().unwrap();
        for profile in ["smoke", "quick", "full", "paper"] {
            assert!(experiment.profile(profile).is_ok());
        }
        assert!(experiment.profile("quick").unwrap().tests >= 20);
        assert!(
            toml::from_str::<Experiment>(&Experiment::TEXT.replace("tests = 20", "test = 20"))
                .is_err()
        );
    }
}
