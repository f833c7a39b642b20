//! Limits of message passing: V. Trifonov, E. Muravleva, I. Oseledets, *Message-Passing GNNs Fail to Approximate Sparse
//! Triangular Factorizations*, TMLR 2026, arXiv 2502.01397.
//!
//! The experiment has chapters, one file each: [`tridiagonal`] is the paper's synthetic set, [`chains`] learns elimination in its order
//! on the same sets, [`grids`] are K-optimal factors, [`correctors`] what networks make of IC(0) on the same grids, [`compensation`] is an
//! extension: what is done with dropped fill, [`real`] compares on real matrices. A chapter reads
//! its own table of the profile, measures through the [`Course`] and is left out where the profile has no such table.

mod chains;
mod compensation;
mod correctors;
mod course;
mod grids;
mod metrics;
mod networks;
mod ordering;
mod real;
mod sets;
mod settings;
mod sweeps;
mod tridiagonal;

use anyhow::{Result, bail};
use xtask::report::write_folder;

use super::file::ExperimentFile;
use super::{Ledger, Request, digest};
use course::Course;
pub(super) use settings::Experiment;

/// The chapters in their order.
const CHAPTERS: [&str; 7] = [
    "tridiagonal",
    "compensation",
    "chains",
    "grids",
    "correctors",
    "real",
    // Needs the factors of `real`, and compares them too.
    "real-networks",
];

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let experiment = Experiment::load()?;
    let profile = experiment.profile(request.profile.name())?;
    let folder = Experiment::home().join(request.profile.name());
    let ledger = Ledger::open(&folder, Experiment::NAME, request)?;
    let mut course = Course::new(&experiment, request, ledger);
    let wanted = |chapter: &str| {
        let chapters = &request.chapters;
        chapters.is_empty() || chapters.iter().any(|c| c == chapter)
    };
    if let Some(unknown) = request
        .chapters
        .iter()
        .find(|c| !CHAPTERS.contains(&c.as_str()))
    {
        bail!(
            "`{unknown}` is no chapter; there are {}",
            CHAPTERS.join(", ")
        );
    }
    if let Some(settings) = profile
        .tridiagonal
        .as_ref()
        .filter(|_| wanted("tridiagonal"))
    {
        tridiagonal::run(settings, &mut course)?;
    }
    if let Some(settings) = profile
        .compensation
        .as_ref()
        .filter(|_| wanted("compensation"))
    {
        compensation::run(settings, &mut course)?;
    }
    if let Some(settings) = profile.chains.as_ref().filter(|_| wanted("chains")) {
        chains::run(settings, &mut course)?;
    }
    if let Some(settings) = profile.grids.as_ref().filter(|_| wanted("grids")) {
        grids::run(settings, &mut course)?;
    }
    if let Some(settings) = profile.correctors.as_ref().filter(|_| wanted("correctors")) {
        correctors::run(settings, &mut course)?;
    }
    let networks = wanted("real-networks");
    if let Some(settings) = profile.real.as_ref().filter(|_| networks || wanted("real")) {
        real::run(settings, networks, &mut course)?;
    }
    let (results, page, ledger) = course.finish();
    write_folder(&folder, &results, &page)?;
    ledger.close()?;
    println!("{}", digest::digest(&results, &tridiagonal::QUANTITIES));
    println!("{}", page.summary);
    println!("report: {}", folder.join("report.html").display());
    Ok(results.has_unmet())
}
