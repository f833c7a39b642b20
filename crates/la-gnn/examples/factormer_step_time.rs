//! Milliseconds of a training step of Factormers on matrices of the training law, in pure Rust and with LibTorch, on one thread.
//!
//! `cargo run --release -p la-gnn --features torch --example factormer_step_time [-- WIDTH PAIRS]`
#![allow(clippy::print_stdout, reason = "a program")]

use std::time::Instant;

use la_gnn::factormer::{FactormerConfig, FactormerInput, NetworkConfig, Parameters};
use la_gnn::native::factormer::FactormerEngine;
use la_gnn::torch::{factormer as torch, tch};
use la_gnn::training::factormer::{FactormerLoss, FactormerSample};
use la_gnn::training::{Engine, NoHooks, TrainOptions, train};
use la_problems::nmf::SizeLaw;

const RANK: usize = 10;
const UPDATES: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tch::set_num_threads(1);
    let numbers = std::env::args().skip(1).map(|a| a.parse::<usize>());
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    let (width, pairs) = match numbers[..] {
        [width, pairs] => (width, pairs),
        _ => (100, 4),
    };
    // Every 150th matrix: as many of each size as in the whole set. Where W and H start has no influence on the time.
    let samples = (0..UPDATES as u32).map(|k| {
        let sample = SizeLaw.sample(k * SizeLaw.count() / UPDATES as u32, 0)?;
        let start = |count: usize| (0..count * RANK).map(|k| (k % 7) as f64 / 7.0).collect();
        Ok(FactormerSample {
            w: start(sample.rows),
            h: start(sample.columns),
            v: sample.values,
        })
    });
    let samples: Vec<_> = samples.collect::<Result<_, la_problems::ProblemError>>()?;
    for input in [FactormerInput::Factor, FactormerInput::FactorAndSolver] {
        let config = FactormerConfig::new(RANK)
            .with_input(input)
            .with_width(width)
            .with_pairs(pairs);
        for steps in [1, 5] {
            let loss = FactormerLoss::published(input, 0).with_steps(steps);
            let start = Parameters::initialize(&config, 0)?.values;
            let mut options = TrainOptions::default();
            (options.updates, options.batch) = (UPDATES, 1);
            let milliseconds = |engine: &mut dyn Engine| -> Result<f64, la_gnn::GnnError> {
                let clock = Instant::now();
                let model = serde_json::Value::Null;
                train(engine, &model, start.clone(), &options, None, &mut NoHooks)?;
                Ok(1e3 * clock.elapsed().as_secs_f64() / UPDATES as f64)
            };
            let sample = |k: usize| Ok(samples[k].clone());
            let native = milliseconds(&mut FactormerEngine::<f32>::new(
                &config, &loss, UPDATES, sample,
            )?)?;
            let torch = milliseconds(&mut torch::FactormerEngine::new(
                &config, &loss, UPDATES, sample,
            )?)?;
            println!(
                "{input:?}, width {width}, {pairs} pairs, {} parameters, {steps} steps unrolled: {native:.2} ms per update, LibTorch {torch:.2}",
                config.parameter_count(),
            );
        }
    }
    Ok(())
}
