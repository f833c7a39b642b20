//! Nonnegative factorisations that a network on the augmented line digraph starts or accelerates: J. Sjölund, M. Bånkestad, *Graph-based neural
//! acceleration for nonnegative matrix factorization*, arXiv 2202.00264.
//!
//! Every method runs from NNDSVD on every matrix of a set for the same number of iterations; errors and the seconds of each iteration are kept. What the
//! paper shows against iterations is shown against seconds as well.

mod course;
mod method;
mod networks;
mod parts;
mod pictures;
mod rows;
mod scalars;
mod set;
mod settings;
mod summary;

use anyhow::Result;
use xtask::report::write_folder;

use super::file::ExperimentFile;
use super::{Ledger, Request, digest};
pub(super) use settings::Experiment;

/// Columns of the overview.
const QUANTITIES: [(&str, &str); 9] = [
    ("rmse@1", "RMSE @1"),
    ("rmse@2", "@2"),
    ("rmse@5", "@5"),
    ("rmse@10", "@10"),
    ("rmse@30", "@30"),
    ("rmse@100", "@100"),
    ("rise-seconds", "10 it., s"),
    ("worst-median-ratio", "worst ratio"),
    ("to-hals_ratio", "time/HALS"),
];

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let experiment = Experiment::load()?;
    let profile = experiment.profile(request.profile.name())?;
    let folder = Experiment::home().join(request.profile.name());
    let ledger = Ledger::open(&folder, Experiment::NAME, request)?;
    let mut course = course::Course::new(&experiment, request, ledger);
    course.networks(profile)?;
    for name in &profile.sets {
        course.set(profile, *name)?;
    }
    let (results, page, ledger) = course.finish(profile)?;
    write_folder(&folder, &results, &page)?;
    ledger.close()?;
    println!("{}", digest::digest(&results, &QUANTITIES));
    println!("{}", page.summary);
    println!("report: {}", folder.join("report.html").display());
    Ok(results.has_unmet())
}
