//! Generalised aggregation (GEN): softmax-weighted sums of messages, per channel.

use tch::Tensor;

use super::super::segment::End;
use super::super::tensors::Tch;
use super::graph::ArcGraph;
use super::linear::{Linear, Views};
use super::norm::{Norm, NormTape, Statistics};
use crate::mpgnn::GenNorm;

/// Added to every message.
const SHIFT: f64 = 1e-7;

/// `MLP(T h_i + Σ_j softmax_j(m_ij) ∘ m_ij)`, `m_ij = ReLU(S h_j + W_e e_ij) + 1e-7`; S, T and W_e only where widths differ.
#[derive(Debug)]
pub(super) struct Gen {
    source: Option<Linear>,
    target: Option<Linear>,
    edge: Option<Linear>,
    with_edges: bool,
    lin1: Linear,
    norm: Option<Norm>,
    lin2: Linear,
}

#[derive(Debug)]
pub(super) struct GenTape {
    h: Tensor,
    e: Option<Tensor>,
    /// Messages and their weights, on arcs; their sums, on nodes.
    message: Tensor,
    weight: Tensor,
    sum: Tensor,
    /// Input of the perceptron, and its hidden states.
    input: Tensor,
    norm: Option<NormTape>,
    hidden: Tensor,
}

/// The map, or the identity where there is none.
fn mapped(map: Option<&Linear>, x: &Tensor) -> Tch<Tensor> {
    match map {
        Some(map) => map.forward(x),
        None => Ok(x.shallow_clone()),
    }
}

/// Its gradient.
fn mapped_back(own: Option<&Linear>, grad: Option<&Linear>, x: &Tensor, g: Tensor) -> Tch<Tensor> {
    match (own, grad) {
        (Some(own), Some(grad)) => own.backward(x, &g, grad),
        _ => Ok(g),
    }
}

impl Gen {
    pub(super) fn new(
        views: Views<'_>,
        prefix: &str,
        with_edges: bool,
        norm: GenNorm,
    ) -> Tch<Self> {
        let name = |what: &str| format!("{prefix}{what}");
        Ok(Self {
            source: Linear::optional(views, &name("source"))?,
            target: Linear::optional(views, &name("target"))?,
            edge: Linear::optional(views, &name("edge"))?,
            with_edges,
            lin1: Linear::new(views, &name("mlp.lin1"))?,
            norm: match norm {
                GenNorm::None => None,
                other => Some(Norm::new(views, &name("mlp.norm"), other)?),
            },
            lin2: Linear::new(views, &name("mlp.lin2"))?,
        })
    }

    pub(super) fn forward(
        &self,
        graph: &ArcGraph,
        h: &Tensor,
        e: &Tensor,
        statistics: Statistics<'_>,
    ) -> Tch<(Tensor, GenTape)> {
        let arcs = &graph.arcs;
        let mut message = arcs.gather(&mapped(self.source.as_ref(), h)?, End::Column)?;
        if self.with_edges {
            let _ = message.f_add_(&mapped(self.edge.as_ref(), e)?)?;
        }
        let message = message.f_relu_()?.f_add_scalar_(SHIFT)?;
        let weight = graph.softmax(&message)?;
        let sum = arcs.sum(&message.f_mul(&weight)?, End::Row)?;
        let input = mapped(self.target.as_ref(), h)?.f_add(&sum)?;
        let mut hidden = self.lin1.forward(&input)?;
        let mut tape = None;
        if let Some(norm) = &self.norm {
            let (normal, found) = norm.forward(&hidden, statistics)?;
            (hidden, tape) = (normal, Some(found));
        }
        let hidden = hidden.f_relu_()?;
        let out = self.lin2.forward(&hidden)?;
        let tape = GenTape {
            h: h.shallow_clone(),
            e: self.with_edges.then(|| e.shallow_clone()),
            message,
            weight,
            sum,
            input,
            norm: tape,
            hidden,
        };
        Ok((out, tape))
    }

    /// Gradients of the states of nodes and, where they enter, of arcs.
    pub(super) fn backward(
        &self,
        graph: &ArcGraph,
        tape: &GenTape,
        g: &Tensor,
        grad: &Self,
    ) -> Tch<(Tensor, Option<Tensor>)> {
        let g_hidden = self.lin2.backward(&tape.hidden, g, &grad.lin2)?;
        let mut g_pre = tape.hidden.f_threshold_backward(&g_hidden, 0.0)?;
        if let (Some(own), Some(grad), Some(tape)) = (&self.norm, &grad.norm, &tape.norm) {
            g_pre = own.backward(tape, &g_pre, grad)?;
        }
        let g_input = self.lin1.backward(&tape.input, &g_pre, &grad.lin1)?;
        // d sum_i / d m_ij = w_ij (1 + m_ij − sum_i), channel by channel; then the ReLU, open where m_ij > its shift.
        let slope = tape
            .message
            .f_sub(&graph.arcs.gather(&tape.sum, End::Row)?)?
            .f_add_scalar_(1.0)?
            .f_mul_(&tape.weight)?;
        let mut g_message = graph.arcs.gather(&g_input, End::Row)?.f_mul_(&slope)?;
        let open = tape.message.f_gt(SHIFT)?;
        let g_message = g_message.f_mul_(&open.f_to_kind(g.f_kind()?)?)?;
        let g_source = graph.arcs.sum(&g_message, End::Column)?;
        let g_h = mapped_back(
            self.source.as_ref(),
            grad.source.as_ref(),
            &tape.h,
            g_source,
        )?;
        let g_target = mapped_back(self.target.as_ref(), grad.target.as_ref(), &tape.h, g_input)?;
        let g_e = match &tape.e {
            Some(e) => Some(mapped_back(
                self.edge.as_ref(),
                grad.edge.as_ref(),
                e,
                g_message,
            )?),
            None => None,
        };
        Ok((g_h.f_add(&g_target)?, g_e))
    }
}
