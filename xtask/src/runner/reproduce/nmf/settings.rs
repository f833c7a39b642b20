//! The experiment as data.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::file::ExperimentFile;
use super::super::references::ReferenceRow;
use super::method::Classical;
use super::set::SetName;
use crate::train::factormer::Sizes;

/// Everything that decides the experiment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Experiment {
    profiles: BTreeMap<String, ProfileSettings>,
    references: Vec<ReferenceRow>,
}

/// What one profile runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ProfileSettings {
    about: String,
    pub(super) sets: Vec<SetName>,
    /// Matrices of a synthetic set.
    pub(super) matrices: usize,
    /// Iterations of every method.
    pub(super) horizon: usize,
    /// Runs of every method; of each iteration the fastest counts.
    pub(super) repetitions: usize,
    pub(super) methods: Vec<Classical>,
    /// Generations of the fit of scalars.
    pub(super) generations: usize,
    pub(super) networks: Vec<NetworkSettings>,
}

/// A network, bundled or trained here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NetworkSettings {
    pub(super) name: String,
    /// Whether it stands between the iterations of the solver instead of before them.
    #[serde(default)]
    pub(super) accelerate: bool,
    /// Channels and pairs of layers; the published ones if they are not said.
    #[serde(default = "width")]
    pub(super) width: usize,
    #[serde(default = "pairs")]
    pub(super) pairs: usize,
    #[serde(default = "heads")]
    pub(super) heads: usize,
    /// Name of bundled weights, which are used unless training is asked for.
    pub(super) weights: Option<String>,
    /// How a node takes a message; equation 15 if it is not said.
    #[serde(default)]
    pub(super) update_rule: la_gnn::factormer::UpdateRule,
    /// Updates of training, the rate at its start, seed, and what matrices it sees.
    pub(super) updates: usize,
    pub(super) learning_rate: f64,
    /// The published restarts if it is not said.
    pub(super) schedule: Option<la_gnn::training::Schedule>,
    /// Whether the loss is the logarithm of the published one.
    #[serde(default)]
    pub(super) logarithm: bool,
    /// Whether zeros of a proposal that the loss would have larger take their derivatives.
    #[serde(default)]
    pub(super) revive: bool,
    #[serde(default)]
    pub(super) seed: u64,
    #[serde(default = "all")]
    pub(super) sizes: Sizes,
    /// Iterations of the solver behind the network in the loss, or steps of acceleration.
    #[serde(default = "steps")]
    pub(super) steps: usize,
    /// Solvers that go on from what a network that starts proposes.
    #[serde(default)]
    pub(super) then: Vec<Classical>,
}

fn width() -> usize {
    100
}

fn pairs() -> usize {
    4
}

fn heads() -> usize {
    4
}

fn all() -> Sizes {
    Sizes::All
}

fn steps() -> usize {
    5
}

impl ExperimentFile for Experiment {
    const NAME: &'static str = "nmf";
    const TEXT: &'static str = include_str!("../../../../experiments/nmf.toml");
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
        for name in ["smoke", "quick", "full"] {
            let profile = experiment.profile(name).unwrap();
            // What every ratio is taken to.
            for method in [
                Classical::AdmmCold,
                Classical::AdmmTrace,
                Classical::ExtrapolatedHals,
            ] {
                assert!(profile.methods.contains(&method), "{name} {method:?}");
            }
            for network in &profile.networks {
                assert!(
                    !network.accelerate || network.then.is_empty(),
                    "{}",
                    network.name
                );
                let bundled = network.weights.as_deref();
                assert!(
                    bundled.is_none_or(|w| la_gnn::Weights::bundled(w).is_ok()),
                    "{bundled:?}"
                );
            }
        }
        let typo = Experiment::TEXT.replace("matrices", "count");
        assert!(toml::from_str::<Experiment>(&typo).is_err());
    }
}
