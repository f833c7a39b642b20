//! The networks of a profile: bundled, trained in an earlier run, or trained now.

use anyhow::{Context, Result, ensure};
use la_gnn::factormer::{FactormerConfig, FactormerInput, NetworkConfig, Parameters};
use la_gnn::training::Outcome;
use la_gnn::{Provenance, Weights};
use serde_json::json;

use super::super::file::ExperimentFile;
use super::settings::{Experiment, NetworkSettings};
use crate::train::factormer;

impl NetworkSettings {
    pub(super) fn config(&self) -> FactormerConfig {
        let input = match self.accelerate {
            true => FactormerInput::FactorAndSolver,
            false => FactormerInput::Factor,
        };
        FactormerConfig::new(super::set::RANK)
            .with_input(input)
            .with_width(self.width)
            .with_heads(self.heads)
            .with_pairs(self.pairs)
            .with_update(self.update_rule)
    }

    fn run(&self) -> factormer::Run {
        let mut run =
            factormer::Run::published(self.config(), 15_000, Some(self.updates), self.seed);
        run.options.learning_rate = self.learning_rate;
        run.options.checkpoint_every = 1000;
        run.loss = run
            .loss
            .with_steps(self.steps)
            .with_logarithm(self.logarithm)
            .with_revive(self.revive);
        if let Some(schedule) = self.schedule {
            run.options.schedule = schedule;
        }
        run.sizes = self.sizes;
        run
    }
}

/// A network with what its training cost.
pub(super) struct Network {
    pub(super) parameters: Parameters<FactormerConfig>,
    /// The same before training.
    pub(super) untrained: Parameters<FactormerConfig>,
    pub(super) seconds: f64,
    pub(super) origin: &'static str,
}

/// The network of these settings; `anew` trains it whatever there is.
pub(super) fn ensure(settings: &NetworkSettings, anew: bool) -> Result<Network> {
    let config = settings.config();
    let untrained = Parameters::initialize(&config, settings.seed)?;
    let done = |weights: &Weights, origin| -> Result<Network> {
        let parameters: Parameters<FactormerConfig> = Parameters::from_weights(weights)?;
        ensure!(
            parameters.config == config,
            "the weights of {} are those of another network: {:?}",
            settings.name,
            parameters.config
        );
        Ok(Network {
            parameters,
            untrained: untrained.clone(),
            seconds: weights.provenance.results["seconds"]
                .as_f64()
                .unwrap_or(0.0),
            origin,
        })
    };
    if let (Some(name), false) = (&settings.weights, anew) {
        return done(&Weights::bundled(name)?, "bundled");
    }
    let run = settings.run();
    let folder = Experiment::home().join("networks");
    let path = folder.join(format!("{}-s{}.safetensors", settings.name, settings.seed));
    let same = |provenance: &Provenance| {
        let options = &provenance.recipe["options"];
        *options == json!(run.options) && provenance.recipe["loss"] == json!(run.loss)
    };
    if !anew
        && let Ok(weights) = Weights::load(&path)
        && same(&weights.provenance)
        && weights.provenance.config == serde_json::to_value(&config)?
    {
        return done(&weights, "of an earlier run");
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let checkpoint = path.with_extension("checkpoint");
    println!(
        "training {}, {} parameters, {} updates",
        settings.name,
        config.parameter_count(),
        settings.updates
    );
    let start = untrained.values.clone();
    let finished = run.train(start, None, Some(&checkpoint)).with_context(|| {
        format!(
            "training of {} failed; remove {} to begin it anew",
            settings.name,
            checkpoint.display()
        )
    })?;
    ensure!(
        finished.outcome == Outcome::Finished,
        "interrupted; the same command goes on where it stopped"
    );
    let weights = finished.parameters.to_weights(finished.provenance);
    weights.save(&path)?;
    std::fs::remove_file(&checkpoint).ok();
    done(&weights, "trained here")
}
