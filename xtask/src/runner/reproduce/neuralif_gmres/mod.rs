//! Learned LU: P. Häusner, A. Nieto Juscafresa, J. Sjölund, *Learning incomplete factorization preconditioners for GMRES*,
//! Northern Lights Deep Learning Conference, PMLR 265, 2025.

mod controls;
mod methods;
mod rows;
mod settings;
mod solve;
mod spectrum;
mod study;
mod summary;
mod training;
mod tuning;

use anyhow::Result;
use xtask::report::write_folder;

use super::file::ExperimentFile;
use super::{Ledger, Request, digest};
pub(super) use settings::Experiment;

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let mut experiment = Experiment::load()?;
    let profile = experiment.profile(request.profile.name())?.clone();
    if request.train {
        training::train_all(&mut experiment, &profile)?;
    }
    experiment.require_weights(&profile)?;
    let results = Experiment::results(request, "cpu");
    let folder = Experiment::home().join(request.profile.name());
    let ledger = Ledger::open(&folder, Experiment::NAME, request)?;
    let mut study = study::Study::new(&experiment, request, results, ledger)?;
    study.run()?;
    let (results, page, ledger) = study.finish()?;
    write_folder(&folder, &results, &page)?;
    ledger.close()?;
    println!("{}", digest::digest(&results, &summary::QUANTITIES));
    println!("{}", page.summary);
    println!("report: {}", folder.join("report.html").display());
    Ok(results.has_unmet())
}
