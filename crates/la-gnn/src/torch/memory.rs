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
    if tensor.is_sparse() {
        return Err(TchError::Kind("is sparse, must be dense".into()));
    }
    let kind = tensor.f_kind()?;
    if kind != T::KIND {
        return Err(TchError::Kind(format!(
            "is {kind:?}, must be {:?}",
            T::KIND
        )));
    }
    if tensor.device() != Device::Cpu || !tensor.is_contiguous() || tensor.f_is_neg()? {
        return Err(TchError::Kind(
            "must be dense, contiguous and in main memory".into(),
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
    // SAFETY: `check` saw a contiguous tensor of this type in main memory, so that `target` is the aligned start of `written`
    // entries that LibTorch allocated (every bit pattern is a number), unless there is none. `to` is borrowed mutably for as long as
    // the slice lives, the memory of `from` is apart (checked above), and LibTorch runs no work of its own on a CPU tensor between
    // calls.
    let target = match written {
        0 => &mut [],
        _ => unsafe { std::slice::from_raw_parts_mut(target, written) },
    };
    // SAFETY: as above; nothing writes to `from` while it is borrowed.
    let source = match read {
        0 => &[],
        _ => unsafe { std::slice::from_raw_parts(source.cast_const(), read) },
    };
    Ok(work(source, target))
}
