//! Everything that a training needs to go on where it stopped.

use std::path::Path;

use crate::GnnError;
use crate::mpgnn::{MpgnnConfig, Parameters};
use crate::training::mpgnn::{MpgnnLog, MpgnnTrainOptions};
use crate::weights::{Provenance, Tensor, Weights};

const ARCHITECTURE: &str = "mpgnn-training";

/// Numbers of the network and of Adam.
#[derive(Debug)]
pub(super) struct State {
    pub(super) values: Vec<f32>,
    pub(super) statistics: Vec<f32>,
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
}

#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) options: MpgnnTrainOptions,
    pub(super) state: State,
    pub(super) best: Parameters,
    pub(super) log: MpgnnLog,
}

impl Checkpoint {
    /// Writes the checkpoint; a reader never meets half a file.
    pub(super) fn save(&self, path: &Path) -> Result<(), GnnError> {
        let tensor = |data: &[f32]| Tensor {
            shape: vec![data.len()],
            data: data.to_vec(),
        };
        let json = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
        Weights {
            tensors: [
                ("values", &self.state.values),
                ("statistics", &self.state.statistics),
                ("first", &self.state.first),
                ("second", &self.state.second),
                ("best_values", &self.best.values),
                ("best_statistics", &self.best.statistics),
            ]
            .into_iter()
            .filter(|(_, data)| !data.is_empty())
            .map(|(name, data)| (name.to_owned(), tensor(data)))
            .collect(),
            provenance: Provenance {
                architecture: ARCHITECTURE.into(),
                config: json(serde_json::to_value(&self.best.config)),
                recipe: json(serde_json::to_value(&self.options)),
                results: json(serde_json::to_value(&self.log)),
                ..Provenance::default()
            },
        }
        .save(path)
    }

    /// Reads a checkpoint of this network and these options (the number of epochs may differ: a training may be prolonged).
    pub(super) fn load(
        path: &Path,
        config: &MpgnnConfig,
        options: &MpgnnTrainOptions,
    ) -> Result<Self, GnnError> {
        let file = Weights::load(path)?;
        let format = |reason: String| GnnError::WeightsFormat { reason };
        let p = &file.provenance;
        let read = |what: &str, e: serde_json::Error| format(format!("{what}: {e}"));
        let mut differences = Vec::new();
        if p.architecture != ARCHITECTURE {
            differences.push(format!("the file holds `{}`", p.architecture));
        } else {
            let stored: MpgnnConfig =
                serde_json::from_value(p.config.clone()).map_err(|e| read("configuration", e))?;
            if stored != *config {
                differences.push("it belongs to another network".into());
            }
            let stored: MpgnnTrainOptions =
                serde_json::from_value(p.recipe.clone()).map_err(|e| read("options", e))?;
            if stored.with_epochs(options.epochs) != *options {
                differences.push("it was made with other training options".into());
            }
        }
        if !differences.is_empty() {
            return Err(GnnError::WeightsMismatch {
                architecture: ARCHITECTURE.into(),
                differences,
            });
        }
        let take = |name: &str, len: usize| match file.tensors.get(name) {
            None if len == 0 => Ok(Vec::new()),
            Some(t) if t.data.len() == len => Ok(t.data.clone()),
            _ => Err(format(format!("`{name}` is missing or has a wrong length"))),
        };
        let (values, statistics) = (config.parameter_count(), config.statistic_count());
        Ok(Self {
            options: options.clone(),
            state: State {
                values: take("values", values)?,
                statistics: take("statistics", statistics)?,
                first: take("first", values)?,
                second: take("second", values)?,
            },
            best: Parameters {
                config: config.clone(),
                values: take("best_values", values)?,
                statistics: take("best_statistics", statistics)?,
            },
            log: serde_json::from_value(p.results.clone()).map_err(|e| read("log", e))?,
        })
    }
}
