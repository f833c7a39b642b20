//! What the files of all experiments have in common: profiles, and numbers to compare with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use xtask::report::{Environment, Measurement, Results};

use super::Request;
use super::references::{self, ReferenceRow};

/// An experiment as data, read from `xtask/experiments/<name>.toml`.
pub(crate) trait ExperimentFile: DeserializeOwned {
    /// Name of the paper on the command line.
    const NAME: &'static str;
    /// The file.
    const TEXT: &'static str;
    /// What one profile runs.
    type Profile;

    /// The profiles by name.
    fn profiles(&self) -> &BTreeMap<String, Self::Profile>;

    /// One line on a profile.
    fn about(profile: &Self::Profile) -> &str;

    /// The numbers to compare with.
    fn references(&self) -> &[ReferenceRow];

    /// Reads the experiment; a key that is not known is an error, and so are two numbers to compare one measurement with.
    fn load() -> Result<Self> {
        let file = || format!("experiments/{}.toml", Self::NAME);
        let experiment: Self = toml::from_str(Self::TEXT).with_context(file)?;
        references::check_distinct(experiment.references()).with_context(file)?;
        Ok(experiment)
    }

    /// The settings of a profile.
    fn profile(&self, name: &str) -> Result<&Self::Profile> {
        self.profiles().get(name).with_context(|| {
            let names: Vec<&str> = self.profiles().keys().map(String::as_str).collect();
            format!(
                "experiments/{}.toml has no profile `{name}`; it has {}",
                Self::NAME,
                names.join(", ")
            )
        })
    }

    /// Puts the number to compare with, if there is one, beside a measurement.
    fn compare(&self, measurement: Measurement) -> Result<Measurement> {
        references::compare(self.references(), measurement)
    }

    /// Names of the profiles, small ones first, and what they are.
    fn list() -> Result<Vec<(String, String)>> {
        let experiment = Self::load()?;
        let profiles = ["smoke", "quick", "full", "paper"];
        Ok(profiles
            .iter()
            .filter_map(|name| {
                let profile = experiment.profiles().get(*name)?;
                Some(((*name).to_owned(), Self::about(profile).to_owned()))
            })
            .collect())
    }

    /// Results without measurements yet; `device` is where networks train.
    fn results(request: &Request, device: &str) -> Results {
        let threads = rayon::current_num_threads();
        let libtorch = cfg!(feature = "torch").then(|| "2.11.0".to_owned());
        Results::new(
            Self::NAME,
            request.profile.name(),
            request.seed,
            device,
            Environment::capture(&crate::root(), threads, libtorch),
        )
    }

    /// The folder of everything that this experiment writes.
    fn home() -> PathBuf {
        crate::root().join("target/reproduce").join(Self::NAME)
    }
}
