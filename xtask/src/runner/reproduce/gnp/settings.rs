//! The experiment as data.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Deserialize;

use super::super::file::ExperimentFile;
use super::super::references::ReferenceRow;
use super::sides::Side;

/// Everything that decides the experiment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Experiment {
    pub(super) profiles: BTreeMap<String, ProfileSettings>,
    references: Vec<ReferenceRow>,
}

/// What one profile runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ProfileSettings {
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
    /// Changes of the network one by one, on some matrices and with the first seed only.
    #[serde(default)]
    pub(super) ablation: Ablation,
    /// Kinds of right-hand sides.
    pub(super) sides: Vec<Side>,
    /// Those that are also solved with a time limit instead of an iteration limit.
    pub(super) timed: Vec<Side>,
    /// Seconds that such a solve may take, however long the slowest method takes.
    pub(super) time_limit: f64,
    /// Matrices whose convergence is drawn.
    pub(super) pictures: Vec<String>,
}

/// Networks that do not run everywhere.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ablation {
    pub(super) learned: Vec<String>,
    pub(super) matrices: Vec<String>,
}

impl ProfileSettings {
    /// The parts that are asked for by name: a name that the profile does not have is an error.
    pub(super) fn restricted(mut self, matrices: &[String], methods: &[String]) -> Result<Self> {
        if !methods.is_empty() {
            let names = [
                self.classical.as_slice(),
                self.learned.as_slice(),
                self.ablation.learned.as_slice(),
            ]
            .concat();
            if let Some(unknown) = methods.iter().find(|m| !names.contains(m)) {
                bail!(
                    "the profile has no method `{unknown}`; it has {}",
                    names.join(", ")
                );
            }
            self.classical.retain(|m| methods.contains(m));
            self.learned.retain(|m| methods.contains(m));
            self.ablation.learned.retain(|m| methods.contains(m));
        }
        if !matrices.is_empty() {
            self.generated.retain(|m| matrices.contains(m));
            let old = self.only.take();
            let asked = matrices.iter().filter(|m| !self.generated.contains(m));
            let admitted = asked.filter(|m| old.as_ref().is_none_or(|old| old.contains(m)));
            self.only = Some(admitted.cloned().collect());
        }
        Ok(self)
    }
}

impl ExperimentFile for Experiment {
    const NAME: &'static str = "gnp";
    const TEXT: &'static str = include_str!("../../../../experiments/gnp.toml");
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
    use super::super::cases::Case;
    use super::super::methods::Classical;
    use super::super::recipe::Recipe;
    use super::*;

    #[test]
    fn the_experiment_is_readable_and_complete() {
        let experiment = Experiment::load().unwrap();
        for name in ["smoke", "quick", "full", "paper"] {
            let profile = experiment.profile(name).unwrap();
            for method in &profile.classical {
                Classical::parse(method).unwrap();
            }
            for network in profile.learned.iter().chain(&profile.ablation.learned) {
                Recipe::parse(network, profile.steps).unwrap();
            }
            for name in &profile.generated {
                Case::generated(name).unwrap();
            }
            for side in &profile.timed {
                assert!(profile.sides.contains(side), "{side:?}");
            }
        }
        let quick = experiment.profile("quick").unwrap();
        let names = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let part = quick
            .clone()
            .restricted(
                &names(&["convection-45", "west1505"]),
                &names(&["none", "gnp"]),
            )
            .unwrap();
        assert_eq!(
            (part.classical, part.learned),
            (names(&["none"]), names(&["gnp"]))
        );
        assert_eq!(part.generated, ["convection-45"]);
        assert_eq!(part.only, Some(names(&["west1505"])));
        assert!(quick.clone().restricted(&[], &names(&["magic"])).is_err());
        let error = experiment.profile("huge").unwrap_err().to_string();
        assert!(error.contains("huge") && error.contains("quick"), "{error}");
        let typo = Experiment::TEXT.replace("time_limit", "limit");
        assert!(toml::from_str::<Experiment>(&typo).is_err());
    }
}
