//! The network: forward pass.

use rayon::prelude::*;

use super::super::blocks::{row_blocks, split};
use super::super::coates::finite;
use super::super::features::graph_norm;
use super::super::lanes::Lanes;
use super::super::simd::LANES;
use super::super::{CoatesGraph, Element, FullGraph};
use super::arcs::Arcs as Pass;
use super::layers::Layers;
use super::nodes;
use crate::GnnError;
use crate::neuralif::Activation;
use crate::neuralpcg::{ARCHITECTURE, FactorForm, NeuralPcgConfig, Parameters};

/// Largest width of the native engine.
const MAX_WIDTH: usize = 4 * LANES;

/// A NeuralPCG network ready to run.
///
/// Maps a symmetric positive definite matrix to a lower triangular factor L with the diagonal `√a_ii`, or, in the form
/// [`FactorForm::Triangle`], any square matrix to one with a positive diagonal. One pass costs about
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

/// The arcs of a graph, symmetric (without positions of loops) or not, and its node features.
#[derive(Clone, Copy)]
struct Arcs<'a, T> {
    row_ptr: &'a [u32],
    diagonal: &'a [u32],
    col: &'a [u32],
    value: &'a [T],
    features: &'a [T],
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

    /// Entries of L on the lower triangle of a symmetric graph ([`FullGraph::factor_row_ptr`]), diagonal last in each row.
    ///
    /// Runs on the current rayon pool when the graph is large enough; the result does not depend on the number of
    /// threads.
    ///
    /// # Errors
    /// [`GnnError::Config`] for a network of the form [`FactorForm::Triangle`];
    /// [`GnnError::Matrix`] if the graph has another number of node features than the network takes;
    /// [`GnnError::NonFinite`] if an entry of L is NaN or infinite.
    pub fn factor<'w>(
        &self,
        graph: &FullGraph<T>,
        ws: &'w mut Workspace<T>,
    ) -> Result<&'w [T], GnnError> {
        self.config().validate_symmetric()?;
        if graph.feature_width() != self.config().node_features {
            return Err(GnnError::Matrix {
                reason: format!(
                    "comes with {} node features, this network takes {}",
                    graph.feature_width(),
                    self.config().node_features
                ),
            });
        }
        self.decode(
            Arcs {
                row_ptr: &graph.row_ptr,
                diagonal: &[],
                col: &graph.col,
                value: &graph.value,
                features: &graph.features,
            },
            ws,
        );
        ws.factor.clear();
        symmetrise(graph, &ws.decoded, &mut ws.factor);
        finite("the factor L", &ws.factor)?;
        Ok(&ws.factor)
    }

    /// Entries of L on the lower triangle of a general graph, row by row, diagonal last in each row, for networks of the form
    /// [`FactorForm::Triangle`].
    ///
    /// # Errors
    /// [`GnnError::Config`] naming `form` for a network of another one; [`GnnError::NonFinite`] if an entry of L is NaN or
    /// infinite.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::native::CoatesGraph;
    /// use la_gnn::native::neuralpcg::{NeuralPcg, Workspace};
    /// use la_gnn::neuralpcg::{NeuralPcgConfig, Parameters};
    /// use la_gnn::sprs::CsMat;
    ///
    /// // [ 0 2 ; 1 3 ]
    /// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![0.0, 2.0, 1.0, 3.0]);
    /// let network = NeuralPcg::<f32>::new(&Parameters::initialize(&NeuralPcgConfig::general(), 0)?)?;
    /// let graph = CoatesGraph::from_matrix(a.view())?;
    /// let mut workspace = Workspace::default();
    /// let l = network.factor_general(&graph, &mut workspace)?; // l_11 l_21 l_22
    /// assert!(l.len() == 3 && l[0] > 0.0 && l[2] > 0.0);
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn factor_general<'w>(
        &self,
        graph: &CoatesGraph<T>,
        ws: &'w mut Workspace<T>,
    ) -> Result<&'w [T], GnnError> {
        if self.config().form != FactorForm::Triangle {
            return Err(GnnError::Config {
                field: "form",
                reason: "must be `triangle` for a matrix that is not symmetric".into(),
            });
        }
        self.decode(
            Arcs {
                row_ptr: &graph.row_ptr,
                diagonal: &graph.diagonal,
                col: &graph.col,
                value: &graph.value,
                features: &graph.features,
            },
            ws,
        );
        ws.factor.clear();
        for (start, &at) in graph.row_ptr.iter().zip(&graph.diagonal) {
            let (start, at) = (*start as usize, at as usize);
            ws.factor.extend_from_slice(&ws.decoded[start..at]);
            let logarithm = ws.decoded[at].to_f64();
            ws.factor.push(T::from_f64(logarithm.exp()));
        }
        finite("the factor L", &ws.factor)?;
        match zero_pivot(graph, &ws.factor) {
            Some(row) => Err(GnnError::Matrix {
                reason: format!("row {row} of the factor L got a zero on its diagonal"),
            }),
            None => Ok(&ws.factor),
        }
    }

    /// The decoded scalar of every arc.
    fn decode(&self, arcs: Arcs<'_, T>, ws: &mut Workspace<T>) {
        ws.decoded.clear();
        if arcs.row_ptr.len() < 2 {
            return;
        }
        match &self.net {
            Net::W8(layers) => self.run(layers, arcs, ws),
            Net::W16(layers) => self.run(layers, arcs, ws),
            Net::W32(layers) => self.run(layers, arcs, ws),
        }
    }

    fn run<const G: usize>(
        &self,
        layers: &Layers<T, G>,
        graph: Arcs<'_, T>,
        ws: &mut Workspace<T>,
    ) {
        let (n, arcs) = (graph.row_ptr.len() - 1, graph.col.len());
        let relu = self.config().activation == Activation::Relu;
        let blocks = row_blocks(graph.row_ptr);
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
            graph_norm(learned, graph.features, &mut ws.features);
            &ws.features
        } else {
            graph.features
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
                T::run_kernel(Pass {
                    layers,
                    step,
                    relu,
                    first,
                    last,
                    row_ptr: &graph.row_ptr[b.0..=b.1],
                    diagonal: graph.diagonal.get(b.0..b.1).unwrap_or(&[]),
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

/// First row with a zero on the diagonal, where the exponential has underflown.
fn zero_pivot<T: Element>(graph: &CoatesGraph<T>, factor: &[T]) -> Option<usize> {
    let mut end = 0;
    (0..graph.num_nodes()).find(|&i| {
        end += (graph.diagonal[i] - graph.row_ptr[i]) as usize + 1;
        factor[end - 1] == T::ZERO
    })
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
