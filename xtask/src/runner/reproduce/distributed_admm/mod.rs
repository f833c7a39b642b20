//! Distributed ADMM with learned step sizes: H. Doerks, P. Häusner, D. Hernández Escobar, J. Sjölund, *Learning to accelerate distributed ADMM using graph
//! neural networks*, L4DC 2026, arXiv 2509.05288.
//!
//! Every method runs from zero on the same fresh instances; the squared distance to the solution is kept after every iteration.

mod course;
mod method;
mod networks;
mod opponents;
mod pictures;
mod problems;
mod rows;
mod settings;
mod summary;

use anyhow::Result;
use xtask::report::write_folder;

use super::file::ExperimentFile;
use super::{Ledger, Request, digest};
pub(crate) use networks::Preparation;
pub(crate) use settings::{Class, Experiment, NetworkSettings};

/// Columns of the overview.
const QUANTITIES: [(&str, &str); 8] = [
    ("distance@5", "@5"),
    ("distance@10", "@10"),
    ("distance@20", "@20"),
    ("distance@50", "@50"),
    ("median-distance@50", "median @50"),
    ("iterations@1.0", "it. to 1"),
    ("iterations@0.1", "it. to 0.1"),
    ("rounds@1.0", "rounds to 1"),
];

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let experiment = Experiment::load()?;
    let profile = experiment.profile(request.profile.name())?;
    let folder = Experiment::home().join(request.profile.name());
    let ledger = Ledger::open(&folder, Experiment::NAME, request)?;
    let mut course = course::Course::new(&experiment, request, ledger);
    for class in &profile.classes {
        for &seed in &profile.seeds {
            course.class(profile, *class, seed)?;
        }
        course.compare(*class)?;
        course.other_graphs(profile, *class)?;
    }
    let (results, page, ledger) = course.finish()?;
    write_folder(&folder, &results, &page)?;
    ledger.close()?;
    println!("{}", digest::digest(&results, &QUANTITIES));
    println!("{}", page.summary);
    println!("report: {}", folder.join("report.html").display());
    Ok(results.has_unmet())
}
