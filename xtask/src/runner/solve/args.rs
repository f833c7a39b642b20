//! The command line of `solve`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::rhs::Rhs;

const EXAMPLES: &str = "\
Examples:
  cargo xtask solve A.mtx.gz
      whatever works, with b = A x* for a random x*, and why: does this matrix give in?
  cargo xtask solve A.mtx --rhs b.mtx --output out
      one's own right-hand side; out/ gets solution.mtx, solve.json and history.svg
  cargo xtask solve A.mtx --precond ict --drop-tol 1e-3 --rtol 1e-10
      a stronger factor and a smaller residual
  cargo xtask solve A.mtx --precond neuralif --weights neuralif-synthetic-s0
      a learned factor, IC(0) and Jacobi to fall back on
  cargo xtask solve A.mtx --precond gnp --weights a.safetensors
      a network that `cargo xtask train gnp --data A.mtx` made for this matrix, threshold LU to fall back on
  cargo xtask solve A.mtx --method gmres --precond ilut --drop-tol 1e-4
      a matrix that is not symmetric, by a method of one's own choice
  cargo xtask solve A.mtx --ranks 4
      on four MPI ranks of this machine (`cargo xtask setup --mpi` says what that needs)
  cargo xtask solve --table general --iterative-only --output out
      every matrix of $LA_DATA_DIR/matrices that is not definite, without complete factorisations
  cargo xtask solve --table definite --precond ic0 --output out
      every definite matrix of $LA_DATA_DIR/matrices, IC(0) beside Jacobi

Exit code: 0 converged, 2 not converged, 1 bad input.";

/// Arguments of `solve`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Matrix Market, Harwell-Boeing or Rutherford-Boeing file, gzip-compressed or not
    #[arg(
        value_name = "A.mtx[.gz]",
        required_unless_present = "table",
        conflicts_with = "table"
    )]
    pub(super) matrix: Option<PathBuf>,
    /// Right-hand side: FILE (Matrix Market), `stored` (in a Harwell-Boeing matrix file), `ones`,
    /// `random:SEED`; or b = A x* with x* from `solution-ones`, `solution-random:SEED`
    #[arg(long, value_name = "RHS", default_value = "solution-random:0")]
    pub(super) rhs: Rhs,
    /// Krylov method; `auto` is CG where matrix and preconditioner may be definite, else GMRES
    #[arg(long, value_enum, default_value_t = Method::Auto)]
    pub(super) method: Method,
    /// Preconditioner; `auto` with `--method auto` tries methods and preconditioners in order of expected cost and
    /// says why; with CG it tries IC(0) with diagonal shifts, then Jacobi; with the others threshold LU, then Jacobi
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    pub(super) precond: Choice,
    /// Weights of a learned preconditioner: a bundled name or a file [default: neuralif-synthetic-s0,
    /// neuralpcg-synthetic or compensated-ic-descent]
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) weights: Option<String>,
    /// Entries to drop: relative to the diagonal for `ict`, absolute for `ic0`, `neuralif` and `neuralpcg`
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(super) drop_tol: Option<f64>,
    /// Build the preconditioner from S A S with a diagonal of about one; `auto`: for the learned
    /// ones only, the classical ones do not depend on scaling
    #[arg(long, value_enum, default_value_t = Scaling::Auto)]
    pub(super) scaling: Scaling,
    /// Whether a negative definite matrix is solved as (−A) x = −b
    #[arg(long, value_enum, default_value_t = Negate::Auto)]
    pub(super) negate: Negate,
    /// Largest ‖b − A x‖/‖b‖ that counts as converged; always of the system in the file
    #[arg(
        long,
        value_name = "X",
        default_value = "1e-8",
        allow_negative_numbers = true
    )]
    pub(super) rtol: f64,
    /// Iterations at most, of each attempt
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(super) max_iters: usize,
    /// Seconds at most, all attempts together
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(super) time_limit: Option<f64>,
    /// Threads, of each rank [default: one per core]
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<usize>,
    /// Solve on so many MPI ranks of this machine, each with a block of rows and a preconditioner of its own (additive
    /// Schwarz with one layer of overlap)
    #[arg(long, value_name = "N", conflicts_with = "table")]
    pub(super) ranks: Option<usize>,
    /// No complete factorisation, even where everything else fails
    #[arg(long)]
    pub(super) iterative_only: bool,
    /// Folder for the results; without it they are only printed
    #[arg(long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
    /// Solve every matrix of a set instead of one file, with Jacobi-CG beside it
    #[arg(long, value_enum, value_name = "SET")]
    pub(super) table: Option<Set>,
}

/// Krylov methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Method {
    Auto,
    Cg,
    Fcg,
    Minres,
    Gmres,
    Fgmres,
    Bicgstab,
}

impl Method {
    /// The name used on the command line and in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cg => "cg",
            Self::Fcg => "fcg",
            Self::Minres => "minres",
            Self::Gmres => "gmres",
            Self::Fgmres => "fgmres",
            Self::Bicgstab => "bicgstab",
        }
    }
}

/// What a matrix has to be for a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    Square,
    Symmetric,
    /// Symmetric with a diagonal of one sign.
    Definite,
}

/// Preconditioners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Precond {
    None,
    Jacobi,
    Ssor,
    Ic0,
    Ict,
    Amg,
    Ilu0,
    Ilut,
    Lu,
    Neuralif,
    Neuralpcg,
    CompensatedIc,
    Gnp,
}

/// What `--precond` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Auto,
    One(Precond),
}

impl ValueEnum for Choice {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Auto,
            Self::One(Precond::None),
            Self::One(Precond::Jacobi),
            Self::One(Precond::Ssor),
            Self::One(Precond::Ic0),
            Self::One(Precond::Ict),
            Self::One(Precond::Amg),
            Self::One(Precond::Ilu0),
            Self::One(Precond::Ilut),
            Self::One(Precond::Lu),
            Self::One(Precond::Neuralif),
            Self::One(Precond::Neuralpcg),
            Self::One(Precond::CompensatedIc),
            Self::One(Precond::Gnp),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl Choice {
    /// The name used on the command line and in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::One(precond) => precond.name(),
        }
    }

    /// Preconditioners in the order in which they are tried.
    fn chain(self, method: Method) -> Vec<Precond> {
        match self {
            Self::Auto if matches!(method, Method::Auto | Method::Cg | Method::Fcg) => {
                vec![Precond::Ic0, Precond::Jacobi]
            }
            Self::Auto if method == Method::Minres => vec![Precond::None],
            Self::Auto => vec![Precond::Ilut, Precond::Jacobi],
            Self::One(Precond::Gnp) => vec![Precond::Gnp, Precond::Ilut, Precond::Jacobi],
            Self::One(learned) if learned.is_learned() => {
                vec![learned, Precond::Ic0, Precond::Jacobi]
            }
            Self::One(one) => vec![one],
        }
    }
}

/// Symmetric scaling of what the preconditioner is built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scaling {
    Auto,
    None,
    Jacobi,
}

/// What happens to negative definite matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Negate {
    Auto,
    Never,
}

/// Sets of matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Set {
    /// Definite, not diagonal, numerically nonsingular
    Definite,
    /// Neither definite nor diagonal, numerically nonsingular
    General,
}

impl Set {
    /// The name used on the command line and in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Definite => "definite",
            Self::General => "general",
        }
    }
}

impl Precond {
    /// The name used on the command line and in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Jacobi => "jacobi",
            Self::Ssor => "ssor",
            Self::Ic0 => "ic0",
            Self::Ict => "ict",
            Self::Amg => "amg",
            Self::Ilu0 => "ilu0",
            Self::Ilut => "ilut",
            Self::Lu => "lu",
            Self::Neuralif => "neuralif",
            Self::Neuralpcg => "neuralpcg",
            Self::CompensatedIc => "compensated-ic",
            Self::Gnp => "gnp",
        }
    }

    /// Whether it is made for general matrices.
    pub(super) fn is_general(self) -> bool {
        matches!(self, Self::Ilu0 | Self::Ilut | Self::Lu | Self::Gnp)
    }

    /// What it asks of the matrix.
    fn need(self) -> Need {
        match self {
            Self::None | Self::Jacobi | Self::Ilu0 | Self::Ilut | Self::Lu | Self::Gnp => {
                Need::Square
            }
            _ => Need::Definite,
        }
    }

    /// Whether a network makes the entries of the factor: it then sees the scaling of the matrix, and small entries may be dropped.
    pub(super) fn has_learned_entries(self) -> bool {
        matches!(self, Self::Neuralif | Self::Neuralpcg)
    }

    /// Whether a network makes it, from weights.
    pub(super) fn is_learned(self) -> bool {
        self.has_learned_entries() || matches!(self, Self::CompensatedIc | Self::Gnp)
    }
}

/// The options of a solve, checked.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Whether method and preconditioner are both left to the library.
    pub(super) automatic: bool,
    pub(super) method: Method,
    /// Preconditioners in the order in which they are tried.
    pub(super) chain: Vec<Precond>,
    pub(super) iterative_only: bool,
    pub(super) scaling: Scaling,
    pub(super) weights: Option<String>,
    pub(super) drop_tol: Option<f64>,
    pub(super) rtol: f64,
    pub(super) max_iters: usize,
    pub(super) time_limit: Option<Duration>,
}

impl Plan {
    /// What the matrix has to be.
    pub(super) fn need(&self) -> Need {
        let method = match self.method {
            Method::Cg | Method::Fcg => Need::Definite,
            Method::Minres => Need::Symmetric,
            _ => Need::Square,
        };
        if self.automatic {
            return Need::Square;
        }
        let first = self.chain.first().map_or(Need::Square, |p| p.need());
        method.max(first)
    }
}

impl Args {
    /// Checks ranges and combinations.
    pub(super) fn plan(&self) -> Result<Plan> {
        ensure!(
            self.rtol > 0.0 && self.rtol < 1.0,
            "--rtol {}: expected a number between 0 and 1, both excluded",
            self.rtol
        );
        ensure!(
            self.threads != Some(0),
            "--threads 0: expected at least 1; leave the option out for one per core"
        );
        ensure!(
            self.ranks != Some(0),
            "--ranks 0: expected at least 1; leave the option out to solve without MPI"
        );
        let time_limit = self
            .time_limit
            .map(|seconds| {
                Duration::try_from_secs_f64(seconds)
                    .ok()
                    .filter(|limit| !limit.is_zero())
                    .with_context(|| {
                        format!("--time-limit {seconds}: expected a positive number of seconds")
                    })
            })
            .transpose()?;
        if let Some(tau) = self.drop_tol {
            ensure!(
                tau >= 0.0 && tau.is_finite(),
                "--drop-tol {tau}: expected a number that is not negative"
            );
            let drops = match self.precond {
                Choice::Auto => false,
                Choice::One(one) => {
                    matches!(one, Precond::Ic0 | Precond::Ict | Precond::Ilut)
                        || one.has_learned_entries()
                }
            };
            if !drops {
                bail!(
                    "--drop-tol has no meaning for --precond {}: choose ict, ilut, ic0, neuralif or neuralpcg",
                    self.precond.name()
                );
            }
        }
        let learned = matches!(self.precond, Choice::One(one) if one.is_learned());
        if self.weights.is_some() && !learned {
            bail!(
                "--weights has no meaning for --precond {}: add --precond neuralif, neuralpcg, compensated-ic or gnp",
                self.precond.name()
            );
        }
        if self.precond == Choice::One(Precond::Gnp) && self.weights.is_none() {
            bail!(
                "--precond gnp wants --weights FILE, a network for this matrix: \
                 `cargo xtask train gnp --data A.mtx --output FILE` makes it"
            );
        }
        Ok(Plan {
            automatic: self.precond == Choice::Auto && self.method == Method::Auto,
            method: self.method,
            chain: self.precond.chain(self.method),
            iterative_only: self.iterative_only,
            scaling: self.scaling,
            weights: self.weights.clone(),
            drop_tol: self.drop_tol,
            rtol: self.rtol,
            max_iters: self.max_iters,
            time_limit,
        })
    }
}
