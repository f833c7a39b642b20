//! The perceptron.

use tch::{Kind, Tensor};

use super::super::tensors::{Context, Tch};
use super::{ActiveSetNetwork, Stacked, Views, labels, leaky, tensor};
use crate::GnnError;
use crate::active_set::{MlpConfig, MlpInput};
use crate::training::active_set::ProblemGroup;

/// Deviations below this share of the largest number of an input are none: the input is the same in all problems.
const CONSTANT: f64 = 1e-9;

impl MlpConfig {
    fn check_group(&self, group: &ProblemGroup) -> Result<(), GnnError> {
        group.check()?;
        if (group.variables, group.constraints) == (self.variables, self.constraints) {
            return Ok(());
        }
        Err(GnnError::Matrix {
            reason: format!(
                "problems have {} variables and {} constraints, the network is for {} and {}",
                group.variables, group.constraints, self.variables, self.constraints
            ),
        })
    }

    /// What the network reads of problem k.
    fn input_of(&self, group: &ProblemGroup, k: usize) -> Vec<f64> {
        let (n, m) = (self.variables, self.constraints);
        let mut input = Vec::with_capacity(self.inputs());
        if self.input == MlpInput::Problem {
            let (hessian, rows) = &group.matrices[k.min(group.matrices.len() - 1)];
            input.extend(hessian);
            input.extend(rows);
        }
        input.extend(&group.linear[k * n..(k + 1) * n]);
        input.extend(&group.upper[k * m..(k + 1) * m]);
        input
    }
}

impl ActiveSetNetwork for MlpConfig {
    type Group = ProblemGroup;
    type Stacked = Tensor;

    fn measure(&self, groups: &[ProblemGroup]) -> Result<Vec<f32>, GnnError> {
        if self.input == MlpInput::Problem {
            return Ok(Vec::new());
        }
        let width = self.inputs();
        let mut mean = vec![0.0; width];
        let mut inputs = Vec::new();
        for group in groups {
            self.check_group(group)?;
            inputs.extend((0..group.len()).map(|k| self.input_of(group, k)));
        }
        let count = inputs.len().max(1) as f64;
        for input in &inputs {
            for (mean, x) in mean.iter_mut().zip(input) {
                *mean += x / count;
            }
        }
        let mut square = vec![0.0; width];
        let mut largest = vec![0.0f64; width];
        for input in &inputs {
            for (((square, largest), x), mean) in
                square.iter_mut().zip(&mut largest).zip(input).zip(&mean)
            {
                *square += (x - mean) * (x - mean) / count;
                *largest = largest.max(x.abs());
            }
        }
        let scales = square.iter().zip(&largest).map(|(square, largest)| {
            let deviation = square.sqrt();
            if deviation > CONSTANT * largest {
                (1.0 / deviation) as f32
            } else {
                0.0
            }
        });
        let mut statistics: Vec<f32> = mean.iter().map(|&v| v as f32).collect();
        statistics.extend(scales);
        Ok(statistics)
    }

    fn stack(
        &self,
        statistics: &[f32],
        group: &ProblemGroup,
        kind: Kind,
    ) -> Result<Stacked<Tensor>, GnnError> {
        self.check_group(group)?;
        let (count, width) = (group.len(), self.inputs());
        let mut values: Vec<f64> = (0..count).flat_map(|k| self.input_of(group, k)).collect();
        if !statistics.is_empty() {
            let (mean, scale) = statistics.split_at(width);
            for input in values.chunks_exact_mut(width) {
                for ((x, &mean), &scale) in input.iter_mut().zip(mean).zip(scale) {
                    *x = (*x - f64::from(mean)) * f64::from(scale);
                }
            }
        }
        let skip = self.skipped_outputs();
        let make = || -> Tch<_> {
            Ok(Stacked {
                data: tensor(&values, &[count, width], kind)?,
                labels: labels(&group.active, skip, self.constraints, kind)?,
                count,
                skip,
            })
        };
        make().context("problems as tensors")
    }

    fn forward(&self, flat: &Tensor, stacked: &Tensor, batch: &Tensor) -> Tch<Tensor> {
        let views = Views::new(self, flat);
        let x = stacked.f_index_select(0, batch)?;
        let x = leaky(&views.linear("lin1", &x)?)?;
        let x = leaky(&views.linear("lin2", &x)?)?;
        views.linear("lin3", &x)
    }
}
