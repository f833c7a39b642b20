//! The side of LibTorch, and the comparison.

use std::cell::RefCell;
use std::sync::Arc;

use anyhow::Result;
use la_gnn::neuralif::Parameters;
use la_gnn::torch::tch::{self, Device, Kind};
use la_gnn::torch::{
    GraphBatch, LossOptions, Model, NeuralIf, Sample, TorchEngine, factor_values,
};
use la_gnn::training::Engine;
use la_problems::CsrMatrix;

use super::super::Args;
use super::super::clock::{self, Contestant, interleave};
use super::super::record::Record;
use super::{Native, Outcome, QUANTITIES, distance};

/// Single precision on either side, summed in different orders.
const AGREEMENT: f64 = 1e-5;

struct Torch {
    model: NeuralIf,
    batch: GraphBatch,
    engine: TorchEngine<NeuralIf, Vec<Arc<Sample>>>,
    indices: Vec<usize>,
    outcome: Outcome,
}

impl Torch {
    fn new(matrices: &[CsrMatrix], parameters: &Parameters) -> Result<Self> {
        let samples = matrices
            .iter()
            .map(|a| Ok(Arc::new(Sample::from_matrix(a.view())?)))
            .collect::<Result<Vec<_>>>()?;
        let network = || NeuralIf::new(parameters, Kind::Float, Device::Cpu);
        let model = network()?;
        let batch = GraphBatch::new(&[&samples[0]], model.pattern(), Kind::Float, Device::Cpu)?;
        let indices = (0..samples.len()).collect();
        let engine = TorchEngine::new(network()?, samples, LossOptions::default())?
            .with_kept_entries(usize::MAX);
        Ok(Self {
            model,
            batch,
            engine,
            indices,
            outcome: Outcome::default(),
        })
    }

    fn forward(&mut self) -> Result<f64> {
        let (values, seconds) = clock::timed(|| factor_values(&self.model.forward(&self.batch)?.0));
        self.outcome.factor = values?;
        Ok(seconds)
    }

    fn setup(&mut self, a: &CsrMatrix) -> Result<f64> {
        let (values, seconds) = clock::timed(|| {
            let sample = Sample::from_matrix(a.view())?;
            let pattern = self.model.pattern();
            let batch = GraphBatch::new(&[&sample], pattern, Kind::Float, Device::Cpu)?;
            factor_values(&self.model.forward(&batch)?.0)
        });
        values?;
        Ok(seconds)
    }

    fn update(&mut self, parameters: &Parameters) -> Result<f64> {
        let gradient = &mut self.outcome.gradient;
        gradient.clear();
        gradient.resize(parameters.values.len(), 0.0);
        let (engine, batch) = (&mut self.engine, &self.indices);
        let (loss, seconds) =
            clock::timed(|| engine.loss_and_gradient(&parameters.values, batch, 1, gradient));
        self.outcome.loss = loss?;
        Ok(seconds)
    }
}

/// Both sides, turn by turn.
pub(super) fn compare(
    args: &Args,
    record: &mut Record,
    name: &str,
    matrices: &[CsrMatrix],
    parameters: &Parameters,
    native: &mut Native,
) -> Result<()> {
    tch::set_num_threads(args.threads.into());
    let torch = RefCell::new(Torch::new(matrices, parameters)?);
    let native = RefCell::new(native);
    let a = &matrices[0];
    let mut contestants: [Contestant<'_>; 6] = [
        Box::new(|| native.borrow_mut().forward()),
        Box::new(|| torch.borrow_mut().forward()),
        Box::new(|| native.borrow_mut().setup(a)),
        Box::new(|| torch.borrow_mut().setup(a)),
        Box::new(|| native.borrow_mut().update(parameters)),
        Box::new(|| torch.borrow_mut().update(parameters)),
    ];
    let times = interleave(args.repetitions, &mut contestants)?;
    for (quantity, pair) in QUANTITIES.iter().zip(times.chunks_exact(2)) {
        record.seconds(name, "native", quantity, &pair[0])?;
        record.seconds(name, "libtorch", quantity, &pair[1])?;
        record.ratio(name, "libtorch", &format!("{quantity}_ratio"), &pair[0], &pair[1])?;
    }
    record.note("libtorch: the same network in this project's own tensor operations, not the authors' program");
    let (native, torch) = (&native.borrow().outcome, &torch.borrow().outcome);
    let factor = distance(&native.factor, &torch.factor)?;
    record.agreement(name, "libtorch", "factor_difference", factor, AGREEMENT)?;
    let loss = distance(&[native.loss], &[torch.loss])?;
    record.agreement(name, "libtorch", "loss_difference", loss, AGREEMENT)?;
    let gradient = distance(&native.gradient, &torch.gradient)?;
    record.agreement(name, "libtorch", "gradient_difference", gradient, AGREEMENT)
}
