//! The experiment as data.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Deserialize;

use super::super::file::ExperimentFile;
use super::super::references::ReferenceRow;
use super::guess::Method;

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
    /// Seeds of the networks.
    pub(super) seeds: u64,
    /// Times that each solve is timed; the fastest counts.
    pub(super) repetitions: usize,
    /// Epochs of training at most.
    pub(super) epochs: usize,
    pub(super) cases: Vec<CaseSettings>,
}

/// Problems, and what is done with them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct CaseSettings {
    pub(super) name: String,
    /// Networks are shared with the cases that say the same and train on the same problems; if it is not said, they are the case's own.
    network: Option<String>,
    /// Where training problems come from: several sources for several sizes.
    pub(super) train: Vec<Source>,
    /// Where the test problems come from; of the first source if it is not said.
    pub(super) test: Option<Source>,
    /// Test problems at most.
    pub(super) tests: usize,
    pub(super) methods: Vec<Method>,
    /// The published networks are used with this threshold.
    #[serde(default = "half")]
    pub(super) published_threshold: f64,
    /// Weight of the sum of outputs in the loss of the published networks.
    #[serde(default)]
    pub(super) sparsity: f64,
}

impl ProfileSettings {
    /// The profile with these cases only, in its own order; with all of them if none is named.
    pub(super) fn only(&self, names: &[String]) -> Result<Self> {
        let known = |name: &String| self.cases.iter().any(|case| case.name == *name);
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            let all: Vec<&str> = self.cases.iter().map(|c| c.name.as_str()).collect();
            bail!(
                "`{unknown}` is no case of this profile; there are {}",
                all.join(", ")
            );
        }
        let mut profile = self.clone();
        if !names.is_empty() {
            profile.cases.retain(|case| names.contains(&case.name));
        }
        Ok(profile)
    }
}

impl CaseSettings {
    /// What networks are kept under.
    pub(super) fn network(&self) -> &str {
        self.network.as_deref().unwrap_or(&self.name)
    }

    /// Whether the data folder is there, where archives of it are wanted.
    pub(super) fn has_data(&self) -> bool {
        let mut sources = self.train.iter().chain(&self.test);
        !sources.any(|s| matches!(s, Source::File(_))) || std::env::var_os("LA_DATA_DIR").is_some()
    }
}

fn half() -> f64 {
    0.5
}

/// Problems of one size.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(in super::super) enum Source {
    /// An archive of the data folder, `qp/param/<name>.npz`.
    File(String),
    /// Random problems with other vectors.
    Dense {
        n: usize,
        m: usize,
        train: usize,
        validation: usize,
        test: usize,
        seed: u64,
    },
    /// Random problems with other matrices too.
    Fresh {
        n: usize,
        m: usize,
        train: usize,
        validation: usize,
        test: usize,
        seed: u64,
    },
}

impl ExperimentFile for Experiment {
    const NAME: &'static str = "qp-warm-start";
    const TEXT: &'static str = include_str!("../../../../experiments/qp-warm-start.toml");
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

    /// Knows one pair of matrices only.
    const ONE_FAMILY: [Method; 5] = [
        Method::Prior,
        Method::Nearest,
        Method::Votes,
        Method::Mlp,
        Method::MlpUntrained,
    ];

    #[test]
    fn cases_are_chosen_by_name() {
        let experiment = Experiment::load().unwrap();
        let profile = experiment.profile("smoke").unwrap();
        let names = |names: &[&str]| -> Result<Vec<String>> {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let cases = profile.only(&names)?.cases;
            Ok(cases.into_iter().map(|case| case.name).collect())
        };
        let all = ["random-8v24c", "fresh-to-10v20c"];
        assert_eq!(names(&[]).unwrap(), all);
        assert_eq!(names(&all[1..]).unwrap(), all[1..]);
        let text = names(&["random"]).unwrap_err().to_string();
        assert!(text.contains("`random`") && text.contains(all[0]), "{text}");
    }

    #[test]
    fn the_experiment_is_readable_and_complete() {
        let experiment = Experiment::load().unwrap();
        for name in ["smoke", "quick", "full"] {
            let profile = experiment.profile(name).unwrap();
            for case in &profile.cases {
                let shared = profile.cases.iter();
                for other in shared.filter(|o| o.network() == case.network()) {
                    assert_eq!(case.train, other.train, "{}", case.name);
                    assert_eq!(case.sparsity, other.sparsity, "{}", case.name);
                }
            }
            for case in &profile.cases {
                assert!(case.methods.contains(&Method::Cold), "{}", case.name);
                // What one network cannot do is not asked of it.
                let several = case.train.len() > 1 || case.test.is_some();
                let varies = |s: &Source| matches!(s, Source::Fresh { .. });
                for method in &case.methods {
                    let one = ONE_FAMILY.contains(method);
                    assert!(
                        !(several && *method == Method::MlpPublished),
                        "{}",
                        case.name
                    );
                    assert!(
                        !(one && (several || case.train.iter().any(varies))),
                        "{}",
                        case.name
                    );
                }
            }
        }
        let typo = Experiment::TEXT.replace("tests", "test_count");
        assert!(toml::from_str::<Experiment>(&typo).is_err());
    }
}
