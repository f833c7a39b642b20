//! Training of networks that guess active sets, on the host. Inference is in [`crate::native::active_set`].
//!
//! Problems of one size are stacked, so that a batch is a handful of dense products; gradients are LibTorch's. Batches hold problems of
//! one size, in a random order of sizes, or of all sizes as in the published training, which standardises over them
//! ([`ActiveSetTrainOptions::mixed_sizes`](crate::training::active_set::ActiveSetTrainOptions::mixed_sizes)).

mod gnn;
mod least_distance;
mod loss;
mod mlp;
mod train;

use tch::{Device, Kind, Tensor};

use super::tensors::{Tch, view};
use crate::GnnError;
use crate::active_set::{ActiveSetConfig, Parameters};
use crate::neuralif::ParameterSpec;
pub use gnn::StackedProblems;
pub use least_distance::StackedRows;
pub use train::{ActiveSetTrained, class_weights, logits, loss_and_gradient, train};

/// A network that can be trained.
pub trait ActiveSetNetwork: ActiveSetConfig {
    /// Problems of one size.
    type Group;
    /// The same as tensors.
    type Stacked;

    /// The tensors that are measured on the training set.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if a group does not fit the network.
    fn measure(&self, groups: &[Self::Group]) -> Result<Vec<f32>, GnnError>;

    /// Problems as tensors.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] and [`GnnError::NonFinite`] if the group does not fit the network, [`GnnError::Torch`].
    fn stack(
        &self,
        statistics: &[f32],
        group: &Self::Group,
        kind: Kind,
    ) -> Result<Stacked<Self::Stacked>, GnnError>;

    /// Logits, batch × outputs.
    ///
    /// # Errors
    /// Those of LibTorch.
    #[doc(hidden)]
    fn forward(&self, flat: &Tensor, stacked: &Self::Stacked, batch: &Tensor) -> Tch<Tensor>;

    /// Logits of the parts of a batch, one for each size.
    ///
    /// # Errors
    /// Those of LibTorch.
    #[doc(hidden)]
    fn forward_parts(&self, flat: &Tensor, parts: &[(&Self::Stacked, Tensor)]) -> Tch<Vec<Tensor>> {
        let one = |(stacked, batch): &(&Self::Stacked, Tensor)| self.forward(flat, stacked, batch);
        parts.iter().map(one).collect()
    }
}

/// Problems of one size as tensors.
#[derive(Debug)]
pub struct Stacked<X> {
    data: X,
    /// count × outputs, 0 or 1.
    labels: Tensor,
    count: usize,
    /// Outputs before those of the constraints.
    skip: usize,
}

/// Tensors of the layout as views of a flat vector.
struct Views<'a> {
    flat: &'a Tensor,
    specs: Vec<ParameterSpec>,
}

impl<'a> Views<'a> {
    fn new<C: ActiveSetConfig>(config: &C, flat: &'a Tensor) -> Self {
        Self {
            flat,
            specs: config.parameters(),
        }
    }

    fn get(&self, name: &str) -> Tch<Tensor> {
        match self.specs.iter().find(|spec| spec.name == name) {
            Some(spec) => view(self.flat, spec),
            None => Err(tch::TchError::Shape(format!("no tensor {name}"))),
        }
    }

    /// `x Wᵀ + b`.
    fn linear(&self, name: &str, x: &Tensor) -> Tch<Tensor> {
        let weight = self.get(&format!("{name}.weight"))?;
        x.f_linear(&weight, Some(&self.get(&format!("{name}.bias"))?))
    }
}

/// `max(x, 0.1 x)`, with slope 0.1 at 0.
fn leaky(x: &Tensor) -> Tch<Tensor> {
    x.f_prelu(&Tensor::f_from_slice(&[crate::active_set::LEAK])?.f_to_kind(x.kind())?)
}

/// Numbers as a tensor of this shape.
fn tensor(values: &[f64], shape: &[usize], kind: Kind) -> Tch<Tensor> {
    let shape: Vec<i64> = shape.iter().map(|&s| s as i64).collect();
    Tensor::f_from_slice(values)?
        .f_to_kind(kind)?
        .f_reshape(shape.as_slice())
}

/// Labels with `skip` zeros before those of each problem.
fn labels(active: &[bool], skip: usize, constraints: usize, kind: Kind) -> Tch<Tensor> {
    let mut values = Vec::new();
    for active in active.chunks_exact(constraints.max(1)) {
        values.resize(values.len() + skip, 0.0);
        values.extend(active.iter().map(|&a| f64::from(a)));
    }
    tensor(
        &values,
        &[active.len() / constraints.max(1), skip + constraints],
        kind,
    )
}

/// Parameters on the host's side of LibTorch.
fn flat<C: ActiveSetConfig>(parameters: &Parameters<C>, kind: Kind) -> Tch<Tensor> {
    Tensor::f_from_slice(&parameters.values)?
        .f_to_device(Device::Cpu)?
        .f_to_kind(kind)
}
