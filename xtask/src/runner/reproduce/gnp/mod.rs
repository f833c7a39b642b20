//! GNP: J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR 2025.

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
use xtask::report::{Environment, Results, Verdict, table, write_folder};

use super::{Ledger, Request};
use settings::Experiment;

/// Names of the profiles and what they are.
pub(super) fn profiles() -> Result<Vec<(String, String)>> {
    let experiment = Experiment::load()?;
    Ok(["smoke", "quick", "full", "paper"]
        .iter()
        .filter_map(|name| {
            let profile = experiment.profiles.get(*name)?;
            Some(((*name).to_string(), profile.about.clone()))
        })
        .collect())
}

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let experiment = Experiment::load()?;
    experiment.profile(request.profile.name())?;
    let threads = rayon::current_num_threads();
    let libtorch = cfg!(feature = "torch").then(|| "2.11.0".to_string());
    let environment = Environment::capture(&crate::root(), threads, libtorch);
    let results = Results::new(
        "gnp",
        request.profile.name(),
        request.seed,
        "cpu",
        environment,
    );
    let home = crate::root().join("target/reproduce/gnp");
    // A part of a profile does not take the place of the whole one's report.
    let whole = request.matrices.is_empty() && request.methods.is_empty();
    let part = if whole { "" } else { "-part" };
    let folder = home.join(format!("{}{part}", request.profile.name()));
    let ledger = Ledger::open(&folder, "gnp", request)?;
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
