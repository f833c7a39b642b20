//! Linear maps and perceptrons on rows, with gradients written to views of one flat vector.

use tch::{TchError, Tensor};

use super::super::activation::apply;
use super::super::tensors::{Tch, view};
use crate::mpgnn::{Activation, ParameterSpec};

/// Tensors of a flat vector by name.
#[derive(Clone, Copy)]
pub(super) struct Views<'a> {
    pub(super) flat: &'a Tensor,
    pub(super) specs: &'a [ParameterSpec],
}

impl Views<'_> {
    /// The tensor of this name, if the network has it.
    pub(super) fn find(&self, name: &str) -> Tch<Option<Tensor>> {
        let spec = self.specs.iter().find(|s| s.name == name);
        spec.map(|s| view(self.flat, s)).transpose()
    }

    /// The tensor of this name.
    pub(super) fn get(&self, name: &str) -> Tch<Tensor> {
        self.find(name)?
            .ok_or_else(|| TchError::Shape(format!("the layout has no `{name}`")))
    }
}

/// `W x + b`.
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) w: Tensor,
    pub(super) b: Option<Tensor>,
}

impl Linear {
    pub(super) fn new(views: Views<'_>, name: &str) -> Tch<Self> {
        Self::optional(views, name)?
            .ok_or_else(|| TchError::Shape(format!("the layout has no `{name}.weight`")))
    }

    pub(super) fn optional(views: Views<'_>, name: &str) -> Tch<Option<Self>> {
        let Some(w) = views.find(&format!("{name}.weight"))? else {
            return Ok(None);
        };
        let b = views.find(&format!("{name}.bias"))?;
        Ok(Some(Self { w, b }))
    }

    pub(super) fn forward(&self, x: &Tensor) -> Tch<Tensor> {
        x.f_linear(&self.w, self.b.as_ref())
    }

    /// Writes the gradients of W and b, from the input and the gradient of the output.
    pub(super) fn store(&self, x: &Tensor, g: &Tensor) -> Tch<()> {
        let _ = g.f_tr()?.f_mm_out(&self.w, x)?;
        if let Some(b) = &self.b {
            store_sum(b, g)?;
        }
        Ok(())
    }

    /// The gradient of the input.
    pub(super) fn input(&self, g: &Tensor) -> Tch<Tensor> {
        g.f_mm(&self.w)
    }

    /// Both: gradients of W and b to `grad`, that of the input as the result.
    pub(super) fn backward(&self, x: &Tensor, g: &Tensor, grad: &Self) -> Tch<Tensor> {
        grad.store(x, g)?;
        self.input(g)
    }

    /// The columns of W that belong to a part of the input.
    pub(super) fn part(&self, start: i64, len: i64) -> Tch<Tensor> {
        self.w.f_narrow(1, start, len)
    }
}

/// Writes the sum of every column.
pub(super) fn store_sum(to: &Tensor, g: &Tensor) -> Tch<()> {
    let _ = g.f_sum_intlist_out(to, 0, false, g.f_kind()?)?;
    Ok(())
}

/// `g ∘ σ'`, from the output `y` of the nonlinearity.
pub(super) fn times_slope(activation: Activation, g: &Tensor, y: &Tensor) -> Tch<Tensor> {
    match activation {
        Activation::Tanh => Tensor::f_tanh_backward(g, y),
        Activation::Relu => y.f_threshold_backward(g, 0.0),
    }
}

/// Linear, nonlinearity, linear.
#[derive(Debug)]
pub(super) struct Mlp {
    pub(super) lin1: Linear,
    pub(super) lin2: Linear,
}

/// Input and hidden states.
#[derive(Debug)]
pub(super) struct MlpTape {
    input: Tensor,
    hidden: Tensor,
}

impl Mlp {
    pub(super) fn new(views: Views<'_>, prefix: &str) -> Tch<Self> {
        Ok(Self {
            lin1: Linear::new(views, &format!("{prefix}lin1"))?,
            lin2: Linear::new(views, &format!("{prefix}lin2"))?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, act: Activation) -> Tch<(Tensor, MlpTape)> {
        let hidden = apply(act, self.lin1.forward(x)?)?;
        let out = self.lin2.forward(&hidden)?;
        let input = x.shallow_clone();
        Ok((out, MlpTape { input, hidden }))
    }

    /// The gradient of the hidden states before the nonlinearity; that of the second map is written.
    fn hidden(&self, tape: &MlpTape, g: &Tensor, act: Activation, grad: &Self) -> Tch<Tensor> {
        let g_hidden = self.lin2.backward(&tape.hidden, g, &grad.lin2)?;
        times_slope(act, &g_hidden, &tape.hidden)
    }

    pub(super) fn backward(
        &self,
        tape: &MlpTape,
        g: &Tensor,
        act: Activation,
        grad: &Self,
    ) -> Tch<Tensor> {
        let g_pre = self.hidden(tape, g, act, grad)?;
        self.lin1.backward(&tape.input, &g_pre, &grad.lin1)
    }

    /// As [`backward`](Self::backward) where nobody asks for the gradient of the input.
    pub(super) fn backward_last(
        &self,
        tape: &MlpTape,
        g: &Tensor,
        act: Activation,
        grad: &Self,
    ) -> Tch<()> {
        let g_pre = self.hidden(tape, g, act, grad)?;
        grad.lin1.store(&tape.input, &g_pre)
    }
}
