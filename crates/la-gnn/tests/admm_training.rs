//! Training of learned distributed ADMM: recipes, checkpoints, both engines.

mod admm_support;
mod fixture;

use std::ops::ControlFlow;

use admm_support::random_problem;
use la_gnn::GnnError;
use la_gnn::admm::{AdmmConfig, EdgeWeights, Parameters, Relaxation, StepSizes, Tail};
use la_gnn::native::admm::AdmmEngine;
use la_gnn::training::active_set::Kept;
use la_gnn::training::admm::{AdmmLoss, AdmmMeasure, LossTerm, published, schedule};
use la_gnn::training::{Hooks, Log, NoHooks, Outcome, TrainOptions, train};

fn engine(config: &AdmmConfig, loss: &AdmmLoss) -> AdmmEngine {
    let problems = (0..50).map(|k| random_problem(8, 2, k)).collect();
    AdmmEngine::new(config, loss, problems).unwrap()
}

fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len() as f64
}

/// Mean loss before and after a run.
fn improvement(config: &AdmmConfig, loss: &AdmmLoss, options: &TrainOptions) -> [f64; 2] {
    let mut engine = engine(config, loss);
    let start = Parameters::initialize(config, 1).unwrap().values;
    let before = mean(&engine.losses(&start).unwrap());
    let model = serde_json::to_value(config).unwrap();
    let trained = train(&mut engine, &model, start, options, None, &mut NoHooks).unwrap();
    assert_eq!(trained.log.skipped, 0);
    [before, mean(&engine.losses(&trained.values).unwrap())]
}

#[test]
fn published_recipe_lowers_the_loss_of_every_published_variant() {
    let (node, constant) = (AdmmConfig::new(2), AdmmConfig::baseline(2));
    let average = node.clone().with_steps(StepSizes::Mean);
    for (config, below) in [
        (node.clone(), 0.75),
        (average.clone(), 0.75),
        (constant.with_edges(EdgeWeights::Profile), 0.95),
        (average.with_edges(EdgeWeights::Profile), 0.75),
        (node.with_edges(EdgeWeights::Profile), 0.75),
    ] {
        let mut options = published(50, 0);
        options.updates = 1500;
        let [before, after] = improvement(&config, &AdmmLoss::published(10), &options);
        assert!(
            after < below * before && after < below,
            "{config:?}: {before} {after}"
        );
    }
}

#[test]
fn schedules_learn_to_be_good_at_several_depths() {
    let config = AdmmConfig::new(2)
        .with_steps(StepSizes::Schedule)
        .with_relaxation(Relaxation::Schedule)
        .with_edges(EdgeWeights::ScaleFree)
        .with_tail(Tail::Learned);
    let term = |depth| LossTerm::new(AdmmMeasure::Normalised, depth).with_log(true);
    let loss = AdmmLoss::new([term(10), term(20), term(50)]);
    let mut options = schedule(50, 0);
    options.updates = 300;
    let [before, after] = improvement(&config, &loss, &options);
    assert!(after < before - 3.0, "{before} {after}");
}

/// Scores that get worse, and a stop.
struct Worse {
    stop_at: usize,
}

impl Hooks for Worse {
    fn validate(&mut self, _: &[f32], update: usize) -> Result<Option<f64>, GnnError> {
        Ok(Some(update as f64))
    }
    fn progress(&mut self, update: usize, _: f64, _: &Log) -> ControlFlow<()> {
        if update == self.stop_at {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[test]
fn interrupted_runs_end_where_others_do_and_keep_the_last_parameters() {
    let config = AdmmConfig::new(2).with_edges(EdgeWeights::Profile);
    let loss = AdmmLoss::published(10);
    let mut options = published(50, 3);
    options.updates = 40;
    options.validate_every = 10;
    let model = serde_json::to_value(&config).unwrap();
    let start = Parameters::initialize(&config, 1).unwrap().values;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let run = |options: &TrainOptions, checkpoint, stop_at| {
        let mut engine = engine(&config, &loss);
        let hooks = &mut Worse { stop_at };
        train(
            &mut engine,
            &model,
            start.clone(),
            options,
            checkpoint,
            hooks,
        )
        .unwrap()
    };
    let whole = run(&options, None, 0);
    let first = run(&options, Some(path.as_path()), 17);
    assert_eq!(first.outcome, Outcome::Interrupted);
    let second = run(&options, Some(path.as_path()), 0);
    assert_eq!(second.outcome, Outcome::Finished);
    assert_eq!(second.values, whole.values);
    options.keep = Kept::Best;
    let best = run(&options, None, 0);
    assert_ne!(best.values, whole.values, "the tenth update scored best");
}
