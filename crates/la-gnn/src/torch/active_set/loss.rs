//! Cross entropy of outputs.

use tch::{Reduction, Tensor};

use super::super::tensors::Tch;
use crate::training::active_set::{ActiveSetTrainOptions, LossNodes};

/// Outputs for problems of one size.
pub(super) struct Judged {
    /// Problems × outputs, both.
    pub(super) logits: Tensor,
    pub(super) labels: Tensor,
    /// Outputs before those of the constraints.
    pub(super) skip: usize,
}

impl Judged {
    /// Logits and labels of the nodes that count, in one row.
    fn counted(&self, nodes: LossNodes) -> Tch<[Tensor; 2]> {
        let skip = match nodes {
            LossNodes::All => 0,
            LossNodes::Constraints => self.skip as i64,
        };
        let row = |x: &Tensor| x.f_narrow(1, skip, x.size()[1] - skip)?.f_reshape([-1]);
        Ok([row(&self.logits)?, row(&self.labels)?])
    }
}

/// Sum over the nodes that count of `w_c · cross entropy`, over their number, and the price of outputs.
pub(super) fn loss(
    parts: &[Judged],
    weights: Option<[f64; 2]>,
    options: &ActiveSetTrainOptions,
) -> Tch<Tensor> {
    let rows = parts.iter().map(|part| part.counted(options.nodes));
    let rows = rows.collect::<Tch<Vec<_>>>()?;
    let all = |which: usize| {
        let rows: Vec<&Tensor> = rows.iter().map(|row| &row[which]).collect();
        Tensor::f_cat(&rows, 0)
    };
    let (logits, labels) = (all(0)?, all(1)?);
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
    let problems: i64 = parts.iter().map(|part| part.logits.size()[0]).sum();
    let price = logits
        .f_sigmoid()?
        .f_sum(logits.kind())?
        .f_mul_scalar(options.sparsity / problems.max(1) as f64)?;
    mean.f_add(&price)
}
