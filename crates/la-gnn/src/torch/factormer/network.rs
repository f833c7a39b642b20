//! A stack of layers between an embedding and an extraction.

use tch::Tensor;

use super::super::tensors::{Tch, view};
use super::layer::{LayerForm, layer};
use crate::factormer::{FactormerConfig, NetworkConfig};
use crate::neuralif::ParameterSpec;

/// A network whose parameters are views of a flat vector.
#[derive(Debug)]
pub struct FactormerNetwork<'a> {
    config: &'a FactormerConfig,
    flat: &'a Tensor,
    specs: Vec<ParameterSpec>,
    form: LayerForm,
}

impl<'a> FactormerNetwork<'a> {
    /// A network with these parameters, in the order of [`NetworkConfig::parameters`].
    #[must_use]
    pub fn new(config: &'a FactormerConfig, flat: &'a Tensor) -> Self {
        Self {
            config,
            flat,
            specs: config.parameters(),
            form: LayerForm::Dense,
        }
    }

    /// Sets how layers are computed.
    #[must_use]
    pub fn with_form(mut self, form: LayerForm) -> Self {
        self.form = form;
        self
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &FactormerConfig {
        self.config
    }

    pub(super) fn form(&self) -> LayerForm {
        self.form
    }

    pub(super) fn get(&self, name: &str) -> Tch<Tensor> {
        match self.specs.iter().find(|spec| spec.name == name) {
            Some(spec) => view(self.flat, spec),
            None => Err(tch::TchError::Shape(format!("no tensor {name}"))),
        }
    }

    /// `x Wᵀ + b`.
    pub(super) fn linear(&self, name: &str, x: &Tensor) -> Tch<Tensor> {
        let weight = self.get(&format!("{name}.weight"))?;
        x.f_linear(&weight, Some(&self.get(&format!("{name}.bias"))?))
    }

    /// Proposes W and H for V, m × n. `w` and `h` are what nodes know at first: m × r and n × r, or 2 r for a network that
    /// sees the solver's answer as well.
    ///
    /// # Errors
    /// Those of LibTorch.
    pub fn propose(&self, v: &Tensor, w: &Tensor, h: &Tensor) -> Tch<[Tensor; 2]> {
        let config = self.config;
        let columns = v.f_transpose(0, 1)?;
        let (mut wide, mut tall) = (self.linear("embed", w)?, self.linear("embed", h)?);
        for pair in 0..config.pairs {
            let normalise = config.normalises(pair);
            let k = |half| config.layer(pair, half);
            tall = layer(self, k(0), &wide, &tall, &columns, normalise)?;
            wide = layer(self, k(1), &tall, &wide, v, normalise)?;
        }
        let extract = |state: &Tensor, inputs: &Tensor| -> Tch<Tensor> {
            let mut factor = self.linear("extract", state)?;
            if config.skip {
                factor = factor.f_add(&inputs.f_narrow(1, 0, config.rank as i64)?)?;
            }
            factor.f_relu()
        };
        Ok([extract(&wide, w)?, extract(&tall, h)?])
    }
}
