//! Training by the gradient through the elimination.

use la_gnn::GnnError;
use la_gnn::compensation::{CompensationConfig, Parameters};
use la_gnn::training::{Engine, Joining};
use la_krylov::{CgOptions, cg};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use sprs::CsMatI;

use super::loss::CompensationLoss;
use crate::PrecondError;
use crate::classical::Ic0;

/// Share of the iterations of IC(0) to 1e-8 after which the loss begins: what the first ones take is not what takes long.
const BEFORE: f64 = 0.15;

/// What every matrix of a batch takes part in: the mean of [`CompensationLoss`].
///
/// Parameters that an update leaves out of their ranges are [projected](Parameters::project) before they are used, and have to be once more at the end. A
/// matrix without a factor counts as no gain.
///
/// # Examples
/// ```
/// use la_gnn::compensation::{CompensationConfig, Parameters};
/// use la_gnn::training::{NoHooks, TrainOptions, train};
/// use la_precond::learned::CompensationEngine;
/// use la_problems::DefiniteFamily;
///
/// let family = DefiniteFamily::named("white2:1 natural").ok_or("no such family")?;
/// let matrices = [0, 1].map(|seed| family.matrix(400, seed));
/// let matrices = matrices.into_iter().collect::<Result<_, _>>()?;
/// let config = CompensationConfig::default();
/// let mut engine = CompensationEngine::new(&config, matrices, 6, 0)?;
/// let start = Parameters::initialize(&config, 0)?.values;
/// let mut options = TrainOptions::default();
/// (options.updates, options.batch) = (5, 2);
/// let trained = train(&mut engine, &serde_json::json!({}), start, &options, None, &mut NoHooks)?;
/// assert!(trained.log.losses[4] < trained.log.losses[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct CompensationEngine {
    config: CompensationConfig,
    losses: Vec<CompensationLoss>,
}

impl CompensationEngine {
    /// An engine for these matrices, with so many steps of CG in the loss, six or so (see [`CompensationLoss`]).
    ///
    /// # Errors
    /// As [`Ic0::factor`].
    pub fn new(
        config: &CompensationConfig,
        matrices: Vec<CsMatI<f64, u32>>,
        steps: usize,
        seed: u64,
    ) -> Result<Self, PrecondError> {
        let loss = |(k, matrix): (usize, CsMatI<f64, u32>)| {
            let seed = seed ^ ((k as u64) << 20);
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let b: Vec<f64> = (0..matrix.rows())
                .map(|_| rng.sample(StandardNormal))
                .collect();
            let ic0 = Ic0::default().factor(matrix.view())?;
            let solved = cg(&matrix, &b, &ic0, &CgOptions::default());
            let needed = solved.map_or(0, |solution| solution.iterations);
            let before = (BEFORE * needed as f64).round() as usize;
            CompensationLoss::new(matrix, before, steps, seed)
        };
        let losses = matrices.into_iter().enumerate().map(loss);
        Ok(Self {
            config: config.clone(),
            losses: losses.collect::<Result<_, _>>()?,
        })
    }
}

impl Engine for CompensationEngine {
    fn samples(&self) -> usize {
        self.losses.len()
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        // Fewer would be out of range for the projection.
        let expected = self.config.parameter_count();
        for (field, len) in [("values", values.len()), ("gradient", gradient.len())] {
            if len != expected {
                let reason = format!("has {len} numbers, expected {expected}");
                return Err(GnnError::Config { field, reason });
            }
        }
        let mut parameters = Parameters {
            config: self.config.clone(),
            values: values.to_vec(),
        };
        parameters.project();
        gradient.fill(0.0);
        let share = 1.0 / batch.len().max(1) as f64;
        let mut total = 0.0;
        for &k in batch {
            let loss = self.losses.get(k).ok_or_else(|| GnnError::Config {
                field: "batch",
                reason: format!("asks for matrix {k} of {}", self.losses.len()),
            })?;
            let Some((loss, slope)) = loss.evaluate(&parameters)? else {
                continue;
            };
            total += share * loss;
            for (g, s) in gradient.iter_mut().zip(slope) {
                *g += share * s;
            }
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_an_error() {
        let config = CompensationConfig::default();
        let family = la_problems::DefiniteFamily::named("poisson2 natural").unwrap();
        let matrix = family.matrix(100, 0).unwrap();
        let mut engine = CompensationEngine::new(&config, vec![matrix], 3, 0).unwrap();
        let values = Parameters::initialize(&config, 0).unwrap().values;
        let mut gradient = vec![0.0; values.len()];
        let mut run = |values: &[f32], batch: &[usize], room: usize| {
            let loss = engine.loss_and_gradient(values, batch, 0, &mut gradient[..room]);
            loss.map_err(|error| error.to_string())
        };
        let all = values.len();
        assert!(run(&values, &[0], all).unwrap() < 0.0);
        for (values, batch, room, part) in [
            (&values[..3], 0, all, "values"),
            (&values[..], 0, all - 1, "gradient"),
            (&values[..], 1, all, "matrix 1 of 1"),
        ] {
            let error = run(values, &[batch], room).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
