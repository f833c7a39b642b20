//! Graph neural preconditioners in LibTorch: against parity data, the native engine, and differences of the plain loss.
#![cfg(feature = "torch")]

mod fixture;
mod gnp_support;

use std::ops::ControlFlow;

use fixture::{Fixture, distance, folder};
use gnp_support::*;
use la_gnn::GnnError;
use la_gnn::gnp::{Activation, GnpConfig, Parameters};
use la_gnn::native::gnp as native;
use la_gnn::torch::tch::{Device, Kind, Tensor};
use la_gnn::torch::{self, GnpNetwork, GnpSamples, GnpTrainer, ProductEngine, SparseProduct};
use la_gnn::training::gnp::{BatchSource, Ended, FlatStop, GnpEngine, GnpTrainOptions, train};

/// One thread: the tests of this file run beside each other.
fn single_thread() {
    la_gnn::torch::tch::set_num_threads(1);
}

fn product(a: &Matrix, kind: Kind, device: Device) -> SparseProduct {
    SparseProduct::new(a.view(), kind, device).unwrap()
}

/// Column-major host data as (n, k) on a device.
fn block(b: &[f64], n: usize, device: Device) -> Tensor {
    Tensor::from_slice(b)
        .view([(b.len() / n) as i64, n as i64])
        .tr()
        .contiguous()
        .to_device(device)
}

/// (n, k) as column-major host data.
fn columns(x: &Tensor) -> Vec<f64> {
    let x = x.to_kind(Kind::Double).to_device(Device::Cpu);
    Vec::try_from(x.tr().contiguous().view(-1)).unwrap()
}

fn outputs(a: &Matrix, p: &Parameters, b: &[f64], kind: Kind, device: Device) -> Vec<f64> {
    let network = GnpNetwork::new(p, kind, device).unwrap();
    let b = block(b, a.rows(), device);
    columns(&network.apply(&product(a, kind, device), &b).unwrap())
}

/// The first GPU, or a printed line.
fn cuda() -> Option<Device> {
    match torch::Device::parse("cuda:0") {
        Ok(device) => Some(device.to_tch()),
        Err(reason) => {
            println!("skipped: graph neural preconditioners on CUDA ({reason})");
            None
        }
    }
}

#[test]
fn outputs_and_features_match_parity_data() {
    let Some(dir) = folder("gnp") else {
        return;
    };
    let mut features = 0;
    for matrix in ["random200", "mahindas"] {
        let file = Fixture::open(&dir.join(format!("{matrix}_network.safetensors")));
        let (a, p) = (stored_matrix(&file), stored_parameters(&file));
        let b = by_columns(&file.f64("batch.b"));
        for (kind, name, limit) in [
            (Kind::Double, "eval.output", 1e-10),
            (Kind::Float, "eval.output", 1e-5),
            (Kind::Float, "eval.output_f32", 1e-5),
        ] {
            let d = distance(
                outputs(&a, &p, &b, kind, Device::Cpu),
                &by_columns(&file.f64(name)),
            );
            assert!(d < limit, "{matrix} {name}: {d:e}");
        }
        if file.has("eval.features_column0.encoder") {
            let network = GnpNetwork::new(&p, Kind::Double, Device::Cpu).unwrap();
            let first = block(&b[..a.rows()], a.rows(), Device::Cpu);
            let see = |name: &str, x: &Tensor| {
                let x = Vec::<f64>::try_from(x.view(-1)).unwrap();
                let d = distance(x, &file.f64(&format!("eval.features_column0.{name}")));
                assert!(d < 1e-10, "{matrix} {name}: {d:e}");
                features += 1;
            };
            let _ = network
                .observe(&product(&a, Kind::Double, Device::Cpu), &first, see)
                .unwrap();
        }
    }
    assert_eq!(features, 9);
}

#[test]
fn losses_gradients_and_statistics_match_parity_data() {
    single_thread();
    let Some(dir) = folder("gnp") else {
        return;
    };
    for matrix in ["random200", "mahindas"] {
        let file = Fixture::open(&dir.join(format!("{matrix}_network.safetensors")));
        compare(&file, Kind::Double, (1e-10, 1e-9), "train.loss");
        // mahindas: an eighth of the tensors lie between 1e-4 and 5e-4.
        let limit = if matrix == "mahindas" { 1e-3 } else { 1e-4 };
        compare(&file, Kind::Float, (1e-5, limit), "train.loss_f32_recipe");
    }
}

fn compare(file: &Fixture, kind: Kind, (loss_limit, limit): (f64, f64), loss_name: &str) {
    let (a, p) = (stored_matrix(file), stored_parameters(file));
    let b = block(&by_columns(&file.f64("batch.b")), a.rows(), Device::Cpu);
    let mut trainer = GnpTrainer::new(a.view(), &p, kind, Device::Cpu).unwrap();
    if file.has("train.output") {
        let z = columns(&trainer.output(&b).unwrap());
        let d = distance(z, &by_columns(&file.f64("train.output")));
        assert!(d < loss_limit, "{} outputs: {d:e}", file.name);
        trainer = GnpTrainer::new(a.view(), &p, kind, Device::Cpu).unwrap();
    }
    let loss = trainer.evaluate(&b).unwrap().double_value(&[]);
    let expected = file.f64(loss_name)[0];
    let d = (loss - expected).abs() / expected;
    assert!(d < loss_limit, "{} {loss_name}: {d:e}", file.name);
    let gradient = trainer.gradient().unwrap();
    let mut compared = 0;
    for spec in p.config.parameters() {
        let expected = file.f64(&format!("train.grad.{}", spec.name));
        let own = &gradient[spec.offset..spec.offset + spec.len];
        if spec.name.ends_with("gconv.bias") || spec.name.ends_with("skip.bias") {
            assert!(expected.iter().all(|v| v.abs() < 1e-12));
            assert!(own.iter().all(|v| *v == 0.0));
            continue;
        }
        let d = distance(own.iter().copied(), &expected);
        assert!(d < limit, "{} {}: {d:e}", file.name, spec.name);
        compared += 1;
    }
    assert_eq!(compared, 16 + 8 * 4);
    // The stored statistics are those after four passes over the batch: they lie 1 - 0.9^4 of the way from the old ones to those of
    // the batch in every entry.
    for _ in 1..PASSES {
        let _ = trainer.output(&b).unwrap();
    }
    let now = trainer.parameters().unwrap();
    for spec in p.config.statistics() {
        let expected = file.f64(&format!("train.after.{}", spec.name));
        let own = &now.statistics[spec.offset..spec.offset + spec.len];
        let d = distance(doubles(own), &expected);
        assert!(
            d < loss_limit.max(1e-6),
            "{} {}: {d:e}",
            file.name,
            spec.name
        );
    }
}

/// Forward passes with batch statistics behind the stored running statistics.
const PASSES: usize = 4;

#[test]
fn networks_in_use_are_those_of_the_native_engine() {
    for (n, config) in [1, 6, 47, 300, 1500, 1500, 30, 31]
        .into_iter()
        .zip(configurations())
    {
        let (a, p) = (random_matrix(n, 4, n as u64), lively(&config, 3));
        let b = random_vector(5 * n, 5);
        let mut z = vec![0.0; b.len()];
        let network = native::Network::<f64>::in_precision(&p).unwrap();
        let prepared = native::Matrix::in_precision(a.view()).unwrap();
        network
            .apply_columns(&prepared, &b, &mut z, 5, &mut native::Workspace::default())
            .unwrap();
        for (kind, limit) in [(Kind::Double, 1e-12), (Kind::Float, 1e-5)] {
            let d = distance(outputs(&a, &p, &b, kind, Device::Cpu), &z);
            assert!(d < limit, "{config:?} {kind:?}: {d:e}");
        }
    }
}

#[test]
fn gradients_of_every_configuration_are_those_of_the_native_engine() {
    single_thread();
    // 6000 rows: more than one block.
    for (n, k) in [(30, 3), (1500, 4)] {
        let a = random_matrix(n, 4, 9);
        let b = random_vector(k * n, 5);
        for config in configurations() {
            let p = lively(&config, 3);
            let prepared = native::Matrix::in_precision(a.view()).unwrap();
            let mut other = native::Trainer::<f64>::in_precision(&p, prepared).unwrap();
            let expected = other.loss_and_gradient(&b, k).unwrap();
            let mut own = GnpTrainer::new(a.view(), &p, Kind::Double, Device::Cpu).unwrap();
            let loss = own.loss_and_gradient(&b, k).unwrap();
            assert!((loss - expected).abs() < 1e-12 * expected, "{config:?}");
            let d = distance(own.gradient().unwrap(), other.gradient());
            assert!(d < 1e-10, "{config:?}, n = {n}: {d:e}");
            let (own, other) = (own.parameters().unwrap(), other.parameters().unwrap());
            if config.batch_norm {
                let d = distance(doubles(&own.statistics), &doubles(&other.statistics));
                assert!(d < 1e-6, "{config:?}: {d:e}");
            }
        }
    }
}

#[test]
fn gradients_match_differences_of_the_plain_loss() {
    let n = 30;
    let a = random_matrix(n, 4, 9);
    let b = random_vector(2 * n, 5);
    for config in configurations() {
        let p = lively(&config, 3);
        let mut trainer = GnpTrainer::new(a.view(), &p, Kind::Double, Device::Cpu).unwrap();
        trainer.loss_and_gradient(&b, 2).unwrap();
        let gradient = trainer.gradient().unwrap();
        let values = doubles(&p.values);
        for spec in config.parameters() {
            let i = spec.offset + spec.len / 3;
            let at = |v: f64| {
                let mut moved = values.clone();
                moved[i] = v;
                plain_loss(&a, &config, &moved, &b)
            };
            // Small: the loss has kinks.
            let h = 1e-7;
            let difference = (at(values[i] + h) - at(values[i] - h)) / (2.0 * h);
            assert!(
                (gradient[i] - difference).abs() < 1e-6 * difference.abs().max(1e-1),
                "{config:?} {}: {} and {difference}",
                spec.name,
                gradient[i]
            );
        }
    }
}

#[test]
fn scaling_a_column_scales_the_output() {
    let a = random_matrix(200, 5, 1);
    let p = lively(&GnpConfig::paper(), 1);
    let b = random_vector(200, 2);
    let run = |b: &[f64]| outputs(&a, &p, b, Kind::Float, Device::Cpu);
    let z = run(&b);
    for alpha in [1e-12, 1e-3, 7.0, 1e9, 1e-300, 1e300] {
        let scaled: Vec<f64> = b.iter().map(|v| alpha * v).collect();
        let expected: Vec<f64> = z.iter().map(|v| alpha * v).collect();
        let d = distance(run(&scaled), &expected);
        assert!(d < 1e-5, "{alpha:e}: {d:e}");
    }
    let scaled: Vec<f64> = b.iter().map(|v| 2f64.powi(-40) * v).collect();
    let expected: Vec<f64> = z.iter().map(|v| 2f64.powi(-40) * v).collect();
    assert_eq!(run(&scaled), expected);
    assert_eq!(run(&[0.0; 200]), [0.0; 200]);
}

/// Columns of the device's sampler, on the host.
struct Drawn(GnpSamples);

impl BatchSource for Drawn {
    fn order(&self) -> usize {
        self.0.order()
    }
    fn fill(&mut self, step: usize, b: &mut [f64], count: usize) -> Result<(), GnnError> {
        b.copy_from_slice(&columns(&self.0.batch(step, count)?));
        Ok(())
    }
}

fn samples(a: &Matrix, device: Device) -> GnpSamples {
    let directions = random_vector(5 * a.rows(), 8);
    GnpSamples::new(product(a, Kind::Double, device), 7)
        .unwrap()
        .with_subspace(&directions, 3)
        .unwrap()
}

fn close(what: &str, got: &[f32], expected: &[f32], limit: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (step, (g, e)) in got.iter().zip(expected).enumerate() {
        let d = f64::from((g - e).abs() / e);
        assert!(d < limit, "{what}, step {step}: {g} and {e}");
    }
}

#[test]
fn training_from_the_host_on_the_device_and_natively_is_the_same() {
    single_thread();
    let a = random_matrix(150, 4, 3);
    let options = GnpTrainOptions::default().with_steps(20).with_batch(6);
    let go_on = &mut |_: &_| ControlFlow::Continue(());
    let source = &mut Drawn(samples(&a, Device::Cpu));
    // Adam divides a gradient by its size, so that entries which are rounding noise move as far as others, and kinks of relu
    // make jumps of that; the smooth network keeps rounding errors small, double precision any.
    for (activation, limit) in [(Activation::Relu, 1e-2), (Activation::Tanh, 1e-4)] {
        let config = GnpConfig::paper().with_activation(activation);
        let p = Parameters::initialize(&config, 2).unwrap();
        let mut other = native_trainer::<f32>(&a, &p);
        let single = train(&mut other, source, &options, go_on).unwrap();
        let mut other = native_trainer::<f64>(&a, &p);
        let double = train(&mut other, source, &options, go_on).unwrap();
        for (kind, expected, limit) in [
            (Kind::Float, &single, limit),
            // The native engine rounds its parameters to single precision after every step.
            (Kind::Double, &double, 2e-6),
        ] {
            let trainer = || GnpTrainer::new(a.view(), &p, kind, Device::Cpu).unwrap();
            let from_host = train(&mut trainer(), source, &options, go_on).unwrap();
            close("losses", &from_host.losses, &expected.losses, limit);
            close("zero", &from_host.zero_losses, &expected.zero_losses, 1e-6);
            for read_every in [7, 100] {
                let mut steps = Vec::new();
                let on_device = trainer()
                    .run(&source.0, &options, read_every, &mut |s| {
                        steps.push(s.step);
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                assert_eq!(steps, (0..20).collect::<Vec<_>>());
                assert_eq!(on_device.ended, Ended::Finished);
                // The same arithmetic, whoever keeps the books.
                assert_eq!(on_device.losses, from_host.losses);
                assert_eq!(on_device.best_step, from_host.best_step);
                assert_eq!(on_device.best, from_host.best);
            }
        }
    }
}

fn native_trainer<T: la_gnn::native::Element>(a: &Matrix, p: &Parameters) -> native::Trainer<T> {
    native::Trainer::in_precision(p, native::Matrix::in_precision(a.view()).unwrap()).unwrap()
}

#[test]
fn runs_on_the_device_end_early_for_the_same_reasons() {
    let a = random_matrix(40, 4, 3);
    let p = Parameters::initialize(&GnpConfig::paper().with_layers(2), 2).unwrap();
    let options = GnpTrainOptions::default().with_steps(30).with_batch(2);
    let run = |options: &GnpTrainOptions, stop_at: usize, p: &Parameters| {
        GnpTrainer::new(a.view(), p, Kind::Float, Device::Cpu)
            .unwrap()
            .run(&samples(&a, Device::Cpu), options, 4, &mut |s| {
                if s.step == stop_at {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
    };
    let stopped = run(&options, 5, &p).unwrap();
    assert_eq!(
        (stopped.ended, stopped.losses.len()),
        (Ended::Interrupted, 8)
    );
    let flat = FlatStop::default().with_steps(3).with_ratio(1e-9);
    let options = options.with_flat_stop(Some(flat));
    let flat = run(&options, usize::MAX, &p).unwrap();
    assert_eq!((flat.ended, flat.losses.len()), (Ended::NothingLearned, 4));
    let late = options
        .clone()
        .with_flat_stop(None)
        .with_time_limit(Some(1e-9));
    assert_eq!(run(&late, usize::MAX, &p).unwrap().ended, Ended::TimeLimit);
    // Single precision overflows at once.
    let mut wild = p.clone();
    for v in &mut wild.values {
        *v *= 1e30;
    }
    assert!(matches!(
        run(&options, usize::MAX, &wild),
        Err(GnnError::Diverged { update: 0, .. })
    ));
    // A learning rate that throws everything away after a few steps: the best network before is the result.
    let options = GnpTrainOptions::default()
        .with_steps(30)
        .with_batch(2)
        .with_learning_rate(1e38);
    let lost = run(&options, usize::MAX, &p).unwrap();
    assert_eq!((lost.ended, lost.best_step), (Ended::NonFinite, 0));
    assert!(lost.losses.iter().any(|l| !l.is_finite()));
    assert_eq!(lost.best.values, p.values);
}

#[test]
fn samples_have_the_covariance_of_their_directions() {
    single_thread();
    let n = 50;
    let a: Matrix = Matrix::eye(n);
    // Three orthonormal directions: coordinates 4, 9 and 20.
    let mut directions = vec![0.0; 3 * n];
    for (k, i) in [4, 9, 20].into_iter().enumerate() {
        directions[k * n + i] = 1.0;
    }
    let draw = |seed| {
        GnpSamples::new(product(&a, Kind::Double, Device::Cpu), seed)
            .unwrap()
            .with_subspace(&directions, 20_000)
            .unwrap()
    };
    let b = draw(1).batch(3, 20_000).unwrap();
    assert_eq!(b.size(), [50, 20_000]);
    let covariance = columns(&(b.matmul(&b.tr()) / 20_000.0));
    for i in 0..n {
        for j in 0..n {
            let expected = f64::from(u8::from(i == j && [4, 9, 20].contains(&i)));
            assert!((covariance[i * n + j] - expected).abs() < 0.05);
        }
    }
    let again = draw(1).batch(3, 20_000).unwrap();
    assert!(again.equal(&b));
    assert!(!draw(2).batch(3, 20_000).unwrap().equal(&b));
    assert!(!draw(1).batch(4, 20_000).unwrap().equal(&b));
    // The others: A x with x ~ N(0, I).
    let mixed = draw(1);
    let b = GnpSamples::new(product(&a, Kind::Double, Device::Cpu), 1)
        .unwrap()
        .batch(0, 20_000)
        .unwrap();
    let variance = b.square().mean(Kind::Double).double_value(&[]);
    assert!((variance - 1.0).abs() < 0.01);
    drop(mixed);
    assert!(GnpSamples::new(product(&a, Kind::Float, Device::Cpu), 1).is_err());
    let samples = GnpSamples::new(product(&a, Kind::Double, Device::Cpu), 1).unwrap();
    assert!(samples.with_subspace(&[1.0; 7], 1).is_err());
}

#[test]
fn wrong_input_is_an_error() {
    let a = random_matrix(20, 3, 1);
    let p = Parameters::initialize(&GnpConfig::paper(), 1).unwrap();
    let mut trainer = GnpTrainer::new(a.view(), &p, Kind::Float, Device::Cpu).unwrap();
    for bad in [
        Tensor::ones([19, 2], (Kind::Double, Device::Cpu)),
        Tensor::ones([20], (Kind::Double, Device::Cpu)),
        Tensor::ones([20, 0], (Kind::Double, Device::Cpu)),
    ] {
        assert!(matches!(
            trainer.evaluate(&bad),
            Err(GnnError::Torch { .. })
        ));
    }
    assert!(trainer.loss_and_gradient(&[1.0; 39], 2).is_err());
    let half = GnpTrainer::new(a.view(), &p, Kind::Half, Device::Cpu);
    assert!(matches!(half, Err(GnnError::Config { field: "kind", .. })));
    let network = GnpNetwork::new(&p, Kind::Float, Device::Cpu).unwrap();
    let b = Tensor::ones([20, 1], (Kind::Double, Device::Cpu));
    // The product in another precision than the network.
    assert!(
        network
            .apply(&product(&a, Kind::Double, Device::Cpu), &b)
            .is_err()
    );
    let mut flawed = p;
    flawed.values[3] = f32::NAN;
    assert!(GnpNetwork::new(&flawed, Kind::Float, Device::Cpu).is_err());
    assert!(GnpTrainer::new(a.view(), &flawed, Kind::Float, Device::Cpu).is_err());
}

#[test]
fn products_by_libtorch_give_the_same_network() {
    let a = random_matrix(90, 4, 3);
    let p = lively(&GnpConfig::paper(), 1);
    let b = block(&random_vector(3 * 90, 2), 90, Device::Cpu);
    let with = |engine| {
        let make = |kind| SparseProduct::with_engine(a.view(), kind, Device::Cpu, engine).unwrap();
        let mut trainer =
            GnpTrainer::with_products(make(Kind::Double), make(Kind::Double), &p).unwrap();
        let loss = trainer.evaluate(&b).unwrap().double_value(&[]);
        (loss, trainer.gradient().unwrap())
    };
    let (own, theirs) = (with(ProductEngine::Native), with(ProductEngine::LibTorch));
    assert!((own.0 - theirs.0).abs() < 1e-13 * own.0);
    let d = distance(theirs.1, &own.1);
    assert!(d < 1e-11, "{d:e}");
}

#[test]
fn cuda_computes_what_the_cpu_computes() {
    let Some(gpu) = cuda() else {
        return;
    };
    let a = random_matrix(500, 5, 3);
    let p = lively(&GnpConfig::paper(), 1);
    let b = random_vector(4 * 500, 2);
    let run = |device| outputs(&a, &p, &b, Kind::Double, device);
    let d = distance(run(gpu), &run(Device::Cpu));
    assert!(d < 1e-11, "{d:e}");
    let train = |device| {
        let samples = samples(&a, device);
        let options = GnpTrainOptions::default().with_steps(10).with_batch(6);
        GnpTrainer::new(a.view(), &p, Kind::Double, device)
            .unwrap()
            .run(&samples, &options, 5, &mut |_| ControlFlow::Continue(()))
            .unwrap()
    };
    close("cuda", &train(gpu).losses, &train(Device::Cpu).losses, 1e-5);
}
