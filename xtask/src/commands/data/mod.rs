//! `data`: real matrices, listed, fetched and verified; data sets, made by the runner.

mod fetch;
mod manifest;

use std::process::ExitCode;

use anyhow::{Result, bail};

use self::manifest::{Matrix, Source};
use super::{exit_code, runner};
use crate::cli::DataCommand;
use crate::project;

pub(crate) fn run(command: &DataCommand) -> Result<ExitCode> {
    if let DataCommand::Make(forwarded) = command {
        let mut args = vec!["make".into()];
        args.extend(forwarded.args.iter().cloned());
        return runner::run("data", &args);
    }
    let matrices = manifest::load()?;
    match command {
        DataCommand::Make(_) => {}
        DataCommand::List => list(&matrices),
        DataCommand::Fetch { names } => return fetch_all(&chosen(&matrices, names)?),
        DataCommand::Verify => return Ok(exit_code(verify(&matrices))),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(matrices: &[Matrix]) {
    let cache = project::cache_dir();
    println!(
        "{:<24} {:>7} {:>9} {:<4} {:<46} where",
        "name", "n", "nnz", "spd", "kind"
    );
    for matrix in matrices {
        let file = matrix.file(&cache);
        let place = match (&matrix.source, file.exists()) {
            (Source::Mirror(_), true) => "mirror".to_owned(),
            (Source::Mirror(_), false) => "mirror (missing)".to_owned(),
            (_, true) => file.display().to_string(),
            (Source::Package { package, .. }, false) => format!("{package}, not fetched"),
        };
        let spd = if matrix.spd { "yes" } else { "no" };
        println!(
            "{:<24} {:>7} {:>9} {spd:<4} {:<46} {place}",
            matrix.name, matrix.n, matrix.nnz, matrix.kind
        );
    }
    if project::data_dir().is_none() {
        println!("LA_DATA_DIR is not set: no mirror folder");
    }
}

fn chosen<'a>(matrices: &'a [Matrix], names: &[String]) -> Result<Vec<&'a Matrix>> {
    for name in names {
        if !matrices.iter().any(|matrix| matrix.name == *name) {
            bail!("no matrix is called {name}; `cargo xtask data list` names them");
        }
    }
    Ok(matrices
        .iter()
        .filter(|m| names.is_empty() || names.contains(&m.name))
        .collect())
}

/// Fetches what is not there; one failure does not keep the others from being fetched.
fn fetch_all(matrices: &[&Matrix]) -> Result<ExitCode> {
    let cache = project::cache_dir();
    let mut failed = 0;
    for matrix in matrices {
        if matrix.verify(&cache).is_ok() {
            continue;
        }
        match fetch::fetch(matrix, &cache) {
            Ok(()) => println!("{}: {}", matrix.name, matrix.file(&cache).display()),
            Err(error) => {
                failed += 1;
                println!("{}: failed: {error:#}", matrix.name);
            }
        }
    }
    println!(
        "{} of {} matrices are there",
        matrices.len() - failed,
        matrices.len()
    );
    Ok(exit_code(failed == 0))
}

fn verify(matrices: &[Matrix]) -> bool {
    let cache = project::cache_dir();
    let (mut good, mut bad, mut absent) = (0, 0, 0);
    for matrix in matrices {
        let in_mirror = matches!(matrix.source, Source::Mirror(_));
        if !in_mirror && !matrix.file(&cache).exists() {
            absent += 1;
            continue;
        }
        match matrix.verify(&cache) {
            Ok(()) => good += 1,
            Err(error) => {
                bad += 1;
                println!("{}: {error:#}", matrix.name);
            }
        }
    }
    println!("{good} verified, {bad} damaged or missing, {absent} not fetched");
    bad == 0
}
