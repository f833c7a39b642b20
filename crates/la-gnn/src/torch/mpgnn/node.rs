//! The six node models behind one interface.

use tch::Tensor;

use super::super::tensors::Tch;
use super::aggregation::{Gen, GenTape};
use super::attention::{Gat, GatTape, Transformer, TransformerTape};
use super::global::{SgFormer, SgFormerTape};
use super::graph::ArcGraph;
use super::linear::{Mlp, MlpTape, Views};
use super::message::{MessagePassing, MessageTape};
use super::norm::Statistics;
use crate::mpgnn::{Activation, NodeModel};

/// Tensors of a node model, or of their gradients.
#[derive(Debug)]
pub(super) enum Node {
    Mlp(Mlp),
    Gat(Gat),
    Gen(Box<Gen>),
    Message(MessagePassing),
    Transformer(Transformer),
    SgFormer(Box<SgFormer>),
}

#[derive(Debug)]
pub(super) enum NodeTape {
    Mlp(MlpTape),
    Gat(GatTape),
    Gen(Box<GenTape>),
    Message(MessageTape),
    Transformer(TransformerTape),
    SgFormer(Box<SgFormerTape>),
}

impl Node {
    pub(super) fn new(model: NodeModel, views: Views<'_>, prefix: &str) -> Tch<Self> {
        Ok(match model {
            NodeModel::Mlp => Self::Mlp(Mlp::new(views, prefix)?),
            NodeModel::GatV2 { .. } => Self::Gat(Gat::new(views, prefix)?),
            NodeModel::Gen { edges, norm, .. } => {
                Self::Gen(Box::new(Gen::new(views, prefix, edges, norm)?))
            }
            NodeModel::MessagePassing => Self::Message(MessagePassing::new(views, prefix)?),
            NodeModel::Transformer { .. } => Self::Transformer(Transformer::new(views, prefix)?),
            NodeModel::SgFormer { local } => {
                Self::SgFormer(Box::new(SgFormer::new(views, prefix, local)?))
            }
        })
    }

    pub(super) fn forward(
        &self,
        graph: &ArcGraph,
        h: &Tensor,
        e: &Tensor,
        act: Activation,
        statistics: Statistics<'_>,
    ) -> Tch<(Tensor, NodeTape)> {
        Ok(match self {
            Self::Mlp(model) => {
                let (out, tape) = model.forward(h, act)?;
                (out, NodeTape::Mlp(tape))
            }
            Self::Gat(model) => {
                let (out, tape) = model.forward(graph, h, e)?;
                (out, NodeTape::Gat(tape))
            }
            Self::Gen(model) => {
                let (out, tape) = model.forward(graph, h, e, statistics)?;
                (out, NodeTape::Gen(Box::new(tape)))
            }
            Self::Message(model) => {
                let (out, tape) = model.forward(graph, h, e, act)?;
                (out, NodeTape::Message(tape))
            }
            Self::Transformer(model) => {
                let (out, tape) = model.forward(graph, h, e)?;
                (out, NodeTape::Transformer(tape))
            }
            Self::SgFormer(model) => {
                let (out, tape) = model.forward(graph, h, e)?;
                (out, NodeTape::SgFormer(Box::new(tape)))
            }
        })
    }

    /// Writes the gradients of the tensors to `grad`; those of the states of nodes and, where they enter, of arcs come back.
    pub(super) fn backward(
        &self,
        graph: &ArcGraph,
        tape: &NodeTape,
        g: &Tensor,
        act: Activation,
        grad: &Self,
    ) -> Tch<(Tensor, Option<Tensor>)> {
        match (self, tape, grad) {
            (Self::Mlp(own), NodeTape::Mlp(tape), Self::Mlp(grad)) => {
                Ok((own.backward(tape, g, act, grad)?, None))
            }
            (Self::Gat(own), NodeTape::Gat(tape), Self::Gat(grad)) => {
                own.backward(graph, tape, g, grad)
            }
            (Self::Gen(own), NodeTape::Gen(tape), Self::Gen(grad)) => {
                own.backward(graph, tape, g, grad)
            }
            (Self::Message(own), NodeTape::Message(tape), Self::Message(grad)) => {
                let (g_h, g_e) = own.backward(graph, tape, g, act, grad)?;
                Ok((g_h, Some(g_e)))
            }
            (Self::Transformer(own), NodeTape::Transformer(tape), Self::Transformer(grad)) => {
                own.backward(graph, tape, g, grad)
            }
            (Self::SgFormer(own), NodeTape::SgFormer(tape), Self::SgFormer(grad)) => {
                Ok((own.backward(graph, tape, g, grad)?, None))
            }
            _ => Err(tch::TchError::Shape("tape of another node model".into())),
        }
    }
}
