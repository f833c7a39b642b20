//! The state of a run as something that can be written and read.

use std::path::PathBuf;
use std::time::Duration;

use super::anderson::{Accelerator, Memory};
use super::collective::agree;
use super::exchange::Exchange;
use super::objective::LocalObjective;
use super::safeguard::{Best, Watch};
use super::solver::{Admm, Pending};
use super::{AdmmError, CheckpointError, Form};

/// Where and how often [`Admm::solve`] writes checkpoints.
///
/// What goes on from a checkpoint has the same bits, except where a local function remembers more than its data: the working set of a
/// [`LocalProgram`](super::LocalProgram) is not saved, so that its next answer may differ in the last digits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Checkpointing {
    /// Path of the manifest; the files of ranks stand beside it.
    pub path: PathBuf,
    /// Iterations between checkpoints; they are written at the next look.
    #[serde(default)]
    pub every_iters: Option<usize>,
    /// Time between checkpoints, of which process 0 decides; they are written at the next look.
    #[serde(default)]
    pub every: Option<Duration>,
}

impl Checkpointing {
    /// At every look at residuals that comes this many iterations after the last checkpoint.
    #[must_use]
    pub fn every_iters(path: impl Into<PathBuf>, iterations: usize) -> Self {
        Self {
            path: path.into(),
            every_iters: Some(iterations),
            every: None,
        }
    }

    /// At every look at residuals that comes this long after the last checkpoint.
    #[must_use]
    pub fn every(path: impl Into<PathBuf>, time: Duration) -> Self {
        Self {
            path: path.into(),
            every_iters: None,
            every: Some(time),
        }
    }
}

/// What an agent carries on from one iteration to the next.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentState {
    /// Global number.
    pub(super) id: u32,
    x: Vec<f64>,
    y: Vec<f64>,
    lambda: Vec<f64>,
    v: Vec<f64>,
    g: Vec<f64>,
    /// α of the last iteration where each agent had its own.
    alpha: Option<f64>,
    /// The numbers of the last look that spectral steps need.
    before: Vec<f64>,
    /// x, y, λ, v and g of the iterate that a policy would go back to, if any.
    #[serde(default)]
    best: Vec<f64>,
    /// What Anderson acceleration remembers.
    memory: Vec<f64>,
}

/// What all processes know.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Common {
    pub(super) agents: usize,
    pub(super) dim: usize,
    /// Of graph, weights and variables.
    pub(super) network: u64,
    pub(super) iteration: usize,
    form: Form,
    alpha: f64,
    changes: usize,
    watch: Watch,
    pending: Pending,
    looked: bool,
    anderson: Option<Memory>,
}

/// The state of the agents of a process, from which a run goes on with the same bits. Local functions, options and the policy are not part of it: they are given again.
///
/// # Examples
/// ```
/// use la_opt::admm::{Admm, AdmmOptions, Network, SquaredDistance};
///
/// let path = Network::from_edges(3, [(0, 1), (1, 2)])?;
/// let start = || {
///     let agents = [4.0, -2.0, 6.0].map(|b| SquaredDistance::new(vec![b]).unwrap());
///     Admm::new(&path, agents.into(), AdmmOptions::default())
/// };
/// let mut first = start()?;
/// first.iterate(5).unwrap();
/// let saved = first.checkpoint();
/// first.iterate(5).unwrap();
///
/// let mut second = start()?;
/// second.restore(&saved)?;
/// second.iterate(5).unwrap();
/// assert_eq!(first.x(1), second.x(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmmCheckpoint {
    pub(super) common: Common,
    pub(super) states: Vec<AgentState>,
}

impl AdmmCheckpoint {
    /// Iterations that were done.
    #[must_use]
    pub fn iteration(&self) -> usize {
        self.common.iteration
    }

    /// Global numbers of the agents in it.
    pub fn agents(&self) -> impl Iterator<Item = usize> {
        self.states.iter().map(|state| state.id as usize)
    }
}

impl<F: LocalObjective, E: Exchange> Admm<F, E> {
    /// The state of own agents.
    #[must_use]
    pub fn checkpoint(&self) -> AdmmCheckpoint {
        let stride = self.accelerator.as_ref().map_or(0, Accelerator::numbers);
        let states = (0..self.shard.owned()).map(|i| {
            let (own, nodes) = (self.numbers(i), self.shard.nodes(i..i + 1));
            let of = |values: &[f64]| values[own.clone()].to_vec();
            let before = self.before.numbers.get(3 * own.start..3 * own.end);
            let stored = nodes.start * stride..nodes.end * stride;
            let memory = self.accelerator.as_ref().map(|a| &a.store[stored]);
            AgentState {
                id: self.shard.ids()[i],
                x: of(&self.x),
                y: of(&self.y),
                lambda: of(&self.lambda),
                v: of(&self.v),
                g: of(&self.g),
                alpha: self.node_alpha.get(nodes.start).copied(),
                before: before.unwrap_or_default().to_vec(),
                best: (self.best.vectors.iter())
                    .filter_map(|vector| vector.get(own.clone()))
                    .flatten()
                    .copied()
                    .collect(),
                memory: memory.unwrap_or_default().to_vec(),
            }
        });
        AdmmCheckpoint {
            states: states.collect(),
            common: Common {
                agents: self.agents,
                dim: self.dim(),
                network: self.fingerprint,
                iteration: self.iteration,
                form: self.options.form,
                alpha: self.alpha,
                changes: self.changes,
                watch: self.watch,
                pending: self.pending,
                looked: self.before.looked,
                anderson: self.accelerator.as_ref().map(|a| a.memory.clone()),
            },
        }
    }

    /// Goes on from a checkpoint that holds all own agents, whoever else it holds. Collective.
    ///
    /// # Errors
    /// [`CheckpointError::OtherRun`] for another graph, other weights or dimension, or another memory of an acceleration, [`CheckpointError::Missing`] where an agent is missing,
    /// [`CheckpointError::Numbers`] where an agent has not as many numbers as it must; [`AdmmError::Elsewhere`] on the other processes. The iterates stay.
    pub fn restore(&mut self, checkpoint: &AdmmCheckpoint) -> Result<(), AdmmError> {
        let order = self.order(checkpoint).map_err(AdmmError::from);
        let order = agree(order, &mut self.exchange)?;
        let (n, own, common) = (self.n, self.own(), &checkpoint.common);
        let looked = common.looked && self.adapts_by_looks();
        self.before.looked = looked;
        self.before.numbers.clear();
        self.node_alpha.clear();
        self.best = Best::default();
        if matches!(common.pending, Pending::Nodes { .. }) {
            self.node_alpha.resize(self.x.len() / n, self.options.alpha);
        }
        for (i, &at) in order.iter().enumerate() {
            let state = &checkpoint.states[at];
            let (own, nodes) = (self.numbers(i), self.shard.nodes(i..i + 1));
            self.x[own.clone()].copy_from_slice(&state.x);
            self.y[own.clone()].copy_from_slice(&state.y);
            self.lambda[own.clone()].copy_from_slice(&state.lambda);
            self.v[own.clone()].copy_from_slice(&state.v);
            self.g[own].copy_from_slice(&state.g);
            let of_nodes = self.node_alpha.get_mut(nodes.clone());
            if let (Some(alpha), Some(own)) = (state.alpha, of_nodes) {
                own.fill(alpha);
            }
            let each = state.best.chunks_exact(state.x.len().max(1));
            for (kept, vector) in self.best.vectors.iter_mut().zip(each) {
                kept.extend_from_slice(vector);
            }
            if looked {
                self.before.numbers.extend_from_slice(&state.before);
            }
            if let (Some(accelerator), Some(_)) = (&mut self.accelerator, &common.anderson) {
                let stride = accelerator.numbers();
                accelerator.store[nodes.start * stride..nodes.end * stride]
                    .copy_from_slice(&state.memory);
            }
        }
        if let Some(accelerator) = &mut self.accelerator {
            match &common.anderson {
                Some(memory) => accelerator.memory = memory.clone(),
                None => accelerator.memory.restart(),
            }
        }
        self.iteration = common.iteration;
        self.alpha = common.alpha;
        self.changes = common.changes;
        self.watch = common.watch;
        self.pending = common.pending;
        self.failed = None;
        self.exchange.start(&self.x[..own], n);
        self.exchange.finish(&mut self.x[own..], n);
        self.share_y(matches!(common.pending, Pending::Nodes { .. }));
        Ok(())
    }

    /// Where the own agents stand in a checkpoint.
    fn order(&self, checkpoint: &AdmmCheckpoint) -> Result<Vec<usize>, CheckpointError> {
        let common = &checkpoint.common;
        let same = |what, saved: u64, own: u64| {
            if saved == own {
                return Ok(());
            }
            Err(CheckpointError::OtherRun { what, saved, own })
        };
        same("agents", common.agents as u64, self.agents as u64)?;
        same("dimension", common.dim as u64, self.dim() as u64)?;
        same("form", common.form as u64, self.options.form as u64)?;
        same("network", common.network, self.fingerprint)?;
        if let (Some(accelerator), Some(memory)) = (&self.accelerator, &common.anderson) {
            let own = accelerator.memory.gram.len() as u64;
            same("memory of the acceleration", memory.gram.len() as u64, own)?;
        }
        let mut place = vec![usize::MAX; self.agents];
        for (at, state) in checkpoint.states.iter().enumerate() {
            if let Some(place) = place.get_mut(state.id as usize) {
                *place = at;
            }
        }
        let ids = &self.shard.ids()[..self.shard.owned()];
        ids.iter()
            .enumerate()
            .map(|(i, &id)| {
                let agent = id as usize;
                let at = place[agent];
                let Some(state) = checkpoint.states.get(at) else {
                    return Err(CheckpointError::Missing { agent });
                };
                self.check(i, state, common)?;
                Ok(at)
            })
            .collect()
    }

    /// Whether own agent i has as many numbers as it must.
    fn check(&self, i: usize, state: &AgentState, common: &Common) -> Result<(), CheckpointError> {
        let (n, nodes) = (self.numbers(i).len(), self.shard.nodes(i..i + 1).len());
        let memory = match (&self.accelerator, &common.anderson) {
            (Some(accelerator), Some(_)) => nodes * accelerator.numbers(),
            _ => state.memory.len(),
        };
        let before = if common.looked && self.adapts_by_looks() {
            3 * n
        } else {
            state.before.len()
        };
        let best = if state.best.is_empty() { 0 } else { 5 * n };
        for (what, numbers, expected) in [
            ("x", &state.x, n),
            ("y", &state.y, n),
            ("lambda", &state.lambda, n),
            ("v", &state.v, n),
            ("g", &state.g, n),
            ("before", &state.before, before),
            ("memory", &state.memory, memory),
            ("best", &state.best, best),
        ] {
            if numbers.len() != expected {
                return Err(CheckpointError::Numbers {
                    agent: state.id as usize,
                    what,
                    len: numbers.len(),
                    expected,
                });
            }
        }
        Ok(())
    }
}
