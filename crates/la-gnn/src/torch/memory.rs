//! The entries of a tensor in main memory as a slice.
#![expect(
    unsafe_code,
    reason = "LibTorch hands out the address of a tensor's entries only; copies would cost as much as the product"
)]

use tch::{Device, Kind, TchError, Tensor};

use super::tensors::Tch;

/// Scalars that tensors hold. Sealed by the trait it needs.
pub(crate) trait Scalar: crate::native::Element {
    /// LibTorch's name of the type.
    const KIND: Kind;
}

impl Scalar for f32 {
    const KIND: Kind = Kind::Float;
}

impl Scalar for f64 {
    const KIND: Kind = Kind::Double;
}

fn check<T: Scalar>(tensor: &Tensor) -> Tch<usize> {
    let kind = tensor.f_kind()?;
    if kind != T::KIND {
        return Err(TchError::Kind(format!(
            "is {kind:?}, must be {:?}",
            T::KIND
        )));
    }
    if tensor.device() != Device::Cpu || !tensor.is_contiguous() {
        return Err(TchError::Kind(
            "must be contiguous and in main memory".into(),
        ));
    }
    Ok(tensor.numel())
}

/// Calls `work` with the entries of `from` and of `to`, row-major, which must be different tensors.
pub(crate) fn with_slices<T: Scalar, R>(
    from: &Tensor,
    to: &mut Tensor,
    work: impl FnOnce(&[T], &mut [T]) -> R,
) -> Tch<R> {
    let (read, written) = (check::<T>(from)?, check::<T>(to)?);
    let (source, target) = (from.data_ptr().cast::<T>(), to.data_ptr().cast::<T>());
    let (first, second) = (source as usize, target as usize);
    let size = size_of::<T>();
    if read > 0 && written > 0 && first < second + written * size && second < first + read * size {
        return Err(TchError::Shape("source and target share memory".into()));
    }
    if read == 0 || written == 0 {
        return Ok(work(
            if read == 0 {
                &[]
            } else {
                slice(from, source, read)
            },
            &mut [],
        ));
    }
    // SAFETY: `check` saw a contiguous tensor of this type in main memory, so that `target` is the aligned start of `written`
    // initialised entries (LibTorch allocates them; every bit pattern is a number). `to` is borrowed mutably for as long as the
    // slice lives, the memory of `from` is apart (checked above), and LibTorch runs no work of its own on a CPU tensor between
    // calls.
    let target = unsafe { std::slice::from_raw_parts_mut(target, written) };
    Ok(work(slice(from, source, read), target))
}

fn slice<T: Scalar>(_owner: &Tensor, start: *const T, len: usize) -> &[T] {
    // SAFETY: called by `with_slices` only, after `check` saw `len` contiguous entries of this type in main memory at `start`; the
    // tensor they belong to is borrowed for as long as the slice lives, and nothing writes to it meanwhile.
    unsafe { std::slice::from_raw_parts(start, len) }
}
