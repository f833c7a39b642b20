//! One node model alone, with its gradients.

use tch::{Kind, Tensor};

use super::super::tensors::{Context, reals, to_f64, view};
use super::graph::ArcGraph;
use super::linear::Views;
use super::node::{Node, NodeTape};
use super::norm::Statistics;
use crate::GnnError;
use crate::mpgnn::{Activation, NodeModel, NodeShape, ParameterSpec, Specs};

/// A node model as a layer of its own, for networks of other shapes and for checks.
///
/// # Shapes
/// - states of nodes: nodes × `inputs` to nodes × `outputs`;
/// - states of arcs: arcs × `edges`, in the order of [`ArcGraph::order`].
///
/// # Examples
/// ```
/// use la_gnn::mpgnn::{Activation, NodeModel, NodeShape};
/// use la_gnn::torch::tch::{Device, Kind, Tensor};
/// use la_gnn::torch::{ArcGraph, NodeLayer};
///
/// let graph = ArcGraph::new(&[3], &[1, 2, 0], &[0, 1, 2], Kind::Double, Device::Cpu)?;
/// let shape = NodeShape { inputs: 2, outputs: 2, edges: 1 };
/// let count: usize = NodeLayer::parameters(NodeModel::GAT, shape).iter().map(|p| p.len).sum();
/// let layer = NodeLayer::new(NodeModel::GAT, shape, Activation::Relu, &vec![0.5; count], &graph)?;
/// let x = Tensor::ones([3, 2], (Kind::Double, Device::Cpu));
/// let (y, _tape) = layer.forward(&graph, &x, &Tensor::ones([3, 1], (Kind::Double, Device::Cpu)))?;
/// assert_eq!(y.size(), [3, 2]);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug)]
pub struct NodeLayer {
    activation: Activation,
    specs: Vec<ParameterSpec>,
    gradient: Tensor,
    own: Node,
    grad: Node,
    statistics: Option<[Tensor; 2]>,
    training: bool,
}

/// What the backward pass of a [`NodeLayer`] needs.
#[derive(Debug)]
pub struct NodeLayerTape(NodeTape);

/// Gradients of what went into a layer and of its tensors.
#[derive(Debug)]
pub struct NodeGradients {
    /// Of the states of nodes.
    pub nodes: Tensor,
    /// Of the states of arcs; none where they do not enter.
    pub arcs: Option<Tensor>,
    /// Of the tensors, in the order of [`NodeLayer::parameters`].
    pub parameters: Vec<f64>,
}

impl NodeLayer {
    /// The trainable tensors.
    #[must_use]
    pub fn parameters(model: NodeModel, shape: NodeShape) -> Vec<ParameterSpec> {
        let mut list = Specs::default();
        model.parameters(shape, "", &mut list);
        list.0
    }

    /// The layer with these tensors, laid end to end, in the precision and on the device of `graph`.
    ///
    /// # Errors
    /// [`GnnError::Config`] if their number is wrong, [`GnnError::Torch`] if LibTorch refuses.
    pub fn new(
        model: NodeModel,
        shape: NodeShape,
        activation: Activation,
        values: &[f64],
        graph: &ArcGraph,
    ) -> Result<Self, GnnError> {
        let specs = Self::parameters(model, shape);
        let expected: usize = specs.iter().map(|s| s.len).sum();
        if values.len() != expected {
            return Err(GnnError::Config {
                field: "values",
                reason: format!("has length {}, the layer asks for {expected}", values.len()),
            });
        }
        let (kind, device) = (graph.kind(), graph.device());
        let mut list = Specs::default();
        model.statistics(shape, "", &mut list);
        let build = || {
            let flat = reals(values, kind, device)?;
            let gradient = flat.f_zeros_like()?;
            let node = |flat: &Tensor| {
                Node::new(
                    model,
                    Views {
                        flat,
                        specs: &specs,
                    },
                    "",
                )
            };
            let statistics = match list.0.first() {
                None => None,
                Some(spec) => {
                    let zero = Tensor::f_zeros([spec.len as i64], (kind, device))?;
                    Some([zero.f_zeros_like()?, zero.f_ones_like()?])
                }
            };
            Ok((node(&flat)?, node(&gradient)?, gradient, statistics))
        };
        let (own, grad, gradient, statistics) = build().context("moving a layer to the device")?;
        Ok(Self {
            activation,
            specs,
            gradient,
            own,
            grad,
            statistics,
            training: true,
        })
    }

    /// Whether batch normalisation takes the statistics of the batch (true, at first) or the running ones.
    pub fn set_training(&mut self, training: bool) {
        self.training = training;
    }

    /// Replaces the running mean and variance of a batch normalisation.
    ///
    /// # Errors
    /// [`GnnError::Config`] if there are none or their number is another one; [`GnnError::Torch`] if LibTorch refuses.
    pub fn set_statistics(&mut self, mean: &[f64], variance: &[f64]) -> Result<(), GnnError> {
        let fits = |s: &[Tensor; 2]| s[0].numel() == mean.len() && s[1].numel() == variance.len();
        match &mut self.statistics {
            Some(statistics) if fits(statistics) => {
                for (to, values) in statistics.iter_mut().zip([mean, variance]) {
                    let mut copy = || to.f_copy_(&Tensor::f_from_slice(values)?);
                    copy().context("moving statistics to the device")?;
                }
                Ok(())
            }
            _ => Err(GnnError::Config {
                field: "statistics",
                reason: format!("{} numbers do not fit the layer", mean.len()),
            }),
        }
    }

    /// Running mean and variance of a batch normalisation.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if the copy fails.
    pub fn statistics(&self) -> Result<Option<[Vec<f64>; 2]>, GnnError> {
        let copy = |[mean, variance]: &[Tensor; 2]| Ok([to_f64(mean)?, to_f64(variance)?]);
        self.statistics
            .as_ref()
            .map(copy)
            .transpose()
            .context("copying statistics")
    }

    /// New states of the nodes.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if shapes, precisions or devices do not fit.
    pub fn forward(
        &self,
        graph: &ArcGraph,
        nodes: &Tensor,
        arcs: &Tensor,
    ) -> Result<(Tensor, NodeLayerTape), GnnError> {
        let _guard = tch::no_grad_guard();
        let statistics = match &self.statistics {
            None => Statistics::None,
            Some(s) if self.training => Statistics::Move(s),
            Some(s) => Statistics::Use(s),
        };
        let (out, tape) = self
            .own
            .forward(graph, nodes, arcs, self.activation, statistics)
            .context("forward pass of a node model")?;
        Ok((out, NodeLayerTape(tape)))
    }

    /// Gradients, from that of the new states.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if shapes, precisions or devices do not fit.
    pub fn backward(
        &self,
        graph: &ArcGraph,
        tape: &NodeLayerTape,
        gradient: &Tensor,
    ) -> Result<NodeGradients, GnnError> {
        let _guard = tch::no_grad_guard();
        let run = || {
            let (nodes, arcs) =
                self.own
                    .backward(graph, &tape.0, gradient, self.activation, &self.grad)?;
            let mut parameters = Vec::new();
            for spec in &self.specs {
                parameters.extend(to_f64(
                    &view(&self.gradient, spec)?.f_to_kind(Kind::Double)?,
                )?);
            }
            Ok(NodeGradients {
                nodes,
                arcs,
                parameters,
            })
        };
        run().context("backward pass of a node model")
    }
}
