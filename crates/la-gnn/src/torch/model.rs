//! What training asks of a network.

use tch::{Device as TchDevice, Kind, Tensor};

use super::batch::{GraphBatch, Pattern};
use super::tensors::Context;
use crate::GnnError;

/// A network that maps a graph to the entries of a lower triangular factor, with its gradient.
pub trait Model {
    /// The parameters, in memory of the host.
    type Parameters: Clone;
    /// What the backward pass needs of the forward pass.
    type Tape;

    /// The arcs that the network works on.
    fn pattern(&self) -> Pattern;

    /// The parameters as one flat vector on the device. Training writes to it.
    fn flat(&self) -> &Tensor;

    /// The parameters, copied to the host.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if the copy fails.
    fn parameters(&self) -> Result<Self::Parameters, GnnError>;

    /// Entries of the factor, in the order of [`GraphBatch::factor_rows`], and what the backward pass needs.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the batch does not fit the network, [`GnnError::Torch`] if LibTorch refuses.
    fn forward(&self, batch: &GraphBatch) -> Result<(Tensor, Self::Tape), GnnError>;

    /// Gradient of the parameters, as one flat vector, from that of the entries of the factor.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] or [`GnnError::Config`] if the gradient does not fit the batch, [`GnnError::Torch`] if LibTorch refuses.
    fn backward(
        &self,
        batch: &GraphBatch,
        tape: Self::Tape,
        gradient: &Tensor,
    ) -> Result<Tensor, GnnError>;

    /// Replaces the parameters.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] if their number is wrong; [`GnnError::Torch`] if the copy fails.
    fn set_values(&mut self, values: &[f32]) -> Result<(), GnnError> {
        let mut flat = self.flat().shallow_clone();
        if values.len() != flat.numel() {
            return Err(GnnError::WeightsMismatch {
                architecture: "network on a device".into(),
                differences: vec![format!(
                    "{} scalars, expected {}",
                    values.len(),
                    flat.numel()
                )],
            });
        }
        let mut copy = || flat.f_copy_(&Tensor::f_from_slice(values)?);
        tch::no_grad(&mut copy).context("moving parameters to the device")
    }

    /// Scalar type of the parameters.
    fn kind(&self) -> Kind {
        self.flat().kind()
    }

    /// Where the parameters are.
    fn device(&self) -> TchDevice {
        self.flat().device()
    }
}

/// Puts parameters on a device, after checking their number.
pub(crate) fn upload(
    values: &[f32],
    expected: usize,
    architecture: &str,
    kind: Kind,
    device: TchDevice,
) -> Result<Tensor, GnnError> {
    if !matches!(kind, Kind::Float | Kind::Double) {
        return Err(GnnError::Config {
            field: "kind",
            reason: format!("is {kind:?}, must be Float or Double"),
        });
    }
    if values.len() != expected {
        return Err(GnnError::WeightsMismatch {
            architecture: architecture.into(),
            differences: vec![format!("{} scalars, expected {expected}", values.len())],
        });
    }
    let move_there = || {
        Tensor::f_from_slice(values)?
            .f_to_device(device)?
            .f_to_kind(kind)
    };
    move_there().context("moving parameters to the device")
}
