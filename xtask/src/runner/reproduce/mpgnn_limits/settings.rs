//! The experiment as data.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::file::ExperimentFile;
use super::super::references::ReferenceRow;
use super::{chains, compensation, correctors, grids, real, tridiagonal};

/// Everything that decides the experiment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Experiment {
    profiles: BTreeMap<String, ProfileSettings>,
    references: Vec<ReferenceRow>,
}

/// What one profile runs: the chapters that it names.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ProfileSettings {
    about: String,
    /// Random tridiagonal matrices.
    pub(super) tridiagonal: Option<tridiagonal::Settings>,
    /// Incomplete Cholesky with compensation of dropped fill.
    pub(super) compensation: Option<compensation::Settings>,
    /// Learned elimination along the chain.
    pub(super) chains: Option<chains::Settings>,
    /// K-optimal factors of grids.
    pub(super) grids: Option<grids::Settings>,
    /// Networks that correct IC(0), or gate its computation.
    pub(super) correctors: Option<correctors::Settings>,
    /// K-optimal factors and others on real matrices.
    pub(super) real: Option<real::Settings>,
}

impl ExperimentFile for Experiment {
    const NAME: &'static str = "mpgnn-limits";
    const TEXT: &'static str = include_str!("../../../../experiments/mpgnn-limits.toml");
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
        for name in ["smoke", "quick", "full", "paper"] {
            let profile = experiment.profile(name).unwrap();
            let settings = profile.tridiagonal.as_ref().unwrap();
            assert!(settings.solves <= settings.tests, "{name}");
        }
        let error = experiment.profile("huge").unwrap_err().to_string();
        assert!(error.contains("huge") && error.contains("quick"), "{error}");
        let typo = Experiment::TEXT.replace("solves", "solve");
        assert!(toml::from_str::<Experiment>(&typo).is_err());
    }

    #[test]
    fn weights_that_the_profiles_name_are_bundled() {
        let value: toml::Value = toml::from_str(Experiment::TEXT).unwrap();
        let mut names = Vec::new();
        for chapters in value["profiles"].as_table().unwrap().values() {
            for chapter in chapters.as_table().unwrap().values() {
                match chapter.get("weights") {
                    Some(toml::Value::String(name)) => names.push(name.clone()),
                    Some(toml::Value::Array(list)) => {
                        names.extend(list.iter().map(|name| name.as_str().unwrap().to_owned()));
                    }
                    _ => {}
                }
            }
        }
        assert!(names.len() > 10, "{names:?}");
        names.push(correctors::COMPENSATION.to_owned());
        for name in names {
            assert!(la_gnn::Weights::bundled(&name).is_ok(), "{name}");
        }
    }
}
