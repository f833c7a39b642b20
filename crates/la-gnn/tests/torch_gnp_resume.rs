//! A training with LibTorch that breaks off and goes on.
#![cfg(feature = "torch")]

use std::ops::ControlFlow;

use la_gnn::GnnError;
use la_gnn::gnp::{GnpConfig, Parameters};
use la_gnn::sprs::CsMatI;
use la_gnn::torch::tch::{self, Device, Kind};
use la_gnn::torch::{GnpSamples, GnpTrainer, SparseProduct};
use la_gnn::training::gnp::{
    BatchSource, GnpCheckpoints, GnpEngine, GnpTrainOptions, GnpTrained, train_on,
};

/// Columns that depend on the step only.
struct Waves;

impl BatchSource for Waves {
    fn order(&self) -> usize {
        40
    }
    fn fill(&mut self, step: usize, b: &mut [f64], _: usize) -> Result<(), GnnError> {
        for (i, v) in b.iter_mut().enumerate() {
            *v = ((i * (2 * step + 3)) as f64 * 0.37).sin();
        }
        Ok(())
    }
}

fn matrix() -> CsMatI<f64, u32> {
    let (mut indptr, mut indices, mut values) = (vec![0_u32], Vec::new(), Vec::new());
    for i in 0..40_u32 {
        for (j, v) in [(i.wrapping_sub(1), -0.3), (i, 0.5), (i + 1, -0.1)] {
            if j < 40 {
                indices.push(j);
                values.push(v);
            }
        }
        indptr.push(indices.len() as u32);
    }
    CsMatI::new((40, 40), indptr, indices, values)
}

#[test]
fn an_interrupted_training_goes_on_to_the_same_network() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let start = Parameters::initialize(&GnpConfig::paper(), 1).unwrap();
    let options = GnpTrainOptions::default().with_steps(12).with_batch(4);
    let checkpoints = GnpCheckpoints {
        path: &path,
        model: serde_json::Value::Null,
        every: 100,
    };
    let go = |checkpoints: Option<&GnpCheckpoints<'_>>, last: usize| -> (GnpTrained, Parameters) {
        let a = matrix();
        let mut engine = GnpTrainer::new(a.view(), &start, Kind::Float, Device::Cpu).unwrap();
        let mut hook = |seen: &la_gnn::training::gnp::GnpStep| match seen.step + 1 == last {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let trained = train_on(&mut engine, &mut Waves, &options, checkpoints, &mut hook).unwrap();
        (trained, engine.parameters().unwrap())
    };
    let (mut whole, end) = go(None, 0);
    assert_eq!(go(Some(&checkpoints), 5).0.losses.len(), 5);
    let (rest, again) = go(Some(&checkpoints), 0);
    whole.seconds = rest.seconds;
    assert_eq!(rest, whole);
    assert_eq!(again, end);
}

/// A run with columns drawn on the device, which `hook` ends when losses up to step `last` are read.
fn on_device(
    kind: Kind,
    options: &GnpTrainOptions,
    checkpoints: Option<&GnpCheckpoints<'_>>,
    last: usize,
) -> Result<(GnpTrained, Parameters), GnnError> {
    let a = matrix();
    let start = Parameters::initialize(&GnpConfig::paper(), 1)?;
    let mut trainer = GnpTrainer::new(a.view(), &start, kind, Device::Cpu)?;
    let product = SparseProduct::new(a.view(), Kind::Double, Device::Cpu)?;
    let samples = GnpSamples::new(product, 3)?;
    let mut hook = |seen: &la_gnn::training::gnp::GnpStep| match seen.step + 1 == last {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let trained = trainer.run_on(&samples, options, 2, checkpoints, &mut hook)?;
    Ok((trained, trainer.parameters()?))
}

#[test]
fn a_run_on_the_device_goes_on_to_the_same_network() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let options = GnpTrainOptions::default().with_steps(13).with_batch(4);
    let checkpoints = GnpCheckpoints {
        path: &path,
        model: serde_json::json!({ "seed": 3 }),
        every: 100,
    };
    let (mut whole, end) = on_device(Kind::Float, &options, None, 0).unwrap();
    // Stopped twice, each time where losses are read next.
    for (last, steps) in [(3, 4), (9, 10)] {
        let (part, _) = on_device(Kind::Float, &options, Some(&checkpoints), last).unwrap();
        assert_eq!(part.losses.len(), steps);
        assert_eq!(part.ended, la_gnn::training::gnp::Ended::Interrupted);
    }
    let (rest, again) = on_device(Kind::Float, &options, Some(&checkpoints), 0).unwrap();
    whole.seconds = rest.seconds;
    assert_eq!(rest, whole);
    assert_eq!(again, end);
    // The best network is one of before the first stop, and is kept over both: a file that is gone on from with nothing left to do.
    let done = options.clone().with_steps(10);
    let (short, _) = on_device(Kind::Float, &done, Some(&checkpoints), 0).unwrap();
    assert_eq!(short.losses, whole.losses[..10]);
    let (fresh, _) = on_device(Kind::Float, &done, None, 0).unwrap();
    assert_eq!((short.best, short.best_step), (fresh.best, fresh.best_step));
}

#[test]
fn a_run_on_the_device_is_written_as_it_goes() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let options = GnpTrainOptions::default().with_steps(9).with_batch(4);
    let mut checkpoints = GnpCheckpoints {
        path: &path,
        model: serde_json::json!({ "seed": 3 }),
        every: 3,
    };
    // In double precision the state is rounded to single, and hardly anything changes.
    let (whole, _) = on_device(Kind::Double, &options, Some(&checkpoints), 0).unwrap();
    let stored = la_gnn::Weights::load(&path).unwrap();
    // Losses are read at 2, 4, 6, 8: written at 4 and 8.
    assert_eq!(stored.provenance.results["steps"], 8);
    let (rest, _) = on_device(Kind::Double, &options, Some(&checkpoints), 0).unwrap();
    assert_eq!(rest.losses[..8], whole.losses[..8]);
    assert!((rest.losses[8] / whole.losses[8] - 1.0).abs() < 1e-4);

    checkpoints.model = serde_json::json!({ "seed": 4 });
    let error = on_device(Kind::Double, &options, Some(&checkpoints), 0).unwrap_err();
    assert!(matches!(error, GnnError::WeightsMismatch { .. }), "{error}");
    let other = options.clone().with_learning_rate(1e-2);
    checkpoints.model = serde_json::json!({ "seed": 3 });
    let error = on_device(Kind::Double, &other, Some(&checkpoints), 0).unwrap_err();
    assert!(matches!(error, GnnError::WeightsMismatch { .. }), "{error}");
    checkpoints.every = 0;
    let error = on_device(Kind::Double, &options, Some(&checkpoints), 0).unwrap_err();
    assert!(error.to_string().contains("every"), "{error}");
    checkpoints.every = 1;
    std::fs::write(&path, b"torn").unwrap();
    assert!(on_device(Kind::Double, &options, Some(&checkpoints), 0).is_err());
}
