//! Options of a training run.

use serde::{Deserialize, Serialize};

use crate::GnnError;

/// When a run that has learned nothing ends early.
///
/// The zero network has the loss `mean |b|`. If after `steps` steps no loss was below `ratio` times that of its own batch, the
/// run ends as [`super::Ended::NothingLearned`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FlatStop {
    /// Steps that a run is given, at least 1. Default 300.
    pub steps: usize,
    /// Loss over loss of the zero network that counts as learned, positive. Default 0.99.
    pub ratio: f64,
}

impl Default for FlatStop {
    fn default() -> Self {
        Self {
            steps: 300,
            ratio: 0.99,
        }
    }
}

impl FlatStop {
    /// Sets the steps that a run is given.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }
    /// Sets the ratio that counts as learned.
    #[must_use]
    pub fn with_ratio(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }
}

/// Options of a training run. The default is the published recipe.
///
/// # Examples
/// ```
/// use la_gnn::training::gnp::{FlatStop, GnpTrainOptions};
/// let options = GnpTrainOptions::default().with_steps(500).with_flat_stop(Some(FlatStop::default()));
/// assert!(options.validate().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GnpTrainOptions {
    /// Steps, each with a fresh batch. Default 2000.
    pub steps: usize,
    /// Columns of a batch. Default 16.
    pub batch: usize,
    /// Learning rate of Adam, constant. Default 1e-3.
    pub learning_rate: f64,
    /// Early end of a run that learns nothing. Default none (the paper).
    pub flat_stop: Option<FlatStop>,
    /// Seconds after which no further step begins; positive. Default none.
    pub time_limit: Option<f64>,
}

impl Default for GnpTrainOptions {
    fn default() -> Self {
        Self {
            steps: 2000,
            batch: 16,
            learning_rate: 1e-3,
            flat_stop: None,
            time_limit: None,
        }
    }
}

impl GnpTrainOptions {
    /// Sets the number of steps.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }
    /// Sets the columns of a batch.
    #[must_use]
    pub fn with_batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }
    /// Sets the learning rate.
    #[must_use]
    pub fn with_learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }
    /// Sets when a run that learns nothing ends.
    #[must_use]
    pub fn with_flat_stop(mut self, flat_stop: Option<FlatStop>) -> Self {
        self.flat_stop = flat_stop;
        self
    }
    /// Sets the time limit, in seconds.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Option<f64>) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        let flat = self.flat_stop.unwrap_or_default();
        for (field, value) in [
            ("steps", self.steps),
            ("batch", self.batch),
            ("flat_stop.steps", flat.steps),
        ] {
            if value == 0 {
                return Err(GnnError::Config {
                    field,
                    reason: "is 0, must be at least 1".into(),
                });
            }
        }
        for (field, value) in [
            ("learning_rate", self.learning_rate),
            ("flat_stop.ratio", flat.ratio),
            ("time_limit", self.time_limit.unwrap_or(1.0)),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(GnnError::Config {
                    field,
                    reason: format!("is {value}, must be positive and finite"),
                });
            }
        }
        Ok(())
    }
}
