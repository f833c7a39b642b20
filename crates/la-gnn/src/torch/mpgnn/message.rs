//! Messages from perceptrons, `f₂[h_i, mean_j f₁[h_i, e_ij]]`.

use tch::Tensor;

use super::super::activation::apply;
use super::super::segment::End;
use super::super::tensors::Tch;
use super::graph::ArcGraph;
use super::linear::{Linear, Mlp, Views, store_sum, times_slope};
use crate::mpgnn::Activation;

/// The mean is taken of the hidden states of f₁: its second map is linear, so that it is applied once per node.
#[derive(Debug)]
pub(super) struct MessagePassing {
    f1: Mlp,
    f2: Mlp,
}

#[derive(Debug)]
pub(super) struct MessageTape {
    h: Tensor,
    e: Tensor,
    /// Hidden states of f₁ on arcs, and their means.
    hidden1: Tensor,
    mean: Tensor,
    message: Tensor,
    hidden2: Tensor,
}

/// `[x, y] Wᵀ + b` without the concatenation.
fn joint(map: &Linear, x: &Tensor, y: &Tensor) -> Tch<Tensor> {
    let (p, q) = (x.size()[1], y.size()[1]);
    let out = x.f_linear(&map.part(0, p)?, map.b.as_ref())?;
    let mut out = out;
    out.f_addmm_(y, &map.part(p, q)?.f_tr()?)
}

impl MessagePassing {
    pub(super) fn new(views: Views<'_>, prefix: &str) -> Tch<Self> {
        Ok(Self {
            f1: Mlp::new(views, &format!("{prefix}f1."))?,
            f2: Mlp::new(views, &format!("{prefix}f2."))?,
        })
    }

    pub(super) fn forward(
        &self,
        graph: &ArcGraph,
        h: &Tensor,
        e: &Tensor,
        act: Activation,
    ) -> Tch<(Tensor, MessageTape)> {
        let (c, k) = (h.size()[1], e.size()[1]);
        let lin1 = &self.f1.lin1;
        let none: Option<&Tensor> = None;
        let at_i = h.f_linear(&lin1.part(0, c)?, lin1.b.as_ref())?;
        let mut hidden1 = e.f_linear(&lin1.part(c, k)?, none)?;
        let _ = hidden1.f_add_(&graph.arcs.gather(&at_i, End::Row)?)?;
        let hidden1 = apply(act, hidden1)?;
        let mean = graph
            .arcs
            .sum(&hidden1, End::Row)?
            .f_mul_(graph.arcs.inverse_count(End::Row))?;
        let mut message = self.f1.lin2.forward(&mean)?;
        if let Some(receives) = &graph.receives {
            // A mean over nothing is 0, without the bias.
            let _ = message.f_mul_(receives)?;
        }
        let hidden2 = apply(act, joint(&self.f2.lin1, h, &message)?)?;
        let out = self.f2.lin2.forward(&hidden2)?;
        let tape = MessageTape {
            h: h.shallow_clone(),
            e: e.shallow_clone(),
            hidden1,
            mean,
            message,
            hidden2,
        };
        Ok((out, tape))
    }

    /// Gradients of the states of nodes and arcs.
    pub(super) fn backward(
        &self,
        graph: &ArcGraph,
        tape: &MessageTape,
        g: &Tensor,
        act: Activation,
        grad: &Self,
    ) -> Tch<(Tensor, Tensor)> {
        let (c, k, m) = (tape.h.size()[1], tape.e.size()[1], tape.message.size()[1]);
        let g_hidden = self.f2.lin2.backward(&tape.hidden2, g, &grad.f2.lin2)?;
        let g_pre = times_slope(act, &g_hidden, &tape.hidden2)?;
        let (own, to) = (&self.f2.lin1, &grad.f2.lin1);
        to.part(0, c)?.f_copy_(&g_pre.f_tr()?.f_mm(&tape.h)?)?;
        to.part(c, m)?
            .f_copy_(&g_pre.f_tr()?.f_mm(&tape.message)?)?;
        if let Some(b) = &to.b {
            store_sum(b, &g_pre)?;
        }
        let mut g_h = g_pre.f_mm(&own.part(0, c)?)?;
        let mut g_message = g_pre.f_mm(&own.part(c, m)?)?;
        if let Some(receives) = &graph.receives {
            let _ = g_message.f_mul_(receives)?;
        }
        let g_mean = self
            .f1
            .lin2
            .backward(&tape.mean, &g_message, &grad.f1.lin2)?;
        let g_mean = g_mean.f_mul(graph.arcs.inverse_count(End::Row))?;
        let g_arcs = graph.arcs.gather(&g_mean, End::Row)?;
        let g_pre = times_slope(act, &g_arcs, &tape.hidden1)?;
        let g_i = graph.arcs.sum(&g_pre, End::Row)?;
        let (own, to) = (&self.f1.lin1, &grad.f1.lin1);
        to.part(0, c)?.f_copy_(&g_i.f_tr()?.f_mm(&tape.h)?)?;
        to.part(c, k)?.f_copy_(&g_pre.f_tr()?.f_mm(&tape.e)?)?;
        if let Some(b) = &to.b {
            store_sum(b, &g_i)?;
        }
        let _ = g_h.f_addmm_(&g_i, &own.part(0, c)?)?;
        Ok((g_h, g_pre.f_mm(&own.part(c, k)?)?))
    }
}
