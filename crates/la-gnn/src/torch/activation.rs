//! Nonlinearities, in place, and their slopes from their outputs.

use tch::Tensor;

use super::tensors::Tch;
use crate::neuralif::Activation;

/// Applies the nonlinearity in place.
pub(crate) fn apply(activation: Activation, mut x: Tensor) -> Tch<Tensor> {
    match activation {
        Activation::Tanh => x.f_tanh_(),
        Activation::Relu => x.f_relu_(),
    }
}

/// The derivative at each entry, as a function of the output `y`: 1 − y², or 1 where y > 0.
pub(crate) fn slope(activation: Activation, y: &Tensor) -> Tch<Tensor> {
    let one = Tensor::f_ones([1], (y.f_kind()?, y.device()))?;
    let one = one.f_expand(y.size().as_slice(), true)?;
    match activation {
        Activation::Tanh => Tensor::f_tanh_backward(&one, y),
        Activation::Relu => Tensor::f_threshold_backward(y, &one, 0.0),
    }
}
