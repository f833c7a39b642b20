//! Attention over arcs, one head: GATv2 and the transformer.

use tch::Tensor;

use super::super::segment::End;
use super::super::tensors::Tch;
use super::graph::ArcGraph;
use super::linear::{Linear, Views, store_sum};

/// Slope of the leaky nonlinearity below 0.
const SLOPE: f64 = 0.2;

/// `Σ_j α_ij S_j + b`, `α = softmax(aᵀ LeakyReLU(S_j + T_i + W_e e_ij))` with `S = W_s h + b_s`, `T = W_t h + b_t`.
#[derive(Debug)]
pub(super) struct Gat {
    source: Linear,
    target: Linear,
    edge: Option<Linear>,
    att: Tensor,
    bias: Tensor,
}

#[derive(Debug)]
pub(super) struct GatTape {
    h: Tensor,
    e: Option<Tensor>,
    source: Tensor,
    /// Sum of the maps on arcs, before the nonlinearity.
    sum: Tensor,
    alpha: Tensor,
}

impl Gat {
    pub(super) fn new(views: Views<'_>, prefix: &str) -> Tch<Self> {
        let name = |what: &str| format!("{prefix}{what}");
        Ok(Self {
            source: Linear::new(views, &name("source"))?,
            target: Linear::new(views, &name("target"))?,
            edge: Linear::optional(views, &name("edge"))?,
            att: views.get(&name("att"))?.f_view([-1])?,
            bias: views.get(&name("bias"))?,
        })
    }

    pub(super) fn forward(
        &self,
        graph: &ArcGraph,
        h: &Tensor,
        e: &Tensor,
    ) -> Tch<(Tensor, GatTape)> {
        let source = self.source.forward(h)?;
        let target = self.target.forward(h)?;
        let mut sum = graph.arcs.gather(&source, End::Column)?;
        let _ = sum.f_add_(&graph.arcs.gather(&target, End::Row)?)?;
        if let Some(edge) = &self.edge {
            let _ = sum.f_add_(&edge.forward(e)?)?;
        }
        let scores = sum.f_maximum(&sum.f_mul_scalar(SLOPE)?)?.f_mv(&self.att)?;
        let alpha = graph.softmax(&scores)?;
        let out = graph.arcs.weighted(&source, &alpha)?.f_add_(&self.bias)?;
        let tape = GatTape {
            h: h.shallow_clone(),
            e: self.edge.as_ref().map(|_| e.shallow_clone()),
            source,
            sum,
            alpha,
        };
        Ok((out, tape))
    }

    /// Gradients of the states of nodes and, where they enter, of arcs.
    pub(super) fn backward(
        &self,
        graph: &ArcGraph,
        tape: &GatTape,
        g: &Tensor,
        grad: &Self,
    ) -> Tch<(Tensor, Option<Tensor>)> {
        store_sum(&grad.bias, g)?;
        let g_i = graph.arcs.gather(g, End::Row)?;
        let values = graph.arcs.gather(&tape.source, End::Column)?;
        let g_alpha = row_products(&g_i, &values)?;
        let mut g_source = graph.arcs.sum_rows(&g_i, Some(&tape.alpha), End::Column)?;
        let g_scores = graph.softmax_gradient(&tape.alpha, g_alpha)?;
        let active = tape.sum.f_maximum(&tape.sum.f_mul_scalar(SLOPE)?)?;
        let _ = active.f_tr()?.f_mv_out(&grad.att, &g_scores)?;
        let outer = g_scores.f_unsqueeze(1)?.f_mul(&self.att)?;
        let g_sum = tape.sum.f_leaky_relu_backward(&outer, SLOPE, false)?;
        let _ = g_source.f_add_(&graph.arcs.sum(&g_sum, End::Column)?)?;
        let g_target = graph.arcs.sum(&g_sum, End::Row)?;
        let g_h = self.source.backward(&tape.h, &g_source, &grad.source)?;
        let g_h = g_h.f_add(&self.target.backward(&tape.h, &g_target, &grad.target)?)?;
        let g_e = match (&self.edge, &grad.edge, &tape.e) {
            (Some(edge), Some(grad), Some(e)) => Some(edge.backward(e, &g_sum, grad)?),
            _ => None,
        };
        Ok((g_h, g_e))
    }
}

/// Inner product of each row of `a` with that of `b`.
fn row_products(a: &Tensor, b: &Tensor) -> Tch<Tensor> {
    a.f_mul(b)?.f_sum_dim_intlist(1, false, a.f_kind()?)
}

/// `W_r h_i + Σ_j α_ij v_ij`, `α = softmax(q_iᵀ k_ij / √c)`, keys and values with the same map of the arc state added.
#[derive(Debug)]
pub(super) struct Transformer {
    query: Linear,
    key: Linear,
    value: Linear,
    edge: Option<Linear>,
    root: Linear,
}

#[derive(Debug)]
pub(super) struct TransformerTape {
    h: Tensor,
    e: Option<Tensor>,
    /// On arcs.
    query: Tensor,
    key: Tensor,
    value: Tensor,
    alpha: Tensor,
}

impl Transformer {
    pub(super) fn new(views: Views<'_>, prefix: &str) -> Tch<Self> {
        let map = |what: &str| Linear::new(views, &format!("{prefix}{what}"));
        Ok(Self {
            query: map("query")?,
            key: map("key")?,
            value: map("value")?,
            edge: Linear::optional(views, &format!("{prefix}edge"))?,
            root: map("root")?,
        })
    }

    /// 1/√c.
    fn scale(&self) -> f64 {
        1.0 / (self.query.w.size()[0] as f64).sqrt()
    }

    pub(super) fn forward(
        &self,
        graph: &ArcGraph,
        h: &Tensor,
        e: &Tensor,
    ) -> Tch<(Tensor, TransformerTape)> {
        let query = graph.arcs.gather(&self.query.forward(h)?, End::Row)?;
        let mut key = graph.arcs.gather(&self.key.forward(h)?, End::Column)?;
        let mut value = graph.arcs.gather(&self.value.forward(h)?, End::Column)?;
        if let Some(edge) = &self.edge {
            let of_arc = edge.forward(e)?;
            let _ = key.f_add_(&of_arc)?;
            let _ = value.f_add_(&of_arc)?;
        }
        let scores = row_products(&query, &key)?.f_mul_scalar_(self.scale())?;
        let alpha = graph.softmax(&scores)?;
        let mut out = graph.arcs.sum_rows(&value, Some(&alpha), End::Row)?;
        let _ = out.f_add_(&self.root.forward(h)?)?;
        let tape = TransformerTape {
            h: h.shallow_clone(),
            e: self.edge.as_ref().map(|_| e.shallow_clone()),
            query,
            key,
            value,
            alpha,
        };
        Ok((out, tape))
    }

    /// Gradients of the states of nodes and, where they enter, of arcs.
    pub(super) fn backward(
        &self,
        graph: &ArcGraph,
        tape: &TransformerTape,
        g: &Tensor,
        grad: &Self,
    ) -> Tch<(Tensor, Option<Tensor>)> {
        let arcs = &graph.arcs;
        let mut g_h = self.root.backward(&tape.h, g, &grad.root)?;
        let g_i = arcs.gather(g, End::Row)?;
        let g_alpha = row_products(&g_i, &tape.value)?;
        let g_value = g_i.f_mul(&tape.alpha.f_unsqueeze(1)?)?;
        let g_scores = graph
            .softmax_gradient(&tape.alpha, g_alpha)?
            .f_mul_scalar_(self.scale())?;
        let g_query = arcs.sum_rows(&tape.key, Some(&g_scores), End::Row)?;
        let g_key = tape.query.f_mul(&g_scores.f_unsqueeze(1)?)?;
        let parts = [
            (&self.query, &grad.query, g_query),
            (&self.key, &grad.key, arcs.sum(&g_key, End::Column)?),
            (&self.value, &grad.value, arcs.sum(&g_value, End::Column)?),
        ];
        for (own, grad, g) in parts {
            let _ = g_h.f_add_(&own.backward(&tape.h, &g, grad)?)?;
        }
        let g_e = match (&self.edge, &grad.edge, &tape.e) {
            (Some(edge), Some(grad), Some(e)) => {
                Some(edge.backward(e, &g_key.f_add(&g_value)?, grad)?)
            }
            _ => None,
        };
        Ok((g_h, g_e))
    }
}
