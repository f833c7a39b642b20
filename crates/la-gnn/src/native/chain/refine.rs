//! A step map fitted to more digits than gradient descent gives.

use rayon::prelude::*;

use super::ChainSample;
use super::least_squares::damped_solve;
use super::mlp::Mlp;
use super::network::step_logit;
use super::train::{pairs, step_gradient};
use crate::GnnError;
use crate::chain::{ChainModel, Parameters};

/// Options of [`refine_step`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RefineOptions {
    /// Steps of the method, at least 1. Default `300`.
    pub iterations: usize,
    /// Pairs of rows to fit, at least 100, chosen evenly over log z. Default `1024`.
    pub pairs: usize,
}

impl Default for RefineOptions {
    fn default() -> Self {
        Self {
            iterations: 300,
            pairs: 1024,
        }
    }
}

impl RefineOptions {
    /// Sets the number of steps.
    #[must_use]
    pub fn with_iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets the number of pairs.
    #[must_use]
    pub fn with_pairs(mut self, pairs: usize) -> Self {
        self.pairs = pairs;
        self
    }
}

/// Cells of log z from which pairs are taken alike.
const CELLS: usize = 128;

/// Weight of the error of a logit where the pivot is 1: an error there moves log ρ by 1 − ρ times as much.
const LEAST_WEIGHT: f64 = 1e-3;

/// Goes on training a [`ChainModel::Step`] by the Levenberg–Marquardt method, in double precision: single steps from true pivots, pairs spread evenly over
/// log z instead of as they occur, errors weighted by what they do to log ρ.
///
/// Gradient descent leaves errors of a percent in logit ρ, and a chain multiplies them; 339 parameters of one scalar function can be had to
/// six digits and more. Costs `pairs · parameters²` multiply-adds per step (a tenth of a gigaflop for the defaults), in parallel, with the same bits for every
/// number of threads. Returns the parameters and the root mean square of the weighted error.
///
/// # Errors
/// [`GnnError::Config`] if the parameters are not those of a step map, an option is out of range, or the samples hold no pair.
///
/// # References
/// J. J. Moré, "The Levenberg–Marquardt algorithm: implementation and theory", *Numerical Analysis* (Dundee 1977), 105–116, 1978.
pub fn refine_step(
    parameters: &Parameters,
    samples: &[ChainSample],
    options: &RefineOptions,
) -> Result<(Parameters, f64), GnnError> {
    parameters.validate()?;
    let refuse = |field, reason: &str| {
        let reason = reason.into();
        Err(GnnError::Config { field, reason })
    };
    let config = &parameters.config;
    if config.model != ChainModel::Step {
        return refuse("model", "must be step");
    }
    if options.iterations == 0 || options.pairs < 100 {
        return refuse("options", "need at least 1 iteration and 100 pairs");
    }
    let data = spread(pairs(samples), options.pairs);
    if data.is_empty() {
        return refuse("samples", "hold no pair of rows");
    }
    let mlp = Mlp::new(&[2, config.hidden, config.hidden, 1]);
    let mut values = parameters.values.clone();
    let mut damping = 1e-3;
    let mut system = System::new(&values, &mlp, &data, true);
    for _ in 0..options.iterations {
        let mut better = false;
        // Growing damping ends in a short step along the gradient.
        for _ in 0..12 {
            let step = damped_solve(&system.gram, &system.gradient, damping);
            let trial: Option<Vec<f64>> =
                step.map(|s| values.iter().zip(s).map(|(v, s)| v - s).collect());
            if let Some(trial) = trial {
                let error = System::new(&trial, &mlp, &data, false).squares;
                if error < system.squares {
                    values = trial;
                    damping = (damping / 4.0).max(1e-14);
                    better = true;
                    break;
                }
            }
            damping = (damping * 4.0).min(1e6);
        }
        if !better {
            break;
        }
        system = System::new(&values, &mlp, &data, true);
    }
    let config = config.clone();
    let rms = (system.squares / data.len() as f64).sqrt();
    Ok((Parameters { config, values }, rms))
}

/// About `count` pairs, as many from every cell of log z as it has or its share allows.
fn spread(mut pairs: Vec<(f64, f64)>, count: usize) -> Vec<(f64, f64)> {
    pairs.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (Some(first), Some(last)) = (pairs.first(), pairs.last()) else {
        return pairs;
    };
    let (low, width) = (first.0.ln(), (last.0 / first.0).ln() / CELLS as f64);
    let mut chosen = Vec::with_capacity(count);
    let mut from = 0;
    for cell in 1..=CELLS {
        let end = if cell == CELLS {
            pairs.len()
        } else {
            let border = low + width * cell as f64;
            pairs.partition_point(|p| p.0.ln() < border)
        };
        let have = end.saturating_sub(from);
        let take = have.min(count.div_ceil(CELLS));
        chosen.extend((0..take).map(|k| pairs[from + k * have / take]));
        from = from.max(end);
    }
    chosen
}

/// Sum of squared weighted errors e, and of their derivatives J: JᵀJ (lower triangle by rows) and Jᵀe.
struct System {
    squares: f64,
    gram: Vec<f64>,
    gradient: Vec<f64>,
}

impl System {
    fn new(values: &[f64], mlp: &Mlp, data: &[(f64, f64)], derivatives: bool) -> Self {
        let n = values.len();
        let zero = || Self {
            squares: 0.0,
            gram: vec![0.0; if derivatives { n * n } else { 0 }],
            gradient: vec![0.0; if derivatives { n } else { 0 }],
        };
        let parts: Vec<Self> = data
            .par_chunks(data.len().div_ceil(8).max(64))
            .map(|chunk| {
                let mut sums = zero();
                let (mut trace, mut row) = (Vec::new(), vec![0.0; n]);
                for &(z, logit) in chunk {
                    // 1 − ρ of the target.
                    let weight = (1.0 / (1.0 + logit.exp())).max(LEAST_WEIGHT);
                    trace.clear();
                    let error = weight * (step_logit(values, mlp, z, &mut trace) - logit);
                    sums.squares += error * error;
                    if derivatives {
                        row.fill(0.0);
                        step_gradient(values, mlp, z, &trace, weight, &mut row);
                        for i in 0..n {
                            sums.gradient[i] += row[i] * error;
                            let place = &mut sums.gram[i * n..=i * n + i];
                            for (g, &x) in place.iter_mut().zip(&row) {
                                *g += row[i] * x;
                            }
                        }
                    }
                }
                sums
            })
            .collect();
        parts.into_iter().fold(zero(), |mut sums, part| {
            sums.squares += part.squares;
            for (x, y) in sums.gram.iter_mut().zip(part.gram) {
                *x += y;
            }
            for (x, y) in sums.gradient.iter_mut().zip(part.gradient) {
                *x += y;
            }
            sums
        })
    }
}
