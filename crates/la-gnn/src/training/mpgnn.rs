//! Training of message-passing networks on the cosine between a factor and what the network makes of its matrix: options and log.

use serde::{Deserialize, Serialize};

use crate::GnnError;

/// How a message-passing network is trained. The default is the published schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MpgnnTrainOptions {
    /// Passes over the training set, at least 1. Default 300.
    pub epochs: usize,
    /// Step of Adam at first, positive. Default 1e-3.
    pub learning_rate: f64,
    /// Factor on the step every [`decay_epochs`](Self::decay_epochs), in (0, 1]. Default 0.6.
    pub decay: f64,
    /// Default 50; at least 1.
    pub decay_epochs: usize,
    /// Epochs without a better validation loss after which training ends, at least 1. Default 50.
    pub patience: usize,
    /// Seed of the order of the training set.
    pub seed: u64,
}

impl Default for MpgnnTrainOptions {
    fn default() -> Self {
        Self {
            epochs: 300,
            learning_rate: 1e-3,
            decay: 0.6,
            decay_epochs: 50,
            patience: 50,
            seed: 0,
        }
    }
}

impl MpgnnTrainOptions {
    /// Sets the number of epochs.
    #[must_use]
    pub fn with_epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }
    /// Sets the first step.
    #[must_use]
    pub fn with_learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }
    /// Sets after how many epochs the step gets smaller.
    #[must_use]
    pub fn with_decay_epochs(mut self, decay_epochs: usize) -> Self {
        self.decay_epochs = decay_epochs;
        self
    }
    /// Sets the patience.
    #[must_use]
    pub fn with_patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }
    /// Sets the seed of the order of the training set.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        let bad = |field, reason: String| Err(GnnError::Config { field, reason });
        for (field, value) in [
            ("epochs", self.epochs),
            ("decay_epochs", self.decay_epochs),
            ("patience", self.patience),
        ] {
            if value == 0 {
                return bad(field, "is 0, must be at least 1".into());
            }
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let reason = format!("is {}, must be positive", self.learning_rate);
            return bad("learning_rate", reason);
        }
        if !(self.decay > 0.0 && self.decay <= 1.0) {
            return bad("decay", format!("is {}, must be in (0, 1]", self.decay));
        }
        Ok(())
    }

    /// The step in an epoch, counted from 0.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::training::mpgnn::MpgnnTrainOptions;
    /// let options = MpgnnTrainOptions::default();
    /// assert_eq!([options.step(49), options.step(50)], [1e-3, 0.6e-3]);
    /// ```
    #[must_use]
    pub fn step(&self, epoch: usize) -> f64 {
        self.learning_rate * self.decay.powf((epoch / self.decay_epochs) as f64)
    }
}

/// What happened in a training.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MpgnnLog {
    /// Mean training loss of each epoch, 1 − cosine.
    pub losses: Vec<f64>,
    /// Validation loss after each epoch.
    pub validations: Vec<f64>,
    /// Seconds of all sittings.
    pub seconds: f64,
    /// Updates of the parameters.
    pub updates: usize,
}

impl MpgnnLog {
    /// Epoch with the lowest validation loss so far, counted from 0, and that loss.
    #[must_use]
    pub fn best(&self) -> Option<(usize, f64)> {
        let numbered = self.validations.iter().copied().enumerate();
        numbered.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Whether the last `patience` epochs brought nothing better.
    #[must_use]
    pub fn is_stuck(&self, patience: usize) -> bool {
        let best = self.best().map_or(0, |(epoch, _)| epoch + 1);
        self.validations.len() >= best + patience
    }
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MpgnnEnded {
    /// After the last epoch.
    Epochs,
    /// Nothing better for as many epochs as the patience lasts.
    Stuck,
    /// The caller wanted so.
    Interrupted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_shrink_and_patience_ends() {
        let options = MpgnnTrainOptions::default();
        assert!((options.step(299) - 1e-3 * 0.6f64.powi(5)).abs() < 1e-18);
        let mut log = MpgnnLog::default();
        assert!(!log.is_stuck(2));
        log.validations = vec![0.5, 0.3, 0.4];
        assert_eq!((log.best(), log.is_stuck(2)), (Some((1, 0.3)), false));
        log.validations.push(0.35);
        assert!(log.is_stuck(2));
    }

    #[test]
    fn fields_out_of_range_are_named() {
        let options = MpgnnTrainOptions::default;
        for (options, field) in [
            (options().with_epochs(0), "epochs"),
            (options().with_learning_rate(f64::NAN), "learning_rate"),
            (options().with_decay_epochs(0), "decay_epochs"),
            (options().with_patience(0), "patience"),
        ] {
            let text = options.validate().unwrap_err().to_string();
            assert!(text.contains(field), "{text}");
        }
    }
}
