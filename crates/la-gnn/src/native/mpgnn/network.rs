//! The whole network: encoders, blocks, decoder.

use super::graph::EdgeGraph;
use super::perceptron::{Perceptron, Tape};
use crate::GnnError;
use crate::mpgnn::{MpgnnConfig, NodeModel, Parameters};

/// A message-passing network in pure Rust; see [`MpgnnConfig`] for what it computes.
///
/// Of the node models it knows messages from perceptrons and the baseline without messages. All sums are in double precision and in
/// a fixed order. About 1600 multiply-adds per arc and block with 16 channels.
///
/// # Examples
/// ```
/// use la_gnn::mpgnn::{MpgnnConfig, Parameters};
/// use la_gnn::native::mpgnn::{EdgeGraph, MessageNetwork};
///
/// let graph = EdgeGraph::of_pattern(&[0, 2, 4], &[0, 1, 0, 1])?;
/// let network = MessageNetwork::new(&Parameters::initialize(&MpgnnConfig::default(), 0)?)?;
/// let y = network.outputs(&graph, &[1.0, 1.0], &[4.0, -1.0, -1.0, 4.0])?;
/// assert_eq!(y.len(), 3);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MessageNetwork {
    config: MpgnnConfig,
    node_encoder: Perceptron,
    edge_encoder: Perceptron,
    blocks: Vec<Block>,
    decoder: Perceptron,
}

#[derive(Debug, Clone)]
struct Block {
    edge: Perceptron,
    node: NodeUpdate,
}

#[derive(Debug, Clone)]
enum NodeUpdate {
    Alone(Box<Perceptron>),
    Messages(Box<[Perceptron; 2]>),
}

/// What the backward pass needs.
#[derive(Debug, Clone)]
pub struct MessageTape {
    node_encoder: Tape,
    edge_encoder: Tape,
    edges: Vec<Tape>,
    nodes: Vec<NodeTape>,
    decoder: Tape,
}

#[derive(Debug, Clone)]
enum NodeTape {
    Alone(Tape),
    Messages(Tape, Tape),
}

impl MessageNetwork {
    /// The network of these parameters.
    ///
    /// # Errors
    /// [`GnnError::Config`] for parameters out of range or another node model, [`GnnError::NonFinite`].
    pub fn new(parameters: &Parameters) -> Result<Self, GnnError> {
        parameters.check()?;
        let (config, values) = (&parameters.config, &parameters.values);
        let specs = config.parameters();
        let read = |prefix: &str| {
            Perceptron::new(&specs, prefix, values, config.activation).ok_or(GnnError::Config {
                field: "node_model",
                reason: format!(
                    "is `{}`; in pure Rust there are `mlp` and `message-passing`",
                    config.node_model.name()
                ),
            })
        };
        let block = |k: usize| {
            let prefix = format!("node_up.{k}.");
            let node = match config.node_model {
                NodeModel::Mlp => NodeUpdate::Alone(Box::new(read(&prefix)?)),
                _ => NodeUpdate::Messages(Box::new([
                    read(&format!("{prefix}f1."))?,
                    read(&format!("{prefix}f2."))?,
                ])),
            };
            let edge = read(&format!("edge_up.{k}.edge_mlp."))?;
            Ok(Block { edge, node })
        };
        Ok(Self {
            config: config.clone(),
            node_encoder: read("node_encoder.")?,
            edge_encoder: read("edge_encoder.")?,
            blocks: (0..config.blocks)
                .map(block)
                .collect::<Result<_, GnnError>>()?,
            decoder: read("decoder.")?,
        })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &MpgnnConfig {
        &self.config
    }

    /// Outputs of the wanted arcs; features of nodes and arcs row by row.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the features do not fit the graph.
    pub fn outputs(
        &self,
        graph: &EdgeGraph,
        nodes: &[f64],
        edges: &[f64],
    ) -> Result<Vec<f64>, GnnError> {
        Ok(self.forward(graph, nodes, edges)?.0)
    }

    /// Outputs, and what the backward pass needs.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the features do not fit the graph.
    pub fn forward(
        &self,
        graph: &EdgeGraph,
        nodes: &[f64],
        edges: &[f64],
    ) -> Result<(Vec<f64>, MessageTape), GnnError> {
        for (what, found, rows, width) in [
            ("nodes", nodes.len(), graph.nodes(), self.config.node_inputs),
            ("arcs", edges.len(), graph.arcs(), self.config.edge_inputs),
        ] {
            if found != rows * width {
                return Err(GnnError::Matrix {
                    reason: format!("{found} features for {rows} {what} with {width} each"),
                });
            }
        }
        let c = self.config.width;
        let (mut h, node_encoder) = self.node_encoder.forward(nodes.to_vec());
        let (mut e, edge_encoder) = self.edge_encoder.forward(edges.to_vec());
        let (mut edge_tapes, mut node_tapes) = (Vec::new(), Vec::new());
        for (k, block) in self.blocks.iter().enumerate() {
            let mut input = Vec::with_capacity(3 * e.len());
            for (a, e) in e.chunks_exact(c).enumerate() {
                input.extend_from_slice(row(&h, graph.targets()[a], c));
                input.extend_from_slice(row(&h, graph.sources()[a], c));
                input.extend_from_slice(e);
            }
            let (new, tape) = block.edge.forward(input);
            e = new;
            edge_tapes.push(tape);
            if k + 1 == self.blocks.len() {
                break;
            }
            match &block.node {
                NodeUpdate::Alone(mlp) => {
                    let (new, tape) = mlp.forward(h);
                    h = new;
                    node_tapes.push(NodeTape::Alone(tape));
                }
                NodeUpdate::Messages(both) => {
                    let [f1, f2] = &**both;
                    let mut input = Vec::with_capacity(2 * e.len());
                    for (e, &i) in e.chunks_exact(c).zip(graph.targets()) {
                        input.extend_from_slice(row(&h, i, c));
                        input.extend_from_slice(e);
                    }
                    let (messages, first) = f1.forward(input);
                    let mut input = Vec::with_capacity(2 * h.len());
                    for (i, own) in h.chunks_exact(c).enumerate() {
                        input.extend_from_slice(own);
                        let start = input.len();
                        input.resize(start + c, 0.0);
                        let received = graph.received(i);
                        let share = 1.0 / received.len().max(1) as f64;
                        for m in messages[received.start * c..received.end * c].chunks_exact(c) {
                            for (x, &m) in input[start..].iter_mut().zip(m) {
                                *x += share * m;
                            }
                        }
                    }
                    let (new, second) = f2.forward(input);
                    h = new;
                    node_tapes.push(NodeTape::Messages(first, second));
                }
            }
        }
        let mut wanted = Vec::with_capacity(graph.outputs().len() * c);
        for &a in graph.outputs() {
            wanted.extend_from_slice(row(&e, a, c));
        }
        let (y, decoder) = self.decoder.forward(wanted);
        let tape = MessageTape {
            node_encoder,
            edge_encoder,
            edges: edge_tapes,
            nodes: node_tapes,
            decoder,
        };
        Ok((y, tape))
    }

    /// Adds the gradient of the parameters, in their order, to `gradient`, from that of the outputs.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if a length does not fit.
    pub fn backward(
        &self,
        graph: &EdgeGraph,
        tape: &MessageTape,
        outputs: &[f64],
        gradient: &mut [f64],
    ) -> Result<(), GnnError> {
        if outputs.len() != graph.outputs().len() || gradient.len() != self.config.parameter_count()
        {
            return Err(GnnError::Matrix {
                reason: format!(
                    "gradients of {} outputs and {} parameters",
                    outputs.len(),
                    gradient.len()
                ),
            });
        }
        let c = self.config.width;
        let wanted = self.decoder.backward(&tape.decoder, outputs, gradient);
        let mut g_e = vec![0.0; graph.arcs() * c];
        for (&a, g) in graph.outputs().iter().zip(wanted.chunks_exact(c)) {
            add(&mut g_e, a, g);
        }
        let mut g_h = vec![0.0; graph.nodes() * c];
        for (k, block) in self.blocks.iter().enumerate().rev() {
            if let Some(tape) = tape.nodes.get(k) {
                match (&block.node, tape) {
                    (NodeUpdate::Alone(mlp), NodeTape::Alone(tape)) => {
                        g_h = mlp.backward(tape, &g_h, gradient);
                    }
                    (NodeUpdate::Messages(both), NodeTape::Messages(first, second)) => {
                        let [f1, f2] = &**both;
                        let both = f2.backward(second, &g_h, gradient);
                        let mut g_m = vec![0.0; graph.arcs() * c];
                        for (i, both) in both.chunks_exact(2 * c).enumerate() {
                            g_h[i * c..(i + 1) * c].copy_from_slice(&both[..c]);
                            let received = graph.received(i);
                            let share = 1.0 / received.len().max(1) as f64;
                            for m in g_m[received.start * c..received.end * c].chunks_exact_mut(c) {
                                for (m, &g) in m.iter_mut().zip(&both[c..]) {
                                    *m = share * g;
                                }
                            }
                        }
                        let both = f1.backward(first, &g_m, gradient);
                        for (a, both) in both.chunks_exact(2 * c).enumerate() {
                            add(&mut g_h, graph.targets()[a], &both[..c]);
                            add(&mut g_e, a as u32, &both[c..]);
                        }
                    }
                    _ => {}
                }
            }
            let all = block.edge.backward(&tape.edges[k], &g_e, gradient);
            for (a, all) in all.chunks_exact(3 * c).enumerate() {
                add(&mut g_h, graph.targets()[a], &all[..c]);
                add(&mut g_h, graph.sources()[a], &all[c..2 * c]);
                g_e[a * c..(a + 1) * c].copy_from_slice(&all[2 * c..]);
            }
        }
        self.node_encoder
            .backward(&tape.node_encoder, &g_h, gradient);
        self.edge_encoder
            .backward(&tape.edge_encoder, &g_e, gradient);
        Ok(())
    }
}

fn row(x: &[f64], i: u32, width: usize) -> &[f64] {
    let i = i as usize;
    &x[i * width..(i + 1) * width]
}

fn add(to: &mut [f64], i: u32, g: &[f64]) {
    let i = i as usize;
    for (to, &g) in to[i * g.len()..].iter_mut().zip(g) {
        *to += g;
    }
}
