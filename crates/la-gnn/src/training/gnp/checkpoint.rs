//! Everything a run needs to go on where it stopped.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::GnpTrainOptions;
use crate::GnnError;
use crate::gnp::{GnpConfig, Parameters};
use crate::training::AdamW;
use crate::weights::{Provenance, Tensor, Weights};

const ARCHITECTURE: &str = "gnp-training-checkpoint";

/// The network that is trained, the best one and the optimiser, between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct GnpState {
    /// The network as it is.
    pub now: Parameters,
    /// What was [kept](super::GnpEngine::keep) last.
    pub kept: Option<Parameters>,
    /// Moments of the gradient, and the updates done.
    pub optimizer: AdamW,
}

impl GnpState {
    /// Checks that the state is one of a network of this configuration.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming what is of another one; those of [`Parameters::check`].
    pub fn check(&self, config: &GnpConfig) -> Result<(), GnnError> {
        for network in std::iter::once(&self.now).chain(&self.kept) {
            network.check()?;
            if network.config != *config {
                return Err(GnnError::Config {
                    field: "state",
                    reason: "belongs to a network of another configuration".into(),
                });
            }
        }
        let count = self.now.values.len();
        for moments in [&self.optimizer.first, &self.optimizer.second] {
            if moments.len() != count {
                return Err(GnnError::Config {
                    field: "state.optimizer",
                    reason: format!("has {} moments, must have {count}", moments.len()),
                });
            }
        }
        Ok(())
    }
}

/// Where a run leaves what it needs to go on, and how often.
#[derive(Debug, Clone)]
pub struct GnpCheckpoints<'p> {
    /// The file. One that is there is gone on from; it is not removed at the end of a run.
    pub path: &'p Path,
    /// What else decides the run (matrix, recipe, seed): a file of another one is refused.
    pub model: Value,
    /// Steps between two writings, at least 1. Sources that [observe](super::BatchSource::observe_every) make it longer.
    pub every: usize,
}

/// What has happened so far.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Past {
    /// Steps done.
    pub(crate) steps: usize,
    pub(crate) losses: Vec<f32>,
    pub(crate) zero_losses: Vec<f32>,
    pub(crate) best_step: usize,
    /// None before the first step.
    pub(crate) best_loss: Option<f64>,
    pub(crate) learned: bool,
    pub(crate) seconds: f64,
}

/// What is in a file.
pub(crate) struct Stored {
    pub(crate) state: GnpState,
    pub(crate) past: Past,
    /// What the source remembers.
    pub(crate) source: Value,
}

fn format(reason: String) -> GnnError {
    GnnError::WeightsFormat { reason }
}

/// Options without what may differ between the parts of a run.
fn recipe(options: &GnpTrainOptions) -> Value {
    let same = GnpTrainOptions {
        steps: 1,
        time_limit: None,
        ..options.clone()
    };
    serde_json::to_value(same).unwrap_or_default()
}

impl Stored {
    /// Writes; a reader never meets half a file.
    pub(crate) fn save(
        &self,
        to: &GnpCheckpoints<'_>,
        options: &GnpTrainOptions,
    ) -> Result<(), GnnError> {
        let mut tensors = vec![
            ("now.values", &self.state.now.values),
            ("now.statistics", &self.state.now.statistics),
            ("first", &self.state.optimizer.first),
            ("second", &self.state.optimizer.second),
        ];
        if let Some(kept) = &self.state.kept {
            tensors.extend([
                ("kept.values", &kept.values),
                ("kept.statistics", &kept.statistics),
            ]);
        }
        let tensors = tensors.into_iter().map(|(name, data)| {
            let shape = vec![data.len()];
            let data = data.clone();
            (name.to_string(), Tensor { shape, data })
        });
        Weights {
            tensors: tensors.collect(),
            provenance: Provenance {
                architecture: ARCHITECTURE.into(),
                config: json!({ "network": self.state.now.config, "model": to.model }),
                recipe: recipe(options),
                data: json!({ "updates": self.state.optimizer.updates, "source": self.source }),
                commit: String::new(),
                results: serde_json::to_value(&self.past).unwrap_or_default(),
            },
        }
        .save(to.path)
    }

    /// Reads, and checks that the file belongs to this run.
    pub(crate) fn load(
        from: &GnpCheckpoints<'_>,
        options: &GnpTrainOptions,
        start: &Parameters,
    ) -> Result<Self, GnnError> {
        let file = Weights::load(from.path)?;
        let story = &file.provenance;
        let mut differences = Vec::new();
        if story.architecture != ARCHITECTURE {
            differences.push(format!("the file holds `{}`", story.architecture));
        }
        if story.config["model"] != from.model {
            differences.push(format!("it belongs to {}", story.config["model"]));
        }
        if story.config["network"] != serde_json::to_value(&start.config).unwrap_or_default() {
            differences.push("the network has another configuration".into());
        }
        if story.recipe != recipe(options) {
            differences.push("it was made with other training options".into());
        }
        if !differences.is_empty() {
            return Err(GnnError::WeightsMismatch {
                architecture: ARCHITECTURE.into(),
                differences,
            });
        }
        let take = |name: &str, count: usize| match file.tensors.get(name) {
            Some(tensor) if tensor.data.len() == count => Ok(tensor.data.clone()),
            Some(tensor) => Err(format(format!(
                "tensor `{name}` has {} numbers, must have {count}",
                tensor.data.len()
            ))),
            None => Err(format(format!("no tensor `{name}`"))),
        };
        let (values, statistics) = (start.values.len(), start.statistics.len());
        let network = |name: &str| {
            Ok::<_, GnnError>(Parameters {
                config: start.config.clone(),
                values: take(&format!("{name}.values"), values)?,
                statistics: take(&format!("{name}.statistics"), statistics)?,
            })
        };
        let past: Past = serde_json::from_value(story.results.clone())
            .map_err(|e| format(format!("what has happened: {e}")))?;
        if past.losses.len() != past.steps || past.zero_losses.len() != past.steps {
            return Err(format(format!(
                "{} losses of {} steps",
                past.losses.len(),
                past.steps
            )));
        }
        let updates = story.data["updates"]
            .as_u64()
            .ok_or_else(|| format("metadata field `data.updates` is missing".into()))?;
        Ok(Self {
            state: GnpState {
                now: network("now")?,
                kept: past.best_loss.map(|_| network("kept")).transpose()?,
                optimizer: AdamW {
                    first: take("first", values)?,
                    second: take("second", values)?,
                    updates: updates as usize,
                },
            },
            past,
            source: story.data["source"].clone(),
        })
    }
}
