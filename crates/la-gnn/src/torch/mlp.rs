//! Two-layer perceptron `W₂ σ(W₁ x + b₁) + b₂` and its gradient.

use tch::Tensor;

use super::activation::{apply, slope};
use super::tensors::{Tch, view};
use crate::neuralif::{Activation, ParameterSpec};

/// Views of the four tensors of a perceptron inside a flat vector: of parameters, or of their gradient.
#[derive(Debug)]
pub(crate) struct Mlp {
    pub(crate) w1: Tensor,
    pub(crate) b1: Tensor,
    pub(crate) w2: Tensor,
    pub(crate) b2: Tensor,
}

/// What the backward pass needs.
#[derive(Debug)]
pub(crate) struct MlpTape {
    input: Tensor,
    hidden: Tensor,
}

impl Mlp {
    /// The next four tensors of the layout.
    pub(crate) fn take<'a>(
        flat: &Tensor,
        specs: &mut impl Iterator<Item = &'a ParameterSpec>,
    ) -> Tch<Self> {
        let mut next = || match specs.next() {
            Some(spec) => view(flat, spec),
            None => Err(tch::TchError::Shape("parameter layout is too short".into())),
        };
        Ok(Self {
            w1: next()?,
            b1: next()?,
            w2: next()?,
            b2: next()?,
        })
    }

    pub(crate) fn forward(&self, input: Tensor, act: Activation) -> Tch<(Tensor, MlpTape)> {
        let hidden = apply(act, input.f_linear(&self.w1, Some(&self.b1))?)?;
        let output = hidden.f_linear(&self.w2, Some(&self.b2))?;
        Ok((output, MlpTape { input, hidden }))
    }

    /// Writes the gradient of the parameters to `grad` and returns that of the input.
    pub(crate) fn backward(
        &self,
        tape: &MlpTape,
        g_out: &Tensor,
        act: Activation,
        grad: &mut Mlp,
    ) -> Tch<Tensor> {
        grad.w2.f_copy_(&g_out.f_tr()?.f_mm(&tape.hidden)?)?;
        grad.b2.f_copy_(&column_sums(g_out)?)?;
        let g_pre = g_out.f_mm(&self.w2)?.f_mul_(&slope(act, &tape.hidden)?)?;
        grad.w1.f_copy_(&g_pre.f_tr()?.f_mm(&tape.input)?)?;
        grad.b1.f_copy_(&column_sums(&g_pre)?)?;
        g_pre.f_mm(&self.w1)
    }
}

/// Sum of every column.
pub(crate) fn column_sums(x: &Tensor) -> Tch<Tensor> {
    x.f_sum_dim_intlist(0, false, x.f_kind()?)
}
