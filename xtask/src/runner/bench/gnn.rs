//! Inference and training of NeuralIF, in pure Rust and in LibTorch.

#[cfg(feature = "torch")]
#[path = "gnn/torch.rs"]
mod torch;

use std::sync::Arc;

use anyhow::Result;
use la_gnn::native::LowerGraph;
use la_gnn::native::neuralif::{Loss, NativeEngine, NeuralIf as Network, Workspace};
use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_gnn::training::Engine;
use la_precond::learned::NeuralIf;
use la_problems::{CsrMatrix, NeuralIfSynthetic, Split};

use super::clock;
#[cfg(not(feature = "torch"))]
use super::clock::{Contestant, interleave};
use super::record::Record;
use super::{Args, Size};

/// What one turn of a contestant leaves behind, to be compared.
#[derive(Debug, Default)]
struct Outcome {
    /// Entries of the factor.
    factor: Vec<f64>,
    /// Loss and gradient.
    loss: f64,
    gradient: Vec<f64>,
}

/// The quantities, in the order of the contestants of either side.
const QUANTITIES: [&str; 3] = ["forward_seconds", "setup_seconds", "update_seconds"];

pub(super) fn run(args: &Args, record: &mut Record) -> Result<()> {
    let n = match args.size {
        Size::Smoke => 1_000,
        Size::Small | Size::Full => 10_000,
    };
    let family = NeuralIfSynthetic::default()
        .with_n(n)
        .with_nonzeros_per_row(if n < 10_000 { 5.0 } else { 10.0 });
    // One graph a thread: the native engine works on the graphs of a batch side by side.
    let matrices = (0..u64::from(args.threads))
        .map(|i| Ok(family.generate(Split::Train.seed(i))?.matrix))
        .collect::<Result<Vec<_>>>()?;
    let name = format!("synthetic-n{n}");
    eprintln!("gnn: {name}, {} nonzeros", matrices[0].nnz());
    let parameters = Parameters::initialize(&NeuralIfConfig::default(), 0)?;
    record.note(format!(
        "updates: one batch of {} graph(s); untrained parameters (the time does not depend on their values)",
        matrices.len()
    ));

    let mut native = Native::new(&matrices, &parameters)?;
    #[cfg(not(feature = "torch"))]
    {
        let times = native.times(args, &matrices[0], &parameters)?;
        for (quantity, samples) in QUANTITIES.iter().zip(&times) {
            record.seconds(&name, "native", quantity, samples)?;
            let why = "built without the feature `torch`";
            record.missing(&name, "libtorch", &format!("{quantity}_ratio"), why)?;
        }
    }
    #[cfg(feature = "torch")]
    torch::compare(args, record, &name, &matrices, &parameters, &mut native)?;
    super::gnp::run(args, record)
}

/// The native side.
struct Native {
    graph: LowerGraph<f32>,
    network: Network<f32>,
    workspace: Workspace<f32>,
    builder: NeuralIf,
    engine: NativeEngine,
    batch: Vec<usize>,
    outcome: Outcome,
}

impl Native {
    fn new(matrices: &[CsrMatrix], parameters: &Parameters) -> Result<Self> {
        let graphs = matrices
            .iter()
            .map(|a| Ok(Arc::new(LowerGraph::from_matrix(a.view())?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            graph: LowerGraph::from_matrix(matrices[0].view())?,
            network: Network::new(parameters)?,
            workspace: Workspace::default(),
            builder: NeuralIf::from_parameters(parameters)?,
            engine: NativeEngine::new(&parameters.config, Loss::Default, graphs)?,
            batch: (0..matrices.len()).collect(),
            outcome: Outcome::default(),
        })
    }

    /// The forward pass alone.
    fn forward(&mut self) -> Result<f64> {
        let (graph, workspace) = (&self.graph, &mut self.workspace);
        let (values, seconds) = clock::timed(|| self.network.factor(graph, workspace));
        self.outcome.factor = values?.iter().map(|v| f64::from(*v)).collect();
        Ok(seconds)
    }

    /// From the matrix in memory to a usable factor.
    fn setup(&mut self, a: &CsrMatrix) -> Result<f64> {
        let (factor, seconds) = clock::timed(|| self.builder.factor(a.view()));
        factor?;
        Ok(seconds)
    }

    /// Loss and gradient of one batch.
    fn update(&mut self, parameters: &Parameters) -> Result<f64> {
        let gradient = &mut self.outcome.gradient;
        gradient.clear();
        gradient.resize(parameters.values.len(), 0.0);
        let (engine, batch) = (&mut self.engine, &self.batch);
        let (loss, seconds) =
            clock::timed(|| engine.loss_and_gradient(&parameters.values, batch, 1, gradient));
        self.outcome.loss = loss?;
        Ok(seconds)
    }

    /// Seconds of each quantity.
    #[cfg(not(feature = "torch"))]
    fn times(
        &mut self,
        args: &Args,
        a: &CsrMatrix,
        parameters: &Parameters,
    ) -> Result<Vec<Vec<f64>>> {
        let this = std::cell::RefCell::new(self);
        let mut contestants: [Contestant<'_>; 3] = [
            Box::new(|| this.borrow_mut().forward()),
            Box::new(|| this.borrow_mut().setup(a)),
            Box::new(|| this.borrow_mut().update(parameters)),
        ];
        interleave(args.repetitions, &mut contestants)
    }
}

/// Largest difference relative to the largest entry.
#[cfg(feature = "torch")]
fn distance(ours: &[f64], theirs: &[f64]) -> Result<f64> {
    anyhow::ensure!(
        ours.len() == theirs.len(),
        "{} values against {}",
        ours.len(),
        theirs.len()
    );
    let largest = ours.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
    let differences = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
    Ok(differences.fold(0.0, f64::max) / largest)
}
