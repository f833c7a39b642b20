//! A run on the device, and what it keeps: on the device the best network and the losses, on the host what has been read of them.

use std::ops::ControlFlow;
use std::time::Instant;

use tch::{Kind, Tensor};

use super::super::super::tensors::{Context, Tch, to_f64};
use super::super::samples::GnpSamples;
use super::{GnpTrainer, copied};
use crate::GnnError;
use crate::training::gnp::{
    Ended, GnpCheckpoints, GnpEngine, GnpState, GnpStep, GnpTrainOptions, GnpTrained, Past, Stored,
};

impl GnpTrainer {
    /// Trains with columns drawn on the device.
    ///
    /// The host waits for the device once every `read_every` steps only, when it reads the losses; `hook` then sees these steps, all
    /// with the same `seconds`. `Break`, [`GnpTrainOptions::flat_stop`], the time limit and a loss that is not finite therefore take
    /// effect up to `read_every − 1` steps late, and these steps are part of the result. The best network is chosen on the device.
    ///
    /// # Errors
    /// [`GnnError::Config`] for options out of range or samples of another order, [`GnnError::Diverged`] if already the first loss is
    /// not finite, [`GnnError::Torch`] if LibTorch refuses.
    pub fn run(
        &mut self,
        samples: &GnpSamples,
        options: &GnpTrainOptions,
        read_every: usize,
        hook: &mut dyn FnMut(&GnpStep) -> ControlFlow<()>,
    ) -> Result<GnpTrained, GnnError> {
        self.run_on(samples, options, read_every, None, hook)
    }

    /// [`run`](Self::run) with a file to go on from: in single precision a run that was interrupted and a run that was not give the
    /// same network.
    ///
    /// The file is that of [`train_on`](crate::training::gnp::train_on). It is written where losses are read, when
    /// [`GnpCheckpoints::every`] steps have been done since the last writing, and when `hook` or the time limit ends the run; state and best
    /// network come to the host for it, once. Seeds of the columns belong into [`GnpCheckpoints::model`]. The number of steps, the time limit and
    /// `read_every` may be others when the run goes on; the limit counts from there.
    ///
    /// # Errors
    /// Those of [`run`](Self::run); [`GnnError::Io`], [`GnnError::WeightsFormat`] for a file that cannot be read or written,
    /// [`GnnError::WeightsMismatch`] for one of another run, [`GnnError::Config`] if `every` is 0.
    ///
    /// # Examples
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use la_gnn::torch::{GnpSamples, GnpTrainer};
    /// # let (mut trainer, samples): (GnpTrainer, GnpSamples) = unimplemented!();
    /// use std::ops::ControlFlow;
    /// use la_gnn::training::gnp::{GnpCheckpoints, GnpTrainOptions};
    ///
    /// let checkpoints = GnpCheckpoints {
    ///     path: "run.checkpoint".as_ref(),
    ///     model: serde_json::json!({ "matrix": "A.mtx", "seed": 0 }),
    ///     every: 100,
    /// };
    /// let options = GnpTrainOptions::default();
    /// trainer.run_on(&samples, &options, 20, Some(&checkpoints), &mut |_| ControlFlow::Continue(()))?;
    /// # Ok(()) }
    /// ```
    pub fn run_on(
        &mut self,
        samples: &GnpSamples,
        options: &GnpTrainOptions,
        read_every: usize,
        checkpoints: Option<&GnpCheckpoints<'_>>,
        hook: &mut dyn FnMut(&GnpStep) -> ControlFlow<()>,
    ) -> Result<GnpTrained, GnnError> {
        options.validate()?;
        if samples.order() != self.order() || samples.order() == 0 {
            return Err(GnnError::Config {
                field: "samples",
                reason: format!(
                    "are of order {}, the matrix is of order {}; both must be the same and positive",
                    samples.order(),
                    self.order()
                ),
            });
        }
        let clock = Instant::now();
        let past = self.past(options, checkpoints)?;
        let (before, first) = (past.seconds, past.steps);
        let mut device = OnDevice::new(self, options.steps, &past).context("preparing a run")?;
        let mut seen = Seen::new(options, past);
        let mut written = first;
        let read_every = read_every.max(1);
        for step in first..options.steps {
            let b = samples.batch(step, options.batch)?;
            let loss = self.evaluate(&b)?;
            device
                .note(self, step, &loss, &b)
                .and_then(|()| self.adam(options.learning_rate))
                .context("updating a network")?;
            let done = step + 1;
            if done.is_multiple_of(read_every) || done == options.steps {
                let fresh = device.losses(seen.past.losses.len(), done);
                let fresh = fresh.context("reading losses")?;
                let over = seen.take(fresh, before, clock.elapsed().as_secs_f64(), hook);
                let early = matches!(seen.ended, Ended::Interrupted | Ended::TimeLimit);
                if let Some(file) = checkpoints
                    && seen.ended != Ended::NonFinite
                    && (early || (!over && done >= written + file.every))
                {
                    self.write(file, options, &device, &seen.past)?;
                    written = done;
                }
                if over {
                    break;
                }
            }
        }
        let (best_step, best_loss) = device.best().context("reading the best loss")?;
        if !best_loss.is_finite() {
            return Err(GnnError::Diverged {
                update: 0,
                reason: "the first loss is not finite".into(),
            });
        }
        Ok(GnpTrained {
            best: self
                .read(&device.values, &device.statistics)
                .context("copying a network to the host")?,
            best_step,
            best_loss,
            losses: seen.past.losses,
            zero_losses: seen.past.zero_losses,
            seconds: before + clock.elapsed().as_secs_f64(),
            ended: seen.ended,
        })
    }

    /// What the file says of the steps that are done, once this network is where it was after them; nothing without a file.
    fn past(
        &mut self,
        options: &GnpTrainOptions,
        checkpoints: Option<&GnpCheckpoints<'_>>,
    ) -> Result<Past, GnnError> {
        self.kept = None;
        let Some(file) = checkpoints else {
            return Ok(Past::default());
        };
        if file.every == 0 {
            return Err(GnnError::Config {
                field: "every",
                reason: "is 0, must be at least 1".into(),
            });
        }
        if !file.path.is_file() {
            return Ok(Past::default());
        }
        let stored = Stored::load(file, options, &self.parameters()?)?;
        self.restore(&stored.state)?;
        Ok(stored.past)
    }

    fn write(
        &self,
        file: &GnpCheckpoints<'_>,
        options: &GnpTrainOptions,
        device: &OnDevice,
        past: &Past,
    ) -> Result<(), GnnError> {
        let kept = self
            .read(&device.values, &device.statistics)
            .context("copying a network to the host")?;
        let (best_step, best_loss) = device.best().context("reading the best loss")?;
        Stored {
            state: GnpState {
                kept: Some(kept),
                ..self.state()?
            },
            past: Past {
                best_step,
                best_loss: Some(best_loss),
                ..past.clone()
            },
            source: serde_json::Value::Null,
        }
        .save(file, options)
    }
}

/// What a run keeps on the device.
struct OnDevice {
    best_loss: Tensor,
    best_step: Tensor,
    values: Tensor,
    statistics: Tensor,
    /// Loss, and that of the zero network, of every step.
    losses: Tensor,
}

impl OnDevice {
    /// For a run of `steps` steps in all; what the trainer has kept is the best network of those that are done.
    fn new(trainer: &GnpTrainer, steps: usize, past: &Past) -> Tch<Self> {
        let options = (Kind::Double, trainer.device);
        let body = &trainer.body;
        let (values, statistics) = match &trainer.kept {
            Some((values, statistics)) => (values, statistics),
            None => (&body.values, &body.statistics),
        };
        let best_loss = past.best_loss.unwrap_or(f64::INFINITY);
        let best_step = (Kind::Int64, trainer.device);
        Ok(Self {
            best_loss: Tensor::f_full([], best_loss, options)?,
            best_step: Tensor::f_full([], past.best_step as i64, best_step)?,
            values: copied(values)?,
            statistics: copied(statistics)?,
            losses: Tensor::f_zeros([steps as i64, 2], options)?,
        })
    }

    /// After the passes of a step, before its update. A loss that is NaN is never the best.
    fn note(&mut self, trainer: &GnpTrainer, step: usize, loss: &Tensor, b: &Tensor) -> Tch<()> {
        let row = self.losses.f_select(0, step as i64)?;
        row.f_select(0, 0)?.f_copy_(loss)?;
        row.f_select(0, 1)?
            .f_copy_(&b.f_abs()?.f_mean(Kind::Double)?)?;
        let better = loss.f_less_tensor(&self.best_loss)?;
        let choose = |new: &Tensor, old: &Tensor| new.f_where_self(&better, old);
        self.best_step = choose(&self.best_step.f_full_like(step as i64)?, &self.best_step)?;
        self.values = choose(&trainer.body.values, &self.values)?;
        self.statistics = choose(&trainer.body.statistics, &self.statistics)?;
        self.best_loss = choose(loss, &self.best_loss)?;
        Ok(())
    }

    /// Pairs (loss, loss of the zero network) of these steps. Waits for the device.
    fn losses(&self, from: usize, to: usize) -> Tch<Vec<f64>> {
        to_f64(&self.losses.f_narrow(0, from as i64, (to - from) as i64)?)
    }

    fn best(&self) -> Tch<(usize, f64)> {
        let step = self.best_step.f_int64_value(&[])?;
        Ok((step as usize, self.best_loss.f_double_value(&[])?))
    }
}

/// What the host has seen of a run.
struct Seen<'a> {
    options: &'a GnpTrainOptions,
    past: Past,
    ended: Ended,
}

impl<'a> Seen<'a> {
    fn new(options: &'a GnpTrainOptions, past: Past) -> Self {
        Self {
            options,
            past,
            ended: Ended::Finished,
        }
    }

    /// Takes in the losses of the next steps, `elapsed` seconds after the run went on, which had taken `before` seconds; whether it is over.
    fn take(
        &mut self,
        fresh: Vec<f64>,
        before: f64,
        elapsed: f64,
        hook: &mut dyn FnMut(&GnpStep) -> ControlFlow<()>,
    ) -> bool {
        let past = &mut self.past;
        let (pairs, _) = fresh.as_chunks::<2>();
        let mut over = None;
        past.seconds = before + elapsed;
        for &[loss, zero_loss] in pairs {
            let step = past.losses.len();
            past.losses.push(loss as f32);
            past.zero_losses.push(zero_loss as f32);
            past.steps = step + 1;
            if !loss.is_finite() {
                over = Some(Ended::NonFinite);
            }
            if over == Some(Ended::NonFinite) {
                continue;
            }
            if loss < past.best_loss.unwrap_or(f64::INFINITY) {
                (past.best_step, past.best_loss) = (step, Some(loss));
            }
            let shown = hook(&GnpStep {
                step,
                loss,
                zero_loss,
                best_step: past.best_step,
                best_loss: past.best_loss.unwrap_or(f64::INFINITY),
                seconds: past.seconds,
            });
            if shown.is_break() {
                over = Some(Ended::Interrupted);
            }
            if let Some(flat) = self.options.flat_stop {
                past.learned |= loss < flat.ratio * zero_loss;
                if !past.learned && step + 1 >= flat.steps && over.is_none() {
                    over = Some(Ended::NothingLearned);
                }
            }
        }
        if past.steps == self.options.steps && over != Some(Ended::NonFinite) {
            return true;
        }
        let limit = self.options.time_limit;
        if over.is_none() && limit.is_some_and(|limit| elapsed >= limit) {
            over = Some(Ended::TimeLimit);
        }
        if let Some(over) = over {
            self.ended = over;
        }
        over.is_some()
    }
}
