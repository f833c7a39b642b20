//! The training loop.

use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::GnpTrainOptions;
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
    let (mut losses, mut zero_losses) = (Vec::new(), Vec::new());
    let (mut best_step, mut best_loss) = (0, f64::INFINITY);
    let mut learned = false;
    let mut ended = Ended::Finished;
    for step in 0..options.steps {
        if source
            .observe_every()
            .is_some_and(|every| step.is_multiple_of(every.max(1)))
        {
            source.observe(step, &engine.parameters()?)?;
        }
        source.fill(step, &mut b, options.batch)?;
        let zero_loss = b.iter().map(|v| v.abs()).sum::<f64>() / b.len() as f64;
        let loss = engine.loss_and_gradient(&b, options.batch)?;
        losses.push(loss as f32);
        zero_losses.push(zero_loss as f32);
        if !loss.is_finite() {
            ended = Ended::NonFinite;
            break;
        }
        if loss < best_loss {
            (best_step, best_loss) = (step, loss);
            engine.keep()?;
        }
        engine.update(options.learning_rate)?;
        let seconds = clock.elapsed().as_secs_f64();
        let seen = GnpStep {
            step,
            loss,
            zero_loss,
            best_step,
            best_loss,
            seconds,
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
            learned |= loss < flat.ratio * zero_loss;
            if !learned && step + 1 >= flat.steps {
                ended = Ended::NothingLearned;
                break;
            }
        }
        if options.time_limit.is_some_and(|limit| seconds >= limit) {
            ended = Ended::TimeLimit;
            break;
        }
    }
    let Some(best) = engine.kept()?.filter(|_| best_loss.is_finite()) else {
        return Err(GnnError::Diverged {
            update: 0,
            reason: "the first loss is not finite".into(),
        });
    };
    Ok(GnpTrained {
        best,
        best_step,
        best_loss,
        losses,
        zero_losses,
        seconds: clock.elapsed().as_secs_f64(),
        ended,
    })
}
