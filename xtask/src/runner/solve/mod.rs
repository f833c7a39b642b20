//! `solve`: one linear system from a file, or a whole set of matrices.

mod args;
mod attempt;
mod automatic;
mod methods;
mod preconditioner;
#[cfg(feature = "mpi")]
mod ranks;
mod report;
mod rhs;
mod system;
mod table;
mod watch;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

pub(crate) use args::Args;
use args::Plan;
use report::Record;
use system::System;
use watch::Progress;

/// Exit code of a solve that did not converge.
const NOT_CONVERGED: u8 = 2;

/// Runs `solve`.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let plan = args.plan()?;
    if let Some(learned) = plan.chain.iter().find(|kind| kind.is_learned()) {
        // Weights that cannot be used are bad input, not a preconditioner that fails.
        preconditioner::Network::load(*learned, &plan)?;
    }
    if let Some(ranks) = args.ranks {
        return on_ranks(ranks, &args, &plan);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.unwrap_or(0))
        .build()
        .context("cannot start the threads")?;
    pool.install(|| match (&args.table, &args.matrix) {
        (Some(set), _) => table::run(*set, &args, &plan),
        (None, Some(matrix)) => one(matrix, &args, &plan),
        (None, None) => anyhow::bail!("no matrix; give a file, or --table definite"),
    })
}

#[cfg(feature = "mpi")]
fn on_ranks(ranks: usize, args: &Args, plan: &Plan) -> Result<ExitCode> {
    match &args.matrix {
        Some(matrix) => ranks::run(matrix, ranks, args, plan),
        None => anyhow::bail!("--ranks solves one system; give a file"),
    }
}

#[cfg(not(feature = "mpi"))]
fn on_ranks(ranks: usize, _: &Args, _: &Plan) -> Result<ExitCode> {
    anyhow::bail!(
        "--ranks {ranks}: this program was built without MPI; `cargo xtask solve` builds it with it"
    )
}

fn one(matrix: &Path, args: &Args, plan: &Plan) -> Result<ExitCode> {
    if let Some(folder) = &args.output {
        report::make_folder(folder)?;
    }
    let mut progress = Progress::new();
    progress.begin("solve", "reading the matrix");
    let system = System::read(matrix, &args.rhs, args.negate, plan.need())?;
    let outcomes = attempt::solve(&system, plan, &mut progress)?;
    let record = Record::new(matrix, &args.rhs.to_string(), &system, plan, &outcomes);
    print!("{}", record.text(&outcomes));
    if system.unused_rhs > 0 {
        eprintln!(
            "note: the file holds {} right-hand side(s); --rhs stored solves for it",
            system.unused_rhs
        );
    }
    if let Some(folder) = &args.output {
        record.write(folder, &outcomes)?;
        println!(
            "solution.mtx, solve.json and history.svg are in {}",
            folder.display()
        );
    }
    Ok(if record.converged {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_CONVERGED)
    })
}
