//! Linear maps and chains of them, with gradients, on blocks of rows.

use tch::{TchError, Tensor};

use super::super::tensors::{Tch, view};
use crate::gnp::{Activation, ParameterSpec};

/// `W x + b` with views into a flat vector: of parameters, or of their gradient.
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) w: Tensor,
    /// The same memory, transposed.
    pub(super) wt: Tensor,
    pub(super) b: Option<Tensor>,
}

/// The tensor of this name, if the network has it.
pub(super) fn find(flat: &Tensor, specs: &[ParameterSpec], name: &str) -> Tch<Option<Tensor>> {
    specs
        .iter()
        .find(|s| s.name == name)
        .map(|s| view(flat, s))
        .transpose()
}

impl Linear {
    pub(super) fn new(flat: &Tensor, specs: &[ParameterSpec], name: &str) -> Tch<Self> {
        let w = find(flat, specs, &format!("{name}.weight"))?
            .ok_or_else(|| TchError::Shape(format!("the layout has no `{name}.weight`")))?;
        Self::of(w, find(flat, specs, &format!("{name}.bias"))?)
    }

    pub(super) fn of(w: Tensor, b: Option<Tensor>) -> Tch<Self> {
        let wt = w.f_tr()?;
        Ok(Self { w, wt, b })
    }

    /// `out = x Wᵀ + b`.
    pub(super) fn write(&self, x: &Tensor, out: &Tensor) -> Tch<()> {
        let _ = match &self.b {
            Some(b) => b.f_addmm_out(out, x, &self.wt)?,
            None => x.f_mm_out(out, &self.wt)?,
        };
        Ok(())
    }

    /// Adds the gradient of these rows: `W += gᵀ x`, `b += gᵀ 1`.
    pub(super) fn add_gradient(&mut self, g: &Tensor, x: &Tensor, ones: &Tensor) -> Tch<()> {
        let gt = g.f_tr()?;
        let _ = self.w.f_addmm_(&gt, x)?;
        if let Some(b) = &mut self.b {
            let _ = b.f_addmv_(&gt, ones)?;
        }
        Ok(())
    }
}

/// Applies the nonlinearity in place.
pub(super) fn activate(activation: Activation, x: &mut Tensor) -> Tch<()> {
    let _ = match activation {
        Activation::Tanh => x.f_tanh_()?,
        Activation::Relu => x.f_relu_()?,
    };
    Ok(())
}

/// `g = g ∘ σ'`, from the output `y` of the nonlinearity.
pub(super) fn times_slope(activation: Activation, g: &Tensor, y: &Tensor) -> Tch<()> {
    let _ = match activation {
        Activation::Tanh => Tensor::f_tanh_backward_grad_input(g, g, y)?,
        Activation::Relu => y.f_threshold_backward_grad_input(g, g, 0.0)?,
    };
    Ok(())
}

/// Linear maps with a nonlinearity between them, and after the last one if it is said so.
#[derive(Debug)]
pub(super) struct Chain {
    maps: Vec<Linear>,
    activation: Activation,
    ends_active: bool,
}

impl Chain {
    pub(super) fn new(
        flat: &Tensor,
        specs: &[ParameterSpec],
        (name, maps): (&str, usize),
        activation: Activation,
        ends_active: bool,
    ) -> Tch<Self> {
        let maps = (1..=maps)
            .map(|k| Linear::new(flat, specs, &format!("{name}.lin{k}")))
            .collect::<Tch<_>>()?;
        Ok(Self {
            maps,
            activation,
            ends_active,
        })
    }

    /// `hidden` receives the states between the maps, `out` the last one.
    pub(super) fn forward(&self, x: &Tensor, hidden: &mut [Tensor], out: &mut Tensor) -> Tch<()> {
        let last = self.maps.len() - 1;
        for k in 0..last {
            let (before, own) = hidden.split_at_mut(k);
            let input = if k == 0 { x } else { &before[k - 1] };
            self.maps[k].write(input, &own[0])?;
            activate(self.activation, &mut own[0])?;
        }
        self.maps[last].write(&hidden[last - 1], out)?;
        if self.ends_active {
            activate(self.activation, out)?;
        }
        Ok(())
    }

    /// Adds the gradient of these rows to `gradient`, given that of `out` in `g`, which is overwritten. With `input`, that of the
    /// input of the chain is written there.
    pub(super) fn backward(
        &self,
        (x, hidden, out): (&Tensor, &[Tensor], &Tensor),
        g: &Tensor,
        gradient: &mut Self,
        ones: &Tensor,
        input: Option<&Tensor>,
    ) -> Tch<()> {
        let mut g = g.shallow_clone();
        for k in (0..self.maps.len()).rev() {
            if let Some(y) = hidden.get(k) {
                times_slope(self.activation, &g, y)?;
            } else if self.ends_active {
                times_slope(self.activation, &g, out)?;
            }
            let before = if k == 0 { x } else { &hidden[k - 1] };
            gradient.maps[k].add_gradient(&g, before, ones)?;
            if k > 0 {
                g = g.f_mm(&self.maps[k].w)?;
            } else if let Some(input) = input {
                let _ = g.f_mm_out(input, &self.maps[k].w)?;
            }
        }
        Ok(())
    }
}
