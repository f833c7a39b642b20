//! Batches as the training loop asks for them, held-out columns, and what solves visit.

use std::sync::{Arc, Mutex, PoisonError};

use la_gnn::GnnError;
use la_gnn::gnp::{GnpConfig, Parameters};
use la_gnn::native::gnp::{Matrix, Network, Workspace};
use la_gnn::training::gnp::BatchSource;
use la_krylov::{
    CsrMatrix, Host, LinearOperator, Preconditioner, PreconditionerError, PreconditionerKind,
    fgmres,
};

use super::core::{Core, Form, Memory};
use super::samples::{SharedBase, Visited, normal};
use super::{Batches, paper_options};

impl BatchSource for Batches {
    fn order(&self) -> usize {
        Batches::order(self)
    }

    fn fill(&mut self, step: usize, b: &mut [f64], columns: usize) -> Result<(), GnnError> {
        let n = Batches::order(self);
        if b.len() != n * columns {
            return Err(GnnError::Matrix {
                reason: format!(
                    "is of order {n}, but {columns} columns have length {} in all",
                    b.len()
                ),
            });
        }
        self.draw(step as u64, b);
        Ok(())
    }
}

/// The best network on columns that no step trains on.
pub(super) struct HeldOut {
    pub(super) columns: usize,
    pub(super) b: Vec<f64>,
    pub(super) losses: Vec<(usize, f64)>,
    pub(super) best: Option<(f64, Parameters)>,
}

impl HeldOut {
    /// Columns of a step that training does not reach.
    pub(super) fn new(batches: &mut Batches, columns: usize) -> Self {
        let mut b = vec![0.0; Batches::order(batches) * columns];
        batches.draw(u64::MAX / 4, &mut b);
        Self {
            columns,
            b,
            losses: Vec::new(),
            best: None,
        }
    }

    /// Losses so far and the best network.
    fn memory(&self) -> serde_json::Value {
        let best = self.best.as_ref().map(|(loss, network)| {
            serde_json::json!({
                "loss": loss, "values": network.values, "statistics": network.statistics,
            })
        });
        serde_json::json!({ "losses": self.losses, "best": best })
    }

    /// Takes [`memory`](Self::memory) back; false for something else.
    fn recall(&mut self, memory: &serde_json::Value, config: &GnpConfig) -> bool {
        #[derive(serde::Deserialize)]
        struct Best {
            loss: f64,
            values: Vec<f32>,
            statistics: Vec<f32>,
        }
        #[derive(serde::Deserialize)]
        struct Memory {
            losses: Vec<(usize, f64)>,
            best: Option<Best>,
        }
        let Ok(memory) = serde_json::from_value::<Memory>(memory.clone()) else {
            return false;
        };
        let best = memory.best.map(|best| {
            let network = Parameters {
                config: config.clone(),
                values: best.values,
                statistics: best.statistics,
            };
            (best.loss, network)
        });
        let sound = best
            .as_ref()
            .is_none_or(|(_, network)| network.check().is_ok());
        (self.losses, self.best) = (memory.losses, best);
        sound
    }

    /// Mean over the columns of `‖b − A N(b)‖₁ / ‖b‖₁`, running statistics in the normalisations.
    pub(super) fn observe(
        &mut self,
        step: usize,
        network: &Parameters,
        graph: &Matrix,
        a: &CsrMatrix<f64>,
    ) -> Result<(), GnnError> {
        let n = graph.order();
        let mut z = vec![0.0; self.b.len()];
        let folded = Network::new(network)?;
        folded.apply_columns(
            graph,
            &self.b,
            &mut z,
            self.columns,
            &mut Workspace::default(),
        )?;
        let (space, mut product) = (Host::new(n), vec![0.0; n]);
        let mut loss = 0.0;
        for (b, z) in self.b.chunks_exact(n).zip(z.chunks_exact(n)) {
            a.apply(&space, z, &mut product);
            let left: f64 = b.iter().zip(&product).map(|(b, p)| (b - p).abs()).sum();
            let whole: f64 = b.iter().map(|b| b.abs()).sum();
            if whole > 0.0 {
                loss += left / whole / self.columns as f64;
            }
        }
        self.losses.push((step, loss));
        let best = self.best.as_ref().map_or(f64::INFINITY, |best| best.0);
        if loss < best {
            self.best = Some((loss, network.clone()));
        }
        Ok(())
    }
}

/// Batches with what is done between steps.
pub(super) struct Source {
    pub(super) batches: Batches,
    pub(super) operator: Arc<CsrMatrix<f64>>,
    pub(super) graph: Arc<Matrix>,
    pub(super) base: Option<SharedBase>,
    pub(super) form: Form,
    pub(super) seed: u64,
    /// Part of a batch that solves with the network as it is make, and the steps after which that is done again.
    pub(super) visits: Option<(f64, usize)>,
    pub(super) held_out: Option<HeldOut>,
    /// Of the network that is trained.
    pub(super) config: GnpConfig,
    /// Steps between two looks at held-out columns.
    pub(super) look: usize,
    /// Greatest common divisor of both.
    pub(super) every: usize,
}

impl BatchSource for Source {
    fn order(&self) -> usize {
        Batches::order(&self.batches)
    }

    fn fill(&mut self, step: usize, b: &mut [f64], columns: usize) -> Result<(), GnnError> {
        self.batches.fill(step, b, columns)
    }

    fn observe_every(&self) -> Option<usize> {
        (self.visits.is_some() || self.held_out.is_some()).then_some(self.every)
    }

    fn memory(&self) -> serde_json::Value {
        self.held_out
            .as_ref()
            .map_or(serde_json::Value::Null, HeldOut::memory)
    }

    fn recall(&mut self, memory: &serde_json::Value) -> Result<(), GnnError> {
        let sound = match &mut self.held_out {
            Some(held_out) => held_out.recall(memory, &self.config),
            None => memory.is_null(),
        };
        match sound {
            true => Ok(()),
            false => Err(GnnError::WeightsFormat {
                reason: "what it remembers of held-out columns is not readable".into(),
            }),
        }
    }

    fn observe(&mut self, step: usize, network: &Parameters) -> Result<(), GnnError> {
        if let Some(held_out) = &mut self.held_out
            && step.is_multiple_of(self.look)
        {
            held_out.observe(step, network, &self.graph, &self.operator)?;
        }
        if let Some((share, every)) = self.visits
            && step.is_multiple_of(every)
        {
            let core = Core {
                operator: Arc::clone(&self.operator),
                graph: Arc::clone(&self.graph),
                base: self.base.clone(),
                network: Network::new(network)?,
                form: self.form,
            };
            let visited = visit(&core, self.seed.wrapping_add(step as u64), share);
            self.batches.visit(visited);
        }
        Ok(())
    }
}

/// The vectors that FGMRES asks for in a solve with a Gaussian solution.
fn visit(core: &Core, seed: u64, share: f64) -> Visited {
    let n = core.graph.order();
    let space = Host::new(n);
    let (x, mut b) = (normal(n, seed, u64::MAX), vec![0.0; n]);
    core.operator.apply(&space, &x, &mut b);
    let options = paper_options();
    let recorder = Recorder {
        core,
        memory: Mutex::new((core.memory(), Vec::new())),
    };
    // However it ends: what was visited was visited.
    let _ = fgmres(&*core.operator, &b, &recorder, &options);
    let (_, vectors) = recorder
        .memory
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Visited {
        vectors,
        cycle: options.restart,
        share,
    }
}

/// A preconditioner that keeps what it is asked for.
struct Recorder<'c> {
    core: &'c Core,
    memory: Mutex<(Memory, Vec<f64>)>,
}

impl Preconditioner<Host<f64>> for Recorder<'_> {
    fn dimension(&self) -> usize {
        self.core.graph.order()
    }

    fn apply(&self, _: &Host<f64>, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (memory, vectors) = &mut *memory;
        if r.iter().all(|r| r.is_finite()) {
            vectors.extend_from_slice(r);
        }
        self.core.apply(r, z, memory)
    }

    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Variable
    }
}
