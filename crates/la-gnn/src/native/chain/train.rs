//! Loss and gradient, along chains and of single steps.

use rayon::prelude::*;

use super::ChainSample;
use super::floor::{sigmoid, soft_floor, soft_floor_slope, softplus};
use super::mlp::Mlp;
use super::network::{gru_inputs, step_logit};
use super::recurrent::Gru;
use crate::GnnError;
use crate::chain::{ChainConfig, ChainModel};
use crate::training::{Engine, Joining};

fn wrong_model(wanted: &str) -> GnnError {
    GnnError::Config {
        field: "model",
        reason: format!("must be {wanted}"),
    }
}

/// Mean squared error of log ρ along whole chains, differentiated back to the first row; for [`ChainModel::Recurrent`] and [`ChainModel::Safe`].
#[derive(Debug)]
pub struct ChainEngine {
    config: ChainConfig,
    samples: Vec<ChainSample>,
}

impl ChainEngine {
    /// An engine for these samples.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range or of a model that is not trained along chains.
    pub fn new(config: &ChainConfig, samples: Vec<ChainSample>) -> Result<Self, GnnError> {
        config.validate()?;
        if !matches!(config.model, ChainModel::Recurrent | ChainModel::Safe) {
            return Err(wrong_model("recurrent or safe"));
        }
        Ok(Self {
            config: config.clone(),
            samples,
        })
    }

    fn recurrent(&self, values: &[f64], sample: &ChainSample, grad: &mut [f64]) -> f64 {
        let gru = Gru::new(self.config.hidden);
        let mut state = vec![0.0; self.config.hidden];
        let share = 1.0 / sample.pivots.len() as f64;
        let (mut trace, mut outputs) = (Vec::new(), Vec::new());
        for log_r in gru_inputs(&sample.ratios) {
            outputs.push(gru.step(values, log_r, &mut state, &mut trace));
        }
        let mut loss = 0.0;
        state.fill(0.0);
        let inputs: Vec<f64> = gru_inputs(&sample.ratios).collect();
        for (i, &x) in outputs.iter().enumerate().rev() {
            let error = -softplus(x) - sample.pivots[i].ln();
            loss += share * error * error;
            let g = -2.0 * share * error * sigmoid(x);
            let part = &trace[i * gru.trace_len()..(i + 1) * gru.trace_len()];
            gru.backward(values, inputs[i], part, g, &mut state, grad);
        }
        loss
    }

    fn safe(&self, values: &[f64], sample: &ChainSample, grad: &mut [f64]) -> f64 {
        let mlp = Mlp::new(&[2, self.config.hidden, 1]);
        let floor = self.config.floor;
        let share = 1.0 / sample.pivots.len() as f64;
        let mut trace = Vec::new();
        // y = log ρ of the row, q = r/ρ of the row before, the network's output.
        let (mut y, mut rows) = (0.0_f64, Vec::with_capacity(sample.ratios.len()));
        for &r in &sample.ratios {
            let log_r = r.max(f64::MIN_POSITIVE).ln();
            let q = (log_r - y).exp();
            let output = mlp.forward(values, &[log_r, y], &mut trace);
            let sum = soft_floor(1.0 - q, floor).ln() + softplus(output);
            y = sum.min(0.0);
            rows.push((y, q, output, sum < 0.0));
        }
        let (mut loss, mut g) = (0.0, 0.0);
        let mut grad_x = [0.0; 2];
        for (i, &(y, q, output, free)) in rows.iter().enumerate().rev() {
            let error = y - sample.pivots[i + 1].ln();
            loss += share * error * error;
            g += 2.0 * share * error;
            if !free {
                g = 0.0;
                continue;
            }
            let part = &trace[i * mlp.trace_len()..(i + 1) * mlp.trace_len()];
            mlp.backward(values, part, g * sigmoid(output), grad, &mut grad_x);
            let u = 1.0 - q;
            g = g * soft_floor_slope(u, floor) / soft_floor(u, floor) * q + grad_x[1];
        }
        loss
    }
}

impl Engine for ChainEngine {
    fn samples(&self) -> usize {
        self.samples.len()
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let values: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        let parts: Vec<(f64, Vec<f64>)> = batch
            .par_iter()
            .map(|&index| {
                let mut part = vec![0.0; values.len()];
                let sample = &self.samples[index];
                let loss = match self.config.model {
                    ChainModel::Safe => self.safe(&values, sample, &mut part),
                    _ => self.recurrent(&values, sample, &mut part),
                };
                (loss, part)
            })
            .collect();
        Ok(mean(parts, gradient))
    }
}

/// Mean of losses and gradients, in order.
fn mean(parts: Vec<(f64, Vec<f64>)>, gradient: &mut [f64]) -> f64 {
    let share = 1.0 / parts.len().max(1) as f64;
    gradient.fill(0.0);
    let mut total = 0.0;
    for (loss, part) in parts {
        total += share * loss;
        for (g, part) in gradient.iter_mut().zip(part) {
            *g += share * part;
        }
    }
    total
}

/// Mean squared error of logit ρ_i of single steps, each from the true pivot of the row before (teacher forcing); for [`ChainModel::Step`].
///
/// Its samples are pairs of rows: nothing is differentiated through a chain.
#[derive(Debug)]
pub struct StepEngine {
    mlp: Mlp,
    pairs: Vec<(f64, f64)>,
}

impl StepEngine {
    /// An engine for the pairs of these samples.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range or not of [`ChainModel::Step`].
    pub fn new(config: &ChainConfig, samples: &[ChainSample]) -> Result<Self, GnnError> {
        config.validate()?;
        if config.model != ChainModel::Step {
            return Err(wrong_model("step"));
        }
        let h = config.hidden;
        Ok(Self {
            mlp: Mlp::new(&[2, h, h, 1]),
            pairs: pairs(samples),
        })
    }
}

/// (z_i, logit ρ_i) of all rows but the first of every sample, where both are finite.
pub(super) fn pairs(samples: &[ChainSample]) -> Vec<(f64, f64)> {
    let of = |sample: &ChainSample| -> Vec<(f64, f64)> {
        let pairs = sample.pivots.windows(2).zip(&sample.ratios);
        pairs
            .map(|(pair, &r)| ((pair[0] / r).ln(), (pair[1] / (1.0 - pair[1])).ln()))
            .filter(|(z, logit)| *z > 0.0 && z.is_finite() && logit.is_finite())
            .collect()
    };
    samples.iter().flat_map(of).collect()
}

impl Engine for StepEngine {
    fn samples(&self) -> usize {
        self.pairs.len()
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let values: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        let parts: Vec<(f64, Vec<f64>)> = batch
            .par_chunks(512)
            .map(|chunk| {
                let (mut loss, mut part) = (0.0, vec![0.0; values.len()]);
                let mut trace = Vec::new();
                let scale = 1.0 / batch.len() as f64;
                for &index in chunk {
                    let (z, logit) = self.pairs[index];
                    trace.clear();
                    let error = step_logit(&values, &self.mlp, z, &mut trace) - logit;
                    loss += scale * error * error;
                    step_gradient(
                        &values,
                        &self.mlp,
                        z,
                        &trace,
                        2.0 * scale * error,
                        &mut part,
                    );
                }
                (loss, part)
            })
            .collect();
        // Sums, not means: every chunk has its share of the batch.
        let count = parts.len() as f64;
        let loss = mean(parts, gradient);
        gradient.iter_mut().for_each(|g| *g *= count);
        Ok(loss * count)
    }
}

/// Adds `g` times the gradient of [`step_logit`] to `grad`.
pub(super) fn step_gradient(
    values: &[f64],
    mlp: &Mlp,
    z: f64,
    trace: &[f64],
    g: f64,
    grad: &mut [f64],
) {
    let z = z.min(100.0);
    grad[0] += g * z;
    grad[1] += g * z.ln();
    mlp.backward(&values[2..], trace, g, &mut grad[2..], &mut [0.0; 2]);
}
