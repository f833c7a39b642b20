//! Training with LibTorch: same numbers as the native engine, decreasing losses, resuming.
#![cfg(feature = "torch")]

mod torch_support;

use std::ops::ControlFlow;
use std::sync::Arc;

use la_gnn::native::LowerGraph;
use la_gnn::native::neuralif::{Loss, NativeEngine};
use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_gnn::torch::tch::{Device, Kind, Tensor};
use la_gnn::torch::{
    Generated, GraphBatch, LossOptions, Model, NeuralIf, Objective, Sample, TorchEngine,
    factor_values,
};
use la_gnn::training::{Engine, Hooks, Log, NoHooks, Outcome, TrainOptions, train};
use torch_support::{assert_close, small_sample};

fn samples(count: usize) -> Vec<Arc<Sample>> {
    (0..count)
        .map(|i| Arc::new(small_sample(20 + 3 * i, i as u64)))
        .collect()
}

fn engine(count: usize, seed: u64) -> (TorchEngine<NeuralIf, Vec<Arc<Sample>>>, Vec<f32>) {
    let parameters = Parameters::initialize(&NeuralIfConfig::default(), seed).unwrap();
    let model = NeuralIf::new(&parameters, Kind::Float, Device::Cpu).unwrap();
    let engine = TorchEngine::new(model, samples(count), LossOptions::default()).unwrap();
    (engine, parameters.values)
}

fn options(updates: usize) -> TrainOptions {
    let mut options = TrainOptions::default();
    options.updates = updates;
    options.batch = 2;
    options.learning_rate = 5e-3;
    options.checkpoint_every = 7;
    options.validate_every = 5;
    options
}

#[test]
fn a_batch_is_its_graphs_one_by_one() {
    let parameters = Parameters::initialize(&NeuralIfConfig::default(), 4).unwrap();
    let model = NeuralIf::new(&parameters, Kind::Double, Device::Cpu).unwrap();
    let samples = samples(3);
    let refs: Vec<&Sample> = samples.iter().map(AsRef::as_ref).collect();
    let factor = |samples: &[&Sample]| {
        let batch = GraphBatch::new(samples, model.pattern(), Kind::Double, Device::Cpu).unwrap();
        factor_values(&model.forward(&batch).unwrap().0).unwrap()
    };
    let alone: Vec<f64> = refs.iter().flat_map(|s| factor(&[s])).collect();
    assert_close("union", &factor(&refs), &alone, 1e-13);

    // The gradient of a union is the sum of gradients when the gradient of the output is the same.
    let gradient = |samples: &[&Sample]| {
        let batch = GraphBatch::new(samples, model.pattern(), Kind::Double, Device::Cpu).unwrap();
        let (l, tape) = model.forward(&batch).unwrap();
        model.backward(&batch, tape, &l).unwrap()
    };
    let sum = gradient(&refs[..1]) + gradient(&refs[1..2]) + gradient(&refs[2..]);
    let flat = |t: &Tensor| Vec::<f64>::try_from(t).unwrap();
    assert_close(
        "gradient of a union",
        &flat(&gradient(&refs)),
        &flat(&sum),
        1e-12,
    );
}

fn lower_graph(sample: &Sample) -> LowerGraph<f32> {
    let (mut row_ptr, mut col, mut value) = (vec![0u32], Vec::new(), Vec::new());
    for (i, row) in sample.matrix().outer_iterator().enumerate() {
        for (j, v) in row.iter().filter(|(j, _)| *j <= i) {
            col.push(j as u32);
            value.push(*v as f32);
        }
        row_ptr.push(col.len() as u32);
    }
    let features = sample.features().iter().map(|v| *v as f32).collect();
    LowerGraph::new(row_ptr, col, value, features).unwrap()
}

#[test]
fn loss_and_gradient_are_those_of_the_native_engine() {
    for (torch_loss, native_loss) in [
        (Objective::Default, Loss::Default),
        (Objective::Normalized, Loss::Normalized),
    ] {
        let parameters = Parameters::initialize(&NeuralIfConfig::default(), 1).unwrap();
        let samples = samples(3);
        let graphs = samples.iter().map(|s| Arc::new(lower_graph(s))).collect();
        let mut native = NativeEngine::new(&parameters.config, native_loss, graphs).unwrap();
        let model = NeuralIf::new(&parameters, Kind::Float, Device::Cpu).unwrap();
        let options = LossOptions::default().with_objective(torch_loss);
        let mut torch = TorchEngine::new(model, samples, options).unwrap();
        let (mut a, mut b) = (vec![0.0; 1870], vec![0.0; 1870]);
        let batch = [2, 0];
        let from_native = native
            .loss_and_gradient(&parameters.values, &batch, 99, &mut a)
            .unwrap();
        let from_torch = torch
            .loss_and_gradient(&parameters.values, &batch, 99, &mut b)
            .unwrap();
        assert_close("loss", &[from_torch], &[from_native], 1e-5);
        assert_close("gradient", &b, &a, 1e-4);
    }
}

#[test]
fn training_lowers_the_loss() {
    let (mut engine, values) = engine(4, 0);
    let mut options = options(150);
    options.batch = 1;
    let trained = train(
        &mut engine,
        &serde_json::json!("test"),
        values,
        &options,
        None,
        &mut NoHooks,
    )
    .unwrap();
    let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
    let losses = &trained.log.losses;
    let (first, last) = (mean(&losses[..12]), mean(&losses[losses.len() - 12..]));
    assert!(last < 0.7 * first, "{first} -> {last}");
    assert_eq!(trained.log.skipped, 0);
}

/// Stops after some updates; validates by the sum of squares.
struct StopAt(usize);

impl Hooks for StopAt {
    fn validate(&mut self, values: &[f32], _: usize) -> Result<Option<f64>, la_gnn::GnnError> {
        Ok(Some(values.iter().map(|v| f64::from(*v).powi(2)).sum()))
    }
    fn progress(&mut self, update: usize, _: f64, _: &Log) -> ControlFlow<()> {
        if update == self.0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[test]
fn a_resumed_run_is_bitwise_the_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let id = serde_json::json!({ "architecture": "neuralif" });
    let run = |path: Option<&std::path::Path>, stop: usize| {
        let (mut engine, values) = engine(5, 3);
        train(
            &mut engine,
            &id,
            values,
            &options(24),
            path,
            &mut StopAt(stop),
        )
        .unwrap()
    };
    let whole = run(None, 0);
    let path = folder.path().join("run.checkpoint");
    let part = run(Some(&path), 10);
    assert_eq!(part.outcome, Outcome::Interrupted);
    let resumed = run(Some(&path), 0);
    assert_eq!(resumed.outcome, Outcome::Finished);
    assert_eq!(resumed.values, whole.values);
    assert_eq!(resumed.log.losses, whole.log.losses);
    assert_eq!(resumed.log.validations, whole.log.validations);
}

#[test]
fn kept_batches_and_generated_samples_change_nothing() {
    let id = serde_json::json!("test");
    let mut options = options(12);
    options.batch = 1;
    let run = |keep: usize| {
        let parameters = Parameters::initialize(&NeuralIfConfig::default(), 3).unwrap();
        let model = NeuralIf::new(&parameters, Kind::Float, Device::Cpu).unwrap();
        let source = Generated::new(3, |i| Ok(small_sample(15 + i, i as u64)));
        let mut engine = TorchEngine::new(model, source, LossOptions::default())
            .unwrap()
            .with_kept_entries(keep);
        train(
            &mut engine,
            &id,
            parameters.values,
            &options,
            None,
            &mut NoHooks,
        )
        .unwrap()
        .values
    };
    assert_eq!(run(0), run(1_000_000));
}

#[test]
fn a_loss_that_is_not_finite_is_skipped_and_counted() {
    let (mut engine, mut values) = engine(2, 0);
    values.fill(1e30);
    let error = train(
        &mut engine,
        &serde_json::json!("test"),
        values,
        &options(40),
        None,
        &mut NoHooks,
    )
    .unwrap_err();
    assert!(
        matches!(error, la_gnn::GnnError::Diverged { update: 19, .. }),
        "{error}"
    );
}
