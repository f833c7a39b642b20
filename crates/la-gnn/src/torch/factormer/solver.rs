//! The solver between and behind networks: alternating optimisation with the alternating direction method of multipliers, as tensors.

use tch::{Kind, Tensor};

use super::super::tensors::Tch;
use crate::training::factormer::INNER_STEPS;

/// A better H for W and V, m × n, from multipliers that are zero: five steps of
///
/// ```text
/// Y ← (Vᵀ W + ρ (H + U)) (Wᵀ W + ρ I)⁻¹,   H ← max(Y − U, 0),   U ← U + H − Y
/// ```
///
/// Deviates from the source, whose dual step has the other sign and diverges. The better W is `half_step(h, w, &v.tr(), rho)`.
///
/// # Errors
/// Those of LibTorch.
///
/// # References
/// K. Huang, N. D. Sidiropoulos, A. P. Liavas, *A flexible and efficient algorithmic framework for constrained matrix and tensor factorization*, arXiv 1506.04209.
pub fn half_step(w: &Tensor, h: &Tensor, v: &Tensor, rho: f64) -> Tch<Tensor> {
    let rank = w.size()[1];
    let identity = Tensor::f_eye(rank, (w.kind(), w.device()))?.f_mul_scalar(rho)?;
    let gram = w.f_transpose(0, 1)?.f_matmul(w)?.f_add(&identity)?;
    let factor = gram.f_linalg_cholesky(false)?;
    let cross = w.f_transpose(0, 1)?.f_matmul(v)?;
    let (mut h, mut u) = (h.f_transpose(0, 1)?, h.f_transpose(0, 1)?.f_zeros_like()?);
    for _ in 0..INNER_STEPS {
        let rhs = h.f_add(&u)?.f_mul_scalar(rho)?.f_add(&cross)?;
        let y = rhs.f_cholesky_solve(&factor, false)?;
        h = y.f_sub(&u)?.f_relu()?;
        u = u.f_add(&h)?.f_sub(&y)?;
    }
    h.f_transpose(0, 1)
}

/// One iteration: H, then W with the new H.
///
/// # Errors
/// Those of LibTorch.
pub fn iterate(w: &Tensor, h: &Tensor, v: &Tensor, rho: f64) -> Tch<[Tensor; 2]> {
    let h = half_step(w, h, v, rho)?;
    let w = half_step(&h, w, &v.f_transpose(0, 1)?, rho)?;
    Ok([w, h])
}

/// `½ ‖W Hᵀ − V‖²`, over the number of entries if `mean`.
pub(super) fn objective(w: &Tensor, h: &Tensor, v: &Tensor, mean: bool) -> Tch<Tensor> {
    let residual = w.f_matmul(&h.f_transpose(0, 1)?)?.f_sub(v)?;
    let squares = residual.f_square()?.f_mul_scalar(0.5)?;
    match mean {
        true => squares.f_mean(None::<Kind>),
        false => squares.f_sum(None::<Kind>),
    }
}
