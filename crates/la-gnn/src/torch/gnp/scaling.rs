//! Scaling of the columns of the input to unit root mean square, and back (equation 8).

use tch::{Kind, Tensor};

use super::super::tensors::Tch;

/// `s(b) = (√n / τ) b` per column as (n k, 1) in the precision `kind`, and the factors τ/√n as (1, k) in double precision.
///
/// τ = ‖b‖₂ goes through the largest entry, so that no square over- or underflows. A zero column gives zero, and a factor zero.
pub(super) fn scale(b: &Tensor, kind: Kind) -> Tch<(Tensor, Tensor)> {
    let n = b.size()[0];
    let root = (n.max(1) as f64).sqrt();
    let largest = b.f_abs()?.f_amax(0, true)?;
    let unit = b.f_div(&largest.f_clamp_min(f64::MIN_POSITIVE)?)?;
    // At least 1 for every column but a zero one.
    let norm = unit.f_norm_scalaropt_dim(2.0, 0, true)?.f_clamp_min_(1.0)?;
    let scaled = unit.f_mul(&norm.f_reciprocal()?.f_mul_scalar_(root)?)?;
    let back = largest.f_mul(&norm)?.f_div_scalar_(root)?;
    Ok((scaled.f_to_kind(kind)?.f_reshape([-1, 1])?, back))
}
