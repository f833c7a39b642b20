//! Training without LibTorch.

use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::super::CoatesGraph;
use super::super::neuralif::{InversePair, probe};
use super::{GradientWorkspace, LearnedLu};
use crate::GnnError;
use crate::learned_lu::{Base, FirstFeature, LearnedLuConfig, MatrixScale, Parameters};
use crate::training::lu::{LuLoss, LuLossWorkspace, LuSystem};
use crate::training::{Engine, Joining, Places, Share};

/// A matrix to train on: its graph, and the system that the loss looks at.
///
/// Both are of the matrix as the network sees it, divided as [`LearnedLuConfig::scale`] says, so that matrices of all sizes weigh
/// alike in the loss.
#[derive(Debug, Clone)]
pub struct LuTrainingGraph {
    graph: Arc<CoatesGraph<f32>>,
    system: LuSystem,
}

impl LuTrainingGraph {
    /// A training graph of a square matrix, and pairs `A x = y` of the matrix as it is given (none for losses without A⁻¹).
    ///
    /// `base` gives the entries of ILU(0) of the matrix it is called with, in the order of [`CoatesGraph::set_base`]; it is called for
    /// networks that correct ILU(0) only.
    ///
    /// # Errors
    /// As [`CoatesGraph::prepare`] and [`LuSystem::new`]; [`GnnError::Config`] if the network takes the right-hand side; those of
    /// `base`.
    pub fn new<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        config: &LearnedLuConfig,
        pairs: &[InversePair],
        base: impl FnOnce(CsMatViewI<'_, f64, u32>) -> Result<Vec<f64>, GnnError>,
    ) -> Result<Self, GnnError> {
        if config.first_feature == FirstFeature::RightHandSide {
            return Err(GnnError::Config {
                field: "first_feature",
                reason: "is the right-hand side, which the native engine does not train with"
                    .into(),
            });
        }
        let given = CoatesGraph::<f32>::prepare(a, config)?;
        let divisor = |i: usize| given.scale().map_or(1.0, |s| s[i]);
        let mut entries = Vec::with_capacity(given.num_arcs());
        for i in 0..given.num_nodes() {
            entries.extend(given.entries()[given.row(i)].iter().map(|v| v / divisor(i)));
        }
        let n = given.num_nodes();
        let matrix = CsMatI::<f64, u32>::new(
            (n, n),
            given.row_ptr().to_vec(),
            given.columns().to_vec(),
            entries,
        );
        let pairs: Vec<InversePair> = pairs
            .iter()
            .map(|pair| InversePair {
                x: pair.x.clone(),
                y: pair
                    .y
                    .iter()
                    .enumerate()
                    .map(|(i, y)| y / divisor(i))
                    .collect(),
            })
            .collect();
        let mut graph = CoatesGraph {
            entries: matrix.data().to_vec(),
            scale: Vec::new(),
            ..given
        };
        if config.base == Base::Ilu0 {
            graph.set_base(&base(matrix.view())?)?;
        }
        Ok(Self {
            graph: Arc::new(graph),
            system: LuSystem::new(Arc::new(matrix), pairs.into())?,
        })
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &CoatesGraph<f32> {
        &self.graph
    }

    /// The system of the loss.
    #[must_use]
    pub fn system(&self) -> &LuSystem {
        &self.system
    }
}

/// Loss and gradient of learned LU on batches of matrices, each on one thread.
///
/// The same losses and, for the same seed, the same probes and pairs as with LibTorch.
#[derive(Debug)]
pub struct LuEngine {
    config: LearnedLuConfig,
    loss: LuLoss,
    graphs: Vec<LuTrainingGraph>,
    memory: Vec<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    network: GradientWorkspace<f32>,
    loss: LuLossWorkspace,
    probe: Vec<f64>,
    grad_factors: Vec<f64>,
    gradient: Vec<f64>,
}

impl LuEngine {
    /// An engine for these training graphs, made for the same configuration.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration or the loss is out of range, or the loss needs pairs and a graph has none;
    /// [`GnnError::Matrix`] naming a graph without the ILU(0) entries that the network corrects.
    pub fn new(
        config: &LearnedLuConfig,
        loss: LuLoss,
        graphs: Vec<LuTrainingGraph>,
    ) -> Result<Self, GnnError> {
        config.validate()?;
        loss.validate()?;
        for (index, LuTrainingGraph { graph, system }) in graphs.iter().enumerate() {
            if loss.needs_pairs() && system.pairs().is_empty() {
                return Err(GnnError::Config {
                    field: "pairs",
                    reason: format!("are missing in training graph {index}, the loss needs them"),
                });
            }
            if config.base == Base::Ilu0 && !graph.has_base() {
                return Err(GnnError::Matrix {
                    reason: format!(
                        "of training graph {index} comes without the ILU(0) entries that this network corrects"
                    ),
                });
            }
        }
        Ok(Self {
            config: LearnedLuConfig {
                scale: MatrixScale::None,
                ..config.clone()
            },
            loss,
            graphs,
            memory: Vec::new(),
        })
    }
}

/// The pair of one matrix of a batch.
fn choose(pairs: &[InversePair], seed: u64, position: usize) -> Option<&InversePair> {
    if pairs.is_empty() {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Streams below 2^32 are those of the probes.
    rng.set_stream((1 << 32) + position as u64);
    pairs.get(rng.random_range(0..pairs.len()))
}

impl Engine for LuEngine {
    fn samples(&self) -> usize {
        self.graphs.len()
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        self.mean(values, Places::of(batch, 0, 1), seed, gradient)
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }

    fn share(
        &mut self,
        values: &[f32],
        places: Places<'_>,
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<Share, GnnError> {
        gradient.fill(0.0);
        let value = self.mean(values, places, seed, gradient)?;
        let count = places.samples.len();
        Ok(Share::of_batch(Joining::Mean, value, count, gradient))
    }
}

impl LuEngine {
    /// Mean loss; adds its gradient to `gradient`.
    fn mean(
        &mut self,
        values: &[f32],
        Places { samples, first }: Places<'_>,
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let model = LearnedLu::<f32>::new(&Parameters {
            config: self.config.clone(),
            values: values.to_vec(),
        })?;
        self.memory
            .resize_with(samples.len().max(self.memory.len()), Memory::default);
        let (loss, graphs) = (&self.loss, &self.graphs);
        let parts = self
            .memory
            .par_iter_mut()
            .zip(samples)
            .enumerate()
            .map(|(position, (memory, &index))| {
                let LuTrainingGraph { graph, system } = &graphs[index];
                let position = first + position;
                let pair = choose(system.pairs(), seed, position);
                probe(graph.num_nodes(), seed, position, &mut memory.probe);
                memory.grad_factors.resize(graph.num_arcs(), 0.0);
                let value = loss.gradient(
                    system,
                    memory.network.forward(&model, graph),
                    &memory.probe,
                    pair,
                    &mut memory.loss,
                    &mut memory.grad_factors,
                )?;
                memory.gradient.clear();
                memory.gradient.resize(values.len(), 0.0);
                let grad_factors = &memory.grad_factors;
                memory
                    .network
                    .backward(&model, graph, grad_factors, &mut memory.gradient);
                Ok(value)
            })
            .collect::<Result<Vec<f64>, GnnError>>()?;
        let share = 1.0 / parts.len().max(1) as f64;
        for memory in &self.memory[..samples.len()] {
            for (g, part) in gradient.iter_mut().zip(&memory.gradient) {
                *g += share * part;
            }
        }
        Ok(share * parts.iter().sum::<f64>())
    }
}
