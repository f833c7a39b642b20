//! The whole network: encoders, blocks, decoder.

use std::rc::Rc;

use tch::{Device, Kind, Tensor};

use super::super::tensors::{Context, Tch, indices, reals, to_f32};
use super::edge::{EdgeTape, EdgeUpdate};
use super::graph::ArcGraph;
use super::linear::{Mlp, MlpTape, Views};
use super::node::{Node, NodeTape};
use super::norm::Statistics;
use crate::GnnError;
use crate::mpgnn::{MpgnnConfig, Parameters};

/// Features of a graph (or of several side by side), and the arcs whose outputs are wanted.
#[derive(Debug)]
pub struct MpgnnBatch {
    pub(super) graph: Rc<ArcGraph>,
    pub(super) nodes: Tensor,
    pub(super) edges: Tensor,
    /// None: all of them.
    pub(super) outputs: Option<Rc<Tensor>>,
}

impl MpgnnBatch {
    /// Features of nodes (nodes × `node_inputs`) and arcs (arcs × `edge_inputs`, in the order of [`ArcGraph::order`]), and the stored
    /// arcs whose outputs are wanted, ascending (all if none are named).
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if an output is no arc or named twice; [`GnnError::Torch`] if the features do not fit the graph.
    pub fn new(
        graph: Rc<ArcGraph>,
        nodes: Tensor,
        edges: Tensor,
        outputs: Option<&[usize]>,
    ) -> Result<Self, GnnError> {
        let arcs = graph.num_arcs();
        for (what, tensor, rows) in [("nodes", &nodes, graph.num_nodes()), ("arcs", &edges, arcs)] {
            if tensor.dim() != 2 || tensor.size()[0] != rows as i64 || tensor.kind() != graph.kind()
            {
                return Err(GnnError::Matrix {
                    reason: format!(
                        "features of {what}: {:?} {:?} for {rows} {what} in {:?}",
                        tensor.size(),
                        tensor.kind(),
                        graph.kind()
                    ),
                });
            }
        }
        if let Some(bad) = outputs.and_then(|o| o.iter().find(|k| **k >= arcs)) {
            return Err(GnnError::Matrix {
                reason: format!("output {bad} of {arcs} arcs"),
            });
        }
        if let Some(w) = outputs.and_then(|o| o.windows(2).find(|w| w[0] >= w[1])) {
            return Err(GnnError::Matrix {
                reason: format!("outputs {} and {} are not in order", w[0], w[1]),
            });
        }
        let upload = |list: &[usize]| {
            let list: Vec<i64> = list.iter().map(|&k| k as i64).collect();
            indices(&list, graph.device()).map(Rc::new)
        };
        let outputs = outputs
            .map(upload)
            .transpose()
            .context("moving outputs to the device")?;
        Ok(Self {
            graph,
            nodes,
            edges,
            outputs,
        })
    }

    /// The graphs.
    #[must_use]
    pub fn graph(&self) -> &ArcGraph {
        &self.graph
    }
}

/// All tensors as views of one flat vector: of parameters, or of their gradient.
#[derive(Debug)]
struct Parts {
    node_encoder: Mlp,
    edge_encoder: Mlp,
    blocks: Vec<(EdgeUpdate, Node)>,
    decoder: Mlp,
}

impl Parts {
    fn new(config: &MpgnnConfig, flat: &Tensor) -> Tch<Self> {
        let specs = config.parameters();
        let views = Views {
            flat,
            specs: &specs,
        };
        let block = |k: usize| -> Tch<_> {
            Ok((
                EdgeUpdate::new(views, &format!("edge_up.{k}.edge_mlp."))?,
                Node::new(config.node_model, views, &format!("node_up.{k}."))?,
            ))
        };
        Ok(Self {
            node_encoder: Mlp::new(views, "node_encoder.")?,
            edge_encoder: Mlp::new(views, "edge_encoder.")?,
            blocks: (0..config.blocks).map(block).collect::<Tch<_>>()?,
            decoder: Mlp::new(views, "decoder.")?,
        })
    }
}

/// A message-passing network for edge regression on a device, see [`MpgnnConfig`].
///
/// Gradients are worked out by hand. Where a perceptron sees states of several nodes or arcs, its first map is applied to each of them
/// once and gathered; means are taken before the second map; the nodes of the last block, which nothing reads, are left out.
///
/// Memory: per block and arc about 4 c numbers, per node about 6 c, of which the models with attention need a few more.
///
/// # Examples
/// ```
/// use std::rc::Rc;
/// use la_gnn::mpgnn::{MpgnnConfig, Parameters};
/// use la_gnn::torch::tch::{Device, Kind, Tensor};
/// use la_gnn::torch::{ArcGraph, Mpgnn, MpgnnBatch};
///
/// // The graph of a 2 × 2 matrix; outputs for its lower triangle.
/// let (rows, columns) = ([0, 0, 1, 1], [0, 1, 0, 1]);
/// let graph = ArcGraph::new(&[2], &columns, &rows, Kind::Float, Device::Cpu)?;
/// let ones = Tensor::ones([2, 1], (Kind::Float, Device::Cpu));
/// let entries = Tensor::from_slice(&[4.0f32, -1.0, -1.0, 4.0]).view([4, 1]);
/// let batch = MpgnnBatch::new(Rc::new(graph), ones, entries, Some(&[0, 2, 3]))?;
/// let network = Mpgnn::new(&Parameters::initialize(&MpgnnConfig::default(), 0)?, Kind::Float, Device::Cpu)?;
/// assert_eq!(network.apply(&batch)?.size(), [3]);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
///
/// # References
/// P. Battaglia et al., *Relational inductive biases, deep learning, and graph networks*, 2018; V. Trifonov, E. Muravleva,
/// I. Oseledets, TMLR 2026, arXiv 2502.01397.
#[derive(Debug)]
pub struct Mpgnn {
    config: MpgnnConfig,
    pub(super) values: Tensor,
    pub(super) gradient: Tensor,
    pub(super) statistics: Tensor,
    own: Parts,
    grad: Parts,
    /// Running mean and variance of each block; empty without batch normalisation.
    running: Vec<[Tensor; 2]>,
}

/// What the backward pass needs.
#[derive(Debug)]
pub struct MpgnnTape {
    node_encoder: MlpTape,
    edge_encoder: MlpTape,
    edges: Vec<EdgeTape>,
    /// One less than blocks.
    nodes: Vec<NodeTape>,
    decoder: MlpTape,
}

impl Mpgnn {
    /// Copies the network to a device, in single (`Kind::Float`) or double precision (`Kind::Double`).
    ///
    /// # Errors
    /// [`GnnError::Config`] and [`GnnError::NonFinite`] for parameters out of range, [`GnnError::Config`] for another precision;
    /// [`GnnError::Torch`] if LibTorch refuses.
    pub fn new(parameters: &Parameters, kind: Kind, device: Device) -> Result<Self, GnnError> {
        parameters.check()?;
        if !matches!(kind, Kind::Float | Kind::Double) {
            return Err(GnnError::Config {
                field: "kind",
                reason: format!("is {kind:?}, must be Float or Double"),
            });
        }
        let config = parameters.config.clone();
        let build = || {
            let flat = |data: &[f32]| -> Tch<Tensor> {
                Tensor::f_from_slice(data)?
                    .f_to_device(device)?
                    .f_to_kind(kind)
            };
            let values = flat(&parameters.values)?;
            let gradient = values.f_zeros_like()?;
            let statistics = flat(&parameters.statistics)?;
            let specs = config.statistics();
            let running = specs.chunks(2).map(|pair| -> Tch<[Tensor; 2]> {
                let view = |k: usize| super::super::tensors::view(&statistics, &pair[k]);
                Ok([view(0)?, view(1)?])
            });
            Ok(Self {
                own: Parts::new(&config, &values)?,
                grad: Parts::new(&config, &gradient)?,
                running: running.collect::<Tch<_>>()?,
                values,
                gradient,
                statistics,
                config: config.clone(),
            })
        };
        build().context("moving a network to the device")
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &MpgnnConfig {
        &self.config
    }

    /// The parameters, copied to the host.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if the copy fails.
    pub fn parameters(&self) -> Result<Parameters, GnnError> {
        let copy = || {
            Ok(Parameters {
                config: self.config.clone(),
                values: to_f32(&self.values)?,
                statistics: to_f32(&self.statistics)?,
            })
        };
        copy().context("copying the parameters")
    }

    /// Replaces the trainable scalars, which need not be representable in single precision.
    ///
    /// # Errors
    /// [`GnnError::Config`] if their number is wrong; [`GnnError::Torch`] if the copy fails.
    pub fn set_values(&mut self, values: &[f64]) -> Result<(), GnnError> {
        if values.len() != self.values.numel() {
            return Err(GnnError::Config {
                field: "values",
                reason: format!(
                    "has length {}, the network asks for {}",
                    values.len(),
                    self.values.numel()
                ),
            });
        }
        let mut copy = || {
            let data = reals(values, self.values.f_kind()?, self.values.device())?;
            self.values.f_copy_(&data)
        };
        tch::no_grad(&mut copy).context("moving parameters to the device")
    }

    /// Outputs of the wanted arcs, in evaluation: batch normalisation uses running statistics.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if shapes, precisions or devices do not fit.
    pub fn apply(&self, batch: &MpgnnBatch) -> Result<Tensor, GnnError> {
        Ok(self.forward(batch, false)?.0)
    }

    /// Outputs of the wanted arcs, and what the backward pass needs. In `training` batch normalisation uses the statistics of the
    /// batch, and moves the running ones.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if shapes, precisions or devices do not fit.
    pub fn forward(
        &self,
        batch: &MpgnnBatch,
        training: bool,
    ) -> Result<(Tensor, MpgnnTape), GnnError> {
        let _guard = tch::no_grad_guard();
        self.run(batch, training)
            .context("forward pass of a message-passing network")
    }

    fn run(&self, batch: &MpgnnBatch, training: bool) -> Tch<(Tensor, MpgnnTape)> {
        let (graph, act) = (&*batch.graph, self.config.activation);
        let (mut h, node_encoder) = self.own.node_encoder.forward(&batch.nodes, act)?;
        let (mut e, edge_encoder) = self.own.edge_encoder.forward(&batch.edges, act)?;
        let (mut edges, mut nodes) = (Vec::new(), Vec::new());
        for (k, (edge, node)) in self.own.blocks.iter().enumerate() {
            let (e_new, tape) = edge.forward(graph, &h, &e, act)?;
            e = e_new;
            edges.push(tape);
            if k + 1 < self.own.blocks.len() {
                let statistics = match self.running.get(k) {
                    None => Statistics::None,
                    Some(s) if training => Statistics::Move(s),
                    Some(s) => Statistics::Use(s),
                };
                let (h_new, tape) = node.forward(graph, &h, &e, act, statistics)?;
                h = h_new;
                nodes.push(tape);
            }
        }
        let wanted = match &batch.outputs {
            None => e,
            Some(outputs) => e.f_index_select(0, outputs)?,
        };
        let (y, decoder) = self.own.decoder.forward(&wanted, act)?;
        let tape = MpgnnTape {
            node_encoder,
            edge_encoder,
            edges,
            nodes,
            decoder,
        };
        Ok((y.f_view([-1])?, tape))
    }

    /// Gradient of the trainable scalars, from that of the outputs. The vector is the network's own: the next call overwrites it.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if the gradient does not fit the batch.
    pub fn backward(
        &self,
        batch: &MpgnnBatch,
        tape: &MpgnnTape,
        gradient: &Tensor,
    ) -> Result<&Tensor, GnnError> {
        let _guard = tch::no_grad_guard();
        self.run_backward(batch, tape, gradient)
            .context("backward pass of a message-passing network")?;
        Ok(&self.gradient)
    }

    fn run_backward(&self, batch: &MpgnnBatch, tape: &MpgnnTape, gradient: &Tensor) -> Tch<()> {
        let (graph, act) = (&*batch.graph, self.config.activation);
        let (own, grad) = (&self.own, &self.grad);
        let g = gradient.f_view([-1, 1])?;
        let g = own
            .decoder
            .backward(&tape.decoder, &g, act, &grad.decoder)?;
        let mut g_e = match &batch.outputs {
            None => g,
            Some(outputs) => {
                let size = [graph.num_arcs() as i64, g.size()[1]];
                Tensor::f_zeros(size, (g.f_kind()?, g.device()))?.f_index_copy_(0, outputs, &g)?
            }
        };
        let mut g_h: Option<Tensor> = None;
        for (k, (edge, node)) in own.blocks.iter().enumerate().rev() {
            let (grad_edge, grad_node) = &grad.blocks[k];
            let mut g_before = None;
            if let (Some(tape), Some(g)) = (tape.nodes.get(k), &g_h) {
                let (nodes, arcs) = node.backward(graph, tape, g, act, grad_node)?;
                g_before = Some(nodes);
                if let Some(arcs) = arcs {
                    let _ = g_e.f_add_(&arcs)?;
                }
            }
            let (nodes, arcs) = edge.backward(graph, &tape.edges[k], &g_e, act, grad_edge)?;
            g_e = arcs;
            g_h = Some(match g_before {
                None => nodes,
                Some(mut before) => before.f_add_(&nodes)?,
            });
        }
        if let Some(g) = &g_h {
            own.node_encoder
                .backward_last(&tape.node_encoder, g, act, &grad.node_encoder)?;
        }
        own.edge_encoder
            .backward_last(&tape.edge_encoder, &g_e, act, &grad.edge_encoder)
    }
}
