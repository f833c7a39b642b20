//! The training loop.

use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::checkpoint::{Past, Stored};
use super::{GnpCheckpoints, GnpState, GnpTrainOptions};
use crate::GnnError;
use crate::gnp::Parameters;

/// Gives the columns to train on.
pub trait BatchSource {
    /// Length n of a column.
    fn order(&self) -> usize;

    /// Fills `b` (column-major, n × `columns`) for step `step`, counted from 0.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn fill(&mut self, step: usize, b: &mut [f64], columns: usize) -> Result<(), GnnError>;

    /// Steps between two calls of [`observe`](Self::observe). Default none: it is never called.
    fn observe_every(&self) -> Option<usize> {
        None
    }

    /// Sees the network as it is before step `step`, for sources that sample what that network leaves behind.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn observe(&mut self, _step: usize, _network: &Parameters) -> Result<(), GnnError> {
        Ok(())
    }

    /// What a run that goes on later has to know of what was observed. Default nothing.
    fn memory(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes [`memory`](Self::memory) back.
    ///
    /// # Errors
    /// [`GnnError::WeightsFormat`] for what is no memory of this source.
    fn recall(&mut self, _memory: &serde_json::Value) -> Result<(), GnnError> {
        Ok(())
    }
}

/// Computes losses and gradients on one matrix, and holds the network that is trained.
///
/// A step is [`loss_and_gradient`](Self::loss_and_gradient), [`keep`](Self::keep) if that loss is the best so far, then
/// [`update`](Self::update).
pub trait GnpEngine {
    /// Order n of the matrix.
    fn order(&self) -> usize;

    /// Forward and backward pass on `b` (column-major, n × `columns`): the mean of |A M(b) − b|, with the statistics of this batch
    /// in the normalisations; running statistics move on. A loss that is not finite is no error.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn loss_and_gradient(&mut self, b: &[f64], columns: usize) -> Result<f64, GnnError>;

    /// Keeps parameters and running statistics as they are now, in place of those kept before.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn keep(&mut self) -> Result<(), GnnError>;

    /// One step of Adam (β = 0.9, 0.999, ε = 1e-8, no decay) along the last gradient.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn update(&mut self, learning_rate: f64) -> Result<(), GnnError>;

    /// What was kept last.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn kept(&self) -> Result<Option<Parameters>, GnnError>;

    /// The network as it is now.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn parameters(&self) -> Result<Parameters, GnnError>;

    /// All that the next steps depend on, in single precision.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn state(&self) -> Result<GnpState, GnnError>;

    /// Takes [`state`](Self::state) back.
    ///
    /// # Errors
    /// [`GnnError::Config`] for a network of another configuration; whatever stops the run.
    fn restore(&mut self, state: &GnpState) -> Result<(), GnnError>;
}

/// What a run shows after each step.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct GnpStep {
    /// Number of the step, from 0.
    pub step: usize,
    /// Its loss, in the units of b.
    pub loss: f64,
    /// Loss of the zero network on the same batch, `mean |b|`. A ratio of `loss` to it that stays at 1 means that nothing is learned.
    pub zero_loss: f64,
    /// Step with the smallest loss so far.
    pub best_step: usize,
    /// The smallest loss so far.
    pub best_loss: f64,
    /// Seconds since the run began.
    pub seconds: f64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ended {
    /// All steps were done.
    Finished,
    /// No loss was below that of the zero network in the steps of [`super::FlatStop`].
    NothingLearned,
    /// A loss was not finite; the best network before it is the result.
    NonFinite,
    /// The time was up.
    TimeLimit,
    /// The caller stopped it.
    Interrupted,
}

/// Result of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GnpTrained {
    /// The network with the smallest loss: the parameters that gave it, and the running statistics after that forward pass.
    pub best: Parameters,
    /// Step of that loss, from 0.
    pub best_step: usize,
    /// That loss.
    pub best_loss: f64,
    /// Loss of every step, in the units of b; the last one is not finite if the run ended for that.
    pub losses: Vec<f32>,
    /// `mean |b|` of every batch: what the zero network would have lost.
    pub zero_losses: Vec<f32>,
    /// Seconds of the run, batches included.
    pub seconds: f64,
    /// How it ended.
    pub ended: Ended,
}

/// Trains the network that `engine` holds.
///
/// The result is the network with the smallest loss over the training batches, strictly smaller than all before, as in the paper;
/// there is no validation set. `hook` sees every step; `Break` ends the run.
///
/// # Errors
/// [`GnnError::Config`] for options out of range and a source of another order than the engine;
/// [`GnnError::Diverged`] if already the first loss is not finite; those of engine and source.
///
/// # References
/// J. Chen, *Graph neural preconditioners for iterative solutions of sparse linear systems*, ICLR 2025, section 4.
pub fn train(
    engine: &mut dyn GnpEngine,
    source: &mut dyn BatchSource,
    options: &GnpTrainOptions,
    hook: &mut dyn FnMut(&GnpStep) -> ControlFlow<()>,
) -> Result<GnpTrained, GnnError> {
    train_on(engine, source, options, None, hook)
}

/// The same with a file to go on from: a run that was interrupted and a run that was not give the same network.
///
/// The file is written every so many steps, and when the run ends early; see [`GnpCheckpoints`]. The number of steps and the time limit may
/// be others when it goes on; the limit counts from there.
///
/// # Errors
/// Those of [`train`]; [`GnnError::Io`], [`GnnError::WeightsFormat`] for a file that cannot be read or written, and
/// [`GnnError::WeightsMismatch`] for one of another run; [`GnnError::Config`] if `every` is 0.
///
/// # Examples
/// See [`train`]; `checkpoints` is `Some(&GnpCheckpoints { path, model, every: 100 })`.
pub fn train_on(
    engine: &mut dyn GnpEngine,
    source: &mut dyn BatchSource,
    options: &GnpTrainOptions,
    checkpoints: Option<&GnpCheckpoints<'_>>,
    hook: &mut dyn FnMut(&GnpStep) -> ControlFlow<()>,
) -> Result<GnpTrained, GnnError> {
    options.validate()?;
    let n = engine.order();
    if n == 0 || source.order() != n {
        return Err(GnnError::Config {
            field: "source",
            reason: format!(
                "makes columns of length {}, the matrix is of order {n}; both must be the same and positive",
                source.order()
            ),
        });
    }
    let clock = Instant::now();
    let mut b = vec![0.0; n * options.batch];
    let mut past = Past::default();
    if let Some(file) = checkpoints {
        if file.every == 0 {
            return Err(GnnError::Config {
                field: "every",
                reason: "is 0, must be at least 1".into(),
            });
        }
        if file.path.is_file() {
            let stored = Stored::load(file, options, &engine.parameters()?)?;
            engine.restore(&stored.state)?;
            source.recall(&stored.source)?;
            past = stored.past;
        }
    }
    let before = past.seconds;
    let mut ended = Ended::Finished;
    let mut written = past.steps;
    // A source that observes does so again where the run goes on, so that it is written only there.
    let observes = source.observe_every().map(|every| every.max(1));
    let whole = |step: usize| observes.is_none_or(|every| step.is_multiple_of(every));
    let write = |engine: &dyn GnpEngine, source: &dyn BatchSource, past: &Past| match checkpoints {
        Some(file) if past.steps > 0 && whole(past.steps) => Stored {
            state: engine.state()?,
            past: past.clone(),
            source: source.memory(),
        }
        .save(file, options),
        _ => Ok(()),
    };
    for step in past.steps..options.steps {
        if checkpoints.is_some_and(|file| step >= written + file.every) && whole(step) {
            write(engine, source, &past)?;
            written = step;
        }
        if observes.is_some() && whole(step) {
            source.observe(step, &engine.parameters()?)?;
        }
        source.fill(step, &mut b, options.batch)?;
        let zero_loss = b.iter().map(|v| v.abs()).sum::<f64>() / b.len() as f64;
        let loss = engine.loss_and_gradient(&b, options.batch)?;
        past.losses.push(loss as f32);
        past.zero_losses.push(zero_loss as f32);
        if !loss.is_finite() {
            ended = Ended::NonFinite;
            break;
        }
        let mut best_loss = past.best_loss.unwrap_or(f64::INFINITY);
        if loss < best_loss {
            best_loss = loss;
            (past.best_step, past.best_loss) = (step, Some(loss));
            engine.keep()?;
        }
        engine.update(options.learning_rate)?;
        let seconds = clock.elapsed().as_secs_f64();
        past.steps = step + 1;
        past.seconds = before + seconds;
        let seen = GnpStep {
            step,
            loss,
            zero_loss,
            best_step: past.best_step,
            best_loss,
            seconds: past.seconds,
        };
        let stopped = hook(&seen).is_break();
        if step + 1 == options.steps {
            break;
        }
        if stopped {
            ended = Ended::Interrupted;
            break;
        }
        if let Some(flat) = options.flat_stop {
            past.learned |= loss < flat.ratio * zero_loss;
            if !past.learned && step + 1 >= flat.steps {
                ended = Ended::NothingLearned;
                break;
            }
        }
        if options.time_limit.is_some_and(|limit| seconds >= limit) {
            ended = Ended::TimeLimit;
            break;
        }
    }
    if matches!(ended, Ended::Interrupted | Ended::TimeLimit) && past.steps > written {
        write(engine, source, &past)?;
    }
    let (Some(best), Some(best_loss)) = (engine.kept()?, past.best_loss) else {
        return Err(GnnError::Diverged {
            update: 0,
            reason: "the first loss is not finite".into(),
        });
    };
    Ok(GnpTrained {
        best,
        best_step: past.best_step,
        best_loss,
        losses: past.losses,
        zero_losses: past.zero_losses,
        seconds: before + clock.elapsed().as_secs_f64(),
        ended,
    })
}
