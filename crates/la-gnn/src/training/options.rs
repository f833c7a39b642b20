//! Options of a training run.

use serde::{Deserialize, Serialize};

use super::active_set::Kept;
use crate::GnnError;

/// Learning rate over the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Schedule {
    /// The same at every update (the published setting).
    Constant,
    /// Half a cosine from the learning rate down to 1 % of it.
    Cosine,
    /// Half a cosine up from 1/25 of the learning rate over the first 30 % of the updates, then one down to 1/250 000 of it (L. N. Smith, N. Topin,
    /// arXiv 1708.07120, with LibTorch's defaults).
    OneCycle,
    /// Half a cosine from the learning rate down to 0 over every `period` updates, each time from so many per cent of the rate before (I. Loshchilov, F. Hutter, *SGDR: stochastic
    /// gradient descent with warm restarts*, ICLR 2017, with a decay).
    WarmRestarts {
        /// Updates from one restart to the next, at least 1.
        period: usize,
        /// What is kept of the rate, in per cent.
        kept: u8,
    },
}

/// Options of a training run. The default is the published recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TrainOptions {
    /// Parameter updates in all.
    pub updates: usize,
    /// Graphs per update. Default 5.
    pub batch: usize,
    /// Learning rate. Default 1e-3.
    pub learning_rate: f64,
    /// Schedule of the learning rate. Default constant.
    pub schedule: Schedule,
    /// Decoupled weight decay. Default 1e-2.
    pub weight_decay: f64,
    /// Largest 2-norm of the gradient; longer ones are scaled down. Default 1.
    pub clip: f64,
    /// Which parameters the run gives in the end. Default the best, where there is validation.
    pub keep: Kept,
    /// Updates between two validations. Default 1000.
    pub validate_every: usize,
    /// Updates between two checkpoints. Default 200.
    pub checkpoint_every: usize,
    /// Seed of initialisation, batches and probes.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            updates: 10_000,
            batch: 5,
            learning_rate: 1e-3,
            schedule: Schedule::Constant,
            weight_decay: 1e-2,
            clip: 1.0,
            keep: Kept::Best,
            validate_every: 1000,
            checkpoint_every: 200,
            seed: 0,
        }
    }
}

impl TrainOptions {
    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        for (field, value) in [
            ("updates", self.updates),
            ("batch", self.batch),
            ("validate_every", self.validate_every),
            ("checkpoint_every", self.checkpoint_every),
        ] {
            if value == 0 {
                return Err(GnnError::Config {
                    field,
                    reason: "is 0, must be at least 1".into(),
                });
            }
        }
        for (field, value) in [("learning_rate", self.learning_rate), ("clip", self.clip)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(GnnError::Config {
                    field,
                    reason: format!("is {value}, must be positive and finite"),
                });
            }
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return Err(GnnError::Config {
                field: "weight_decay",
                reason: format!("is {}, must be at least 0 and finite", self.weight_decay),
            });
        }
        Ok(())
    }

    /// Learning rate of an update (counted from 0).
    #[must_use]
    pub fn learning_rate_at(&self, update: usize) -> f64 {
        match self.schedule {
            Schedule::Constant => self.learning_rate,
            Schedule::Cosine => {
                let t = update as f64 / self.updates.max(1) as f64;
                self.learning_rate
                    * (0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * t.min(1.0)).cos()))
            }
            Schedule::OneCycle => {
                const RISE: f64 = 0.3;
                let t = (update as f64 / self.updates.saturating_sub(1).max(1) as f64).min(1.0);
                let (from, to, share) = if t < RISE {
                    (1.0 / 25.0, 1.0, t / RISE)
                } else {
                    (1.0, 1.0 / 250_000.0, (t - RISE) / (1.0 - RISE))
                };
                let half = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
                self.learning_rate * (to + (from - to) * half)
            }
            Schedule::WarmRestarts { period, kept } => {
                let period = period.max(1);
                let (epoch, t) = (update / period, (update % period) as f64 / period as f64);
                let start = self.learning_rate * (f64::from(kept) / 100.0).powi(epoch as i32);
                start * 0.5 * (1.0 + (std::f64::consts::PI * t).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_begin_lower_each_time() {
        let options = TrainOptions {
            schedule: Schedule::WarmRestarts {
                period: 10,
                kept: 90,
            },
            learning_rate: 2.0,
            ..TrainOptions::default()
        };
        let at = |update| options.learning_rate_at(update);
        assert!((at(0) - 2.0).abs() < 1e-15 && (at(5) - 1.0).abs() < 1e-15);
        assert!(at(9) < 0.05, "nearly nothing before a restart");
        assert!((at(10) - 1.8).abs() < 1e-12 && (at(140) - 2.0 * 0.9f64.powi(14)).abs() < 1e-12);
    }

    #[test]
    fn one_cycle_rises_and_falls() {
        let options = TrainOptions {
            updates: 101,
            schedule: Schedule::OneCycle,
            learning_rate: 1.0,
            ..TrainOptions::default()
        };
        let at = |update| options.learning_rate_at(update);
        assert!((at(0) - 0.04).abs() < 1e-15 && (at(30) - 1.0).abs() < 1e-12);
        assert!((at(15) - 0.52).abs() < 1e-12, "half-way up");
        assert!((at(65) - 0.5).abs() < 1e-5, "half-way down");
        assert!((at(100) - 4e-6).abs() < 1e-15);
    }
}
