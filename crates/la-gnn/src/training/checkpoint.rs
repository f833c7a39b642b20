//! Everything a run needs to go on where it stopped.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{AdamW, TrainOptions};
use crate::GnnError;
use crate::weights::{Provenance, Tensor, Weights};

pub(super) const ARCHITECTURE: &str = "training-checkpoint";

/// Options that a checkpoint belongs to.
pub(super) trait Recipe: Clone + PartialEq + Serialize + DeserializeOwned {
    /// These options for a run as long as the other.
    fn prolonged_like(&self, other: &Self) -> Self;
}

impl Recipe for TrainOptions {
    fn prolonged_like(&self, other: &Self) -> Self {
        Self {
            updates: other.updates,
            ..self.clone()
        }
    }
}

/// State of a run after some update.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<O = TrainOptions> {
    /// Name of the architecture and its configuration, so that a foreign checkpoint is refused.
    pub model: serde_json::Value,
    /// Options of the run.
    pub options: O,
    /// Current parameters.
    pub values: Vec<f32>,
    /// Optimiser state; its counter is the number of updates done.
    pub optimizer: AdamW,
    /// Parameters with the best validation so far.
    pub best_values: Vec<f32>,
    /// What happened so far.
    pub log: Log,
}

/// What happened in a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Log {
    /// Loss of every update; NaN where it was not finite.
    #[serde(deserialize_with = "with_nan")]
    pub losses: Vec<f32>,
    /// (update, validation score), in order.
    pub validations: Vec<(usize, f64)>,
    /// Updates that were skipped because loss or gradient was not finite.
    pub skipped: usize,
    /// Seconds spent, over all sessions of the run.
    pub seconds: f64,
}

/// JSON has no NaN: it is written as null.
fn with_nan<'de, D: serde::Deserializer<'de>>(file: D) -> Result<Vec<f32>, D::Error> {
    let stored = Vec::<Option<f32>>::deserialize(file)?;
    Ok(stored.into_iter().map(|v| v.unwrap_or(f32::NAN)).collect())
}

impl Log {
    /// The best (lowest) validation so far.
    #[must_use]
    pub fn best(&self) -> Option<(usize, f64)> {
        self.validations
            .iter()
            .copied()
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }
}

#[allow(private_bounds, reason = "the options are those of this crate")]
impl<O: Recipe> Checkpoint<O> {
    /// Writes the checkpoint; a reader never meets half a file.
    ///
    /// # Errors
    /// [`GnnError::Io`] naming the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), GnnError> {
        self.to_weights().save(path)
    }

    fn to_weights(&self) -> Weights {
        let tensor = |data: &[f32]| Tensor {
            shape: vec![data.len()],
            data: data.to_vec(),
        };
        let json = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
        Weights {
            tensors: [
                ("values", tensor(&self.values)),
                ("first", tensor(&self.optimizer.first)),
                ("second", tensor(&self.optimizer.second)),
                ("best_values", tensor(&self.best_values)),
            ]
            .into_iter()
            .map(|(k, v)| (k.to_string(), v))
            .collect(),
            provenance: Provenance {
                architecture: ARCHITECTURE.into(),
                config: self.model.clone(),
                recipe: json(serde_json::to_value(&self.options)),
                data: serde_json::json!({ "updates": self.optimizer.updates }),
                commit: String::new(),
                results: json(serde_json::to_value(&self.log)),
            },
        }
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// As [`Weights::to_bytes`].
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, GnnError> {
        self.to_weights().to_bytes()
    }

    /// Reads a checkpoint and checks that it belongs to this model and these options (the number of
    /// updates may differ: a run may be prolonged).
    ///
    /// # Errors
    /// [`GnnError::Io`], [`GnnError::WeightsFormat`] for truncated or foreign files,
    /// [`GnnError::WeightsMismatch`] for another model or recipe.
    pub fn load(
        path: impl AsRef<Path>,
        model: &serde_json::Value,
        options: &O,
    ) -> Result<Self, GnnError> {
        Self::read(Weights::load(path)?, model, options)
    }

    fn read(file: Weights, model: &serde_json::Value, options: &O) -> Result<Self, GnnError> {
        let format = |reason: String| GnnError::WeightsFormat { reason };
        let stored: O = serde_json::from_value(file.provenance.recipe.clone())
            .map_err(|e| format(format!("options: {e}")))?;
        let mut differences = Vec::new();
        if file.provenance.architecture != ARCHITECTURE {
            differences.push(format!("the file holds `{}`", file.provenance.architecture));
        }
        if file.provenance.config != *model {
            differences.push(format!("it belongs to {}", file.provenance.config));
        }
        if stored.prolonged_like(options) != *options {
            differences.push("it was made with other training options".into());
        }
        if !differences.is_empty() {
            return Err(GnnError::WeightsMismatch {
                architecture: ARCHITECTURE.into(),
                differences,
            });
        }
        let take = |name: &str| {
            file.tensors
                .get(name)
                .map(|t| t.data.clone())
                .ok_or_else(|| format(format!("no tensor `{name}`")))
        };
        let updates = file.provenance.data["updates"]
            .as_u64()
            .ok_or_else(|| format("metadata field `data.updates` is missing".into()))?;
        let checkpoint = Self {
            model: model.clone(),
            options: options.clone(),
            values: take("values")?,
            optimizer: AdamW {
                first: take("first")?,
                second: take("second")?,
                updates: updates as usize,
            },
            best_values: take("best_values")?,
            log: serde_json::from_value(file.provenance.results)
                .map_err(|e| format(format!("log: {e}")))?,
        };
        let count = checkpoint.values.len();
        let o = &checkpoint.optimizer;
        if [o.first.len(), o.second.len(), checkpoint.best_values.len()]
            .iter()
            .any(|l| *l != count)
        {
            return Err(format("its tensors differ in length".into()));
        }
        Ok(checkpoint)
    }

    /// [`load`](Self::load), for a model with `count` parameters.
    pub(super) fn load_for(
        path: &Path,
        model: &serde_json::Value,
        options: &O,
        count: usize,
    ) -> Result<Self, GnnError> {
        Self::load(path, model, options)?.with_count(count)
    }

    /// From the bytes of a file, for a model with `count` parameters.
    pub(super) fn from_bytes_for(
        bytes: &[u8],
        model: &serde_json::Value,
        options: &O,
        count: usize,
    ) -> Result<Self, GnnError> {
        Self::read(Weights::from_bytes(bytes)?, model, options)?.with_count(count)
    }

    fn with_count(self, count: usize) -> Result<Self, GnnError> {
        let found = self.values.len();
        if found == count {
            return Ok(self);
        }
        Err(GnnError::WeightsMismatch {
            architecture: ARCHITECTURE.into(),
            differences: vec![format!(
                "it holds {found} parameters, the model has {count}"
            )],
        })
    }

    /// A number that two states share only if they are the same: parameters, best parameters and optimiser, bit by bit.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.optimizer.updates.hash(&mut hasher);
        let o = &self.optimizer;
        for numbers in [&self.values, &o.first, &o.second, &self.best_values] {
            for number in numbers {
                hasher.write_u32(number.to_bits());
            }
        }
        hasher.finish()
    }
}
