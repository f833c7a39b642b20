//! From arc states to a lower triangular factor with a positive diagonal, and back.

use tch::Tensor;

use super::batch::GraphBatch;
use super::segment::End;
use super::tensors::{Context, Tch, to_f64};
use crate::GnnError;

/// What the backward pass of the output map needs.
#[derive(Debug)]
pub(crate) struct OutputTape {
    /// Entries with the exponential diagonal.
    positive: Tensor,
    /// `sqrt(a_ii / Σ_k l_ik²)` and `1 / Σ_k l_ik²` of every row, where rows are normalised.
    rows: Option<(Tensor, Tensor)>,
}

/// l_ij = e_ij, l_ii = exp(e_ii / 2); with `normalize`, every row is then scaled so that diag(L Lᵀ) = diag(A).
pub(crate) fn output(batch: &GraphBatch, e: &Tensor, normalize: bool) -> Tch<(Tensor, OutputTape)> {
    let diagonal = e
        .f_index_select(0, &batch.diagonal)?
        .f_mul_scalar(0.5)?
        .f_exp()?;
    let positive = e.f_index_copy(0, &batch.diagonal, &diagonal)?;
    if !normalize {
        let l = positive.shallow_clone();
        return Ok((
            l,
            OutputTape {
                positive,
                rows: None,
            },
        ));
    }
    let inverse = batch
        .factor
        .sum_scalars(&positive.f_square()?, End::Row)?
        .f_reciprocal()?;
    let scale = inverse.f_mul(&batch.matrix_diagonal)?.f_sqrt()?;
    let l = positive.f_mul(&batch.factor.gather(&scale, End::Row)?)?;
    let rows = Some((scale, inverse));
    Ok((l, OutputTape { positive, rows }))
}

/// Gradient of the arc states from that of the entries.
pub(crate) fn output_backward(batch: &GraphBatch, tape: &OutputTape, g: &Tensor) -> Tch<Tensor> {
    let g_positive = match &tape.rows {
        None => g.shallow_clone(),
        Some((scale, inverse)) => {
            // y = t l, t = sqrt(a / Σ l²):  dl = t (g − l Σ g l / Σ l²)
            let dot = batch
                .factor
                .sum_scalars(&g.f_mul(&tape.positive)?, End::Row)?;
            let along = batch.factor.gather(&dot.f_mul(inverse)?, End::Row)?;
            g.f_sub(&along.f_mul(&tape.positive)?)?
                .f_mul(&batch.factor.gather(scale, End::Row)?)?
        }
    };
    // d exp(e/2) = l/2
    let g_diagonal = g_positive
        .f_index_select(0, &batch.diagonal)?
        .f_mul(&tape.positive.f_index_select(0, &batch.diagonal)?)?
        .f_mul_scalar(0.5)?;
    g_positive.f_index_copy(0, &batch.diagonal, &g_diagonal)
}

/// Which entries stay when those of magnitude at most `drop_tol` off the diagonal are removed (inference of the sparser
/// variant, "NeuralIF-sp").
///
/// # Errors
/// [`GnnError::Config`] if `drop_tol` is negative or NaN; [`GnnError::Torch`] if the entries cannot be copied to the host.
pub fn keep_mask(batch: &GraphBatch, l: &Tensor, drop_tol: f64) -> Result<Vec<bool>, GnnError> {
    if drop_tol.is_nan() || drop_tol < 0.0 {
        return Err(GnnError::Config {
            field: "drop_tol",
            reason: format!("is {drop_tol}, must not be negative"),
        });
    }
    let values = to_f64(l).context("copying a factor to the host")?;
    Ok(values
        .iter()
        .zip(batch.factor_rows().iter().zip(batch.factor_columns()))
        .map(|(v, (i, j))| i == j || v.abs() > drop_tol)
        .collect())
}

/// Entries of a factor on the host, in the order of [`GraphBatch::factor_rows`].
///
/// # Errors
/// [`GnnError::Torch`] if the copy fails; [`GnnError::NonFinite`] if an entry is NaN or infinite.
pub fn factor_values(l: &Tensor) -> Result<Vec<f64>, GnnError> {
    let values = to_f64(l).context("copying a factor to the host")?;
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(values),
        Some(position) => Err(GnnError::NonFinite {
            what: "the factor".into(),
            position,
        }),
    }
}
