//! Training with LibTorch on the ranks of an MPI program.
//!
//! Not by `required-features`: cargo refuses to leave out a test whose name fits, and this one fits both the tests with LibTorch and those with MPI.
#![cfg(all(feature = "torch", feature = "mpi"))]

mod torch_support;

use std::sync::Arc;

use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_gnn::torch::tch::{Device, Kind};
use la_gnn::torch::{LossOptions, NeuralIf, Objective, Power, Sample, TorchEngine};
use la_gnn::training::la_mpi::testing::on_ranks;
use la_gnn::training::{
    Alone, Engine, Exchange, NoHooks, Places, Ranks, Share, TrainOptions, Trained, train_on,
};
use torch_support::small_sample;

type NeuralIfEngine = TorchEngine<NeuralIf, Vec<Arc<Sample>>>;

fn engine(loss: LossOptions) -> (NeuralIfEngine, Vec<f32>) {
    let parameters = Parameters::initialize(&NeuralIfConfig::default(), 3).unwrap();
    let model = NeuralIf::new(&parameters, Kind::Float, Device::Cpu).unwrap();
    let samples = (0..6).map(|i| Arc::new(small_sample(20 + 3 * i, i as u64)));
    let engine = TorchEngine::new(model, samples.collect(), loss).unwrap();
    (engine, parameters.values)
}

/// All kinds of sums: norm, half its square, mean.
fn losses() -> [LossOptions; 3] {
    let mut square = LossOptions::default();
    square.power = Power::HalfSquare;
    let mean = LossOptions::default().with_objective(Objective::KaporinPower(4));
    [LossOptions::default(), square, mean]
}

fn trained(exchange: &dyn Exchange, engine: &mut dyn Engine, start: &[f32]) -> Trained {
    let mut options = TrainOptions::default();
    options.updates = 10;
    options.batch = 5;
    options.checkpoint_every = 4;
    let (model, start) = (serde_json::json!("test"), start.to_vec());
    train_on(
        exchange,
        engine,
        &model,
        start,
        &options,
        None,
        &mut NoHooks,
    )
    .unwrap()
}

#[test]
fn ten_steps_with_libtorch() {
    on_ranks("ten_steps_with_libtorch", &[1, 2, 3], |world| {
        for loss in losses() {
            let (mut engine, start) = engine(loss.clone());
            let alone = trained(&Alone, &mut engine, &start);
            let together = trained(&Ranks::new(world), &mut engine, &start);
            let bits: Vec<u32> = together.values.iter().map(|v| v.to_bits()).collect();
            for other in world.all_gather(&bits) {
                assert!(other == bits, "{loss:?}: parameters of ranks differ");
            }
            for (a, b) in together.log.losses.iter().zip(&alone.log.losses) {
                assert!((a - b).abs() <= 1e-5 * b.abs(), "{loss:?}: {a} {b}");
            }
        }
    });
}

#[test]
fn the_gradient_is_that_of_the_joined_batch() {
    on_ranks(
        "the_gradient_is_that_of_the_joined_batch",
        &[2, 3],
        |world| {
            let batch = [5, 1, 0, 3, 2];
            for loss in losses() {
                let (mut engine, values) = engine(loss.clone());
                let mut whole = vec![0.0; values.len()];
                let value = engine.loss_and_gradient(&values, &batch, 9, &mut whole);
                whole.push(value.unwrap());
                let mut sums = vec![0.0; values.len()];
                let places = Places::of(&batch, world.rank(), world.size());
                let share = engine.share(&values, places, 9, &mut sums).unwrap();
                sums.extend([share.numerator, share.denominator]);
                world.all_sum(&mut sums);
                let denominator = sums.pop().unwrap();
                let numerator = sums.pop().unwrap();
                let (value, scale) = Share::joined(share.joining, numerator, denominator);
                sums.iter_mut().for_each(|g| *g *= scale);
                sums.push(value);
                let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
                let difference = norm(&mut sums.iter().zip(&whole).map(|(a, b)| a - b));
                let size = norm(&mut whole.iter().copied());
                assert!(
                    difference <= 1e-6 * size,
                    "{loss:?}: {difference:e} of {size:e}"
                );
            }
        },
    );
}

#[test]
fn losses_that_parts_do_not_tell_are_refused() {
    on_ranks("losses_that_parts_do_not_tell_are_refused", &[2], |world| {
        for loss in [
            LossOptions::default().with_objective(Objective::Normalized),
            LossOptions::default().with_l1(1e-3),
        ] {
            let (mut engine, start) = engine(loss);
            let mut options = TrainOptions::default();
            options.updates = 1;
            let model = serde_json::json!("test");
            let ranks = Ranks::new(world);
            let result = train_on(
                &ranks,
                &mut engine,
                &model,
                start,
                &options,
                None,
                &mut NoHooks,
            );
            let error = result.unwrap_err().to_string();
            assert!(error.contains("`ranks`"), "{error}");
        }
    });
}
