//! The experiment as data.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use xtask::report::Measurement;

use super::super::references::{self, ReferenceRow};
use super::sides::Side;

const TEXT: &str = include_str!("../../../../experiments/gnp.toml");

/// Everything that decides the experiment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Experiment {
    pub(super) profiles: BTreeMap<String, ProfileSettings>,
    references: Vec<ReferenceRow>,
}

/// What one profile runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileSettings {
    pub(super) about: String,
    /// Matrices of the data folder up to this order.
    pub(super) max_n: usize,
    /// Of these only those with these names.
    pub(super) only: Option<Vec<String>>,
    /// Generated matrices by name.
    pub(super) generated: Vec<String>,
    /// Classical methods by name.
    pub(super) classical: Vec<String>,
    /// Networks by name, how many seeds of each, and the steps of their training.
    pub(super) learned: Vec<String>,
    pub(super) seeds: u64,
    pub(super) steps: usize,
    /// Kinds of right-hand sides.
    pub(super) sides: Vec<Side>,
    /// Those that are also solved with a time limit instead of an iteration limit.
    pub(super) timed: Vec<Side>,
    /// Seconds that such a solve may take, however long the slowest method takes.
    pub(super) time_limit: f64,
    /// Matrices whose convergence is drawn.
    pub(super) pictures: Vec<String>,
}

impl Experiment {
    /// Reads the experiment; a key that is not known is an error.
    pub(super) fn load() -> Result<Self> {
        toml::from_str(TEXT).context("experiments/gnp.toml")
    }

    /// The settings of a profile.
    pub(super) fn profile(&self, name: &str) -> Result<&ProfileSettings> {
        self.profiles.get(name).with_context(|| {
            let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            format!(
                "experiments/gnp.toml has no profile `{name}`; it has {}",
                names.join(", ")
            )
        })
    }

    /// Puts the number to compare with, if there is one, beside a measurement.
    pub(super) fn compare(&self, measurement: Measurement) -> Result<Measurement> {
        references::compare(&self.references, measurement)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::Case;
    use super::super::methods::Classical;
    use super::super::networks::Recipe;
    use super::*;

    #[test]
    fn the_experiment_is_readable_and_complete() {
        let experiment = Experiment::load().unwrap();
        for name in ["smoke", "quick", "full"] {
            let profile = experiment.profile(name).unwrap();
            for method in &profile.classical {
                Classical::parse(method).unwrap();
            }
            for network in &profile.learned {
                Recipe::parse(network, profile.steps).unwrap();
            }
            for name in &profile.generated {
                Case::generated(name).unwrap();
            }
            for side in &profile.timed {
                assert!(profile.sides.contains(side), "{side:?}");
            }
        }
        let error = experiment.profile("huge").unwrap_err().to_string();
        assert!(error.contains("huge") && error.contains("quick"), "{error}");
        let typo = TEXT.replace("time_limit", "limit");
        assert!(toml::from_str::<Experiment>(&typo).is_err());
    }
}
