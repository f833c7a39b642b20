//! The network: forward pass.

use rayon::prelude::*;

use super::super::blocks::{row_blocks, split};
use super::super::graph_norm;
use super::super::lanes::Lanes;
use super::super::simd::LANES;
use super::super::{CoatesGraph, Element};
use super::arcs::{Arcs, Ends};
use super::finish::{Pivots, check, finish};
use super::layers::Layers;
use super::nodes;
use crate::GnnError;
use crate::learned_lu::{ARCHITECTURE, Base, LearnedLuConfig, NODE_WIDTH, Parameters};
use crate::neuralif::Activation;

/// A learned LU network ready to run.
///
/// Maps a square matrix to factors L (lower triangular) and U (unit upper triangular) on its pattern. With hidden width h (rounded
/// up to 8, 16 or 32) and K steps, one pass costs about `(K − 1) h²` multiply-adds per arc: 512 of the published network,
/// whose perceptrons taken one by one need 2896. A [`Workspace`] holds `(h + 1) nnz + 5 n h` scalars of `T` and the factors (no `h nnz`
/// with at most two steps); nothing of that size is allocated once it has grown.
///
/// # Examples
/// ```
/// use la_gnn::learned_lu::{LearnedLuConfig, Parameters};
/// use la_gnn::native::CoatesGraph;
/// use la_gnn::native::learned_lu::{LearnedLu, Workspace};
/// use la_gnn::sprs::CsMatI;
///
/// // [ 0 2 ; 1 3 ]
/// let a: CsMatI<f64, u32> = CsMatI::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![0.0, 2.0, 1.0, 3.0]);
/// let parameters = Parameters::initialize(&LearnedLuConfig::default(), 0)?;
/// let network = LearnedLu::<f32>::new(&parameters)?;
/// let graph = CoatesGraph::prepare(a.view(), network.config())?;
/// let mut workspace = Workspace::default();
/// let factors = network.factor(&graph, &mut workspace)?;
/// // l_11 u_12 l_21 l_22
/// assert_eq!(factors.values.len(), 4);
/// assert!(factors.smallest_diagonal >= 1e-3);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
///
/// # References
/// P. Häusner, A. Nieto Juscafresa, J. Sjölund, *Learning incomplete factorization preconditioners for GMRES*, PMLR 265, 85–99,
/// 2025, algorithm B.1. Deviates: messages are averaged over row i (as in the authors' code), the skip value a_ij stays with its own
/// arc, and missing diagonal entries count as 0.
#[derive(Debug, Clone)]
pub struct LearnedLu<T> {
    pub(super) parameters: Parameters,
    pub(super) net: Net<T>,
}

/// The layers with their width rounded up to 8, 16 or 32 lanes.
#[derive(Debug, Clone)]
pub(super) enum Net<T> {
    H8(Box<Layers<T, 1>>),
    H16(Box<Layers<T, 2>>),
    H32(Box<Layers<T, 4>>),
}

/// Entries of the factors in the order of the arcs ([`CoatesGraph::row_ptr`], [`CoatesGraph::columns`]).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LuEntries<'w> {
    /// `l_ij` for j ≤ i and `u_ij` for j > i; all finite, no `l_ii` zero.
    pub values: &'w [f64],
    /// Smallest value of the diagonal activation, `|l_ii|` before scaling or `|l_ii / l⁰_ii|` on top of ILU(0); infinite for an
    /// empty matrix. Values near ε say that the network has no good pivot for some row.
    pub smallest_diagonal: f64,
    /// Rows in which the argument of the diagonal activation was at most ε in absolute value.
    pub replaced: usize,
}

/// Memory of a forward pass, reused from matrix to matrix.
#[derive(Debug, Clone, Default)]
pub struct Workspace<T> {
    nodes: Vec<[T; NODE_WIDTH]>,
    /// Projections for the first step and for the present one.
    first: [Vec<[T; LANES]>; 2],
    ends: [Vec<[T; LANES]>; 2],
    mean: Vec<[T; LANES]>,
    state: Vec<[T; LANES]>,
    output: Vec<T>,
    factors: Vec<f64>,
}

impl<T> Workspace<T> {
    /// What the network said of every arc in the last pass, before diagonal activation and scaling.
    #[must_use]
    pub fn output(&self) -> &[T] {
        &self.output
    }
}

impl<T: Element> LearnedLu<T> {
    /// Unpacks the parameters.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range; [`GnnError::WeightsMismatch`] if the number of parameters is
    /// not the configuration's.
    pub fn new(parameters: &Parameters) -> Result<Self, GnnError> {
        let config = &parameters.config;
        config.validate()?;
        if parameters.values.len() != config.parameter_count() {
            return Err(GnnError::WeightsMismatch {
                architecture: ARCHITECTURE.into(),
                differences: vec![format!(
                    "{} parameters, the configuration has {}",
                    parameters.values.len(),
                    config.parameter_count()
                )],
            });
        }
        let net = match config.hidden {
            ..=8 => Net::H8(Box::new(Layers::unpack(parameters))),
            9..=16 => Net::H16(Box::new(Layers::unpack(parameters))),
            _ => Net::H32(Box::new(Layers::unpack(parameters))),
        };
        Ok(Self {
            parameters: parameters.clone(),
            net,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &LearnedLuConfig {
        &self.parameters.config
    }

    /// Entries of L and U.
    ///
    /// Runs on the current rayon pool when the graph is large enough; the result does not depend on the number of
    /// threads.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the network works on top of ILU(0) and the graph has no entries of that, or, with the smooth
    /// activation only, naming a row whose diagonal entry is zero; [`GnnError::NonFinite`] if an entry is NaN or infinite.
    pub fn factor<'w>(
        &self,
        graph: &CoatesGraph<T>,
        ws: &'w mut Workspace<T>,
    ) -> Result<LuEntries<'w>, GnnError> {
        if self.config().base == Base::Ilu0 && !graph.has_base() {
            return Err(GnnError::Matrix {
                reason: "comes without the ILU(0) entries that this network corrects".into(),
            });
        }
        match &self.net {
            Net::H8(layers) => self.run(layers, graph, ws),
            Net::H16(layers) => self.run(layers, graph, ws),
            Net::H32(layers) => self.run(layers, graph, ws),
        }
        let blocks = row_blocks(&graph.row_ptr);
        ws.factors.resize(graph.num_arcs(), 0.0);
        let arcs = |b: &(usize, usize)| graph.row_ptr[b.0] as usize..graph.row_ptr[b.1] as usize;
        let pivots = blocks
            .par_iter()
            .zip(split(&mut ws.factors, blocks.iter().map(|b| arcs(b).len())))
            .map(|(b, factors)| {
                let rows = b.0..b.1;
                finish(
                    graph,
                    self.config(),
                    self.config().diagonal,
                    rows,
                    &ws.output[arcs(b)],
                    factors,
                )
            })
            .reduce(|| Pivots::NONE, Pivots::and);
        check(graph, &ws.factors)?;
        Ok(LuEntries {
            values: &ws.factors,
            smallest_diagonal: pivots.smallest,
            replaced: pivots.replaced,
        })
    }

    /// Node states before the first step.
    pub(super) fn first_nodes(&self, graph: &CoatesGraph<T>, nodes: &mut Vec<[T; NODE_WIDTH]>) {
        let features = graph.features.as_chunks().0;
        nodes.clear();
        nodes.extend_from_slice(features);
        if self.config().graph_norm {
            graph_norm::forward(&self.parameters.values, features, nodes);
        }
    }

    fn run<const G: usize>(
        &self,
        layers: &Layers<T, G>,
        graph: &CoatesGraph<T>,
        ws: &mut Workspace<T>,
    ) {
        let (n, arcs) = (graph.num_nodes(), graph.num_arcs());
        let config = self.config();
        let relu = config.activation == Activation::Relu;
        let steps = layers.steps.len();
        let zero = [T::ZERO; LANES];
        for buffer in ws.first.iter_mut().chain([&mut ws.mean]) {
            buffer.resize(n * G, zero);
        }
        for buffer in &mut ws.ends {
            buffer.resize(if steps > 1 { n * G } else { 0 }, zero);
        }
        // The first step is computed again in the second, so states are kept from the second to the last.
        let kept = usize::from(steps > 2);
        ws.state.resize(arcs * G * kept, zero);
        ws.output.resize(arcs, T::ZERO);
        self.first_nodes(graph, &mut ws.nodes);
        let base: &[T] = match config.base {
            Base::None => &[],
            Base::Ilu0 => &graph.base_value,
        };
        let blocks = row_blocks(&graph.row_ptr);
        let arcs_of = |b: &(usize, usize)| graph.row_ptr[b.0] as usize..graph.row_ptr[b.1] as usize;
        for s in 0..steps {
            let last = s + 1 == steps;
            let [receiver, other] = if s == 0 { &mut ws.first } else { &mut ws.ends };
            T::run_kernel(nodes::Project {
                step: &layers.steps[s],
                nodes: &ws.nodes,
                receiver: receiver.as_chunks_mut().0,
                other: other.as_chunks_mut().0,
            });
            let first = ws.first.each_ref().map(|x| x.as_chunks::<G>().0);
            let ends = if s == 0 {
                first
            } else {
                ws.ends.each_ref().map(|x| x.as_chunks::<G>().0)
            };
            let state: &mut [Lanes<T, G>] = ws.state.as_chunks_mut().0;
            let states = split(state, blocks.iter().map(|b| arcs_of(b).len() * kept));
            let means = split(
                ws.mean.as_chunks_mut::<G>().0,
                blocks.iter().map(|b| b.1 - b.0),
            );
            let outputs = split(&mut ws.output, blocks.iter().map(|b| arcs_of(b).len()));
            blocks
                .par_iter()
                .zip(states)
                .zip(means)
                .zip(outputs)
                .for_each(|(((b, state), mean), out)| {
                    T::run_kernel(Arcs {
                        layers,
                        step: s,
                        relu,
                        keep: false,
                        row_ptr: &graph.row_ptr[b.0..=b.1],
                        diagonal: &graph.diagonal[b.0..b.1],
                        col: &graph.col[arcs_of(b)],
                        value: &graph.value[arcs_of(b)],
                        base: base.get(arcs_of(b)).unwrap_or(&[]),
                        first: Ends::of(first, b),
                        ends: Ends::of(ends, b),
                        state,
                        mean,
                        out,
                    });
                });
            // The last node update does not reach the output.
            if !last {
                T::run_kernel(nodes::Update {
                    step: &layers.steps[s],
                    relu,
                    mean: ws.mean.as_chunks::<G>().0,
                    nodes: &mut ws.nodes,
                });
            }
        }
    }
}
