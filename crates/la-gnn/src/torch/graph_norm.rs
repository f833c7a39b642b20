//! GraphNorm: per graph and feature, `γ (x − α mean x) / sqrt(mean (x − α mean x)² + ε) + β`.
//!
//! T. Cai et al., *GraphNorm: a principled approach to accelerating graph neural network training*, ICML 2021.
//! Always computed in double precision: the features of a row (its position) grow with the matrix.

use tch::{Kind, Tensor};

use super::batch::GraphBatch;
use super::tensors::{Tch, view};
use crate::neuralif::ParameterSpec;

const EPSILON: f64 = 1e-5;

/// Views of the parameters (or of their gradients) inside a flat vector.
#[derive(Debug)]
pub(crate) struct GraphNorm {
    pub(crate) alpha: Tensor,
    pub(crate) gamma: Tensor,
    pub(crate) beta: Tensor,
}

/// What the backward pass needs.
#[derive(Debug)]
pub(crate) struct GraphNormTape {
    /// Mean of each graph.
    mean: Tensor,
    /// Normalised features.
    unit: Tensor,
    /// 1 / sqrt(mean c² + ε) of each graph.
    scale: Tensor,
}

impl GraphNorm {
    /// The next three tensors of the layout.
    pub(crate) fn take<'a>(
        flat: &Tensor,
        specs: &mut impl Iterator<Item = &'a ParameterSpec>,
    ) -> Tch<Self> {
        let mut next = || match specs.next() {
            Some(spec) => view(flat, spec),
            None => Err(tch::TchError::Shape("parameter layout is too short".into())),
        };
        Ok(Self {
            alpha: next()?,
            gamma: next()?,
            beta: next()?,
        })
    }

    pub(crate) fn forward(&self, batch: &GraphBatch) -> Tch<(Tensor, GraphNormTape)> {
        let alpha = self.alpha.f_to_kind(Kind::Double)?;
        let mean = batch.graph_means(&batch.features)?;
        // c = x − α mean(x)
        let c = batch
            .features
            .f_sub(&batch.at_nodes(&mean.f_mul(&alpha)?)?)?;
        let scale = batch
            .graph_means(&c.f_square()?)?
            .f_add_scalar(EPSILON)?
            .f_rsqrt()?;
        let unit = c.f_mul(&batch.at_nodes(&scale)?)?;
        let y = unit
            .f_mul(&self.gamma.f_to_kind(Kind::Double)?)?
            .f_add_(&self.beta.f_to_kind(Kind::Double)?)?;
        Ok((
            y.f_to_kind(batch.kind)?,
            GraphNormTape { mean, unit, scale },
        ))
    }

    /// Writes the gradient of the three parameters; the features themselves need none.
    pub(crate) fn backward(
        &self,
        batch: &GraphBatch,
        tape: &GraphNormTape,
        g_out: &Tensor,
        grad: &mut GraphNorm,
    ) -> Tch<()> {
        let g = g_out.f_to_kind(Kind::Double)?;
        let sum = |t: &Tensor| t.f_sum_dim_intlist(0, false, Kind::Double);
        let g_unit = g.f_mul(&tape.unit)?;
        grad.beta.f_copy_(&sum(&g)?)?;
        grad.gamma.f_copy_(&sum(&g_unit)?)?;
        // dc = γ/s (g − u mean(g u)), dα = −Σ_graphs mean(x) Σ_nodes dc
        let correction = tape
            .unit
            .f_mul(&batch.at_nodes(&batch.graph_means(&g_unit)?)?)?;
        let g_c = g
            .f_sub(&correction)?
            .f_mul_(&batch.at_nodes(&tape.scale)?)?;
        let per_graph = batch.graph_sums(&g_c)?.f_mul(&tape.mean)?;
        let g_alpha = sum(&per_graph)?
            .f_mul(&self.gamma.f_to_kind(Kind::Double)?)?
            .f_neg()?;
        grad.alpha.f_copy_(&g_alpha)
    }
}
