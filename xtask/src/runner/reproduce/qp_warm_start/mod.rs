//! Learned warm starts of an active-set method: E. J. Schmidtobreick, D. Arnström, P. Häusner, J. Sjölund, *Warm-starting active-set solvers
//! using graph neural networks*, L4DC 2026, arXiv 2511.13174.
//!
//! A case is a set of problems to train on, one to choose thresholds with and one to measure on. Every method guesses an active set for every test
//! problem; the solver starts there, with the entering rule of the paper's solver and with its own.
#![cfg_attr(
    not(feature = "torch"),
    expect(dead_code, reason = "networks are trained with LibTorch")
)]

mod case;
mod course;
mod guess;
mod measure;
#[cfg(feature = "torch")]
mod networks;
mod pictures;
mod rows;
mod set;
mod settings;
mod summary;
#[cfg(feature = "torch")]
mod training;

use anyhow::{Result, bail};
use xtask::report::write_folder;

use super::file::ExperimentFile;
use super::{Ledger, Request, digest};
pub(super) use settings::Experiment;

/// Columns of the overview.
const QUANTITIES: [(&str, &str); 8] = [
    ("iterations", "iterations"),
    ("edge-iterations", "st. edge"),
    ("recall", "recall %"),
    ("precision", "precision %"),
    ("predict-seconds", "predict s"),
    ("solver-seconds", "solver s"),
    ("total-seconds", "total s"),
    ("total_ratio", "over cold"),
];

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let experiment = Experiment::load()?;
    let profile = experiment.profile(request.profile.name())?;
    let profile = &profile.only(&request.chapters)?;
    if !profile.cases.iter().any(settings::CaseSettings::has_data) {
        bail!("LA_DATA_DIR is not set: all of these cases want archives of the data folder");
    }
    let folder = Experiment::home().join(request.profile.name());
    let ledger = Ledger::open(&folder, Experiment::NAME, request)?;
    let mut course = course::Course::new(&experiment, request, ledger);
    #[cfg(feature = "torch")]
    training::train_all(profile, &mut course)?;
    for settings in &profile.cases {
        case::run(profile, settings, &mut course)?;
    }
    let (results, page, ledger) = course.finish()?;
    write_folder(&folder, &results, &page)?;
    ledger.close()?;
    println!("{}", digest::digest(&results, &QUANTITIES));
    println!("{}", page.summary);
    println!("report: {}", folder.join("report.html").display());
    Ok(results.has_unmet())
}
