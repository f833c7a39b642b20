//! Training without derivatives: an antithetic evolution strategy.

use std::path::Path;
use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, Recipe};
use super::{AdamW, Hooks, Log, Outcome, Trained};
use crate::GnnError;

/// Options of an evolution strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EvolutionOptions {
    /// Generations, one update of the parameters each. Default 850.
    pub generations: usize,
    /// Pairs of opposite perturbations per generation. Default 10.
    pub pairs: usize,
    /// First step of a parameter, in units of the deviation of its perturbations. Default 0.6; falls with half a cosine to 1 % of it.
    pub learning_rate: f64,
    /// Deviation of the perturbations as a multiple of that of the landscape, positive. Default 1.
    pub spread: f64,
    /// Generations between two checkpoints. Default 25.
    pub checkpoint_every: usize,
    /// Seed of perturbations.
    pub seed: u64,
}

impl Default for EvolutionOptions {
    fn default() -> Self {
        Self {
            generations: 850,
            pairs: 10,
            learning_rate: 0.6,
            spread: 1.0,
            checkpoint_every: 25,
            seed: 0,
        }
    }
}

impl EvolutionOptions {
    /// Sets the number of generations.
    #[must_use]
    pub fn with_generations(mut self, generations: usize) -> Self {
        self.generations = generations;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the pairs per generation.
    #[must_use]
    pub fn with_pairs(mut self, pairs: usize) -> Self {
        self.pairs = pairs;
        self
    }

    /// Sets the size of the perturbations, relative to that of the landscape.
    #[must_use]
    pub fn with_spread(mut self, spread: f64) -> Self {
        self.spread = spread;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        for (field, value) in [
            ("generations", self.generations),
            ("pairs", self.pairs),
            ("checkpoint_every", self.checkpoint_every),
        ] {
            if value == 0 {
                return Err(GnnError::Config {
                    field,
                    reason: "is 0, must be at least 1".into(),
                });
            }
        }
        for (field, value) in [
            ("learning_rate", self.learning_rate),
            ("spread", self.spread),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(GnnError::Config {
                    field,
                    reason: format!("is {value}, must be positive and finite"),
                });
            }
        }
        Ok(())
    }
}

impl Recipe for EvolutionOptions {
    fn prolonged_like(&self, other: &Self) -> Self {
        Self {
            generations: other.generations,
            ..self.clone()
        }
    }
}

/// What is minimised.
pub trait Landscape: Sync {
    /// Score of parameters, lower is better, the same problems for all parameters of one generation. Must be finite.
    fn score(&self, values: &[f32], generation: usize) -> f64;

    /// Standard deviation of the perturbations of each parameter, positive.
    fn deviations(&self) -> Vec<f64>;

    /// Brings parameters back into their ranges after an update.
    fn project(&self, _values: &mut [f32]) {}
}

/// Minimises a [`Landscape`] from `values` (unless a checkpoint exists at `checkpoint`).
///
/// Each generation draws perturbations ε of the parameters θ, scores θ + ε and θ − ε, and takes the step of Adam (β₁ = 0.9, β₂ = 0.99)
/// along `Σ (f(θ + ε) − f(θ − ε)) ε`, divided by the deviation of these differences, so that neither the size of scores nor that of their
/// differences matters. Scores are computed in parallel; the result depends on the seed alone. The loss in the log is the mean of all
/// scores of a generation; hooks see progress, and validate after the last generation.
///
/// `model` identifies architecture and configuration in the checkpoint.
///
/// # Errors
/// [`GnnError::Config`] for options out of range; [`GnnError::Diverged`] for a score that is not finite; errors of the hooks and
/// of the checkpoint file.
///
/// # Examples
/// ```
/// use la_gnn::training::{EvolutionOptions, Landscape, NoHooks, evolve};
///
/// struct Bowl;
/// impl Landscape for Bowl {
///     fn score(&self, x: &[f32], _: usize) -> f64 {
///         f64::from((x[0] - 1.0).powi(2) + (x[1] + 2.0).powi(2))
///     }
///     fn deviations(&self) -> Vec<f64> {
///         vec![0.1; 2]
///     }
/// }
/// let options = EvolutionOptions::default().with_generations(200);
/// let found = evolve(&Bowl, &"bowl".into(), vec![0.0; 2], &options, None, &mut NoHooks)?;
/// assert!((found.values[0] - 1.0).abs() < 0.05 && (found.values[1] + 2.0).abs() < 0.05);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
///
/// # References
/// T. Salimans et al., arXiv 1703.03864, 2017 (antithetic pairs); D. P. Kingma, J. Ba, ICLR 2015 (Adam). Deviates: perturbations of
/// different size by parameter, differences divided by their deviation instead of ranks.
pub fn evolve(
    landscape: &dyn Landscape,
    model: &serde_json::Value,
    values: Vec<f32>,
    options: &EvolutionOptions,
    checkpoint: Option<&Path>,
    hooks: &mut dyn Hooks,
) -> Result<Trained, GnnError> {
    options.validate()?;
    let deviations: Vec<f64> = landscape
        .deviations()
        .into_iter()
        .map(|d| d * options.spread)
        .collect();
    let count = values.len();
    if deviations.len() != count || deviations.iter().any(|d| !(*d > 0.0 && d.is_finite())) {
        return Err(GnnError::Config {
            field: "deviations",
            reason: format!("must be {count} positive numbers"),
        });
    }
    let mut state = match checkpoint.filter(|path| path.is_file()) {
        Some(path) => Checkpoint::load_for(path, model, options, count)?,
        None => Checkpoint {
            model: model.clone(),
            options: options.clone(),
            optimizer: AdamW::new(count),
            best_values: values.clone(),
            values,
            log: Log::default(),
        },
    };
    let mut clock = Instant::now();
    while state.optimizer.updates < options.generations {
        let generation = state.optimizer.updates;
        let step = Generation::new(landscape, &deviations, options, generation);
        let (loss, direction) = step.run(&state.values)?;
        let progress = generation as f64 / options.generations as f64;
        let cosine = 0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
        state
            .optimizer
            .step(&mut state.values, &direction, [0.9, 0.99], 1.0, &|k| {
                options.learning_rate * cosine * deviations[k]
            });
        landscape.project(&mut state.values);
        state.log.losses.push(loss as f32);
        let done = state.optimizer.updates;
        let last = done == options.generations;
        if last && let Some(score) = hooks.validate(&state.values, done)? {
            state.log.validations.push((done, score));
        }
        let stop = hooks.progress(done, loss, &state.log).is_break();
        state.log.seconds += clock.elapsed().as_secs_f64();
        clock = Instant::now();
        if let Some(path) = checkpoint
            && (stop || last || done.is_multiple_of(options.checkpoint_every))
        {
            state.save(path)?;
        }
        if stop && !last {
            return Ok(Trained {
                outcome: Outcome::Interrupted,
                values: state.values,
                log: state.log,
            });
        }
    }
    Ok(Trained {
        outcome: Outcome::Finished,
        values: state.values,
        log: state.log,
    })
}

/// The perturbations of one generation.
struct Generation<'a> {
    landscape: &'a dyn Landscape,
    deviations: &'a [f64],
    number: usize,
    /// Standard normal, pair by pair.
    noise: Vec<Vec<f64>>,
}

impl<'a> Generation<'a> {
    fn new(
        landscape: &'a dyn Landscape,
        deviations: &'a [f64],
        options: &EvolutionOptions,
        number: usize,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ 0xe701_u64);
        rng.set_stream(number as u64);
        let mut draw = || {
            deviations
                .iter()
                .map(|_| rng.sample(StandardNormal))
                .collect()
        };
        Self {
            landscape,
            deviations,
            number,
            noise: (0..options.pairs).map(|_| draw()).collect(),
        }
    }

    /// Mean score, and the direction of ascent in units of the deviations.
    fn run(&self, values: &[f32]) -> Result<(f64, Vec<f64>), GnnError> {
        let sides: Vec<f64> = (0..2 * self.noise.len())
            .into_par_iter()
            .map(|side| {
                let sign = if side % 2 == 0 { 1.0 } else { -1.0 };
                let noise = self.noise[side / 2].iter().zip(self.deviations);
                let moved: Vec<f32> = values
                    .iter()
                    .zip(noise)
                    .map(|(x, (e, d))| (f64::from(*x) + sign * e * d) as f32)
                    .collect();
                self.landscape.score(&moved, self.number)
            })
            .collect();
        if let Some(bad) = sides.iter().find(|score| !score.is_finite()) {
            return Err(GnnError::Diverged {
                update: self.number,
                reason: format!("a score is {bad}"),
            });
        }
        let count = self.noise.len() as f64;
        let differences: Vec<f64> = sides.chunks_exact(2).map(|s| s[0] - s[1]).collect();
        let mean = differences.iter().sum::<f64>() / count;
        let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / count;
        let weight = 0.5 / (count * (variance.sqrt() + 1e-9));
        let mut direction = vec![0.0; values.len()];
        for (noise, difference) in self.noise.iter().zip(&differences) {
            for (x, e) in direction.iter_mut().zip(noise) {
                *x += weight * difference * e;
            }
        }
        Ok((sides.iter().sum::<f64>() / (2.0 * count), direction))
    }
}
