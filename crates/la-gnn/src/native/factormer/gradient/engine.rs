//! The engine for [`crate::training::train`].

use std::fmt;
use std::marker::PhantomData;

use super::super::super::Element;
use super::unroll::{Start, loss};
use super::weights::{Places, Slopes};
use crate::GnnError;
use crate::factormer::{FactormerConfig, NetworkConfig};
use crate::training::factormer::{FactormerLoss, FactormerSample};
use crate::training::{Engine, Joining};

/// The training of a network for [`crate::training::train`], on matrices that are made when they are asked for, in `f32` or `f64`.
///
/// The same losses and gradients as with LibTorch (tests compare them) in a fraction of the time: matrices of training are small, and most of LibTorch's time goes to calls
/// (example `factormer_step_time`). Batches of several matrices have the mean of their losses.
pub struct FactormerEngine<'s, T = f32> {
    config: FactormerConfig,
    options: FactormerLoss,
    samples: usize,
    sample: Box<dyn FnMut(usize) -> Result<FactormerSample, GnnError> + 's>,
    places: Places,
    steps: usize,
    precision: PhantomData<T>,
}

impl<T> fmt::Debug for FactormerEngine<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactormerEngine")
            .field("config", &self.config)
            .field("options", &self.options)
            .field("samples", &self.samples)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

impl<'s, T: Element> FactormerEngine<'s, T> {
    /// An engine for so many training matrices; `sample` makes one by its number.
    ///
    /// # Errors
    /// [`GnnError::Config`] if configuration or options are out of range.
    pub fn new(
        config: &FactormerConfig,
        options: &FactormerLoss,
        samples: usize,
        sample: impl FnMut(usize) -> Result<FactormerSample, GnnError> + 's,
    ) -> Result<Self, GnnError> {
        config.validate()?;
        options.validate()?;
        Ok(Self {
            config: config.clone(),
            options: options.clone(),
            samples,
            sample: Box::new(sample),
            places: Places::new(config),
            steps: options.steps_at(0),
            precision: PhantomData,
        })
    }
}

impl<T: Element> Engine for FactormerEngine<'_, T> {
    fn samples(&self) -> usize {
        self.samples
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }

    fn begin(&mut self, update: usize) {
        self.steps = self.options.steps_at(update);
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let expected = self.config.parameter_count();
        for (field, len) in [("values", values.len()), ("gradient", gradient.len())] {
            if len != expected {
                return Err(GnnError::Config {
                    field,
                    reason: format!("has {len} numbers, expected {expected}"),
                });
            }
        }
        let weights = self.places.read::<T>(values);
        let share = 1.0 / batch.len().max(1) as f64;
        gradient.fill(0.0);
        let mut total = 0.0;
        for &index in batch {
            let sample = (self.sample)(index)?;
            sample.check(self.config.rank)?;
            let start = Start::new(&sample, self.config.rank);
            let (config, options) = (&self.config, &self.options);
            let mut slopes: Slopes<T> = self.places.zeros();
            let value = loss(&weights, config, options, self.steps, &start, &mut slopes);
            let (value, scale) = match options.logarithm {
                true => (value.ln(), 1.0 / value),
                false => (value, 1.0),
            };
            total += value;
            self.places.add_to(&slopes, share * scale, gradient);
        }
        Ok(total * share)
    }
}
