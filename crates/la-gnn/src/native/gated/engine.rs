//! Loss and gradient of a gated elimination.

use rayon::prelude::*;

use super::matrix::EliminationMatrix;
use super::sweep::GatedSweep;
use crate::GnnError;
use crate::gated::{GatedConfig, Parameters};
use crate::native::mpgnn::EdgeLoss;
use crate::training::Engine;

/// A matrix to learn from.
pub struct GatedTask {
    /// The matrix.
    pub matrix: EliminationMatrix,
    /// What a factor of the scaled matrix is judged by: entries row by row, the diagonal last.
    pub loss: Box<dyn EdgeLoss>,
}

/// Loss and gradient of a gated elimination on tasks, for [`train`](crate::training::train): the adjoint of the sweep is a sweep back. Matrices of a batch run in
/// parallel; one with a pivot that failed, or without a loss, is left out of its batch.
pub struct GatedEngine {
    config: GatedConfig,
    tasks: Vec<GatedTask>,
}

impl GatedEngine {
    /// An engine.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn new(config: &GatedConfig, tasks: Vec<GatedTask>) -> Result<Self, GnnError> {
        config.validate()?;
        Ok(Self {
            config: config.clone(),
            tasks,
        })
    }

    /// Mean loss over the tasks that have one.
    ///
    /// # Errors
    /// [`GnnError`] for parameters that do not fit.
    pub fn mean_loss(&self, values: &[f32]) -> Result<f64, GnnError> {
        let sweep = self.sweep(values)?;
        let of = |task: &GatedTask| {
            let factor = sweep.factor(&task.matrix, 0.0);
            let mut unused = vec![0.0; factor.entries.len()];
            task.loss.evaluate(&factor.entries, &mut unused)
        };
        let losses: Vec<f64> = self.tasks.par_iter().map(of).collect();
        let finite: Vec<f64> = losses.into_iter().filter(|l| l.is_finite()).collect();
        Ok(finite.iter().sum::<f64>() / finite.len().max(1) as f64)
    }

    fn sweep(&self, values: &[f32]) -> Result<GatedSweep, GnnError> {
        GatedSweep::new(&Parameters {
            config: self.config.clone(),
            values: values.to_vec(),
        })
    }
}

impl Engine for GatedEngine {
    fn samples(&self) -> usize {
        self.tasks.len()
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let sweep = self.sweep(values)?;
        let of = |&k: &usize| {
            let task = self.tasks.get(k)?;
            let (factor, back) = sweep.differentiable(&task.matrix);
            let mut slopes = vec![0.0; factor.entries.len()];
            let loss = task.loss.evaluate(&factor.entries, &mut slopes);
            loss.is_finite().then(|| (loss, back(&slopes)))
        };
        let parts: Vec<Option<(f64, Vec<f64>)>> = batch.par_iter().map(of).collect();
        let parts: Vec<(f64, Vec<f64>)> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return Ok(f64::NAN);
        }
        let share = 1.0 / parts.len() as f64;
        gradient.fill(0.0);
        for (_, own) in &parts {
            for (g, &own) in gradient.iter_mut().zip(own) {
                *g += share * own;
            }
        }
        Ok(parts.iter().map(|p| p.0).sum::<f64>() * share)
    }
}
