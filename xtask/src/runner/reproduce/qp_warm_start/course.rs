//! The experiment as it goes: the ledger, what was measured, and what the report says.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use xtask::report::{Measurement, Page, Results};

use super::super::file::ExperimentFile;
use super::super::{Ledger, Request, digest};
use super::settings::Experiment;
use super::{QUANTITIES, pictures, summary};

/// What has been done so far.
pub(super) struct Course<'e> {
    experiment: &'e Experiment,
    pub(super) request: &'e Request,
    ledger: Ledger,
    results: Results,
    pub(super) notes: Vec<String>,
}

impl<'e> Course<'e> {
    pub(super) fn new(experiment: &'e Experiment, request: &'e Request, ledger: Ledger) -> Self {
        Self {
            experiment,
            request,
            ledger,
            results: Experiment::results(request, "cpu"),
            notes: Vec::new(),
        }
    }

    /// A part of the run: from an earlier sitting, or computed and written down now.
    pub(super) fn part<T: Serialize + DeserializeOwned>(
        &mut self,
        key: &str,
        compute: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.ledger.part(key, compute)
    }

    /// Parts that do not depend on each other, as many at a time as there are threads; `compute` is given the place of its key.
    #[cfg(feature = "torch")]
    pub(super) fn parts<T: Serialize + DeserializeOwned + Send>(
        &mut self,
        keys: &[String],
        compute: impl Fn(usize) -> Result<T> + Sync,
        done: impl FnMut(usize, &T),
    ) -> Result<Vec<T>> {
        self.ledger.parts(keys, compute, done)
    }

    /// Whether the part is known already.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.ledger.knows(key)
    }

    /// Adds a measurement, with the number to compare with beside it.
    pub(super) fn push(&mut self, measurement: Measurement) -> Result<()> {
        Ok(self.results.push(self.experiment.compare(measurement)?)?)
    }

    /// Writes what is known so far, for whoever waits.
    pub(super) fn publish(&self) -> Result<()> {
        self.ledger.publish(&self.results)
    }

    pub(super) fn finish(mut self) -> Result<(Results, Page, Ledger)> {
        let seconds = Duration::from_secs_f64(self.ledger.seconds());
        self.results.environment.set_elapsed(seconds);
        let profile = self.request.profile.name();
        let mut command = format!("cargo xtask reproduce qp-warm-start --profile {profile}");
        if self.request.seed != 0 {
            command += &format!(" --seed {}", self.request.seed);
        }
        if !self.request.chapters.is_empty() {
            command += &format!(" --chapters {}", self.request.chapters.join(","));
        }
        let page = Page {
            title: format!("Learned warm starts of an active-set method, profile {profile}"),
            overview: digest::overview(&self.results, &QUANTITIES),
            summary: summary::sentences(&self.results).join(" "),
            figures: pictures::draw(&self.results)?,
            controls: summary::controls(&self.results),
            command,
            deviations: DEVIATIONS.map(str::to_owned).to_vec(),
            notes: self.notes,
        };
        Ok((self.results, page, self.ledger))
    }
}

/// Where the experiment departs from the paper.
const DEVIATIONS: [&str; 4] = [
    "The solver is this project's, with the paper's entering rule (column `iterations`) and with dual steepest edge (`edge-iterations`); a guess with dependent \
     constraints is taken as far as it is independent, where the paper's solver is called again with less.",
    "Times are of one CPU thread, prediction included; the paper's predictions ran on a GPU and are not in its solver times.",
    "Problems without a solution are left out of training and of every mean; rows whose problem ends in `-all` count them, as the paper does.",
    "Networks named `published` are trained as published and used with the published threshold; the others are trained on constraints alone, keep the \
     parameters of the best epoch, and take the threshold with the fewest iterations on validation problems, one for each entering rule.",
];
