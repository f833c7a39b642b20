//! Training of networks for distributed ADMM.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use indicatif::ProgressBar;
use la_gnn::admm::{AdmmConfig, NetworkConfig, Parameters};
use la_gnn::native::admm::AdmmEngine;
use la_gnn::training::{Exchange, Hooks, Log, Outcome, Schedule, Trained, train_on};
use la_gnn::{GnnError, Provenance, Weights};
use serde_json::json;

use super::{Args, files, hooks, parse_named};
use crate::experiment::interrupt;
use crate::progress;
use crate::reproduce::distributed_admm::{Class, Experiment, NetworkSettings, Preparation};
use crate::reproduce::file::ExperimentFile;

/// Where the networks are looked up, and how many instances they train and validate on.
const PROFILE: &str = "full";

/// A training run as data.
struct Request {
    settings: NetworkSettings,
    class: Class,
    samples: usize,
    seed: u64,
    from: Option<String>,
}

/// Trains and writes the weight file.
pub(super) fn run(exchange: &dyn Exchange, args: &Args, output: &Path) -> Result<ExitCode> {
    let experiment = Experiment::load()?;
    let profile = experiment.profile(PROFILE)?;
    let request = Request {
        settings: network(
            &profile.networks,
            args.network.as_deref().unwrap_or("everywhere"),
        )?,
        class: class(args.data.as_deref())?,
        samples: args.samples.unwrap_or(profile.training),
        seed: args.seed,
        from: args.from.clone(),
    };
    let mut prepared =
        Preparation::new(&request.settings, request.samples, request.class, args.seed)?;
    let options = &mut prepared.options;
    options.updates = args.updates.unwrap_or(options.updates);
    options.batch = args.batch.unwrap_or(options.batch);
    options.learning_rate = args.learning_rate.unwrap_or(options.learning_rate);
    if let Some(schedule) = &args.schedule {
        options.schedule = parse_named::<Schedule>("schedule", schedule)?;
    }
    let tenth = (options.updates / 10).max(1);
    options.validate_every = args.validate_every.unwrap_or(tenth);
    options.checkpoint_every = tenth;
    files::make_folder_of(output)?;
    let checkpoint = files::checkpoint_of(exchange, output);
    let commit = crate::commit();
    let trained = request
        .train(exchange, &mut prepared, &checkpoint)
        .with_context(|| files::did_not_go_on(&checkpoint))?;
    if trained.outcome == Outcome::Interrupted {
        return Ok(files::stopped(exchange, &checkpoint));
    }
    if exchange.rank() != 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let parameters = Parameters {
        statistics: vec![0.0; prepared.config.statistic_count()],
        config: prepared.config.clone(),
        values: trained.values,
    };
    let parameters = parameters.with_degree_range(prepared.engine.degree_range());
    let story = request.provenance(&prepared, &trained.log, commit);
    parameters.to_weights(story).save(output)?;
    let log = output.with_extension("log.csv");
    hooks::write_log(&log, "root_validation_loss", &trained.log)?;
    std::fs::remove_file(&checkpoint).ok();
    let last = trained.log.validations.last();
    let last = last.map_or_else(String::new, |(_, loss)| {
        format!(": root of the published loss on the validation set {loss:.4} (ordinary ADMM: 1)")
    });
    println!("wrote {}{last}", output.display());
    println!("log: {}; {:.0} s", log.display(), trained.log.seconds);
    Ok(ExitCode::SUCCESS)
}

/// The network of this name.
fn network(networks: &[NetworkSettings], name: &str) -> Result<NetworkSettings> {
    let found = networks.iter().find(|network| network.name == name);
    found.cloned().with_context(|| {
        let names: Vec<&str> = networks.iter().map(|n| n.name.as_str()).collect();
        format!("unknown network `{name}`; admm has {}", names.join(", "))
    })
}

/// The class of this name.
fn class(name: Option<&str>) -> Result<Class> {
    match name {
        None | Some("consensus") => Ok(Class::Consensus),
        Some("least-squares") => Ok(Class::LeastSquares),
        Some(other) => bail!("admm trains on `consensus` or `least-squares`, not `{other}`"),
    }
}

impl Request {
    fn train(
        &self,
        exchange: &dyn Exchange,
        prepared: &mut Preparation,
        checkpoint: &Path,
    ) -> Result<Trained> {
        let start = self.start(&prepared.config)?;
        let mut hooks = AdmmHooks {
            exchange,
            judge: prepared.judge(|k| hooks::is_own(exchange, k))?,
            bar: hooks::bar(exchange, prepared.options.updates),
        };
        interrupt::install();
        let model = json!({
            "config": prepared.config, "network": self.settings.name, "data": self.data(), "from": self.from,
        });
        let trained = train_on(
            exchange,
            &mut prepared.engine,
            &model,
            start,
            &prepared.options,
            Some(checkpoint),
            &mut hooks,
        )?;
        hooks.bar.finish_and_clear();
        Ok(trained)
    }

    fn start(&self, config: &AdmmConfig) -> Result<Vec<f32>> {
        let Some(source) = &self.from else {
            return Ok(Parameters::initialize(config, self.seed)?.values);
        };
        let wrong = || format!("cannot start from the weights `{source}`");
        let weights = Weights::named_or_file(source).with_context(wrong)?;
        let start: Parameters<AdmmConfig> =
            Parameters::from_weights(&weights).with_context(wrong)?;
        ensure!(
            start.config == *config,
            "`{source}` has another configuration than the network `{}`: {:?}",
            self.settings.name,
            start.config
        );
        Ok(start.values)
    }

    fn data(&self) -> serde_json::Value {
        json!({
            "law": "la_problems::consensus::ConsensusProblem, eight agents on G(8, 0.4); everywhere: other graphs besides",
            "class": self.class, "samples": self.samples, "seed": self.seed,
        })
    }

    /// The story of the weights.
    fn provenance(&self, prepared: &Preparation, log: &Log, commit: String) -> Provenance {
        let tail = &log.losses[log.losses.len().saturating_sub(100)..];
        let mean = tail.iter().map(|l| f64::from(*l)).sum::<f64>() / tail.len().max(1) as f64;
        Provenance {
            recipe: json!({
                "network": self.settings.name, "recipe": self.settings.recipe,
                "options": prepared.options, "engine": "native", "from": self.from,
            }),
            data: self.data(),
            commit,
            results: json!({
                "mean_loss_of_last_100_updates": mean,
                "root_validation_loss": log.validations,
                "degrees": prepared.engine.degree_range(),
                "skipped_updates": log.skipped,
                "seconds": log.seconds,
            }),
            ..Provenance::default()
        }
    }
}

/// Validation by the published loss, on instances of which every process has some, progress, Ctrl-C.
struct AdmmHooks<'x> {
    exchange: &'x dyn Exchange,
    judge: AdmmEngine,
    bar: ProgressBar,
}

impl Hooks for AdmmHooks<'_> {
    /// The root of the mean, as the published log has it.
    fn validate(&mut self, values: &[f32], update: usize) -> Result<Option<f64>, GnnError> {
        let losses = self.judge.losses(values);
        let own = losses.map(|losses| (losses.iter().sum(), losses.len()));
        let score = hooks::joined_mean(self.exchange, own)?.map(f64::sqrt);
        if let Some(score) = score
            && self.exchange.rank() == 0
        {
            let text = format!("update {update}: root of the published loss {score:.4}");
            progress::line(&self.bar, &text);
        }
        Ok(score)
    }

    fn progress(&mut self, update: usize, loss: f64, _: &Log) -> ControlFlow<()> {
        self.bar.set_position(update as u64);
        self.bar.set_message(format!("loss {loss:.4}"));
        match interrupt::requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_known_come_with_those_that_are() {
        let experiment = Experiment::load().unwrap();
        let networks = &experiment.profile(PROFILE).unwrap().networks;
        assert_eq!(network(networks, "mean+edges").unwrap().name, "mean+edges");
        let text = network(networks, "nonsense").unwrap_err().to_string();
        assert!(
            text.contains("everywhere") && text.contains("alpha+edges"),
            "{text}"
        );
        let text = class(Some("nonsense")).unwrap_err().to_string();
        assert!(text.contains("least-squares"), "{text}");
    }
}
