//! Cross entropy of outputs.

use tch::{Reduction, Tensor};

use super::super::tensors::Tch;
use crate::training::active_set::{ActiveSetTrainOptions, LossNodes};

/// Sum over the nodes that count of `w_c · cross entropy`, over their number, and the price of outputs.
pub(super) fn loss(
    logits: &Tensor,
    labels: &Tensor,
    skip: usize,
    weights: Option<[f64; 2]>,
    options: &ActiveSetTrainOptions,
) -> Tch<Tensor> {
    let (logits, labels) = match options.nodes {
        LossNodes::All => (logits.shallow_clone(), labels.shallow_clone()),
        LossNodes::Constraints => {
            let counted = logits.size()[1] - skip as i64;
            (
                logits.f_narrow(1, skip as i64, counted)?,
                labels.f_narrow(1, skip as i64, counted)?,
            )
        }
    };
    let weight = match weights {
        None => None,
        Some([inactive, active]) => Some(
            labels
                .f_mul_scalar(active - inactive)?
                .f_add_scalar(inactive)?,
        ),
    };
    let mean = logits.f_binary_cross_entropy_with_logits(
        &labels,
        weight.as_ref(),
        None,
        Reduction::Mean,
    )?;
    if options.sparsity == 0.0 {
        return Ok(mean);
    }
    let problems = logits.size()[0].max(1) as f64;
    let price = logits
        .f_sigmoid()?
        .f_sum(logits.kind())?
        .f_mul_scalar(options.sparsity / problems)?;
    mean.f_add(&price)
}
