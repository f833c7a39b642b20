//! `reproduce`: an experiment of a paper, ours beside the paper's.

mod digest;
pub(crate) mod distributed_admm;
pub(crate) mod file;
pub(crate) mod gnp;
mod ledger;
mod mpgnn_limits;
mod neuralif;
mod neuralif_gmres;
mod nmf;
mod pictures;
mod qp_warm_start;
mod references;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::ValueEnum;

use file::ExperimentFile;
pub(crate) use ledger::Ledger;

/// Runs an experiment of a paper, end to end, and writes a report.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Writes target/reproduce/<paper>/<profile>/: report.html, results.json and the figures.\n\
    A run that is cut off (Ctrl-C, a crash) goes on where it stopped when the same command is given again.\n\
    Exits 0 when the experiment ran to its end, whatever the verdicts; with --strict 3 if one is `not met`.\n\n\
    Examples:\n  \
    cargo xtask reproduce --list\n  \
    cargo xtask reproduce neuralif\n  \
    cargo xtask reproduce neuralif --profile full --strict"
)]
pub(crate) struct Args {
    /// The paper
    #[arg(value_enum, required_unless_present = "list")]
    paper: Option<Paper>,
    /// List the papers, what each needs, and how long each profile takes
    #[arg(long)]
    list: bool,
    /// How much of it
    #[arg(long, value_enum, default_value_t = Profile::Quick)]
    profile: Profile,
    /// Train the reported networks here instead of using bundled weights
    #[arg(long)]
    train: bool,
    /// auto, cpu, cuda:0: where networks train
    #[arg(long, default_value = "auto")]
    device: String,
    /// Seed of initialisation and training
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The same in other programs where the experiment knows how (gnp: SuperLU and PyAMG)
    #[arg(long)]
    peers: bool,
    /// Only these matrices of the profile, separated by commas (gnp)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    matrices: Vec<String>,
    /// Only these methods of the profile, separated by commas (gnp)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    methods: Vec<String>,
    /// Only these chapters (mpgnn-limits) or cases (qp-warm-start) of the profile, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    chapters: Vec<String>,
    /// Exit 3 if a verdict is `not met`
    #[arg(long)]
    strict: bool,
}

/// Papers with an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Paper {
    /// Neural incomplete factorization for conjugate gradients
    Neuralif,
    /// Learned incomplete LU factorization for GMRES
    NeuralifGmres,
    /// Graph neural preconditioners for flexible GMRES
    Gnp,
    /// Limits of message passing for triangular factors
    MpgnnLimits,
    /// Learned warm starts of an active-set method for quadratic programs
    QpWarmStart,
    /// Nonnegative factorisations that a network starts or accelerates
    Nmf,
    /// Distributed ADMM that learns its step sizes
    DistributedAdmm,
}

/// How much of an experiment is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// The machinery, about a minute
    Smoke,
    /// Minutes on two cores
    #[default]
    Quick,
    /// The paper's sizes with bundled weights
    Full,
    /// The paper's own scale
    Paper,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Full => "full",
            Self::Paper => "paper",
        }
    }
}

/// What every experiment is told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) profile: Profile,
    pub(crate) train: bool,
    pub(crate) device: String,
    pub(crate) seed: u64,
    pub(crate) peers: bool,
    /// Parts of the experiment by name; all of it if empty.
    pub(crate) matrices: Vec<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) chapters: Vec<String>,
}

/// One paper of the list: what it needs, and its profiles.
fn list<E: ExperimentFile>(title: &str, needs: &str) -> Result<()> {
    println!("{}  {title}", E::NAME);
    println!("          needs: {needs}");
    for (name, about) in E::list()? {
        println!("          --profile {name:<6} {about}");
    }
    Ok(())
}

/// Runs `reproduce`.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    if args.list {
        list::<neuralif::Experiment>(
            "P. Häusner, O. Öktem, J. Sjölund, Neural incomplete factorization, TMLR 2024",
            "LibTorch for training with --device cuda; nothing else",
        )?;
        list::<neuralif_gmres::Experiment>(
            "P. Häusner, A. Nieto Juscafresa, J. Sjölund, Learning incomplete factorization preconditioners for GMRES, NLDL 2025",
            "LA_DATA_DIR for the reservoir matrices; LibTorch for --train",
        )?;
        list::<gnp::Experiment>(
            "J. Chen, Graph neural preconditioners for iterative solutions of sparse linear systems, ICLR 2025",
            "LA_DATA_DIR for the real matrices; each network is trained here, for its matrix",
        )?;
        list::<mpgnn_limits::Experiment>(
            "V. Trifonov, E. Muravleva, I. Oseledets, Message-passing GNNs fail to approximate sparse triangular factorizations, \
             TMLR 2026",
            "LibTorch: the networks are trained here",
        )?;
        list::<qp_warm_start::Experiment>(
            "E. J. Schmidtobreick, D. Arnström, P. Häusner, J. Sjölund, Warm-starting active-set solvers using graph neural networks, \
             L4DC 2026",
            "LibTorch: the networks are trained here; LA_DATA_DIR for the paper's own problems",
        )?;
        list::<nmf::Experiment>(
            "J. Sjölund, M. Bånkestad, Graph-based neural acceleration for nonnegative matrix factorization, arXiv 2202.00264",
            "LA_DATA_DIR for the real matrices; nothing else",
        )?;
        list::<distributed_admm::Experiment>(
            "H. Doerks, P. Häusner, D. Hernández Escobar, J. Sjölund, Learning to accelerate distributed ADMM using graph neural networks, L4DC 2026",
            "nothing; the networks are trained here",
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let request = Request {
        profile: args.profile,
        train: args.train,
        device: args.device,
        seed: args.seed,
        peers: args.peers,
        matrices: args.matrices,
        methods: args.methods,
        chapters: args.chapters,
    };
    let whole = request.matrices.is_empty() && request.methods.is_empty() && !request.peers;
    if !whole && args.paper != Some(Paper::Gnp) {
        bail!("--peers, --matrices and --methods are for gnp");
    }
    let chaptered = matches!(args.paper, Some(Paper::MpgnnLimits | Paper::QpWarmStart));
    if !request.chapters.is_empty() && !chaptered {
        bail!("--chapters is for mpgnn-limits and qp-warm-start");
    }
    let unmet = match args.paper {
        Some(Paper::Neuralif) => neuralif::run(&request)?,
        Some(Paper::NeuralifGmres) => neuralif_gmres::run(&request)?,
        Some(Paper::Gnp) => gnp::run(&request)?,
        Some(Paper::MpgnnLimits) => mpgnn_limits::run(&request)?,
        Some(Paper::QpWarmStart) => qp_warm_start::run(&request)?,
        Some(Paper::Nmf) => nmf::run(&request)?,
        Some(Paper::DistributedAdmm) => distributed_admm::run(&request)?,
        None => bail!("name a paper; `cargo xtask reproduce --list` shows them"),
    };
    Ok(if args.strict && unmet {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    })
}
