//! Batch normalisation with the statistics of the batch, and its gradient.

use tch::Tensor;

use super::super::tensors::Tch;
use super::linear::find;
use crate::gnp::{NORM_EPS, NORM_MOMENTUM, ParameterSpec};

/// `γ ∘ (s − μ) / √(v + ε) + β` per channel, with views into flat vectors.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) weight: Tensor,
    pub(super) bias: Option<Tensor>,
}

/// What the forward pass found: 1/√(v + ε).
#[derive(Debug)]
pub(super) struct Spread(Tensor);

impl Norm {
    pub(super) fn new(flat: &Tensor, specs: &[ParameterSpec], layer: usize) -> Tch<Option<Self>> {
        let name = |what| format!("layer{layer}.bn.{what}");
        let Some(weight) = find(flat, specs, &name("weight"))? else {
            return Ok(None);
        };
        let bias = find(flat, specs, &name("bias"))?;
        Ok(Some(Self { weight, bias }))
    }

    /// Centres `s` (blocks of rows, `sum` over them all known in double precision), writes the normalised rows to `y`, and moves the running
    /// statistics on.
    pub(super) fn forward(
        &self,
        s: &mut [Tensor],
        sum: &Tensor,
        y: &[Tensor],
        (mean, var): (&mut Tensor, &mut Tensor),
    ) -> Tch<Spread> {
        let rows: i64 = s.iter().map(|s| s.size()[0]).sum();
        let mu = sum
            .f_div_scalar(rows as f64)?
            .f_to_kind(self.weight.f_kind()?)?;
        let mut squares = mu.f_zeros_like()?;
        for s in s.iter_mut() {
            let _ = s.f_sub_(&mu)?;
            let _ = squares.f_add_(&diagonal(s, s)?)?;
        }
        let v = squares.f_div_scalar(rows as f64)?;
        let unbiased = squares.f_div_scalar((rows - 1).max(1) as f64)?;
        let _ = mean.f_lerp_(&mu, NORM_MOMENTUM)?;
        let _ = var.f_lerp_(&unbiased, NORM_MOMENTUM)?;
        let spread = v.f_add_scalar(NORM_EPS)?.f_rsqrt()?;
        let scale = self.weight.f_mul(&spread)?;
        for (s, y) in s.iter().zip(y) {
            let _ = match &self.bias {
                Some(b) => b.f_addcmul_out(y, s, &scale)?,
                None => s.f_mul_out(y, &scale)?,
            };
        }
        Ok(Spread(spread))
    }

    /// Turns the gradient of the normalised rows, in `g`, into that of `s`, which [`forward`](Self::forward) has centred:
    /// `γ/σ ∘ (g − mean(g) − ŝ ∘ mean(g ∘ ŝ))` with `ŝ = s/σ`. Writes the gradient of γ and β.
    pub(super) fn backward(
        &self,
        g: &mut [Tensor],
        s: &[Tensor],
        Spread(spread): &Spread,
        ones: &Tensor,
        gradient: &mut Self,
    ) -> Tch<()> {
        let rows: i64 = s.iter().map(|s| s.size()[0]).sum();
        let (mut sum, mut products) = (spread.f_zeros_like()?, spread.f_zeros_like()?);
        for (g, s) in g.iter().zip(s) {
            let _ = sum.f_addmv_(&g.f_tr()?, &ones.f_narrow(0, 0, g.size()[0])?)?;
            let _ = products.f_add_(&diagonal(g, s)?)?;
        }
        let products = products.f_mul_(spread)?;
        gradient.weight.f_copy_(&products)?;
        if let Some(b) = &mut gradient.bias {
            b.f_copy_(&sum)?;
        }
        let scale = self.weight.f_mul(spread)?;
        let share = 1.0 / rows as f64;
        let slope = scale
            .f_mul(spread)?
            .f_mul(&products)?
            .f_mul_scalar_(-share)?;
        let shift = scale.f_mul(&sum)?.f_mul_scalar_(-share)?;
        for (g, s) in g.iter_mut().zip(s) {
            let _ = g.f_mul_(&scale)?.f_addcmul_(s, &slope)?.f_add_(&shift)?;
        }
        Ok(())
    }
}

/// Sum over the rows of `a ∘ b`. As a product: no (rows × channels) result goes through memory.
fn diagonal(a: &Tensor, b: &Tensor) -> Tch<Tensor> {
    a.f_tr()?.f_mm(b)?.f_diagonal(0, 0, 1)
}
