//! The published graph network.

use tch::{Kind, Tensor};

use super::super::tensors::{Context, Tch};
use super::{ActiveSetNetwork, Stacked, Views, labels, leaky, tensor};
use crate::GnnError;
use crate::active_set::{GnnConfig, GnnFeatures};
use crate::training::active_set::ProblemGroup;

/// Features and messages of problems of one size.
#[derive(Debug)]
pub struct StackedProblems {
    /// count × N × features, not standardised.
    features: Tensor,
    /// K, 1 × N × N or count × N × N.
    messages: Tensor,
    /// K 1, 1 × N × 1 or count × N × 1.
    sums: Tensor,
    shared: bool,
}

impl ActiveSetNetwork for GnnConfig {
    type Group = ProblemGroup;
    type Stacked = StackedProblems;

    fn measure(&self, _: &[ProblemGroup]) -> Result<Vec<f32>, GnnError> {
        Ok(Vec::new())
    }

    fn stack(
        &self,
        _: &[f32],
        group: &ProblemGroup,
        kind: Kind,
    ) -> Result<Stacked<StackedProblems>, GnnError> {
        group.check()?;
        let two_sided = self.features == GnnFeatures::TwoSided;
        if two_sided == group.lower.is_empty() {
            return Err(GnnError::Matrix {
                reason: "lower bounds are there for networks with two-sided features only".into(),
            });
        }
        let (n, m, count) = (group.variables, group.constraints, group.len());
        let (nodes, width) = (n + m, self.features.len());
        let mut features = vec![0.0; count * nodes * width];
        for (k, features) in features.chunks_exact_mut(nodes * width).enumerate() {
            let (variables, constraints) = features.split_at_mut(n * width);
            for (i, row) in variables.chunks_exact_mut(width).enumerate() {
                row[0] = group.linear[k * n + i];
            }
            for (j, row) in constraints.chunks_exact_mut(width).enumerate() {
                let at = k * m + j;
                if two_sided {
                    (row[1], row[2], row[3]) = (group.lower[at], 1.0, group.upper[at]);
                    (row[4], row[5]) = (2.0, 1.0);
                } else {
                    (row[1], row[3]) = (group.upper[at], 1.0);
                }
            }
        }
        let mut messages = vec![0.0; group.matrices.len() * nodes * nodes];
        for (k, (hessian, rows)) in messages
            .chunks_exact_mut(nodes * nodes)
            .zip(&group.matrices)
        {
            for i in 0..n {
                k[i * nodes..i * nodes + n].copy_from_slice(&hessian[i * n..(i + 1) * n]);
            }
            for j in 0..m {
                for i in 0..n {
                    let value = rows[j * n + i];
                    k[(n + j) * nodes + i] = value;
                    k[i * nodes + n + j] = value;
                }
            }
        }
        let make = || -> Tch<_> {
            let messages = tensor(&messages, &[group.matrices.len(), nodes, nodes], kind)?;
            let data = StackedProblems {
                features: tensor(&features, &[count, nodes, width], kind)?,
                sums: messages.f_sum_dim_intlist(2, true, kind)?,
                messages,
                shared: group.matrices.len() == 1,
            };
            Ok(Stacked {
                data,
                labels: labels(&group.active, n, m, kind)?,
                count,
                skip: n,
            })
        };
        make().context("problems as tensors")
    }

    fn forward(&self, flat: &Tensor, stacked: &StackedProblems, batch: &Tensor) -> Tch<Tensor> {
        let x = stacked.features.f_index_select(0, batch)?;
        let by = standards(std::slice::from_ref(&x))?;
        self.logits(flat, stacked, batch, &by.apply(&x)?)
    }

    /// Features are standardised over all parts.
    fn forward_parts(
        &self,
        flat: &Tensor,
        parts: &[(&StackedProblems, Tensor)],
    ) -> Tch<Vec<Tensor>> {
        let features = parts.iter();
        let features = features.map(|(stacked, batch)| stacked.features.f_index_select(0, batch));
        let features = features.collect::<Tch<Vec<_>>>()?;
        let by = standards(&features)?;
        let parts = parts.iter().zip(&features);
        parts
            .map(|((stacked, batch), x)| self.logits(flat, stacked, batch, &by.apply(x)?))
            .collect()
    }
}

impl GnnConfig {
    /// Logits of problems of one size from their standardised features.
    fn logits(
        &self,
        flat: &Tensor,
        stacked: &StackedProblems,
        batch: &Tensor,
        features: &Tensor,
    ) -> Tch<Tensor> {
        let views = Views::new(self, flat);
        let (messages, sums) = if stacked.shared {
            (
                stacked.messages.shallow_clone(),
                stacked.sums.shallow_clone(),
            )
        } else {
            (
                stacked.messages.f_index_select(0, batch)?,
                stacked.sums.f_index_select(0, batch)?,
            )
        };
        let convolve = |k: usize, x: &Tensor| -> Tch<Tensor> {
            let first = format!("conv{k}.w1");
            let weight = views.get(&format!("{first}.weight"))?;
            let size = weight.size();
            // Messages of the narrower side: K (x W₁ᵀ + 1 bᵀ) = (K x) W₁ᵀ + (K 1) bᵀ.
            let received = if size[1] < size[0] {
                let bias = sums.f_mul(&views.get(&format!("{first}.bias"))?)?;
                let read = messages.f_matmul(x)?;
                read.f_linear::<Tensor>(&weight, None)?.f_add(&bias)?
            } else {
                messages.f_matmul(&views.linear(&first, x)?)?
            };
            let weight = views.get(&format!("conv{k}.w2.weight"))?;
            let own = x.f_linear::<Tensor>(&weight, None)?.f_mul(&sums)?;
            received
                .f_sub(&own)?
                .f_add(&views.linear(&format!("conv{k}.w3"), x)?)
        };
        let hidden = |k: usize, x: &Tensor| -> Tch<Tensor> {
            let weight = views.get(&format!("norm{k}.weight"))?;
            let bias = views.get(&format!("norm{k}.bias"))?;
            let width = [self.width as i64];
            let x =
                convolve(k, x)?.f_layer_norm(&width[..], Some(weight), Some(bias), 1e-5, false)?;
            leaky(&x)
        };
        let mut x = hidden(1, features)?;
        for _ in 0..self.layers - 2 {
            x = hidden(2, &x)?;
        }
        convolve(3, &x)?.f_squeeze_dim(2)
    }
}

/// What the features of a batch are standardised by.
struct Standards {
    /// 1 × 1 × features, both.
    mean: Tensor,
    scale: Tensor,
}

/// Mean of each feature over all nodes of the batch, and its deviation.
fn standards(parts: &[Tensor]) -> Tch<Standards> {
    let rows = parts
        .iter()
        .map(|x| x.f_reshape([1, -1, x.size()[2]]))
        .collect::<Tch<Vec<_>>>()?;
    let x = Tensor::f_cat(&rows, 1)?;
    let kind = x.kind();
    let mean = x.f_mean_dim(&[1i64][..], true, kind)?;
    let x = x.f_sub(&mean)?;
    let nodes = (x.size()[1] - 1).max(1) as f64;
    let variance = x
        .f_mul(&x)?
        .f_sum_dim_intlist(&[1i64][..], true, kind)?
        .f_div_scalar(nodes)?;
    let scale = variance.f_sqrt()?.f_add_scalar(1e-6)?;
    Ok(Standards { mean, scale })
}

impl Standards {
    fn apply(&self, x: &Tensor) -> Tch<Tensor> {
        x.f_sub(&self.mean)?.f_div(&self.scale)
    }
}
