//! The training loop.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::active_set::Kept;
use super::checkpoint::Log;
use super::{AdamW, Checkpoint, TrainOptions};
use crate::GnnError;

/// Computes loss and gradient of a batch.
pub trait Engine {
    /// Number of training graphs.
    fn samples(&self) -> usize;
    /// Called before each update with its number, from 0 on, for losses that change along the way.
    fn begin(&mut self, _update: usize) {}
    /// Loss of the batch at `values`; overwrites `gradient`. Randomness (probes) must depend on `seed` only.
    ///
    /// # Errors
    /// Whatever stops the run. A loss that is not finite is no error: the update is skipped.
    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError>;
}

/// What the caller does along the way.
pub trait Hooks {
    /// Score of parameters, lower is better; `None` where there is no validation.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn validate(&mut self, values: &[f32], update: usize) -> Result<Option<f64>, GnnError>;
    /// Sees every update; `Break` stops the run after writing a checkpoint.
    fn progress(&mut self, update: usize, loss: f64, log: &Log) -> ControlFlow<()>;
}

/// No validation, no progress.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {
    fn validate(&mut self, _: &[f32], _: usize) -> Result<Option<f64>, GnnError> {
        Ok(None)
    }
    fn progress(&mut self, _: usize, _: f64, _: &Log) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All updates were done.
    Finished,
    /// A hook stopped it; the checkpoint goes on from there.
    Interrupted,
}

/// Result of a run.
#[derive(Debug, Clone)]
pub struct Trained {
    /// How it ended.
    pub outcome: Outcome,
    /// Those that [`TrainOptions::keep`] names; without validation the last ones.
    pub values: Vec<f32>,
    /// What happened.
    pub log: Log,
}

/// Skipped updates in a row after which a run gives up.
const MAX_SKIPPED: usize = 20;

/// Indices of the graphs of an update: epochs are seeded shuffles of all graphs.
#[must_use]
pub fn batch_of_update(samples: usize, options: &TrainOptions, update: usize) -> Vec<usize> {
    let first = update * options.batch;
    let mut batch = Vec::with_capacity(options.batch);
    let mut epoch = usize::MAX;
    let mut order: Vec<usize> = Vec::new();
    for position in first..first + options.batch {
        if position / samples != epoch {
            epoch = position / samples;
            order = (0..samples).collect();
            let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ 0x5eed_0000_0000);
            rng.set_stream(epoch as u64);
            order.shuffle(&mut rng);
        }
        batch.push(order[position % samples]);
    }
    batch
}

/// Trains `values` (their start, unless a checkpoint exists at `checkpoint`).
///
/// `model` identifies architecture and configuration in the checkpoint.
///
/// # Errors
/// [`GnnError::Config`] for options out of range or an engine without graphs;
/// [`GnnError::Diverged`] after twenty updates in a row without a finite gradient; errors of the
/// engine, the hooks and the checkpoint file.
pub fn train(
    engine: &mut dyn Engine,
    model: &serde_json::Value,
    values: Vec<f32>,
    options: &TrainOptions,
    checkpoint: Option<&Path>,
    hooks: &mut dyn Hooks,
) -> Result<Trained, GnnError> {
    options.validate()?;
    let samples = engine.samples();
    if samples == 0 {
        return Err(GnnError::Config {
            field: "samples",
            reason: "is 0: there is nothing to train on".into(),
        });
    }
    let mut state = match checkpoint.filter(|p| p.is_file()) {
        Some(path) => Checkpoint::load_for(path, model, options, values.len())?,
        None => Checkpoint {
            model: model.clone(),
            options: options.clone(),
            optimizer: AdamW::new(values.len()),
            best_values: values.clone(),
            values,
            log: Log::default(),
        },
    };
    let mut gradient = vec![0.0; state.values.len()];
    let mut skipped_in_a_row = 0;
    let mut clock = Instant::now();
    while state.optimizer.updates < options.updates {
        let update = state.optimizer.updates;
        let batch = batch_of_update(samples, options, update);
        let seed = options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ update as u64;
        gradient.fill(0.0);
        engine.begin(update);
        let loss = engine.loss_and_gradient(&state.values, &batch, seed, &mut gradient)?;
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        if loss.is_finite() && norm.is_finite() {
            skipped_in_a_row = 0;
            if norm > options.clip {
                gradient.iter_mut().for_each(|g| *g *= options.clip / norm);
            }
            let rate = options.learning_rate_at(update);
            state
                .optimizer
                .update(&mut state.values, &gradient, rate, options.weight_decay);
        } else {
            skipped_in_a_row += 1;
            state.log.skipped += 1;
            state.optimizer.updates += 1;
            if skipped_in_a_row == MAX_SKIPPED {
                return Err(GnnError::Diverged {
                    update,
                    reason: format!("loss {loss}, gradient norm {norm}"),
                });
            }
        }
        state.log.losses.push(if loss.is_finite() {
            loss as f32
        } else {
            f32::NAN
        });
        let done = state.optimizer.updates;
        let due = |every: usize| done.is_multiple_of(every) || done == options.updates;
        if due(options.validate_every)
            && let Some(score) = hooks.validate(&state.values, done)?
        {
            if score.is_finite() && state.log.best().is_none_or(|(_, best)| score < best) {
                state.best_values.clone_from(&state.values);
            }
            state
                .log
                .validations
                .push((done, if score.is_finite() { score } else { f64::MAX }));
        }
        let stop = hooks.progress(done, loss, &state.log).is_break();
        state.log.seconds += clock.elapsed().as_secs_f64();
        clock = Instant::now();
        if let Some(path) = checkpoint
            && (stop || due(options.checkpoint_every))
        {
            state.save(path)?;
        }
        if stop && done < options.updates {
            return Ok(Trained {
                outcome: Outcome::Interrupted,
                values: kept(&state),
                log: state.log,
            });
        }
    }
    Ok(Trained {
        outcome: Outcome::Finished,
        values: kept(&state),
        log: state.log,
    })
}

fn kept(state: &Checkpoint) -> Vec<f32> {
    if state.log.validations.is_empty() || state.options.keep == Kept::Last {
        state.values.clone()
    } else {
        state.best_values.clone()
    }
}
