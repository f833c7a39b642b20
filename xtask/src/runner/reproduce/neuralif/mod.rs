//! NeuralIF: P. Häusner, O. Öktem, J. Sjölund, *Neural incomplete factorization: learning preconditioners for the
//! conjugate gradient method*, TMLR 2024.

mod controls;
mod digest;
mod methods;
mod pictures;
mod rows;
mod settings;
mod study;
mod summary;
mod training;
mod tuning;

use anyhow::Result;
use xtask::report::{Environment, Results, write_folder};

use super::{Ledger, Request};
use settings::Experiment;

/// Names of the profiles and what they are.
pub(super) fn profiles() -> Result<Vec<(String, String)>> {
    let experiment = Experiment::load()?;
    Ok(["smoke", "quick", "full", "paper"]
        .iter()
        .filter_map(|name| {
            experiment
                .profiles
                .get(*name)
                .map(|p| ((*name).to_string(), p.about.clone()))
        })
        .collect())
}

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let experiment = Experiment::load()?;
    let threads = rayon::current_num_threads();
    let environment = Environment::capture(&crate::root(), threads, libtorch_version());
    let results = Results::new(
        "neuralif",
        request.profile.name(),
        request.seed,
        device(request),
        environment,
    );
    let folder = crate::root()
        .join("target/reproduce/neuralif")
        .join(request.profile.name());
    let ledger = Ledger::open(&folder, "neuralif", request)?;
    let mut study = study::Study::new(&experiment, request, results, ledger)?;
    study.run()?;
    let (results, page, ledger) = study.finish()?;
    write_folder(&folder, &results, &page)?;
    ledger.close()?;
    println!("{}", digest::digest(&results));
    println!("{}", page.summary);
    println!("report: {}", folder.join("report.html").display());
    Ok(results.has_unmet())
}

fn device(request: &Request) -> &str {
    if request.device.starts_with("cuda") {
        &request.device
    } else {
        "cpu"
    }
}

fn libtorch_version() -> Option<String> {
    cfg!(feature = "torch").then(|| "2.11.0".to_string())
}
