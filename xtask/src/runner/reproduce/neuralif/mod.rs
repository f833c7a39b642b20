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
use xtask::report::write_folder;

use super::file::ExperimentFile;
use super::{Ledger, Request};
pub(super) use settings::Experiment;

/// Runs the experiment; true if a verdict is `not met`.
pub(super) fn run(request: &Request) -> Result<bool> {
    let experiment = Experiment::load()?;
    let results = Experiment::results(request, device(request));
    let folder = Experiment::home().join(request.profile.name());
    let ledger = Ledger::open(&folder, Experiment::NAME, request)?;
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
    match request.device.starts_with("cuda") {
        true => &request.device,
        false => "cpu",
    }
}
