//! `bench`: our crates side by side with other programs, in one run, on the same input.

mod admm;
mod amg;
mod clock;
pub(crate) mod contest;
mod gnn;
mod gnp;
mod ilut;
mod krylov;
mod linked;
mod methods;
mod nmf;
pub(crate) mod peers;
mod precond;
mod qp;
#[cfg(feature = "mpi")]
mod ranks;
mod record;
mod triad;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;

use record::Record;

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure; every area when none is named
    #[arg(value_enum)]
    areas: Vec<Area>,
    /// Do the same work in other programs too, in the same run
    #[arg(long)]
    peers: bool,
    /// Threads that every program may use
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    /// Instead of the rest, measure `krylov` and `admm` on so many MPI ranks of this machine, and on one of them
    #[arg(long, value_name = "N", conflicts_with = "peers", value_parser = clap::value_parser!(u16).range(1..))]
    ranks: Option<u16>,
    /// Measured repetitions of each contestant, after one that does not count
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u16).range(1..))]
    repetitions: u16,
    /// Size of the problems
    #[arg(long, value_enum, default_value_t = Size::Full)]
    size: Size,
    /// Where `<area>/results.json` is written; target/bench when not given
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Args {
    fn areas_or(&self, all: &[Area]) -> Vec<Area> {
        match self.areas.is_empty() {
            true => all.to_vec(),
            false => self.areas.clone(),
        }
    }
}

/// A part of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Area {
    /// Sparse products and conjugate gradients
    Krylov,
    /// Set-up and application of preconditioners
    Precond,
    /// Inference and training of the networks
    Gnn,
    /// Quadratic programs, cold and in sequences
    Qp,
    /// Nonnegative factorisations: time to an error
    Nmf,
    /// Distributed ADMM: seconds of an iteration
    Admm,
    /// Preconditioners and methods against the size of three problems, with a figure
    Methods,
}

impl Area {
    fn name(self) -> &'static str {
        match self {
            Self::Krylov => "krylov",
            Self::Precond => "precond",
            Self::Gnn => "gnn",
            Self::Qp => "qp",
            Self::Nmf => "nmf",
            Self::Admm => "admm",
            Self::Methods => "methods",
        }
    }
}

/// How large the problems are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Size {
    /// Seconds in all: exercises the machinery
    Smoke,
    /// A quick look: grids of some ten thousand points
    Small,
    /// The sizes that are reported
    #[value(alias = "standard")]
    Full,
}

/// Runs `bench`.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| target_dir().join("bench"));
    if let Some(ranks) = args.ranks {
        return on_ranks(&args, ranks.into(), &output);
    }
    let areas = args.areas_or(Area::value_variants());
    let pool = threads(args.threads.into())?;
    for area in areas {
        let mut record = Record::new(area.name(), &args, root());
        pool.install(|| match area {
            Area::Krylov => krylov::run(&args, &mut record),
            Area::Precond => precond::run(&args, &mut record),
            Area::Gnn => gnn::run(&args, &mut record),
            Area::Qp => qp::run(&args, &mut record),
            Area::Nmf => nmf::run(&args, &mut record),
            Area::Admm => admm::run(&args, &mut record),
            Area::Methods => methods::run(&args, &mut record, &output.join(area.name())),
        })?;
        let path = record.finish(&output.join(area.name()))?;
        println!("written: {}\n", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The areas that have something to measure on ranks.
const ON_RANKS: [Area; 2] = [Area::Krylov, Area::Admm];

fn on_ranks(args: &Args, ranks: usize, output: &Path) -> Result<ExitCode> {
    let areas = args.areas_or(&ON_RANKS);
    if let Some(other) = areas.iter().find(|area| !ON_RANKS.contains(area)) {
        anyhow::bail!(
            "--ranks: {} does not run on ranks; krylov and admm do",
            other.name()
        );
    }
    #[cfg(feature = "mpi")]
    return ranks::run(args, &areas, ranks, output);
    #[cfg(not(feature = "mpi"))]
    anyhow::bail!(
        "--ranks {ranks}: this program was built without MPI; `cargo xtask bench` builds it with it (results go to {})",
        output.display()
    );
}

/// A pool of its own with `count` threads.
fn threads(count: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .build()
        .context("cannot start the threads")
}

/// The folder of the workspace's root manifest.
fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(PathBuf::from).unwrap_or(manifest)
}

/// `CARGO_TARGET_DIR` or `target` below the workspace.
fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => root().join(folder),
        _ => root().join("target"),
    }
}
