//! The network: forward pass.

use rayon::prelude::*;

use super::super::blocks::{row_blocks, split};
use super::super::features::graph_norm;
use super::super::lanes::Lanes;
use super::super::simd::LANES;
use super::super::{Element, FullGraph};
use super::arcs::Arcs;
use super::layers::Layers;
use super::nodes;
use crate::GnnError;
use crate::neuralif::Activation;
use crate::neuralpcg::{ARCHITECTURE, NeuralPcgConfig, Parameters};

/// Largest width of the native engine.
const MAX_WIDTH: usize = 4 * LANES;

/// A NeuralPCG network ready to run.
///
/// Maps a symmetric positive definite matrix to a lower triangular factor L with the diagonal `√a_ii`. One pass costs about
/// `(K + 1) w²` multiply-adds per stored entry of both triangles (w the width rounded up to 8, 16 or 32, K the steps), its
/// [`Workspace`] holds `nnz w + 4 n w` scalars, and it allocates nothing of that size once the workspace has grown.
///
/// # Examples
/// ```
/// use la_gnn::native::FullGraph;
/// use la_gnn::native::neuralpcg::{NeuralPcg, Workspace};
/// use la_gnn::neuralpcg::{NeuralPcgConfig, Parameters};
/// use la_gnn::sprs::TriMat;
///
/// let mut a = TriMat::new((2, 2));
/// for (i, j, v) in [(0, 0, 4.0), (0, 1, -1.0), (1, 0, -1.0), (1, 1, 9.0)] {
///     a.add_triplet(i, j, v);
/// }
/// let parameters = Parameters::initialize(&NeuralPcgConfig::equilibrated(), 0)?;
/// let network = NeuralPcg::<f32>::new(&parameters)?;
/// let graph = FullGraph::prepare(a.to_csr::<usize>().view(), network.config())?;
/// let mut workspace = Workspace::default();
/// let l = network.factor(&graph, &mut workspace)?;
/// assert_eq!((l[0], l[2]), (1.0, 1.0)); // of the equilibrated matrix; `graph.scale()` is 2, 3
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct NeuralPcg<T> {
    parameters: Parameters,
    net: Net<T>,
}

/// The layers with their width rounded up to 8, 16 or 32 lanes.
#[derive(Debug, Clone)]
enum Net<T> {
    W8(Box<Layers<T, 1>>),
    W16(Box<Layers<T, 2>>),
    W32(Box<Layers<T, 4>>),
}

/// Memory of a forward pass, reused from matrix to matrix.
#[derive(Debug, Clone, Default)]
pub struct Workspace<T> {
    features: Vec<T>,
    nodes: Vec<[T; LANES]>,
    receiver: Vec<[T; LANES]>,
    other: Vec<[T; LANES]>,
    mean: Vec<[T; LANES]>,
    state: Vec<[T; LANES]>,
    decoded: Vec<T>,
    factor: Vec<T>,
}

impl<T: Element> NeuralPcg<T> {
    /// Unpacks the parameters.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range or wider than 32; [`GnnError::WeightsMismatch`] if
    /// the number of parameters is not the configuration's.
    pub fn new(parameters: &Parameters) -> Result<Self, GnnError> {
        let config = &parameters.config;
        config.validate_symmetric()?;
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
        let net = match config.width {
            ..=8 => Net::W8(Box::new(Layers::unpack(parameters))),
            9..=16 => Net::W16(Box::new(Layers::unpack(parameters))),
            17..=MAX_WIDTH => Net::W32(Box::new(Layers::unpack(parameters))),
            width => {
                return Err(GnnError::Config {
                    field: "width",
                    reason: format!("is {width}, the native engine goes to {MAX_WIDTH}"),
                });
            }
        };
        Ok(Self {
            parameters: parameters.clone(),
            net,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &NeuralPcgConfig {
        &self.parameters.config
    }

    /// Entries of L on the lower triangle of the graph ([`FullGraph::factor_row_ptr`]), diagonal last in each row.
    ///
    /// Runs on the current rayon pool when the graph is large enough; the result does not depend on the number of
    /// threads.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the graph has another number of node features than the network takes;
    /// [`GnnError::NonFinite`] if an entry of L is NaN or infinite.
    pub fn factor<'w>(
        &self,
        graph: &FullGraph<T>,
        ws: &'w mut Workspace<T>,
    ) -> Result<&'w [T], GnnError> {
        if graph.feature_width() != self.config().node_features {
            return Err(GnnError::Matrix {
                reason: format!(
                    "comes with {} node features, this network takes {}",
                    graph.feature_width(),
                    self.config().node_features
                ),
            });
        }
        ws.factor.clear();
        if graph.num_nodes() == 0 {
            return Ok(&ws.factor);
        }
        match &self.net {
            Net::W8(layers) => self.run(layers, graph, ws),
            Net::W16(layers) => self.run(layers, graph, ws),
            Net::W32(layers) => self.run(layers, graph, ws),
        }
        symmetrise(graph, &ws.decoded, &mut ws.factor);
        match ws.factor.iter().position(|v| !v.is_finite()) {
            None => Ok(&ws.factor),
            Some(position) => Err(GnnError::NonFinite {
                what: "the factor L".into(),
                position,
            }),
        }
    }

    fn run<const G: usize>(
        &self,
        layers: &Layers<T, G>,
        graph: &FullGraph<T>,
        ws: &mut Workspace<T>,
    ) {
        let (n, arcs) = (graph.num_nodes(), graph.num_arcs());
        let relu = self.config().activation == Activation::Relu;
        let blocks = row_blocks(&graph.row_ptr);
        let zero = [T::ZERO; LANES];
        for buffer in [&mut ws.nodes, &mut ws.receiver, &mut ws.other, &mut ws.mean] {
            buffer.resize(n * G, zero);
        }
        let steps = layers.steps.len();
        // Between the first and the last step every arc has a state.
        ws.state.resize(if steps > 1 { arcs * G } else { 0 }, zero);
        ws.decoded.resize(arcs, T::ZERO);
        let features = if self.config().graph_norm {
            let learned = &self.parameters.values[..self.config().graph_norm_len()];
            graph_norm(learned, &graph.features, &mut ws.features);
            &ws.features
        } else {
            &graph.features
        };
        T::run_kernel(nodes::Encode {
            layers,
            relu,
            features,
            nodes: ws.nodes.as_chunks_mut::<G>().0,
        });
        for (s, step) in layers.steps.iter().enumerate() {
            let (first, last) = (s == 0, s + 1 == steps);
            T::run_kernel(nodes::Project {
                step,
                nodes: ws.nodes.as_chunks::<G>().0,
                receiver: ws.receiver.as_chunks_mut::<G>().0,
                other: ws.other.as_chunks_mut::<G>().0,
            });
            let (receiver, other): (&[Lanes<T, G>], &[Lanes<T, G>]) =
                (ws.receiver.as_chunks().0, ws.other.as_chunks().0);
            let arcs_of =
                |b: &(usize, usize)| graph.row_ptr[b.0] as usize..graph.row_ptr[b.1] as usize;
            let state: &mut [Lanes<T, G>] = ws.state.as_chunks_mut().0;
            let has_state = usize::from(!state.is_empty());
            let states = split(state, blocks.iter().map(|b| arcs_of(b).len() * has_state));
            let means = split(
                ws.mean.as_chunks_mut::<G>().0,
                blocks.iter().map(|b| b.1 - b.0),
            );
            let decoded = split(&mut ws.decoded, blocks.iter().map(|b| arcs_of(b).len()));
            let pass = |b: &(usize, usize), state, mean, decoded| {
                T::run_kernel(Arcs {
                    layers,
                    step,
                    relu,
                    first,
                    last,
                    row_ptr: &graph.row_ptr[b.0..=b.1],
                    col: &graph.col[arcs_of(b)],
                    value: &graph.value[arcs_of(b)],
                    receiver: &receiver[b.0..b.1],
                    other,
                    state,
                    mean,
                    decoded,
                });
            };
            blocks
                .par_iter()
                .zip(states)
                .zip(means)
                .zip(decoded)
                .for_each(|(((b, state), mean), decoded)| pass(b, state, mean, decoded));
            // The last node update does not reach the output.
            if !last {
                T::run_kernel(nodes::Update {
                    step,
                    relu,
                    mean: ws.mean.as_chunks::<G>().0,
                    nodes: ws.nodes.as_chunks_mut::<G>().0,
                });
            }
        }
    }
}

/// `l_ij = s_ij + s_ji`, `l_ii = √a_ii`.
fn symmetrise<T: Element>(graph: &FullGraph<T>, decoded: &[T], factor: &mut Vec<T>) {
    factor.reserve(graph.lower_col.len());
    for i in 0..graph.num_nodes() {
        let (begin, end) = (
            graph.lower_ptr[i] as usize,
            graph.lower_ptr[i + 1] as usize - 1,
        );
        let own = &decoded[graph.row_ptr[i] as usize..];
        factor.extend(
            own.iter()
                .zip(&graph.mirrored[begin..end])
                .map(|(s, m)| *s + decoded[*m as usize]),
        );
        factor.push(graph.root_diagonal[i]);
    }
}
