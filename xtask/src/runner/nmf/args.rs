//! The command line of `nmf`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use la_gnn::Weights;
use la_gnn::factormer::Parameters;
use la_opt::nmf::learned::FactormerStart;
use la_opt::nmf::{
    AoAdmm, Data, DualStart, Factors, Fill, Initializer, Loss, Method, NmfOptions, Nndsvd,
    RandomStart,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask nmf V.mtx.gz --rank 10 --output out
      a sparse or dense matrix; out/ gets w.npy, h.npy, history.csv and history.svg
  cargo xtask nmf faces.npy --rank 10 --output out --picture 64x64
      a stack of pictures: out/ gets the ten parts of faces, h-0.pgm to h-9.pgm, too
  cargo xtask nmf counts.mtx --rank 20 --method kl --output out
      counts of words, by the divergence of Kullback and Leibler
  cargo xtask nmf ratings.mtx --rank 8 --missing --output out
      entries that the file does not hold are unknown, not zero

Exit code: 0 factorised, whatever rule ended it; 1 bad input.";

/// Arguments of `nmf`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// V, nonnegative: Matrix Market (coordinates: sparse; array: dense) or NumPy .npy, where NaN is a missing entry and a stack of
    /// pictures has one in each row
    #[arg(value_name = "V.mtx[.gz]|V.npy")]
    pub(super) matrix: PathBuf,
    /// Columns of W and H
    #[arg(long, value_name = "R")]
    pub(super) rank: usize,
    /// Folder for factors, history and pictures
    #[arg(long, value_name = "DIR")]
    pub(super) output: PathBuf,
    /// How
    #[arg(long, value_enum, default_value_t = Choice::Ehals)]
    pub(super) method: Choice,
    /// Where to start [default: nndsvd, for mu, kl and kl-mu nndsvdar]
    #[arg(long, value_enum)]
    pub(super) init: Option<Start>,
    /// Network of --init learned: a bundled name, or a file that `train factormer` has written [default: factormer-start-fast]
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) weights: Option<String>,
    /// Iterations at most, each an update of H and one of W
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(super) iterations: usize,
    /// Seconds at most
    #[arg(long, value_name = "S")]
    pub(super) time_limit: Option<f64>,
    /// Converged when the projected gradient has fallen to this share; 0 switches it off
    #[arg(long, value_name = "X", default_value_t = 1e-4)]
    pub(super) tol: f64,
    /// Seed of random starts and of the singular value decomposition of large matrices
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
    /// Entries that a sparse file does not hold are unknown, not zero
    #[arg(long)]
    pub(super) missing: bool,
    /// Writes the columns of W as pictures, pixels row after row; H if W has other sizes
    #[arg(long, value_name = "HEIGHTxWIDTH", value_parser = picture)]
    pub(super) picture: Option<(usize, usize)>,
    /// Threads [default: all]
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<usize>,
}

/// Methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Choice {
    /// Extrapolated HALS
    Ehals,
    /// Hierarchical alternating least squares
    Hals,
    /// Alternating optimisation with ADMM, rho = trace / rank
    AoAdmm,
    /// The same as published for learned acceleration: rho = 1
    AoAdmmPublished,
    /// Multiplicative updates
    Mu,
    /// Coordinate descent for the divergence of Kullback and Leibler
    Kl,
    /// Multiplicative updates for the same
    KlMu,
}

/// Starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Start {
    /// From singular vectors; zeros stay
    Nndsvd,
    /// The same, zeros become the mean
    Nndsvda,
    /// The same, zeros become small random numbers
    Nndsvdar,
    /// Random
    Random,
    /// NNDSVD, improved by one call of a network (dense V; rank 10 unless --weights names another network)
    Learned,
}

fn picture(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once('x').and_then(|(height, width)| {
        Some((height.trim().parse().ok()?, width.trim().parse().ok()?))
    });
    match sides {
        Some((height, width)) if height > 0 && width > 0 => Ok((height, width)),
        _ => Err("must look like 64x64".to_owned()),
    }
}

impl Args {
    /// The options of the solver.
    pub(super) fn options(&self) -> Result<NmfOptions> {
        let method = match self.method {
            Choice::Ehals => Method::default(),
            Choice::Hals => Method::Hals { sweeps: 1 },
            Choice::AoAdmm => Method::AoAdmm(AoAdmm::default()),
            Choice::AoAdmmPublished => Method::AoAdmm(AoAdmm::published(DualStart::Warm)),
            Choice::Mu => Method::Multiplicative(Loss::Frobenius),
            Choice::Kl => Method::ScalarNewton { sweeps: 2 },
            Choice::KlMu => Method::Multiplicative(Loss::KullbackLeibler),
        };
        let limit = self.time_limit;
        ensure!(
            limit.is_none_or(|s| s > 0.0 && s.is_finite()),
            "--time-limit must be positive"
        );
        ensure!(
            self.weights.is_none() || self.init == Some(Start::Learned),
            "--weights is for --init learned"
        );
        Ok(NmfOptions::default()
            .with_method(method)
            .with_max_iters(self.iterations)
            .with_time_limit(limit.map(Duration::from_secs_f64))
            .with_kkt_tol(self.tol))
    }

    /// The start that is asked for, or that the method needs.
    pub(super) fn start_name(&self) -> Start {
        self.init.unwrap_or(match self.method {
            Choice::Mu | Choice::Kl | Choice::KlMu => Start::Nndsvdar,
            _ => Start::Nndsvd,
        })
    }

    /// Factors to start from.
    pub(super) fn start(&self, data: &Data<'_>) -> Result<Factors> {
        let fill = match self.start_name() {
            Start::Random => return Ok(RandomStart::new(self.seed).start(data, self.rank)?),
            Start::Nndsvd => Fill::Zeros,
            Start::Nndsvda => Fill::Mean,
            Start::Nndsvdar => Fill::Random,
            Start::Learned => {
                let name = self.weights.as_deref().unwrap_or("factormer-start-fast");
                let parameters = Weights::named_or_file(name)
                    .and_then(|weights| Parameters::from_weights(&weights))
                    .with_context(|| format!("--weights {name}"))?;
                let base = Nndsvd::default().with_seed(self.seed);
                let start = FactormerStart::new(&parameters)?.with_base(base);
                return start
                    .start(data, self.rank)
                    .with_context(|| format!("--init learned with the weights {name}"));
            }
        };
        let start = Nndsvd::default().with_fill(fill).with_seed(self.seed);
        Ok(start.start(data, self.rank)?)
    }
}
