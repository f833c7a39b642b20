//! New states of the arcs, `e'_ij = MLP[h_i, h_j, e_ij]`; i receives.

use tch::Tensor;

use super::super::activation::apply;
use super::super::segment::End;
use super::super::tensors::Tch;
use super::graph::ArcGraph;
use super::linear::{Mlp, Views, store_sum, times_slope};
use crate::mpgnn::Activation;

/// The perceptron. Its first map is applied once per node and gathered: no (arcs × inputs) concatenation exists.
#[derive(Debug)]
pub(super) struct EdgeUpdate(Mlp);

#[derive(Debug)]
pub(super) struct EdgeTape {
    h: Tensor,
    e: Tensor,
    hidden: Tensor,
}

impl EdgeUpdate {
    pub(super) fn new(views: Views<'_>, prefix: &str) -> Tch<Self> {
        Ok(Self(Mlp::new(views, prefix)?))
    }

    pub(super) fn forward(
        &self,
        graph: &ArcGraph,
        h: &Tensor,
        e: &Tensor,
        act: Activation,
    ) -> Tch<(Tensor, EdgeTape)> {
        let lin1 = &self.0.lin1;
        let (c, k) = (h.size()[1], e.size()[1]);
        let none: Option<&Tensor> = None;
        let at_i = h.f_linear(&lin1.part(0, c)?, none)?;
        let at_j = h.f_linear(&lin1.part(c, c)?, none)?;
        let mut hidden = e.f_linear(&lin1.part(2 * c, k)?, lin1.b.as_ref())?;
        let _ = hidden.f_add_(&graph.arcs.gather(&at_i, End::Row)?)?;
        let _ = hidden.f_add_(&graph.arcs.gather(&at_j, End::Column)?)?;
        let hidden = apply(act, hidden)?;
        let out = self.0.lin2.forward(&hidden)?;
        let (h, e) = (h.shallow_clone(), e.shallow_clone());
        Ok((out, EdgeTape { h, e, hidden }))
    }

    /// Gradients of the states of nodes and arcs.
    pub(super) fn backward(
        &self,
        graph: &ArcGraph,
        tape: &EdgeTape,
        g: &Tensor,
        act: Activation,
        grad: &Self,
    ) -> Tch<(Tensor, Tensor)> {
        let (c, k) = (tape.h.size()[1], tape.e.size()[1]);
        let g_hidden = self.0.lin2.backward(&tape.hidden, g, &grad.0.lin2)?;
        let g_pre = times_slope(act, &g_hidden, &tape.hidden)?;
        let (g_i, g_j) = (
            graph.arcs.sum(&g_pre, End::Row)?,
            graph.arcs.sum(&g_pre, End::Column)?,
        );
        let (lin1, own) = (&grad.0.lin1, &self.0.lin1);
        // Views of a wider matrix: a product written there would be resized, so it is copied.
        lin1.part(0, c)?.f_copy_(&g_i.f_tr()?.f_mm(&tape.h)?)?;
        lin1.part(c, c)?.f_copy_(&g_j.f_tr()?.f_mm(&tape.h)?)?;
        lin1.part(2 * c, k)?
            .f_copy_(&g_pre.f_tr()?.f_mm(&tape.e)?)?;
        if let Some(b) = &lin1.b {
            store_sum(b, &g_i)?;
        }
        let g_h = g_i
            .f_mm(&own.part(0, c)?)?
            .f_addmm_(&g_j, &own.part(c, c)?)?;
        Ok((g_h, g_pre.f_mm(&own.part(2 * c, k)?)?))
    }
}
