//! What the chapters of the experiment share: the ledger, what was measured, and what the report says.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use xtask::report::{Control, Figure, Measurement, Page, Results};

use super::super::digest;
use super::super::file::ExperimentFile;
use super::super::{Ledger, Request};
use super::settings::Experiment;
use super::tridiagonal;

/// The experiment as it goes.
pub(super) struct Course<'e> {
    experiment: &'e Experiment,
    pub(super) request: &'e Request,
    ledger: Ledger,
    results: Results,
    pub(super) figures: Vec<Figure>,
    pub(super) controls: Vec<Control>,
    /// Tables of chapters that have one of their own, as text.
    pub(super) tables: Vec<String>,
    /// One sentence or two for each finding.
    pub(super) findings: Vec<String>,
    pub(super) deviations: Vec<String>,
    pub(super) notes: Vec<String>,
}

impl<'e> Course<'e> {
    pub(super) fn new(experiment: &'e Experiment, request: &'e Request, ledger: Ledger) -> Self {
        Self {
            experiment,
            request,
            ledger,
            results: Experiment::results(request, "cpu"),
            figures: Vec::new(),
            controls: Vec::new(),
            tables: Vec::new(),
            findings: Vec::new(),
            deviations: Vec::new(),
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
    pub(super) fn parts<T: Serialize + DeserializeOwned + Send>(
        &mut self,
        keys: &[String],
        compute: impl Fn(usize) -> Result<T> + Sync,
        done: impl FnMut(usize, &T),
    ) -> Result<Vec<T>> {
        self.ledger.parts(keys, compute, done)
    }

    /// A file that lives as long as the run is unfinished.
    #[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "for LibTorch"))]
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.ledger.path(name)
    }

    /// Adds a measurement, with the number to compare with beside it.
    pub(super) fn push(&mut self, measurement: Measurement) -> Result<()> {
        Ok(self.results.push(self.experiment.compare(measurement)?)?)
    }

    /// Whether a chapter has measured the cosine of this method on this problem.
    pub(super) fn has(&self, problem: &str, method: &str) -> bool {
        let mut all = self.results.measurements.iter();
        all.any(|m| m.problem == problem && m.method == method && m.quantity == "cosine")
    }

    /// Writes what is known so far, for whoever waits.
    pub(super) fn publish(&self) -> Result<()> {
        self.ledger.publish(&self.results)
    }

    pub(super) fn finish(mut self) -> (Results, Page, Ledger) {
        let seconds = Duration::from_secs_f64(self.ledger.seconds());
        self.results.environment.set_elapsed(seconds);
        let profile = self.request.profile.name();
        let mut command = format!("cargo xtask reproduce mpgnn-limits --profile {profile}");
        if self.request.seed != 0 {
            command += &format!(" --seed {}", self.request.seed);
        }
        if !self.request.chapters.is_empty() {
            command += &format!(" --chapters {}", self.request.chapters.join(","));
        }
        let mut tables = vec![digest::overview(&self.results, &tridiagonal::QUANTITIES)];
        tables.append(&mut self.tables);
        let page = Page {
            title: format!("Limits of message passing, profile {profile}"),
            overview: tables.join("\n"),
            summary: self.findings.join(" "),
            figures: self.figures,
            controls: self.controls,
            command,
            deviations: self.deviations,
            notes: self.notes,
        };
        (self.results, page, self.ledger)
    }
}
