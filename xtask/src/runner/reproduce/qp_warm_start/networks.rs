//! Training of the networks, and the folder where trained ones are kept.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use la_gnn::active_set::{GnnConfig, LeastDistanceConfig, MlpConfig, Parameters};
use la_gnn::torch::active_set::{ActiveSetNetwork, train};
use la_gnn::training::active_set::{ActiveSetLog, ActiveSetTrainOptions};
use la_gnn::{Provenance, Weights};
use la_opt::qp::learned::{
    GnnPredictor, LeastDistancePredictor, LeastDistanceSamples, Matrices, MlpPredictor,
    ProblemSamples,
};
use la_opt::qp::{Pricing, QpOptions, QpWorkspace};
use serde_json::json;

use super::super::file::ExperimentFile;
use super::case::{Sets, Training};
use super::guess::{Guesser, Method};
use super::measure;
use super::set::Set;
use super::settings::{CaseSettings, Experiment};
use crate::experiment::interrupt;

/// A network to be trained.
pub(super) struct Task<'t> {
    pub(super) settings: &'t CaseSettings,
    pub(super) method: Method,
    pub(super) seed: u64,
    pub(super) epochs: usize,
    /// Networks of earlier runs do not count.
    pub(super) anew: bool,
}

/// A trained network.
pub(super) enum Network {
    Mlp(Parameters<MlpConfig>),
    Gnn(Parameters<GnnConfig>),
    LeastDistance(Parameters<LeastDistanceConfig>),
}

/// Thresholds that are tried.
const THRESHOLDS: [f64; 13] = [
    0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99,
];

impl Network {
    /// A predictor for the problems of a set.
    pub(super) fn guesser(&self, set: &Set, threshold: f64) -> Result<Guesser> {
        let first = set.problem(0)?;
        let matrices = match set.varies() {
            true => Matrices::Varying,
            false => Matrices::Fixed,
        };
        Ok(match self {
            Self::Mlp(parameters) => {
                let predictor = MlpPredictor::new(parameters, &first)?.with_matrices(matrices);
                Guesser::Mlp(Box::new(predictor.with_threshold(threshold)?))
            }
            Self::Gnn(parameters) => {
                let predictor = GnnPredictor::new(parameters, &first)?.with_matrices(matrices);
                Guesser::Gnn(Box::new(predictor.with_threshold(threshold)?))
            }
            Self::LeastDistance(parameters) => {
                let mut workspace = QpWorkspace::new(first, QpOptions::default())?;
                workspace.solve();
                let predictor = LeastDistancePredictor::new(parameters, &mut workspace)?
                    .with_matrices(matrices);
                Guesser::LeastDistance(Box::new(predictor.with_threshold(threshold)?))
            }
        })
    }
}

/// The threshold with the fewest iterations on validation problems.
pub(super) fn threshold(network: &Network, rule: Pricing, validation: &[Set]) -> Result<f64> {
    let mut total = vec![0; THRESHOLDS.len()];
    for set in validation {
        let mut guesser = network.guesser(set, 0.0)?;
        let counts = measure::sweep(set, &mut guesser, rule, &THRESHOLDS)?;
        total.iter_mut().zip(counts).for_each(|(t, c)| *t += c);
    }
    let best = total
        .iter()
        .zip(THRESHOLDS)
        .min_by_key(|(count, _)| **count);
    best.map(|(_, t)| t).context("no thresholds")
}

/// The network of a task: trained now, or taken from an earlier run with the same recipe.
pub(super) fn ensure(task: &Task<'_>, sets: &mut Sets<'_>) -> Result<(Network, Training)> {
    let (n, m) = sets.size()?;
    let options = task.options();
    Ok(match task.method {
        Method::Mlp | Method::MlpUntrained => {
            let (p, t) = task.network(&MlpConfig::new(n, m), &options, sets, problems)?;
            (Network::Mlp(p), t)
        }
        Method::MlpPublished => {
            let (p, t) = task.network(&MlpConfig::published(n, m), &options, sets, problems)?;
            (Network::Mlp(p), t)
        }
        Method::GnnPublished => {
            let (p, t) = task.network(&GnnConfig::default(), &options, sets, problems)?;
            (Network::Gnn(p), t)
        }
        _ => {
            let config = LeastDistanceConfig::default();
            let (p, t) = task.network(&config, &options, sets, least_distance)?;
            (Network::LeastDistance(p), t)
        }
    })
}

impl Task<'_> {
    fn options(&self) -> ActiveSetTrainOptions {
        let ours = ActiveSetTrainOptions::default();
        let options = match self.method {
            Method::Mlp | Method::MlpUntrained => ours.with_learning_rate(3e-3).with_batch(32),
            method if method.is_published() => ActiveSetTrainOptions::published()
                .with_mixed_sizes(self.settings.train.len() > 1)
                .with_sparsity(self.settings.sparsity),
            _ => ours,
        };
        let epochs = match self.method {
            Method::MlpUntrained | Method::GnnUntrained => 0,
            // A perceptron trains in seconds.
            Method::Mlp => (2 * self.epochs).min(options.epochs),
            _ => self.epochs.min(options.epochs),
        };
        options.with_epochs(epochs.max(1)).with_seed(self.seed)
    }

    pub(super) fn untrained(&self) -> bool {
        matches!(self.method, Method::MlpUntrained | Method::GnnUntrained)
    }

    /// Which network, trained where and for how long, from which seed.
    pub(super) fn name(&self) -> String {
        let method = self.method.name().replace('@', "-");
        let (problems, epochs, seed) = (self.settings.network(), self.epochs, self.seed);
        format!("{problems}-{method}-e{epochs}-s{seed}")
    }

    fn path(&self) -> PathBuf {
        let name = self.name() + ".safetensors";
        Experiment::home().join("networks").join(name)
    }

    /// Trains, or takes what is there.
    fn network<C: ActiveSetNetwork>(
        &self,
        config: &C,
        options: &ActiveSetTrainOptions,
        sets: &mut Sets<'_>,
        group: impl Fn(&Set) -> Result<C::Group>,
    ) -> Result<(Parameters<C>, Training)> {
        let recipe = json!({
            "options": options,
            "seed": self.seed,
            "trained": !self.untrained(),
        });
        let data = json!(format!("{:?}", self.settings.train));
        let path = self.path();
        if !self.anew
            && let Ok(weights) = Weights::load(&path)
            && weights.provenance.recipe == recipe
            && weights.provenance.data == data
            && weights.provenance.config == serde_json::to_value(config)?
        {
            let training = training(&weights.provenance.results, true);
            return Ok((Parameters::from_weights(&weights)?, training));
        }
        let start = Parameters::initialize(config, self.seed)?;
        let groups = |sets: &[Set]| sets.iter().map(&group).collect::<Result<Vec<_>>>();
        let (train_groups, validation) = (groups(sets.train()?)?, groups(sets.validation()?)?);
        let mut watch = |_: &ActiveSetLog| match self.untrained() || interrupt::requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let trained = train(&start, &train_groups, &validation, options, &mut watch)?;
        ensure!(
            !interrupt::requested(),
            "interrupted; the same command goes on where it stopped"
        );
        let mut parameters = trained.parameters;
        if self.untrained() {
            // With the statistics of the training set, but as initialised.
            parameters.values.clone_from(&start.values);
        }
        let log = &trained.log;
        let results = json!({
            "seconds": log.seconds,
            "epochs": log.validations.len(),
            "validation_loss": log.best().map(|(_, loss)| loss),
        });
        let provenance = Provenance {
            architecture: C::ARCHITECTURE.to_owned(),
            config: serde_json::to_value(config)?,
            recipe,
            data,
            commit: crate::commit(),
            results: results.clone(),
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        parameters.to_weights(provenance).save(&path)?;
        Ok((parameters, training(&results, false)))
    }
}

fn training(results: &serde_json::Value, kept: bool) -> Training {
    Training {
        seconds: results["seconds"].as_f64().unwrap_or(0.0),
        epochs: results["epochs"].as_u64().unwrap_or(0) as usize,
        loss: results["validation_loss"].as_f64().unwrap_or(0.0),
        thresholds: [0.5; 2],
        kept,
    }
}

/// A set as networks read it that see the problem.
fn problems(set: &Set) -> Result<<MlpConfig as ActiveSetNetwork>::Group> {
    let matrices = if set.varies() {
        Matrices::Varying
    } else {
        Matrices::Fixed
    };
    let mut samples = ProblemSamples::new(&set.problem(0)?, matrices);
    for_feasible(set, |workspace| Ok(samples.push(workspace)?))?;
    Ok(samples.into_group())
}

/// A set as networks read it that see the least-distance form.
fn least_distance(set: &Set) -> Result<<LeastDistanceConfig as ActiveSetNetwork>::Group> {
    let matrices = if set.varies() {
        Matrices::Varying
    } else {
        Matrices::Fixed
    };
    let mut samples = LeastDistanceSamples::new(&set.problem(0)?, matrices);
    for_feasible(set, |workspace| Ok(samples.push(workspace)?))?;
    Ok(samples.into_group())
}

/// Every problem that has a solution, solved.
fn for_feasible(set: &Set, mut take: impl FnMut(&mut QpWorkspace) -> Result<()>) -> Result<()> {
    for k in (0..set.len()).filter(|&k| set.member(k).feasible) {
        let mut workspace = QpWorkspace::new(set.problem(k)?, QpOptions::default())?;
        workspace.solve();
        take(&mut workspace)?;
    }
    Ok(())
}
