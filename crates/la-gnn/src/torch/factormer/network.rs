//! A stack of layers between an embedding and an extraction.

use std::collections::HashMap;

use tch::Tensor;

use super::super::tensors::Tch;
use super::layer::{LayerForm, layer};
use crate::factormer::{FactormerConfig, NetworkConfig};

/// A network whose parameters are views of a flat vector.
#[derive(Debug)]
pub struct FactormerNetwork<'a> {
    config: &'a FactormerConfig,
    tensors: HashMap<String, Tensor>,
    form: LayerForm,
}

impl<'a> FactormerNetwork<'a> {
    /// A network with these parameters, in the order of [`NetworkConfig::parameters`].
    ///
    /// # Errors
    /// Those of LibTorch, if `flat` has another length.
    pub fn new(config: &'a FactormerConfig, flat: &Tensor) -> Tch<Self> {
        let specs = config.parameters();
        // Cut once: the derivative of a cut is then one concatenation, while every view of its own would add a vector of all parameters to the gradient.
        let lengths: Vec<i64> = specs.iter().map(|spec| spec.len as i64).collect();
        let parts = flat.f_split_with_sizes(lengths.as_slice(), 0)?;
        let tensors = specs.into_iter().zip(parts).map(|(spec, part)| {
            let shape: Vec<i64> = spec.shape.iter().map(|&s| s as i64).collect();
            Ok((spec.name, part.f_view(shape.as_slice())?))
        });
        Ok(Self {
            config,
            tensors: tensors.collect::<Tch<_>>()?,
            form: LayerForm::Dense,
        })
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

    pub(super) fn get(&self, name: &str) -> Tch<&Tensor> {
        let missing = || tch::TchError::Shape(format!("no tensor {name}"));
        self.tensors.get(name).ok_or_else(missing)
    }

    /// `x Wᵀ + b`.
    pub(super) fn linear(&self, name: &str, x: &Tensor) -> Tch<Tensor> {
        let bias = self.get(&format!("{name}.bias"))?;
        x.f_linear(self.get(&format!("{name}.weight"))?, Some(bias))
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
                let from = config.skip_from() as i64;
                factor = factor.f_add(&inputs.f_narrow(1, from, config.rank as i64)?)?;
            }
            factor.f_relu()
        };
        Ok([extract(&wide, w)?, extract(&tall, h)?])
    }
}
