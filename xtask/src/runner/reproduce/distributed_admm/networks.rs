//! Networks are trained here, in seconds or minutes.

use std::time::Instant;

use anyhow::{Result, ensure};
use la_gnn::GnnError;
use la_gnn::admm::{AdmmConfig, Parameters, StepSizes};
use la_gnn::native::admm::{AdmmEngine, QuadraticProblem};
use la_gnn::training::admm::{AdmmLoss, AdmmMeasure, LossTerm, published, schedule};
use la_gnn::training::{NoHooks, TrainOptions, train};
use la_opt::admm::learned::LearnedAdmm;
use serde::{Deserialize, Serialize};

use super::method::{Classical, Outcome, Runner};
use super::opponents::Opponent;
use super::problems::{Law, Purpose, other_graphs};
use super::settings::{Class, NetworkSettings, ProfileSettings, Recipe};

/// A network that was trained.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Trained {
    parameters: Vec<f32>,
    degrees: [usize; 2],
    /// Root of the mean published loss on the validation instances.
    pub(super) validation: f64,
    pub(super) updates: usize,
    pub(super) seconds: f64,
}

/// Depths and weights of the loss on the published law, all distances over those of ordinary ADMM after 10 iterations.
const OWN_DEPTHS: [(usize, f64); 3] = [(10, 1.0), (20, 4.0), (50, 60.0)];
/// Depths of the loss on graphs of other kinds.
const DEPTHS: [usize; 3] = [10, 20, 50];
/// Their sizes.
const SIZES: [usize; 6] = [12, 16, 24, 32, 48, 64];
/// Grids are the hardest to be better on than over-relaxed ADMM, and count so much.
const GRID: f64 = 4.0;
/// Updates of [`Recipe::Everywhere`].
const UPDATES: usize = 12_000;

/// A run before it starts: what decides its result.
pub(crate) struct Preparation {
    pub(crate) config: AdmmConfig,
    pub(crate) options: TrainOptions,
    /// The engine with its training instances.
    pub(crate) engine: AdmmEngine,
    /// Instances that judge.
    validation: Vec<QuadraticProblem>,
}

impl Preparation {
    /// The recipe of a network for so many instances of a class, of which a tenth validates.
    pub(crate) fn new(
        settings: &NetworkSettings,
        training: usize,
        class: Class,
        seed: u64,
    ) -> Result<Self> {
        ensure!(training >= 2, "{training} instances: at least 2 are needed");
        let config = settings.config();
        let law = Law::published(class, Purpose::Training, seed);
        let mut samples = law.quadratics(training)?;
        let validation = samples.split_off(training - (training / 10).max(1));
        let mut options = match settings.recipe {
            Recipe::Published => published(samples.len(), seed),
            Recipe::Schedule | Recipe::Everywhere => schedule(samples.len(), seed),
        };
        if settings.recipe == Recipe::Everywhere {
            options.updates = UPDATES;
        }
        let groups = match settings.recipe {
            Recipe::Published | Recipe::Schedule => vec![(AdmmLoss::published(10), samples)],
            Recipe::Everywhere => everywhere(training, class, seed, &samples)?,
        };
        Ok(Self {
            engine: AdmmEngine::with_groups(&config, groups)?,
            config,
            options,
            validation,
        })
    }

    /// Published loss of the instances that judge, those of them whose number is wanted.
    pub(crate) fn judge(&self, wanted: impl Fn(usize) -> bool) -> Result<AdmmEngine, GnnError> {
        let numbered = self.validation.iter().enumerate();
        let wanted = numbered.filter(|(k, _)| wanted(*k));
        let wanted = wanted.map(|(_, instance)| instance.clone()).collect();
        AdmmEngine::new(&self.config, &AdmmLoss::published(10), wanted)
    }
}

/// Trains a network for a class of problems.
pub(super) fn train_network(
    settings: &NetworkSettings,
    profile: &ProfileSettings,
    class: Class,
    seed: u64,
) -> Result<Trained> {
    let begin = Instant::now();
    let mut run = Preparation::new(settings, profile.training, class, seed)?;
    let options = &mut run.options;
    options.updates = ((options.updates as f64 * profile.epochs) as usize).max(1);
    options.validate_every = options.updates;
    options.checkpoint_every = options.updates;
    let start = Parameters::initialize(&run.config, seed)?;
    let model = serde_json::to_value(&run.config)?;
    let trained = train(
        &mut run.engine,
        &model,
        start.values,
        &run.options,
        None,
        &mut NoHooks,
    )?;
    let losses = run.judge(|_| true)?.losses(&trained.values)?;
    Ok(Trained {
        degrees: run.engine.degree_range(),
        validation: (losses.iter().sum::<f64>() / losses.len() as f64).sqrt(),
        parameters: trained.values,
        updates: run.options.updates,
        seconds: begin.elapsed().as_secs_f64(),
    })
}

/// Groups of instances with their losses. Those of the published law, more of them than were published, have that of several depths; on other graphs it is the
/// distance over that of over-relaxed ADMM in the mean of the group, so that each kind counts in its own measure.
fn everywhere(
    training: usize,
    class: Class,
    seed: u64,
    samples: &[QuadraticProblem],
) -> Result<Vec<(AdmmLoss, Vec<QuadraticProblem>)>> {
    let law = Law::published(class, Purpose::Training, seed);
    let count = samples.len();
    let mut own = samples.to_vec();
    // Those that validate are left out.
    for k in training..training + 7 * count / 3 {
        own.push(law.quadratic(k)?);
    }
    let relaxed = Runner::Classical(Box::new(Classical::Relaxed18.options(1.0)));
    let instances = (count / 15).max(1);
    let own_loss = AdmmLoss::new(OWN_DEPTHS.map(|(depth, weight)| {
        LossTerm::new(AdmmMeasure::Normalised, depth)
            .with_weight(weight)
            .with_naive(10)
    }));
    let mut groups = vec![(own_loss, own)];
    for agents in SIZES {
        for (kind, graph) in other_graphs(agents) {
            let law = law.clone().on(graph, agents);
            let horizon = DEPTHS.into_iter().max().unwrap_or(1);
            let outcome = Outcome::measure(&relaxed, &law, instances, horizon)?;
            let weight = if kind == "grid" { GRID } else { 1.0 };
            let term = |depth: usize| {
                // Where the method is already exact there is nothing to gain.
                let scale = outcome.mean[depth - 1] + 1e-3;
                LossTerm::new(AdmmMeasure::Distance, depth).with_weight(weight / scale)
            };
            let loss = AdmmLoss::new(DEPTHS.map(term));
            groups.push((loss, law.quadratics(instances)?));
        }
    }
    Ok(groups)
}

impl Trained {
    /// As a method; node-wise instead of averaged if that is asked for.
    pub(super) fn runner(&self, config: &AdmmConfig, node_wise: bool) -> Result<Runner> {
        let mut parameters = Parameters {
            config: config.clone(),
            values: self.parameters.clone(),
            statistics: vec![0.0; 2],
        }
        .with_degree_range(self.degrees);
        if node_wise {
            parameters = parameters.read_as(StepSizes::Node)?;
        }
        Ok(Runner::Learned(Box::new(LearnedAdmm::new(&parameters)?)))
    }
}

/// The network without training.
pub(super) fn untrained(config: &AdmmConfig, seed: u64) -> Result<Runner> {
    let parameters = Parameters::initialize(config, seed)?;
    Ok(Runner::Learned(Box::new(LearnedAdmm::new(&parameters)?)))
}

/// α of least mean distance after so many iterations on the first training instances.
pub(super) fn tune(method: Classical, depth: usize, law: &Law, instances: usize) -> Result<f64> {
    let method = match method {
        Classical::TunedRelaxed => Classical::TunedRelaxed,
        _ => Classical::Tuned10,
    };
    let runner = |alpha| Runner::Classical(Box::new(method.options(alpha)));
    least_distance(0.03, runner, depth, law, instances)
}

/// The step or penalty of another method, in the same way, after the communication of 50 iterations.
pub(super) fn tune_opponent(opponent: Opponent, law: &Law, instances: usize) -> Result<f64> {
    let runner = |step| Runner::Opponent(opponent, step);
    least_distance(0.002, runner, 50, law, instances)
}

/// The best of a grid of factors 1.1 around the best of a coarse one, which begins at `least`.
fn least_distance(
    least: f64,
    runner: impl Fn(f64) -> Runner,
    depth: usize,
    law: &Law,
    instances: usize,
) -> Result<f64> {
    let mut best = (f64::INFINITY, 1.0);
    for (base, ratio, steps) in [(least, 2.0, 12), (0.0, 1.1, 13)] {
        let first = if base > 0.0 {
            base
        } else {
            best.1 / 1.1f64.powi(6)
        };
        for k in 0..steps {
            let step = first * f64::powi(ratio, k);
            let now = Outcome::measure(&runner(step), law, instances, depth)?.mean[depth - 1];
            if now < best.0 {
                best = (now, step);
            }
        }
    }
    Ok(best.1)
}
