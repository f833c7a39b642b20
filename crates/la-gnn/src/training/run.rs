//! The training loop.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::active_set::Kept;
use super::checkpoint::Log;
use super::exchange::{Alone, Exchange, agree, from_first, same};
use super::joint::Joint;
use super::share::{Joining, Places, Share};
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

    /// How the loss of a batch follows from its samples, for engines that can be used by [`train_on`]. Default: not known.
    fn joining(&self) -> Option<Joining> {
        None
    }

    /// Loss and gradient of some places of a batch, to be added to those of the other places; overwrites `gradient`. The default is right where nothing is
    /// random: it takes the samples for a batch of their own.
    ///
    /// # Errors
    /// As [`Engine::loss_and_gradient`]; [`GnnError::Config`] if the loss is not known to be made of sums over samples.
    fn share(
        &mut self,
        values: &[f32],
        places: Places<'_>,
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<Share, GnnError> {
        let joining = joining_of(self.joining())?;
        let value = self.loss_and_gradient(values, places.samples, seed, gradient)?;
        let count = places.samples.len();
        Ok(Share::of_batch(joining, value, count, gradient))
    }
}

/// The joining of an engine, or why it cannot be used on several processes.
pub(crate) fn joining_of(joining: Option<Joining>) -> Result<Joining, GnnError> {
    joining.ok_or_else(|| GnnError::Config {
        field: "ranks",
        reason: "are more than one, and the loss is not made of sums over the graphs of a batch, so that it cannot be divided among them".into(),
    })
}

/// What the caller does along the way.
///
/// [`train_on`] asks the hooks of every process. Those that validate may divide the work and join it by the [`Exchange`] that they were made with ([`agree`] first,
/// so that none waits for one that failed); in the end the score of process 0 counts for all.
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
    train_on(&Alone, engine, model, values, options, checkpoint, hooks)
}

/// [`train`] on several processes, each with an engine for the same samples: a process computes with its places of every batch ([`Places::of`]), gradients and losses
/// are added up in double precision in one message, and every process takes the same step.
///
/// The run is that of one process up to the rounding of the sum: batches, random numbers, skipped updates and the choice of the best parameters do not depend on
/// the number of processes, and a checkpoint goes on with any number. Parameters, options and checkpoint of process 0 are those of all; it alone writes. Ranks
/// compare their parameters and moments whenever a checkpoint is due, and at the end. [`Hooks::progress`] that breaks on one process ends the run on all, after the
/// next update. Messages are not sent while gradients are being computed.
///
/// # Errors
/// As [`train`], on all processes: the one that failed has its own error, the others [`GnnError::OtherRank`]. [`GnnError::Config`] for batches with fewer graphs than there are
/// processes, and for losses that cannot be divided; [`GnnError::WeightsMismatch`] on a process with another model or other options than process 0;
/// [`GnnError::RanksDiffer`]; [`GnnError::Diverged`] names the processes without a finite loss.
pub fn train_on(
    exchange: &dyn Exchange,
    engine: &mut dyn Engine,
    model: &serde_json::Value,
    values: Vec<f32>,
    options: &TrainOptions,
    checkpoint: Option<&Path>,
    hooks: &mut dyn Hooks,
) -> Result<Trained, GnnError> {
    let (rank, size) = (exchange.rank(), exchange.size());
    agree(exchange, check(engine, options, size))?;
    let mut state = begin(exchange, model, values, options, checkpoint)?;
    let samples = engine.samples();
    same(exchange, "number of training graphs", 0, || samples as u64)?;
    same(exchange, "number of updates", 0, || options.updates as u64)?;
    let mut joint = Joint::new(exchange, state.values.len());
    let mut gradient = vec![0.0; state.values.len()];
    let mut skipped_in_a_row = 0;
    let mut wants_to_stop = false;
    let mut clock = Instant::now();
    while state.optimizer.updates < options.updates {
        let update = state.optimizer.updates;
        let batch = batch_of_update(samples, options, update);
        let seed = options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ update as u64;
        gradient.fill(0.0);
        engine.begin(update);
        let loss = if size == 1 {
            engine.loss_and_gradient(&state.values, &batch, seed, &mut gradient)?
        } else {
            let values = &state.values;
            joint.loss_and_gradient(engine, values, &batch, seed, wants_to_stop, &mut gradient)?
        };
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
                    reason: format!("loss {loss}, gradient norm {norm}{}", joint.blame()),
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
        if due(options.validate_every) {
            let score = hooks.validate(&state.values, done);
            if let Some(score) = score_of_first(exchange, score)? {
                if score.is_finite() && state.log.best().is_none_or(|(_, best)| score < best) {
                    state.best_values.clone_from(&state.values);
                }
                state
                    .log
                    .validations
                    .push((done, if score.is_finite() { score } else { f64::MAX }));
            }
        }
        wants_to_stop |= hooks.progress(done, loss, &state.log).is_break();
        let stop = if size == 1 {
            wants_to_stop
        } else {
            joint.stops()
        };
        state.log.seconds += clock.elapsed().as_secs_f64();
        clock = Instant::now();
        if stop || due(options.checkpoint_every) {
            same(exchange, "parameters", done, || state.fingerprint())?;
            let saved = match checkpoint {
                Some(path) if rank == 0 => state.save(path),
                _ => Ok(()),
            };
            agree(exchange, saved)?;
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

/// What can be said before the first message.
fn check(engine: &dyn Engine, options: &TrainOptions, size: usize) -> Result<(), GnnError> {
    options.validate()?;
    if engine.samples() == 0 {
        return Err(GnnError::Config {
            field: "samples",
            reason: "is 0: there is nothing to train on".into(),
        });
    }
    if options.batch < size {
        return Err(GnnError::Config {
            field: "batch",
            reason: format!(
                "is {}, fewer graphs than the {size} ranks that divide them",
                options.batch
            ),
        });
    }
    if size > 1 {
        joining_of(engine.joining())?;
    }
    Ok(())
}

/// The state that the run begins with: the checkpoint or the parameters of process 0.
fn begin(
    exchange: &dyn Exchange,
    model: &serde_json::Value,
    values: Vec<f32>,
    options: &TrainOptions,
    checkpoint: Option<&Path>,
) -> Result<Checkpoint, GnnError> {
    let count = values.len();
    let own = || match checkpoint.filter(|p| p.is_file()) {
        Some(path) => Checkpoint::load_for(path, model, options, count),
        None => Ok(Checkpoint {
            model: model.clone(),
            options: options.clone(),
            optimizer: AdamW::new(count),
            best_values: values.clone(),
            values,
            log: Log::default(),
        }),
    };
    if exchange.size() == 1 {
        return own();
    }
    let bytes = match exchange.rank() {
        0 => own().and_then(|state| state.to_bytes()),
        _ => Ok(Vec::new()),
    };
    let bytes = from_first(exchange, &agree(exchange, bytes)?)?;
    let state = Checkpoint::from_bytes_for(&bytes, model, options, count);
    agree(exchange, state)
}

/// The score of process 0.
fn score_of_first(
    exchange: &dyn Exchange,
    score: Result<Option<f64>, GnnError>,
) -> Result<Option<f64>, GnnError> {
    let score = agree(exchange, score)?;
    if exchange.size() == 1 {
        return Ok(score);
    }
    let mut first = match score {
        Some(score) if exchange.rank() == 0 => [1.0, score],
        _ => [0.0; 2],
    };
    exchange.sum(&mut first)?;
    Ok((first[0] == 1.0).then_some(first[1]))
}

fn kept(state: &Checkpoint) -> Vec<f32> {
    if state.log.validations.is_empty() || state.options.keep == Kept::Last {
        state.values.clone()
    } else {
        state.best_values.clone()
    }
}
