//! Training of chain models, without LibTorch: seconds on one core.

use serde::{Deserialize, Serialize};

use super::{Hooks, Log, Schedule, TrainOptions, train};
use crate::GnnError;
use crate::chain::{ChainConfig, ChainModel, Parameters};
use crate::native::chain::{
    ChainEngine, ChainSample, RefineOptions, StepEngine, fit_projective, fit_series, refine_step,
};

/// How a chain model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ChainRecipe {
    /// Passes over the matrices; for [`ChainModel::Step`] over as many pairs of rows as [`batch`](Self::batch) says, times updates.
    pub updates: usize,
    /// Matrices per update, for [`ChainModel::Step`] pairs of rows.
    pub batch: usize,
    /// Largest learning rate of one cycle.
    pub learning_rate: f64,
    /// Largest 2-norm of the gradient.
    pub clip: f64,
    /// Steps of the Levenberg–Marquardt method after gradient descent, for [`ChainModel::Step`]; 0 for none.
    pub refine: usize,
    /// Seed of initialisation and batches.
    pub seed: u64,
}

impl Default for ChainRecipe {
    fn default() -> Self {
        Self::of(ChainModel::Safe, 1000)
    }
}

impl ChainRecipe {
    /// The recipe of a model for this number of matrices: 30 epochs in batches of 50 for [`ChainModel::Recurrent`], 6 for
    /// [`ChainModel::Safe`], 1500 updates of 4096 pairs for [`ChainModel::Step`]; the series and the projective map are solved for, with nothing to set.
    #[must_use]
    pub fn of(model: ChainModel, matrices: usize) -> Self {
        let epochs = |count: usize| (count * matrices).div_ceil(50).max(1);
        let (updates, batch, learning_rate) = match model {
            ChainModel::Recurrent => (epochs(30), 50, 1e-2),
            ChainModel::Safe => (epochs(6), 50, 3e-2),
            ChainModel::Step | ChainModel::Series | ChainModel::Projective => (1500, 4096, 1e-2),
        };
        Self {
            updates,
            batch,
            learning_rate,
            clip: 1.0,
            refine: 0,
            seed: 0,
        }
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number of updates.
    #[must_use]
    pub fn with_updates(mut self, updates: usize) -> Self {
        self.updates = updates;
        self
    }

    /// Sets the steps of the Levenberg–Marquardt method at the end.
    #[must_use]
    pub fn with_refine(mut self, refine: usize) -> Self {
        self.refine = refine;
        self
    }
}

/// A trained chain model.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrainedChain {
    /// Its parameters.
    pub parameters: Parameters,
    /// Losses of gradient descent; empty for the models that are solved for.
    pub log: Log,
    /// Root mean square of the weighted logit error after the Levenberg–Marquardt method, if it ran.
    pub refined_error: Option<f64>,
}

/// Trains a chain model from scratch.
///
/// `hooks` may stop gradient descent early; validation is not asked for.
///
/// # Errors
/// [`GnnError::Config`] for options out of range or no samples, [`GnnError::Diverged`].
///
/// # Examples
/// ```
/// use la_gnn::chain::{ChainConfig, ChainModel};
/// use la_gnn::native::chain::{ChainNetwork, ChainSample};
/// use la_gnn::training::NoHooks;
/// use la_gnn::training::chain::{ChainRecipe, train_chain};
/// use la_problems::{GeneratorLaw, SemiseparableFactors};
///
/// let set = SemiseparableFactors::default().with_law(GeneratorLaw::UNIFORM);
/// let samples: Vec<ChainSample> = (0..100)
///     .map(|seed| {
///         let s = set.generate(seed).unwrap();
///         ChainSample::new(&s.matrix.diagonal, &s.matrix.below, &s.factor.diagonal)
///     })
///     .collect::<Result<_, _>>()?;
/// let recipe = ChainRecipe::of(ChainModel::Safe, samples.len());
/// let trained = train_chain(&ChainConfig::new(ChainModel::Safe), &samples, &recipe, &mut NoHooks)?;
/// let network = ChainNetwork::new(&trained.parameters)?;
/// let pivots = network.pivots(&samples[0].ratios)?;
/// assert!((pivots.values[31] / samples[0].pivots[31]).ln().abs() < 0.5);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
pub fn train_chain(
    config: &ChainConfig,
    samples: &[ChainSample],
    recipe: &ChainRecipe,
    hooks: &mut dyn Hooks,
) -> Result<TrainedChain, GnnError> {
    let solved = match config.model {
        ChainModel::Projective => Some(fit_projective(config, samples)?),
        ChainModel::Series => Some(fit_series(config, samples)?),
        _ => None,
    };
    if let Some(parameters) = solved {
        return Ok(TrainedChain {
            parameters,
            log: Log::default(),
            refined_error: None,
        });
    }
    let start = Parameters::initialize(config, recipe.seed)?;
    let options = TrainOptions {
        updates: recipe.updates,
        batch: recipe.batch,
        learning_rate: recipe.learning_rate,
        schedule: Schedule::OneCycle,
        weight_decay: 0.0,
        clip: recipe.clip,
        keep: super::active_set::Kept::Best,
        validate_every: recipe.updates.max(1),
        checkpoint_every: recipe.updates.max(1),
        seed: recipe.seed,
    };
    let values = start.values.iter().map(|&v| v as f32).collect();
    let model = serde_json::to_value(config).unwrap_or_default();
    let trained = match config.model {
        ChainModel::Step => {
            let mut engine = StepEngine::new(config, samples)?;
            train(&mut engine, &model, values, &options, None, hooks)?
        }
        _ => {
            let mut engine = ChainEngine::new(config, samples.to_vec())?;
            train(&mut engine, &model, values, &options, None, hooks)?
        }
    };
    let mut parameters = Parameters {
        config: config.clone(),
        values: trained.values.iter().map(|&v| f64::from(v)).collect(),
    };
    let mut refined_error = None;
    if config.model == ChainModel::Step && recipe.refine > 0 {
        let options = RefineOptions::default().with_iterations(recipe.refine);
        let (refined, error) = refine_step(&parameters, samples, &options)?;
        parameters = refined;
        refined_error = Some(error);
    }
    Ok(TrainedChain {
        parameters,
        log: trained.log,
        refined_error,
    })
}
