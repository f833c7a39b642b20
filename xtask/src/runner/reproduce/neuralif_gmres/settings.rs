//! The experiment as data.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use la_gnn::{GnnError, Weights};
use la_problems::RightHandSide;
use serde::Deserialize;

use super::super::file::ExperimentFile;
use super::super::references::ReferenceRow;
use crate::experiment::{Family, Nonsymmetric};

/// Everything that decides the experiment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Experiment {
    pub(super) profiles: BTreeMap<String, ProfileSettings>,
    /// Rows of trained networks by the name of the method.
    pub(super) learned: BTreeMap<String, Learned>,
    pub(super) tuning: Tuning,
    reservoir: Vec<String>,
    references: Vec<ReferenceRow>,
}

/// What one profile runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ProfileSettings {
    pub(super) about: String,
    /// Names in [`Experiment::learned`], for sets that do not say otherwise.
    learned: Vec<String>,
    /// Repetitions of every set-up and solve, one method after the other; the medians count.
    pub(super) repetitions: usize,
    /// Seconds after which a solve is given up.
    pub(super) time_limit: f64,
    /// Validation matrices for tuning.
    pub(super) tuning: u64,
    pub(super) sets: Vec<Set>,
}

/// One set of test problems.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    /// A family of [`Nonsymmetric`] with its options, or `reservoir`: the real matrices.
    family: String,
    /// Order of the matrices; of no meaning for `reservoir`.
    #[serde(default)]
    n: usize,
    pub(super) rhs: Rhs,
    /// Test matrices.
    pub(super) tests: u64,
    /// Matrices on which methods run that need very many iterations: none, Jacobi, the untrained network.
    pub(super) slow: usize,
    /// Matrices whose singular values are computed.
    #[serde(default)]
    pub(super) spectra: usize,
    /// Order of the matrices on which classical methods are tuned, if not `n`: where a single candidate takes a minute.
    tune: Option<usize>,
    /// Names in [`Experiment::learned`] in place of those of the profile: networks trained for this family.
    learned: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rhs {
    Smooth,
    Gaussian,
    Ones,
}

/// Where a trained network comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Learned {
    /// Bundled weights.
    pub(super) weights: String,
    /// Arguments of `cargo xtask train` that make such weights, for `--train`.
    pub(super) train: String,
}

/// Candidates that are tried on validation matrices.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tuning {
    pub(super) drop_tol: Vec<f64>,
    pub(super) fill: Vec<f64>,
    /// Factors of relaxed ILU(0).
    pub(super) omega: Vec<f64>,
}

impl ProfileSettings {
    /// Names of the trained networks of all sets, each once.
    pub(super) fn networks(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for set in &self.sets {
            for name in set.learned.as_ref().unwrap_or(&self.learned) {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
        names
    }
}

impl Set {
    /// Name of the problem set in tables; the paper's right-hand side goes without saying.
    pub(super) fn name(&self) -> String {
        let mut name = self.matrices();
        match self.rhs {
            Rhs::Smooth => {}
            Rhs::Gaussian => name += "-gaussian",
            Rhs::Ones => name += "-ones",
        }
        name
    }

    /// The matrices, whatever the right-hand side.
    fn matrices(&self) -> String {
        let family = self.family.replace(':', "-").replace('=', "");
        match self.n {
            0 => family,
            n => format!("{family}-n{n}"),
        }
    }

    /// The set whose validation matrices classical methods are tuned on: this one, or smaller matrices of its family.
    pub(super) fn for_tuning(&self) -> Self {
        let n = self.tune.unwrap_or(self.n);
        Self { n, ..self.clone() }
    }

    /// What the tuning depends on: everything but the right-hand side.
    pub(super) fn tuning(&self) -> String {
        self.for_tuning().matrices()
    }

    pub(super) fn rhs(&self) -> RightHandSide {
        match self.rhs {
            Rhs::Smooth => RightHandSide::Smooth,
            Rhs::Gaussian => RightHandSide::Gaussian,
            Rhs::Ones => RightHandSide::Ones,
        }
    }
}

impl ExperimentFile for Experiment {
    const NAME: &'static str = "neuralif-gmres";
    const TEXT: &'static str = include_str!("../../../../experiments/neuralif-gmres.toml");
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

impl Experiment {
    /// The trained networks of a set, by the names of their methods.
    pub(super) fn networks<'a>(
        &'a self,
        profile: &'a ProfileSettings,
        set: &'a Set,
    ) -> Result<Vec<(&'a str, &'a Learned)>> {
        let find = |name: &'a String| {
            let learned = self.learned.get(name).with_context(|| {
                format!("experiments/neuralif-gmres.toml has no [learned.{name}]")
            })?;
            Ok((name.as_str(), learned))
        };
        let names = set.learned.as_ref().unwrap_or(&profile.learned);
        names.iter().map(find).collect()
    }

    /// Refuses a profile with rows of weights that are not there.
    pub(super) fn require_weights(&self, profile: &ProfileSettings) -> Result<()> {
        let mut missing: Vec<String> = Vec::new();
        for name in profile.networks() {
            let Some(learned) = self.learned.get(name) else {
                bail!("experiments/neuralif-gmres.toml has no [learned.{name}]");
            };
            match Weights::named_or_file(&learned.weights) {
                Ok(_) => {}
                Err(GnnError::UnknownWeights { name: weights, .. }) => missing.push(format!(
                    "{name}: `{weights}` is neither the name of bundled weights nor a file"
                )),
                Err(error) => missing.push(format!("{name}: {error}")),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        bail!(
            "rows of the profile have no weights; `--train` makes them, or take the rows out of \
             experiments/neuralif-gmres.toml:\n  {}",
            missing.join("\n  ")
        )
    }

    /// The family of a set; `None` with the reason for the real matrices without their folder.
    pub(super) fn family(&self, set: &Set) -> Result<Result<Nonsymmetric, String>> {
        if set.family == "reservoir" {
            let Some(folder) = std::env::var_os("LA_DATA_DIR") else {
                return Ok(Err("LA_DATA_DIR is not set".into()));
            };
            let folder = PathBuf::from(folder).join("matrices");
            let files: Vec<PathBuf> = self.reservoir.iter().map(|f| folder.join(f)).collect();
            return Ok(Ok(Nonsymmetric::values(files)?));
        }
        match Family::parse(&set.family, set.n)? {
            Family::Nonsymmetric(family) => Ok(Ok(family)),
            _ => bail!("`{}` is no family of nonsymmetric matrices", set.family),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::pictures::file_stem;
    use super::*;

    #[test]
    fn the_experiment_is_readable_and_complete() {
        let experiment = Experiment::load().unwrap();
        for name in ["smoke", "quick", "full"] {
            let profile = experiment.profile(name).unwrap();
            for set in &profile.sets {
                experiment.networks(profile, set).unwrap();
            }
            experiment.require_weights(profile).unwrap();
            let names: Vec<String> = profile.sets.iter().map(Set::name).collect();
            let different: std::collections::BTreeSet<&String> = names.iter().collect();
            assert_eq!(different.len(), names.len(), "{names:?}");
            for name in names {
                let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                assert!(file_stem(&name).chars().all(good), "{name}");
            }
            for set in &profile.sets {
                if set.family != "reservoir" {
                    experiment.family(set).unwrap().unwrap();
                }
            }
        }
        let error = experiment.profile("huge").unwrap_err().to_string();
        assert!(error.contains("huge") && error.contains("quick"), "{error}");
        let typo = Experiment::TEXT.replace("repetitions", "repetition");
        assert!(toml::from_str::<Experiment>(&typo).is_err());
    }

    #[test]
    fn rows_without_weights_are_refused_by_name() {
        let mut experiment = Experiment::load().unwrap();
        let mut profile = experiment.profile("smoke").unwrap().clone();
        let absent = Learned {
            weights: "no-such-weights".into(),
            train: String::new(),
        };
        experiment.learned.insert("learned-absent".into(), absent);
        profile.learned = vec!["learned-absent".into()];
        let error = experiment
            .require_weights(&profile)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("learned-absent") && error.contains("no-such-weights"),
            "{error}"
        );
        profile.learned = vec!["learned-unheard-of".into()];
        assert!(experiment.require_weights(&profile).is_err());
    }
}
