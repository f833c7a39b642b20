//! Loss and gradient of networks whose outputs become the entries of a factor.

use rayon::prelude::*;

use super::graph::EdgeGraph;
use super::network::MessageNetwork;
use crate::GnnError;
use crate::mpgnn::{MpgnnConfig, Parameters};
use crate::training::{Engine, Joining};

/// What the entries of a factor are judged by.
pub trait EdgeLoss: Send + Sync {
    /// Loss of these entries; overwrites `gradient`. Not finite where there is none.
    fn evaluate(&self, entries: &[f64], gradient: &mut [f64]) -> f64;
}

/// `1 − cos` of the angle to the entries that are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Cosine {
    /// Of norm 1.
    wanted: Vec<f64>,
}

impl Cosine {
    /// The loss of factors that are to be a multiple of this one.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if it is zero or not finite.
    pub fn new(wanted: &[f64]) -> Result<Self, GnnError> {
        let norm = wanted.iter().map(|v| v * v).sum::<f64>().sqrt();
        if !(norm > 0.0 && norm.is_finite()) {
            return Err(GnnError::Matrix {
                reason: format!("a factor of norm {norm}"),
            });
        }
        Ok(Self {
            wanted: wanted.iter().map(|v| v / norm).collect(),
        })
    }
}

impl EdgeLoss for Cosine {
    fn evaluate(&self, entries: &[f64], gradient: &mut [f64]) -> f64 {
        let norm = entries.iter().map(|v| v * v).sum::<f64>().sqrt();
        let cosine = entries
            .iter()
            .zip(&self.wanted)
            .map(|(x, y)| x / norm * y)
            .sum::<f64>();
        for ((g, &x), &y) in gradient.iter_mut().zip(entries).zip(&self.wanted) {
            *g = (cosine * x / norm - y) / norm;
        }
        1.0 - cosine
    }
}

/// A graph to learn from.
pub struct EdgeTask {
    /// Its arcs.
    pub graph: EdgeGraph,
    /// Features of nodes, row by row.
    pub nodes: Vec<f64>,
    /// Features of arcs, row by row.
    pub edges: Vec<f64>,
    /// What the outputs correct: entry = base · exp(output). None: the outputs are the entries.
    pub base: Option<Vec<f64>>,
    /// What the entries are judged by.
    pub loss: Box<dyn EdgeLoss>,
}

impl EdgeTask {
    /// The entries that these outputs stand for; an output counts as at most `limit` in magnitude.
    #[must_use]
    pub fn entries(base: Option<&[f64]>, outputs: &[f64], limit: f64) -> Vec<f64> {
        match base {
            None => outputs.to_vec(),
            Some(base) => {
                let pairs = base.iter().zip(outputs);
                pairs
                    .map(|(b, o)| b * o.clamp(-limit, limit).exp())
                    .collect()
            }
        }
    }

    /// Loss of these outputs; overwrites them with its gradient.
    pub fn loss_of_outputs(&self, outputs: &mut [f64], limit: f64) -> f64 {
        let entries = Self::entries(self.base.as_deref(), outputs, limit);
        let mut gradient = vec![0.0; entries.len()];
        let loss = self.loss.evaluate(&entries, &mut gradient);
        let pairs = outputs.iter_mut().zip(&entries).zip(&gradient);
        for ((o, &entry), &g) in pairs {
            *o = match self.base {
                None => g,
                // Beyond the limit nothing moves.
                Some(_) if o.abs() > limit => 0.0,
                Some(_) => g * entry,
            };
        }
        loss
    }
}

/// Loss and gradient of a message-passing network on tasks, for [`train`](crate::training::train). Graphs of a batch run in parallel.
pub struct EdgeEngine {
    config: MpgnnConfig,
    limit: f64,
    tasks: Vec<EdgeTask>,
}

impl EdgeEngine {
    /// An engine; outputs beyond `limit` in magnitude count as `limit` where they correct something.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range or `limit` is not positive.
    pub fn new(config: &MpgnnConfig, limit: f64, tasks: Vec<EdgeTask>) -> Result<Self, GnnError> {
        config.validate()?;
        if limit.is_nan() || limit <= 0.0 {
            return Err(GnnError::Config {
                field: "limit",
                reason: format!("is {limit}, must be positive"),
            });
        }
        Ok(Self {
            config: config.clone(),
            limit,
            tasks,
        })
    }

    /// Mean loss over all tasks.
    ///
    /// # Errors
    /// [`GnnError`] for parameters that do not fit.
    pub fn mean_loss(&self, values: &[f32]) -> Result<f64, GnnError> {
        let network = self.network(values)?;
        let of = |task: &EdgeTask| {
            let mut y = network.outputs(&task.graph, &task.nodes, &task.edges)?;
            Ok(task.loss_of_outputs(&mut y, self.limit))
        };
        let losses: Vec<f64> = self
            .tasks
            .par_iter()
            .map(of)
            .collect::<Result<_, GnnError>>()?;
        Ok(losses.iter().sum::<f64>() / losses.len().max(1) as f64)
    }

    fn network(&self, values: &[f32]) -> Result<MessageNetwork, GnnError> {
        MessageNetwork::new(&Parameters {
            config: self.config.clone(),
            values: values.to_vec(),
            statistics: Vec::new(),
        })
    }
}

impl Engine for EdgeEngine {
    fn samples(&self) -> usize {
        self.tasks.len()
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let network = self.network(values)?;
        let of = |&k: &usize| {
            let task = self.tasks.get(k).ok_or(GnnError::Config {
                field: "batch",
                reason: format!("has no task {k}"),
            })?;
            let (mut y, tape) = network.forward(&task.graph, &task.nodes, &task.edges)?;
            let loss = task.loss_of_outputs(&mut y, self.limit);
            let mut own = vec![0.0; values.len()];
            network.backward(&task.graph, &tape, &y, &mut own)?;
            Ok((loss, own))
        };
        let parts: Vec<(f64, Vec<f64>)> =
            batch.par_iter().map(of).collect::<Result<_, GnnError>>()?;
        let share = 1.0 / batch.len().max(1) as f64;
        gradient.fill(0.0);
        for (_, own) in &parts {
            for (g, &own) in gradient.iter_mut().zip(own) {
                *g += share * own;
            }
        }
        Ok(parts.iter().map(|p| p.0).sum::<f64>() * share)
    }
}
