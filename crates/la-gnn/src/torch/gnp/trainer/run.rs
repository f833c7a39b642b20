//! What a run keeps: on the device the best network and the losses, on the host what has been read of them.

use std::ops::ControlFlow;

use tch::{Kind, Tensor};

use super::super::super::tensors::{Tch, to_f64};
use super::{GnpTrainer, copied};
use crate::training::gnp::{Ended, GnpStep, GnpTrainOptions};

/// What a run keeps on the device.
pub(super) struct OnDevice {
    best_loss: Tensor,
    best_step: Tensor,
    pub(super) values: Tensor,
    pub(super) statistics: Tensor,
    /// Loss, and that of the zero network, of every step.
    losses: Tensor,
}

impl OnDevice {
    pub(super) fn new(trainer: &GnpTrainer, steps: usize) -> Tch<Self> {
        let options = (Kind::Double, trainer.device);
        Ok(Self {
            best_loss: Tensor::f_full([], f64::INFINITY, options)?,
            best_step: Tensor::f_zeros([], (Kind::Int64, trainer.device))?,
            values: copied(&trainer.body.values)?,
            statistics: copied(&trainer.body.statistics)?,
            losses: Tensor::f_zeros([steps as i64, 2], options)?,
        })
    }

    /// After the passes of a step, before its update. A loss that is NaN is never the best.
    pub(super) fn note(
        &mut self,
        trainer: &GnpTrainer,
        step: usize,
        loss: &Tensor,
        b: &Tensor,
    ) -> Tch<()> {
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
    pub(super) fn losses(&self, from: usize, to: usize) -> Tch<Vec<f64>> {
        to_f64(&self.losses.f_narrow(0, from as i64, (to - from) as i64)?)
    }

    pub(super) fn best(&self) -> Tch<(usize, f64)> {
        let step = self.best_step.f_int64_value(&[])?;
        Ok((step as usize, self.best_loss.f_double_value(&[])?))
    }
}

/// What the host has seen of a run.
pub(super) struct Seen<'a> {
    options: &'a GnpTrainOptions,
    pub(super) losses: Vec<f32>,
    pub(super) zero_losses: Vec<f32>,
    best: (usize, f64),
    learned: bool,
    pub(super) ended: Ended,
}

impl<'a> Seen<'a> {
    pub(super) fn new(options: &'a GnpTrainOptions) -> Self {
        Self {
            options,
            losses: Vec::new(),
            zero_losses: Vec::new(),
            best: (0, f64::INFINITY),
            learned: false,
            ended: Ended::Finished,
        }
    }

    /// Takes in the losses of the next steps; whether the run is over.
    pub(super) fn take(
        &mut self,
        fresh: Vec<f64>,
        seconds: f64,
        hook: &mut dyn FnMut(&GnpStep) -> ControlFlow<()>,
    ) -> bool {
        let (pairs, _) = fresh.as_chunks::<2>();
        let mut over = None;
        for &[loss, zero_loss] in pairs {
            let step = self.losses.len();
            self.losses.push(loss as f32);
            self.zero_losses.push(zero_loss as f32);
            if !loss.is_finite() {
                over = Some(Ended::NonFinite);
            }
            if over == Some(Ended::NonFinite) {
                continue;
            }
            if loss < self.best.1 {
                self.best = (step, loss);
            }
            let shown = hook(&GnpStep {
                step,
                loss,
                zero_loss,
                best_step: self.best.0,
                best_loss: self.best.1,
                seconds,
            });
            if shown.is_break() {
                over = Some(Ended::Interrupted);
            }
            if let Some(flat) = self.options.flat_stop {
                self.learned |= loss < flat.ratio * zero_loss;
                if !self.learned && step + 1 >= flat.steps && over.is_none() {
                    over = Some(Ended::NothingLearned);
                }
            }
        }
        if self.losses.len() == self.options.steps && over != Some(Ended::NonFinite) {
            return true;
        }
        if over.is_none()
            && self
                .options
                .time_limit
                .is_some_and(|limit| seconds >= limit)
        {
            over = Some(Ended::TimeLimit);
        }
        if let Some(over) = over {
            self.ended = over;
        }
        over.is_some()
    }
}
