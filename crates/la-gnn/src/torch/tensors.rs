//! Data across the border: slices to tensors, tensors to slices, errors with what was being done.

use tch::{Device, Kind, TchError, Tensor};

use crate::GnnError;
use crate::neuralif::ParameterSpec;

/// What LibTorch answers.
pub(crate) type Tch<T> = Result<T, TchError>;

/// Adds what was being done to an error of LibTorch.
pub(crate) trait Context<T> {
    fn context(self, context: &str) -> Result<T, GnnError>;
}

impl<T> Context<T> for Tch<T> {
    fn context(self, context: &str) -> Result<T, GnnError> {
        self.map_err(|source| GnnError::Torch {
            context: context.into(),
            source,
        })
    }
}

/// A vector of reals on a device.
pub(crate) fn reals(data: &[f64], kind: Kind, device: Device) -> Tch<Tensor> {
    Tensor::f_from_slice(data)?
        .f_to_device(device)?
        .f_to_kind(kind)
}

/// A vector of indices on a device.
pub(crate) fn indices(data: &[i64], device: Device) -> Tch<Tensor> {
    Tensor::f_from_slice(data)?.f_to_device(device)
}

/// The entries of a tensor of any shape, row-major.
pub(crate) fn to_f64(tensor: &Tensor) -> Tch<Vec<f64>> {
    let flat = host(tensor, Kind::Double)?;
    let mut out = vec![0.0; flat.numel()];
    let len = out.len();
    flat.f_copy_data(&mut out, len)?;
    Ok(out)
}

/// The entries of a tensor of any shape, row-major, in single precision.
pub(crate) fn to_f32(tensor: &Tensor) -> Tch<Vec<f32>> {
    let flat = host(tensor, Kind::Float)?;
    let mut out = vec![0.0; flat.numel()];
    let len = out.len();
    flat.f_copy_data(&mut out, len)?;
    Ok(out)
}

fn host(tensor: &Tensor, kind: Kind) -> Tch<Tensor> {
    tensor
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_to_kind(kind)?
        .f_contiguous()?
        .f_reshape([-1])
}

/// One parameter tensor inside a flat vector; sharing its memory.
pub(crate) fn view(flat: &Tensor, spec: &ParameterSpec) -> Tch<Tensor> {
    let shape: Vec<i64> = spec.shape.iter().map(|&s| s as i64).collect();
    flat.f_narrow(0, spec.offset as i64, spec.len as i64)?
        .f_view(shape.as_slice())
}
