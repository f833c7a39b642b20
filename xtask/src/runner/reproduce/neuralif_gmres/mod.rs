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
use xtask::report::{Environment, Results, write_folder};

use super::{Ledger, Request, digest};
use settings::Experiment;

/// Names of the profiles and what they are.
pub(super) fn profiles() -> Result<Vec<(String, String)>> {
    let experiment = Experiment::load()?;
    Ok(["smoke", "quick", "full"]
        .iter()
        .filter_map(|name| {
            let profile = experiment.profiles.get(*name)?;
            Some(((*name).to_string(), profile.about.clone()))
        })
        .collect())
}

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let mut experiment = Experiment::load()?;
    let profile = experiment.profile(request.profile.name())?.clone();
    if request.train {
        training::train_all(&mut experiment, &profile)?;
    }
    experiment.require_weights(&profile)?;
    let threads = rayon::current_num_threads();
    let libtorch = cfg!(feature = "torch").then(|| "2.11.0".to_string());
    let environment = Environment::capture(&crate::root(), threads, libtorch);
    let results = Results::new(
        "neuralif-gmres",
        request.profile.name(),
        request.seed,
        "cpu",
        environment,
    );
    let folder = crate::root()
        .join("target/reproduce/neuralif-gmres")
        .join(request.profile.name());
    let ledger = Ledger::open(&folder, "neuralif-gmres", request)?;
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
