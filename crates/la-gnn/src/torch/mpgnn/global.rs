//! Linear attention between all pairs of nodes of a graph, mixed with GATv2 on the arcs (SGFormer).

use tch::Tensor;

use super::super::tensors::Tch;
use super::attention::{Gat, GatTape};
use super::graph::ArcGraph;
use super::linear::{Linear, Views};

/// Squared norms never get smaller: a map that is zero has no direction.
const TINY: f64 = 1e-30;

/// `(1 − α) [V + Q̃ (K̃ᵀ V)/N] / [1 + Q̃ (K̃ᵀ 1)/N] + α GATv2`; norms, sums and N are those of one graph.
///
/// O(N) per graph: no (N × N) matrix exists.
#[derive(Debug)]
pub(super) struct SgFormer {
    q: Linear,
    k: Linear,
    v: Linear,
    local: Gat,
    share: f64,
}

#[derive(Debug)]
pub(super) struct SgFormerTape {
    h: Tensor,
    /// Graphs × nodes × channels: unit queries and keys, values, output.
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    /// 1/‖Q‖, 1/‖K‖ (graphs × 1 × 1) and 1/denominator (graphs × nodes × 1).
    q_scale: Tensor,
    k_scale: Tensor,
    inverse: Tensor,
    /// K̃ᵀ V / N and K̃ᵀ 1 / N.
    kv: Tensor,
    k_sum: Tensor,
    local: GatTape,
}

/// Each block divided by its Frobenius norm, and one over the norm.
fn unit(x: Tensor) -> Tch<(Tensor, Tensor)> {
    let squares = x
        .f_square()?
        .f_sum_dim_intlist([1i64, 2].as_slice(), true, x.f_kind()?)?;
    let scale = squares.f_clamp_min(TINY)?.f_rsqrt()?;
    Ok((x.f_mul(&scale)?, scale))
}

/// Gradient of what was divided by its norm, from that of the unit block.
fn unit_gradient(unit: &Tensor, scale: &Tensor, g: &Tensor) -> Tch<Tensor> {
    let along = unit
        .f_mul(g)?
        .f_sum_dim_intlist([1i64, 2].as_slice(), true, g.f_kind()?)?;
    g.f_sub(&unit.f_mul(&along)?)?.f_mul_(scale)
}

fn transposed(x: &Tensor) -> Tch<Tensor> {
    x.f_transpose(1, 2)
}

impl SgFormer {
    pub(super) fn new(views: Views<'_>, prefix: &str, share: f64) -> Tch<Self> {
        let map = |what: &str| Linear::new(views, &format!("{prefix}{what}"));
        Ok(Self {
            q: map("q")?,
            k: map("k")?,
            v: map("v")?,
            local: Gat::new(views, &format!("{prefix}local."))?,
            share,
        })
    }

    pub(super) fn forward(
        &self,
        graph: &ArcGraph,
        h: &Tensor,
        e: &Tensor,
    ) -> Tch<(Tensor, SgFormerTape)> {
        let rooms = &graph.rooms;
        // Empty places of the block are zero in Q, K and V, so that they add nothing to norms and sums.
        let (q, q_scale) = unit(rooms.block(&self.q.forward(h)?)?)?;
        let (k, k_scale) = unit(rooms.block(&self.k.forward(h)?)?)?;
        let v = rooms.block(&self.v.forward(h)?)?;
        let kt = transposed(&k)?;
        let kv = kt.f_bmm(&v)?.f_mul_(&rooms.inverse_sizes)?;
        let k_sum = kt
            .f_sum_dim_intlist(2, true, k.f_kind()?)?
            .f_mul_(&rooms.inverse_sizes)?;
        let inverse = q.f_bmm(&k_sum)?.f_add_scalar_(1.0)?.f_reciprocal_()?;
        let out = v.f_add(&q.f_bmm(&kv)?)?.f_mul_(&inverse)?;
        let (near, local) = self.local.forward(graph, h, e)?;
        let mixed = rooms
            .rows(&out)?
            .f_mul_scalar(1.0 - self.share)?
            .f_add(&near.f_mul_scalar(self.share)?)?;
        let tape = SgFormerTape {
            h: h.shallow_clone(),
            q,
            k,
            v,
            out,
            q_scale,
            k_scale,
            inverse,
            kv,
            k_sum,
            local,
        };
        Ok((mixed, tape))
    }

    /// Gradient of the states of nodes.
    pub(super) fn backward(
        &self,
        graph: &ArcGraph,
        tape: &SgFormerTape,
        g: &Tensor,
        grad: &Self,
    ) -> Tch<Tensor> {
        let rooms = &graph.rooms;
        let near = g.f_mul_scalar(self.share)?;
        let (mut g_h, _) = self
            .local
            .backward(graph, &tape.local, &near, &grad.local)?;
        let g_num = rooms
            .block(&g.f_mul_scalar(1.0 - self.share)?)?
            .f_mul(&tape.inverse)?;
        let g_den = g_num
            .f_mul(&tape.out)?
            .f_sum_dim_intlist(2, true, g.f_kind()?)?
            .f_neg_()?;
        let qt = transposed(&tape.q)?;
        let g_kv = qt.f_bmm(&g_num)?.f_mul_(&rooms.inverse_sizes)?;
        let g_k_sum = qt.f_bmm(&g_den)?.f_mul_(&rooms.inverse_sizes)?;
        let g_v = g_num.f_add(&tape.k.f_bmm(&g_kv)?)?;
        let g_q = g_num
            .f_bmm(&transposed(&tape.kv)?)?
            .f_add_(&g_den.f_mul(&transposed(&tape.k_sum)?)?)?;
        let g_k = tape
            .v
            .f_bmm(&transposed(&g_kv)?)?
            .f_add_(&transposed(&g_k_sum)?)?;
        let parts = [
            (
                &self.q,
                &grad.q,
                unit_gradient(&tape.q, &tape.q_scale, &g_q)?,
            ),
            (
                &self.k,
                &grad.k,
                unit_gradient(&tape.k, &tape.k_scale, &g_k)?,
            ),
            (&self.v, &grad.v, g_v),
        ];
        for (own, grad, g) in parts {
            let _ = g_h.f_add_(&own.backward(&tape.h, &rooms.rows(&g)?, grad)?)?;
        }
        Ok(g_h)
    }
}
