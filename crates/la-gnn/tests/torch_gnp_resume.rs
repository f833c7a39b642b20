//! A training with LibTorch that breaks off and goes on.
#![cfg(feature = "torch")]

use std::ops::ControlFlow;

use la_gnn::GnnError;
use la_gnn::gnp::{GnpConfig, Parameters};
use la_gnn::sprs::CsMatI;
use la_gnn::torch::GnpTrainer;
use la_gnn::torch::tch::{self, Device, Kind};
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
