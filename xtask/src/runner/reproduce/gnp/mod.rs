//! GNP: J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR 2025.

mod air;
mod cases;
mod drawings;
mod entries;
mod methods;
mod metrics;
mod networks;
mod peers;
mod recipe;
mod rows;
mod settings;
mod shares;
mod sides;
mod solve;
mod study;
mod summary;
mod tables;
mod totals;
mod trainings;

use anyhow::Result;
use xtask::report::{Verdict, table, write_folder};

use super::file::ExperimentFile;
use super::{Ledger, Request};
pub(crate) use cases::{Case, named};
pub(crate) use methods::{Classical, Ready, Resettable};
pub(super) use settings::Experiment;
pub(crate) use sides::{Side, System};
pub(crate) use solve::{Limit, solve};

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let experiment = Experiment::load()?;
    experiment.profile(request.profile.name())?;
    let results = Experiment::results(request, "cpu");
    let home = Experiment::home();
    // A part of a profile does not take the place of the whole one's report.
    let whole = request.matrices.is_empty() && request.methods.is_empty();
    let part = if whole { "" } else { "-part" };
    let folder = home.join(format!("{}{part}", request.profile.name()));
    let ledger = Ledger::open(&folder, Experiment::NAME, request)?;
    let networks = networks::Networks::new(&home, request.train);
    let mut study = study::Study::new(&experiment, request, results, ledger, networks)?;
    study.run()?;
    let done = study.finish()?;
    write_folder(&folder, &done.results, &done.page)?;
    xtask::report::write_atomic(&folder.join("rows.jsonl"), done.lines.as_bytes())?;
    done.ledger.close()?;
    let mut judged = done.results.clone();
    judged
        .measurements
        .retain(|m| m.verdict != Verdict::NoReference);
    println!("{}", table(&judged));
    println!("{}", done.page.overview);
    println!("{}", done.page.summary);
    println!("report: {}", folder.join("report.html").display());
    Ok(done.results.has_unmet())
}
