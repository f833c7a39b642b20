//! The network: forward pass.

use rayon::prelude::*;

use super::super::blocks::{row_blocks, split};
use super::super::simd::LANES;
use super::super::{Element, LowerGraph, graph_norm};
use super::arcs::{ArcsIn, Direction, Forward, Project};
use super::nodes;
use super::step::{Lanes, Step};
use crate::GnnError;
use crate::neuralif::{Activation, NODE_WIDTH, NeuralIfConfig, Parameters};

/// A NeuralIF network ready to run.
///
/// Maps a symmetric positive definite matrix to a lower triangular factor L with positive diagonal.
/// One pass costs `2 T (2 h + 10)` multiply-adds and `2 T h` hyperbolic tangents per stored entry of
/// the lower triangle, and allocates nothing once its [`Workspace`] has grown.
#[derive(Debug, Clone)]
pub struct NeuralIf<T> {
    parameters: Parameters,
    pub(super) net: Net<T>,
}

/// The steps with their hidden width rounded up to 8, 16 or 32 lanes.
#[derive(Debug, Clone)]
pub(super) enum Net<T> {
    H8(Vec<Step<T, 1>>),
    H16(Vec<Step<T, 2>>),
    H32(Vec<Step<T, 4>>),
}

/// Memory of a forward pass, reused from matrix to matrix.
#[derive(Debug, Clone, Default)]
pub struct Workspace<T> {
    nodes: Vec<[T; NODE_WIDTH]>,
    next_nodes: Vec<[T; NODE_WIDTH]>,
    rows: Vec<[T; LANES]>,
    cols: Vec<[T; LANES]>,
    state: Vec<T>,
    next_state: Vec<T>,
    aggregate: Vec<T>,
    partial: Vec<T>,
}

impl<T: Element> NeuralIf<T> {
    /// Unpacks the parameters.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range or for LibTorch only (wide arc states, a state of the
    /// graph, messages on the full graph); [`GnnError::WeightsMismatch`] if
    /// the number of parameters is not the configuration's.
    pub fn new(parameters: &Parameters) -> Result<Self, GnnError> {
        let config = &parameters.config;
        config.validate_native()?;
        if parameters.values.len() != config.parameter_count() {
            return Err(GnnError::WeightsMismatch {
                architecture: crate::neuralif::ARCHITECTURE.into(),
                differences: vec![format!(
                    "{} parameters, the configuration has {}",
                    parameters.values.len(),
                    config.parameter_count()
                )],
            });
        }
        let net = match config.hidden {
            ..=8 => Net::H8(Step::unpack(parameters)),
            9..=16 => Net::H16(Step::unpack(parameters)),
            _ => Net::H32(Step::unpack(parameters)),
        };
        Ok(Self {
            parameters: parameters.clone(),
            net,
        })
    }

    /// Replaces the parameter values (same configuration), for training.
    ///
    /// # Errors
    /// As [`NeuralIf::new`].
    pub fn set_parameters(&mut self, parameters: &Parameters) -> Result<(), GnnError> {
        *self = Self::new(parameters)?;
        Ok(())
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &NeuralIfConfig {
        &self.parameters.config
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.parameters.values
    }

    /// Entries of L on the pattern of the graph, in its order (diagonal last in each row).
    ///
    /// Runs on the current rayon pool when the graph is large enough; for a fixed number of threads
    /// the result repeats bitwise.
    ///
    /// # Errors
    /// [`GnnError::NonFinite`] if an entry of L is NaN or infinite, or a diagonal entry is 0 (overflow or
    /// underflow of the exponential).
    pub fn factor<'w>(
        &self,
        graph: &LowerGraph<T>,
        ws: &'w mut Workspace<T>,
    ) -> Result<&'w [T], GnnError> {
        if graph.num_nodes() == 0 {
            ws.state.clear();
            return Ok(&ws.state);
        }
        match &self.net {
            Net::H8(steps) => self.run(steps, graph, ws),
            Net::H16(steps) => self.run(steps, graph, ws),
            Net::H32(steps) => self.run(steps, graph, ws),
        }
        self.output_map(graph, &mut ws.state);
        check_factor(graph, &ws.state)?;
        Ok(&ws.state)
    }

    fn run<const G: usize>(
        &self,
        steps: &[Step<T, G>],
        graph: &LowerGraph<T>,
        ws: &mut Workspace<T>,
    ) {
        let (n, arcs) = (graph.num_nodes(), graph.num_arcs());
        let blocks = row_blocks(&graph.row_ptr);
        ws.nodes.resize(n, [T::ZERO; NODE_WIDTH]);
        ws.next_nodes.resize(n, [T::ZERO; NODE_WIDTH]);
        ws.rows.resize(n * G, [T::ZERO; LANES]);
        ws.cols.resize(n * G, [T::ZERO; LANES]);
        ws.state.clear();
        ws.state.extend_from_slice(&graph.value);
        ws.next_state.resize(arcs, T::ZERO);
        ws.aggregate.resize(n, T::ZERO);
        self.first_nodes(graph, &mut ws.nodes);
        for (s, step) in steps.iter().enumerate() {
            let direction = direction(s);
            let (rows, cols) = (
                ws.rows.as_chunks_mut::<G>().0,
                ws.cols.as_chunks_mut::<G>().0,
            );
            T::run_kernel(Project {
                step,
                direction,
                nodes: &ws.nodes,
                rows,
                cols,
            });
            let (rows, cols): (&[Lanes<T, G>], &[Lanes<T, G>]) =
                (ws.rows.as_chunks().0, ws.cols.as_chunks().0);
            let input = |first: usize, last: usize| {
                let arcs = graph.row_ptr[first] as usize..graph.row_ptr[last] as usize;
                ArcsIn {
                    step,
                    relu: self.config().activation == Activation::Relu,
                    direction,
                    first_row: first,
                    row_ptr: &graph.row_ptr[first..=last],
                    col: &graph.col[arcs.clone()],
                    original: &graph.value[arcs.clone()],
                    state: &ws.state[arcs],
                    row_projection: rows,
                    col_projection: cols,
                }
            };
            if let [(first, last)] = blocks[..] {
                if direction == Direction::Upper {
                    ws.aggregate.fill(T::ZERO);
                }
                T::run_kernel(Forward {
                    input: input(first, last),
                    new_state: &mut ws.next_state,
                    aggregate: &mut ws.aggregate,
                });
            } else {
                let states = split(
                    &mut ws.next_state,
                    blocks
                        .iter()
                        .map(|b| (graph.row_ptr[b.1] - graph.row_ptr[b.0]) as usize),
                );
                match direction {
                    Direction::Lower => {
                        let means = split(&mut ws.aggregate, blocks.iter().map(|b| b.1 - b.0));
                        blocks
                            .par_iter()
                            .zip(states)
                            .zip(means)
                            .for_each(|((b, state), mean)| {
                                T::run_kernel(Forward {
                                    input: input(b.0, b.1),
                                    new_state: state,
                                    aggregate: mean,
                                });
                            });
                    }
                    Direction::Upper => {
                        ws.partial.clear();
                        ws.partial.resize(n * blocks.len(), T::ZERO);
                        blocks
                            .par_iter()
                            .zip(states)
                            .zip(ws.partial.par_chunks_mut(n))
                            .for_each(|((b, state), sums)| {
                                T::run_kernel(Forward {
                                    input: input(b.0, b.1),
                                    new_state: state,
                                    aggregate: sums,
                                });
                            });
                        ws.aggregate.copy_from_slice(&ws.partial[..n]);
                        for sums in ws.partial[n..].chunks_exact(n) {
                            for (total, part) in ws.aggregate.iter_mut().zip(sums) {
                                *total += *part;
                            }
                        }
                    }
                }
            }
            std::mem::swap(&mut ws.state, &mut ws.next_state);
            // The last node update does not reach the output.
            if s + 1 < steps.len() {
                let relu = self.config().activation == Activation::Relu;
                T::run_kernel(nodes::Forward {
                    step,
                    relu,
                    old: &ws.nodes,
                    aggregate: &ws.aggregate,
                    new: &mut ws.next_nodes,
                });
                std::mem::swap(&mut ws.nodes, &mut ws.next_nodes);
            }
        }
    }

    /// Node states before the first step.
    pub(super) fn first_nodes(&self, graph: &LowerGraph<T>, nodes: &mut [[T; NODE_WIDTH]]) {
        let features = graph.features.as_chunks::<NODE_WIDTH>().0;
        if self.config().graph_norm {
            graph_norm::forward(self.values(), features, nodes);
        } else {
            nodes.copy_from_slice(features);
        }
    }

    /// From arc states to entries of L: `exp(e/2)` on the diagonal, optionally rows scaled so that
    /// `diag(L Lᵀ) = diag(A)`.
    pub(super) fn output_map(&self, graph: &LowerGraph<T>, state: &mut [T]) {
        for i in 0..graph.num_nodes() {
            let row = &mut state[graph.row(i)];
            let last = row.len() - 1;
            row[last] = T::from_f64((0.5 * row[last].to_f64()).exp());
            if self.config().normalize_diag {
                let square: f64 = row.iter().map(|e| e.to_f64() * e.to_f64()).sum();
                let diagonal = graph.value[graph.row(i).end - 1].to_f64();
                let scale = (diagonal / square).sqrt();
                for e in row {
                    *e = T::from_f64(e.to_f64() * scale);
                }
            }
        }
    }
}

/// Lower, upper, lower, ...
pub(super) fn direction(step: usize) -> Direction {
    if step.is_multiple_of(2) {
        Direction::Lower
    } else {
        Direction::Upper
    }
}

fn check_factor<T: Element>(graph: &LowerGraph<T>, values: &[T]) -> Result<(), GnnError> {
    let bad = |position| {
        Err(GnnError::NonFinite {
            what: "the factor L".into(),
            position,
        })
    };
    if let Some(position) = values.iter().position(|v| !v.is_finite()) {
        return bad(position);
    }
    let diagonal = graph.row_ptr[1..].iter().map(|end| *end as usize - 1);
    match diagonal.into_iter().find(|&k| values[k] <= T::ZERO) {
        Some(position) => bad(position),
        None => Ok(()),
    }
}
