//! The command line of `train`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ValueEnum;
use la_gnn::neuralif::NeuralIfConfig;

/// Trains or fine-tunes a model and writes a weight file that `solve` and the crates load.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask train neuralif --data synthetic --n 10000 --output my.safetensors\n  \
    cargo xtask train neuralif --data path/to/my/matrices --from neuralif-synthetic-s0 --updates 500\n  \
    cargo xtask train neuralpcg --variant equilibrated --n 1000 --loss kaporin_power:8\n  \
    cargo xtask train neuralif-gmres --n 400 --loss l_com --updates 7000\n  \
    cargo xtask train ilu-relaxation --data convection-3d-mixed --n 2744 --learning-rate 1e-2\n  \
    cargo xtask train compensated-ic --seed 1 --output rule.safetensors\n  \
    cargo xtask train gnp --data A.mtx --output a.safetensors\n  \
    cargo xtask train factormer --hidden 32 --blocks 2 --data exponential-small --updates 20000\n  \
    cargo xtask train admm --data least-squares --output steps.safetensors\n  \
    cargo xtask train neuralif --ranks 2 --batch 4\n  \
    cargo xtask train neuralif --engine torch --device cuda:0 --updates 10000 --batch 5")]
pub(crate) struct Args {
    /// The architecture
    #[arg(value_enum)]
    pub(super) model: Model,
    /// The matrix file of gnp; for the others `synthetic`, `poisson`, `sparse-uniform`, `perturbed-nonzeros`, `convection-diffusion`, `convection-3d`, `convection-3d-mixed`,
    /// `values:FILE,FILE...`, a matrix file,
    /// or a folder of matrix files; noisy Poisson matrices take options, `sparse-uniform:strength=2,missing=0.05` (or `zero=0.05`), and
    /// `convection-diffusion:peclet=100`; compensated-ic: `definite` (27 families), `definite-m` (those with few positive entries off the
    /// diagonal) or `definite-ordered` (of these, those in a good order); factormer: `exponential` (products of factors with exponential entries, 10 to 100 rows and columns)
    /// or `exponential-small` (10 to 35); admm: `consensus` (averages) or `least-squares` [default: synthetic; for matrices that are not symmetric sparse-uniform; definite; exponential; consensus]
    #[arg(long)]
    pub(super) data: Option<String>,
    /// Order of generated matrices (Poisson: between half and twice of it; compensated-ic: a quarter, a half and the whole) [default: 10000;
    /// for matrices that are not symmetric 2500; compensated-ic 961, with --loss 6400]
    #[arg(long)]
    pub(super) n: Option<usize>,
    /// Training matrices [default: 200; factormer 15000]; problems of admm, of which a tenth validates [default: 1000]
    #[arg(long)]
    pub(super) samples: Option<usize>,
    /// Validation matrices [default: 5; factormer 64 of each size]
    #[arg(long)]
    pub(super) validation: Option<usize>,
    /// The network as published, or NeuralIF and NeuralPCG on the matrix scaled to unit diagonal (NeuralPCG then takes
    /// structural node features instead of the right-hand side), or NeuralPCG for matrices that are not symmetric
    #[arg(long, value_enum, default_value_t = Variant::Paper)]
    pub(super) variant: Variant,
    /// Message-passing blocks of NeuralIF; the published network has 3. Pairs of layers of factormer; the published one has 4
    #[arg(long, value_name = "T")]
    pub(super) blocks: Option<usize>,
    /// Leave entries up to this size, relative to the diagonal, out of NeuralIF's graph and factor
    #[arg(long, value_name = "TAU")]
    pub(super) thin: Option<f64>,
    /// By what learned LU divides the matrix before the network sees it: none, matrix or rows
    #[arg(long)]
    pub(super) scale: Option<String>,
    /// What learned LU starts from: none, or ilu0, whose entries it multiplies
    #[arg(long)]
    pub(super) base: Option<String>,
    /// Smallest magnitude of a pivot of learned LU, in the units of its output [default: 1e-3]
    #[arg(long)]
    pub(super) eps: Option<f64>,
    /// Hidden width of learned LU, of the relaxation network [default: 16] or of compensated-ic [default: 8]; channels of factormer [default: 100]
    #[arg(long)]
    pub(super) hidden: Option<usize>,
    /// Which parts of distributed ADMM are learned, and how: everywhere (all parts, on graphs of many kinds), mean, alpha, edges, mean+edges, alpha+edges (published), schedule,
    /// relaxed-schedule or relaxed-schedule+edges [default: everywhere]
    #[arg(long, value_name = "NAME")]
    pub(super) network: Option<String>,
    /// Columns of the factors that factormer improves [default: 10]
    #[arg(long)]
    pub(super) rank: Option<usize>,
    /// factormer stands between the iterations of a solver instead of before them
    #[arg(long)]
    pub(super) accelerate: bool,
    /// factormer adds its output to the factors it is given, those of the solver with --accelerate
    #[arg(long)]
    pub(super) skip: bool,
    /// How a node of factormer takes a message: eq15, alg3 or post_norm [default: eq15]
    #[arg(long, value_name = "RULE")]
    pub(super) update_rule: Option<String>,
    /// Let learned LU normalise its node features, so that they do not grow with the matrix
    #[arg(long)]
    pub(super) graph_norm: bool,
    /// The relaxation network looks at each row alone
    #[arg(long)]
    pub(super) no_messages: bool,
    /// Let constants and exponents of compensated-ic depend on the dimension of the graph
    #[arg(long)]
    pub(super) by_dimension: bool,
    /// Largest exponents of compensated-ic for supported and other fill [default: 1.5,0.5]
    #[arg(long, value_name = "S,U", value_delimiter = ',')]
    pub(super) exponents: Option<Vec<f64>>,
    /// Generations of compensated-ic until matrices of full order take part; it starts with a sixteenth of it [default: 0, from a quarter on]
    #[arg(long, value_name = "G")]
    pub(super) growth: Option<usize>,
    /// Perturbations of compensated-ic, as a multiple of the usual ones; below 1 to go on from trained weights [default: 1]
    #[arg(long)]
    pub(super) spread: Option<f64>,
    /// default, normalized, squared, kaporin, kaporin_power:M or both_ends:M (M from 1 to 255); learned LU: l_max, l_min, l_min_hat,
    /// l_com (each also with :norm), log_max, log_min or log_both; relaxation: krylov:M (M steps of GMRES, 1 to 30); compensated-ic: cg:M (M steps of CG, by their gradient instead of an evolution strategy); factormer: unrolled:T (T iterations of the solver),
    /// unrolled:T:log for the logarithm, unrolled:T:log:revive with derivatives that bring zeros back [default: default, squared, l_max, krylov:12 or unrolled:5]
    #[arg(long)]
    pub(super) loss: Option<String>,
    /// Weight of the second term of l_com [default: 1/7]
    #[arg(long)]
    pub(super) alpha: Option<f64>,
    /// Solutions per matrix for losses of learned LU that look at the inverse [default: 32; l_min_hat 1]; opposite perturbations per
    /// generation of compensated-ic [default: 10]
    #[arg(long)]
    pub(super) pairs: Option<usize>,
    /// Parameter updates; generations of compensated-ic [default: 3000; gnp 2000; compensated-ic 850, with --loss 300; factormer 15 for each
    /// training matrix; admm those of the recipe]
    #[arg(long)]
    pub(super) updates: Option<usize>,
    /// Matrices per update [default: 1, with --ranks one for each; compensated-ic with --loss 12; admm 5 or 50, as the recipe says]
    #[arg(long)]
    pub(super) batch: Option<usize>,
    /// Learning rate [default: 1e-3; compensated-ic with --loss 3e-3; factormer 1e-4, with --accelerate 1e-5; admm 1e-4 or 1e-2]
    #[arg(long)]
    pub(super) learning_rate: Option<f64>,
    /// constant, cosine or one_cycle [default: constant; factormer cosines that restart fifteen times; admm as the recipe says]
    #[arg(long)]
    pub(super) schedule: Option<String>,
    /// Updates between validations [default: 500; compensated-ic with --loss 50; admm a tenth of all]
    #[arg(long)]
    pub(super) validate_every: Option<usize>,
    /// Seed of initialisation, batches and probes
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// Start from these weights (a bundled name or a file) instead of random ones
    #[arg(long)]
    pub(super) from: Option<String>,
    /// What computes the gradients: native on the CPU, LibTorch on CUDA and for NeuralPCG unless said otherwise
    #[arg(long, value_enum, default_value_t = Engine::Auto)]
    pub(super) engine: Engine,
    /// auto, cpu, cuda:0 (LibTorch) [default: auto]
    #[arg(long)]
    pub(super) device: Option<String>,
    /// Threads; of each rank with --ranks (default: all)
    #[arg(long)]
    pub(super) threads: Option<usize>,
    /// Train on so many MPI ranks of this machine, each with a part of every batch; gradients are added up. Not for gnp and compensated-ic
    #[arg(long, value_name = "N")]
    pub(super) ranks: Option<usize>,
    /// Weight file to write; checkpoint and log stand beside it [default: target/train/MODEL.safetensors]
    #[arg(long)]
    pub(super) output: Option<PathBuf>,
}

/// Architectures that can be trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Model {
    /// Incomplete Cholesky factors from the graph of the lower triangle
    Neuralif,
    /// The same from the graph of the whole matrix, with a fixed diagonal (baseline)
    Neuralpcg,
    /// Incomplete LU factors of matrices that are not symmetric, for GMRES
    NeuralifGmres,
    /// How much of the fill that ILU(0) leaves out goes to the diagonal, row by row
    IluRelaxation,
    /// How much of the fill that IC(0) leaves out goes to the diagonal, row by row
    CompensatedIc,
    /// A graph neural preconditioner: a network for one matrix, for FGMRES
    Gnp,
    /// Factors of nonnegative matrices, for the iterations of a solver to begin with
    Factormer,
    /// Step sizes, relaxation and edge weights of distributed ADMM
    Admm,
}

/// Readings of the architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Variant {
    /// As published
    Paper,
    /// The network sees D^-1/2 A D^-1/2, its rows are scaled back
    Equilibrated,
    /// NeuralPCG with two arc features and an exponential diagonal, for any square matrix: "Learned IC"
    General,
    /// gnp as the text of its paper describes it, without normalisation and with half the perceptrons
    PaperText,
    /// gnp as a correction of a threshold LU behind matching and scaling
    Improved,
    /// gnp for symmetric positive definite matrices and flexible CG
    Definite,
}

impl Variant {
    /// NeuralIF in this reading.
    pub(crate) fn config(self) -> NeuralIfConfig {
        match self {
            Self::Equilibrated => NeuralIfConfig::default().with_equilibrate(true),
            // The others belong to other models, which is checked before.
            _ => NeuralIfConfig::default(),
        }
    }
}

/// What computes the gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// LibTorch for CUDA, native otherwise
    Auto,
    /// Pure Rust, CPU
    Native,
    /// LibTorch, CPU or CUDA
    Torch,
}

impl Args {
    /// Refuses options that have no meaning for the model.
    pub(super) fn check(&self) -> Result<()> {
        let lu = self.model == Model::NeuralifGmres;
        let neuralif = self.model == Model::Neuralif;
        let relaxation = self.model == Model::IluRelaxation;
        let compensated = self.model == Model::CompensatedIc;
        let gnp = self.model == Model::Gnp;
        let factormer = self.model == Model::Factormer;
        let admm = self.model == Model::Admm;
        // Compensated incomplete Cholesky by the gradient, which its loss says.
        let descent = compensated && self.loss.is_some();
        let evolution = compensated && !descent;
        // By gradients on a family of matrices.
        let family = !gnp && !compensated;
        for (name, given, meant) in [
            ("--blocks", self.blocks.is_some(), neuralif || factormer),
            ("--thin", self.thin.is_some(), neuralif),
            ("--scale", self.scale.is_some(), lu),
            ("--base", self.base.is_some(), lu),
            ("--eps", self.eps.is_some(), lu),
            (
                "--hidden",
                self.hidden.is_some(),
                lu || relaxation || compensated || factormer,
            ),
            ("--network", self.network.is_some(), admm),
            ("--rank", self.rank.is_some(), factormer),
            ("--ranks", self.ranks.is_some(), family),
            ("--accelerate", self.accelerate, factormer),
            ("--skip", self.skip, factormer),
            ("--update-rule", self.update_rule.is_some(), factormer),
            ("--by-dimension", self.by_dimension, compensated),
            ("--exponents", self.exponents.is_some(), compensated),
            ("--growth", self.growth.is_some(), evolution),
            ("--spread", self.spread.is_some(), evolution),
            ("--no-messages", self.no_messages, relaxation),
            ("--graph-norm", self.graph_norm, lu),
            ("--alpha", self.alpha.is_some(), lu),
            ("--pairs", self.pairs.is_some(), lu || evolution),
            (
                "--variant equilibrated",
                self.variant == Variant::Equilibrated,
                !lu && !relaxation && !compensated && !gnp && !factormer && !admm,
            ),
            (
                "--variant paper-text, improved or definite",
                matches!(
                    self.variant,
                    Variant::PaperText | Variant::Improved | Variant::Definite
                ),
                gnp,
            ),
            ("--loss", self.loss.is_some(), !gnp && !admm),
            ("--n", self.n.is_some(), !gnp && !factormer && !admm),
            ("--samples", self.samples.is_some(), family),
            ("--validation", self.validation.is_some(), family && !admm),
            (
                "--validate-every",
                self.validate_every.is_some(),
                family || descent,
            ),
            ("--batch", self.batch.is_some(), family || descent),
            ("--schedule", self.schedule.is_some(), family),
            ("--learning-rate", self.learning_rate.is_some(), !evolution),
            (
                "--engine",
                self.engine != Engine::Auto,
                !compensated && !admm,
            ),
            (
                "--device",
                self.device.is_some(),
                !compensated && !factormer && !admm,
            ),
            (
                "--variant general",
                self.variant == Variant::General,
                self.model == Model::Neuralpcg,
            ),
        ] {
            if given && !meant {
                let model = self.model.to_possible_value();
                let model = model.as_ref().map_or("this model", |m| m.get_name());
                bail!("{name} has no meaning for {model}: leave it out");
            }
        }
        Ok(())
    }
}
