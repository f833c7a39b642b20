//! Terms of a loss.

use tch::{Kind, Tensor};

use super::super::tensors::Tch;
use super::batch::{Batch, tensor};
use crate::native::admm::loss::{FLOOR, LOG_FLOOR};
use crate::training::admm::{AdmmMeasure, LossTerm};

/// Mean over the graphs of a term at the iterate x, nodes × n.
pub(super) fn term(
    term: &LossTerm,
    denominators: &[f64],
    batch: &Batch,
    x: &Tensor,
    kind: Kind,
) -> Tch<Tensor> {
    let squares = x.f_sub(&batch.solutions)?.f_square()?;
    let measured = match term.measure {
        AdmmMeasure::Normalised => batch.total(&squares)?,
        AdmmMeasure::Distance | AdmmMeasure::RelativeDistance | AdmmMeasure::NaiveMean => {
            batch.total(&squares)?.f_div(&batch.sizes)?
        }
        AdmmMeasure::LogDistance => batch.total(&squares.f_add_scalar(FLOOR)?.f_log()?)?,
        AdmmMeasure::Objective | AdmmMeasure::RelativeObjective => {
            // Σ ½ x' H x − c' x + const
            let product = batch
                .hessians
                .f_matmul(&x.f_unsqueeze(-1)?)?
                .f_squeeze_dim(-1)?;
            let inner = product.f_mul_scalar(0.5)?.f_sub(&batch.linear)?.f_mul(x)?;
            batch.total(&inner)?.f_add(&batch.constants)?
        }
    };
    let below = tensor(denominators, &[denominators.len() as i64], kind)?;
    let mut value = measured.f_div(&below)?;
    if term.log {
        value = value.f_add_scalar(LOG_FLOOR)?.f_log()?;
    }
    value.f_mean(kind)?.f_mul_scalar(term.weight)
}
