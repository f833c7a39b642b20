//! Limits of message passing: V. Trifonov, E. Muravleva, I. Oseledets, *Message-Passing GNNs Fail to Approximate Sparse
//! Triangular Factorizations*, TMLR 2026, arXiv 2502.01397.
//!
//! The experiment has chapters, one file each: [`tridiagonal`] is the paper's synthetic set, [`chains`] learns elimination in its order
//! on the same sets, [`grids`] are K-optimal factors, [`correctors`] what networks make of IC(0) on the same grids, [`compensation`] is an extension: what is done with dropped fill. A chapter reads
//! its own table of the profile, measures through the [`Course`] and is left out where the profile has no such table.

mod chains;
mod compensation;
mod correctors;
mod course;
mod grids;
mod metrics;
mod networks;
mod ordering;
mod sets;
mod settings;
mod sweeps;
mod tridiagonal;

use anyhow::Result;
use xtask::report::write_folder;

use super::file::ExperimentFile;
use super::{Ledger, Request, digest};
use course::Course;
pub(super) use settings::Experiment;

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let experiment = Experiment::load()?;
    let profile = experiment.profile(request.profile.name())?;
    let folder = Experiment::home().join(request.profile.name());
    let ledger = Ledger::open(&folder, Experiment::NAME, request)?;
    let mut course = Course::new(&experiment, request, ledger);
    if let Some(settings) = &profile.tridiagonal {
        tridiagonal::run(settings, &mut course)?;
    }
    if let Some(settings) = &profile.compensation {
        compensation::run(settings, &mut course)?;
    }
    if let Some(settings) = &profile.chains {
        chains::run(settings, &mut course)?;
    }
    if let Some(settings) = &profile.grids {
        grids::run(settings, &mut course)?;
    }
    if let Some(settings) = &profile.correctors {
        correctors::run(settings, &mut course)?;
    }
    let (results, page, ledger) = course.finish();
    write_folder(&folder, &results, &page)?;
    ledger.close()?;
    println!("{}", digest::digest(&results, &tridiagonal::QUANTITIES));
    println!("{}", page.summary);
    println!("report: {}", folder.join("report.html").display());
    Ok(results.has_unmet())
}
