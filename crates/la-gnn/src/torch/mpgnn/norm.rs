//! Batch and layer normalisation of rows, with gradients.

use tch::Tensor;

use super::super::tensors::Tch;
use super::linear::{Views, store_sum};
use crate::mpgnn::{GenNorm, NORM_EPS, NORM_MOMENTUM};

/// What a batch normalisation uses and moves.
#[derive(Clone, Copy)]
pub(super) enum Statistics<'a> {
    /// None: there is no batch normalisation, or training looks at the batch only.
    None,
    /// Those of the batch; running mean and variance move towards them.
    Move(&'a [Tensor; 2]),
    /// Running mean and variance.
    Use(&'a [Tensor; 2]),
}

/// `γ ∘ (x − μ)/√(v + ε) + β`; μ, v over all rows for each channel (batch), or over all channels for each row (layer).
#[derive(Debug)]
pub(super) struct Norm {
    weight: Tensor,
    bias: Tensor,
    per_row: bool,
}

#[derive(Debug)]
pub(super) struct NormTape {
    /// (x − μ)/√(v + ε).
    unit: Tensor,
    /// 1/√(v + ε).
    scale: Tensor,
    /// Whether μ and v depend on x.
    fixed: bool,
}

impl Norm {
    pub(super) fn new(views: Views<'_>, name: &str, norm: GenNorm) -> Tch<Self> {
        Ok(Self {
            weight: views.get(&format!("{name}.weight"))?,
            bias: views.get(&format!("{name}.bias"))?,
            per_row: norm == GenNorm::Layer,
        })
    }

    /// The direction in which means are taken.
    fn direction(&self) -> i64 {
        i64::from(self.per_row)
    }

    pub(super) fn forward(
        &self,
        x: &Tensor,
        statistics: Statistics<'_>,
    ) -> Tch<(Tensor, NormTape)> {
        let (d, kind) = (self.direction(), x.f_kind()?);
        let mean = |x: &Tensor| x.f_mean_dim(d, true, kind);
        let (centred, variance, fixed) = match statistics {
            Statistics::Use([mu, var]) if !self.per_row => {
                (x.f_sub(mu)?, var.shallow_clone(), true)
            }
            _ => {
                let mu = mean(x)?;
                let centred = x.f_sub(&mu)?;
                let variance = mean(&centred.f_square()?)?;
                if let (Statistics::Move([m, v]), false) = (statistics, self.per_row) {
                    let rows = x.size()[0] as f64;
                    let unbiased = variance.f_mul_scalar(rows / (rows - 1.0).max(1.0))?;
                    let _ = m
                        .shallow_clone()
                        .f_lerp_(&mu.f_view([-1])?, NORM_MOMENTUM)?;
                    let _ = v
                        .shallow_clone()
                        .f_lerp_(&unbiased.f_view([-1])?, NORM_MOMENTUM)?;
                }
                (centred, variance, false)
            }
        };
        let scale = variance.f_add_scalar(NORM_EPS)?.f_rsqrt()?;
        let unit = centred.f_mul(&scale)?;
        let out = self.bias.f_addcmul(&unit, &self.weight)?;
        Ok((out, NormTape { unit, scale, fixed }))
    }

    /// Gradient of x: `s (g − mean(g) − u mean(g ∘ u))` with g the gradient of the unit rows.
    pub(super) fn backward(&self, tape: &NormTape, g: &Tensor, grad: &Self) -> Tch<Tensor> {
        let (d, kind) = (self.direction(), g.f_kind()?);
        store_sum(&grad.bias, g)?;
        store_sum(&grad.weight, &g.f_mul(&tape.unit)?)?;
        let g = g.f_mul(&self.weight)?;
        if tape.fixed {
            return g.f_mul(&tape.scale);
        }
        let along = tape
            .unit
            .f_mul(&g.f_mul(&tape.unit)?.f_mean_dim(d, true, kind)?)?;
        let mean = g.f_mean_dim(d, true, kind)?;
        g.f_sub(&mean)?.f_sub_(&along)?.f_mul_(&tape.scale)
    }
}
