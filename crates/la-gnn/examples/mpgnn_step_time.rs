//! Milliseconds of a training step of each node model, batches of 16 tridiagonal matrices with n = 32.
//!
//! `cargo run --release -p la-gnn --features torch --example mpgnn_step_time [-- BLOCKS]`
#![allow(clippy::print_stdout, reason = "a program")]

use std::ops::ControlFlow;

use la_gnn::mpgnn::{MpgnnConfig, NodeInput, NodeModel, Parameters};
use la_gnn::torch::tch::{self, Device, Kind};
use la_gnn::torch::{EdgeSample, EdgeSamples, MpgnnTrainer};
use la_gnn::training::mpgnn::MpgnnTrainOptions;
use la_problems::{SemiseparableFactors, Split};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tch::set_num_threads(1);
    let blocks = std::env::args().nth(1).map_or(Ok(3), |b| b.parse())?;
    let samples = (0..320)
        .map(|i| {
            let pair = SemiseparableFactors::default().generate(Split::Train.seed(i))?;
            let (a, l) = (pair.matrix.matrix(), pair.factor.matrix());
            Ok(EdgeSample::of_matrix(a.view(), l.data(), NodeInput::Ones)?)
        })
        .collect::<Result<Vec<_>, Box<dyn std::error::Error>>>()?;
    let training = EdgeSamples::new(&samples, 16, 0, Kind::Float, Device::Cpu)?;
    let validation = EdgeSamples::new(&samples[..16], 16, 0, Kind::Float, Device::Cpu)?;
    for model in [
        NodeModel::Mlp,
        NodeModel::GAT,
        NodeModel::GEN,
        NodeModel::MessagePassing,
        NodeModel::TRANSFORMER,
        NodeModel::SGFORMER,
    ] {
        let config = MpgnnConfig::default()
            .with_node_model(model)
            .with_blocks(blocks);
        let mut trainer = MpgnnTrainer::new(&Parameters::initialize(&config, 0)?, Device::Cpu)?;
        let options = MpgnnTrainOptions::default().with_epochs(10);
        let mut epochs = vec![0.0];
        let trained = trainer.run(&training, &validation, &options, None, &mut |log| {
            epochs.push(log.seconds);
            ControlFlow::Continue(())
        })?;
        let mut steps: Vec<f64> = epochs
            .windows(2)
            .map(|w| (w[1] - w[0]) / training.batches() as f64)
            .collect();
        steps.sort_by(f64::total_cmp);
        println!(
            "{:<16} {:>7} parameters {:>7.2} ms per step (median of 10 epochs)",
            model.name(),
            config.parameter_count(),
            1e3 * steps[steps.len() / 2],
        );
        assert!(trained.log.losses.iter().all(|l| l.is_finite()));
    }
    Ok(())
}
