//! Training of networks for nonnegative factorisations.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use la_gnn::factormer::{FactormerConfig, FactormerInput, Parameters};
use la_gnn::native::factormer::FactormerEngine;
use la_gnn::training::factormer::{FactormerLoss, FactormerSample};
use la_gnn::training::{
    Alone, Engine as TrainingEngine, Exchange, Log, Outcome, Schedule, TrainOptions, train_on,
};
use la_gnn::{GnnError, Provenance, Weights};
use la_opt::nmf::{Data, Initializer, Nndsvd};
use la_problems::nmf::SizeLaw;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::factormer_hooks::FactormerHooks;
use super::{Engine, files, hooks};
use crate::experiment::interrupt;

/// Matrices that networks train on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sizes {
    /// 10 to 100 rows and columns, as published
    All,
    /// 10 to 35 rows and columns
    Small,
}

/// Seed of the validation sets; the sets that are reported have another.
pub(super) const VALIDATION_SEED: u64 = 1;
/// Epochs of the published schedule.
const EPOCHS: usize = 15;

/// A training run as data.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) config: FactormerConfig,
    pub(crate) loss: FactormerLoss,
    pub(crate) options: TrainOptions,
    pub(crate) sizes: Sizes,
    /// Matrices of an epoch.
    pub(crate) samples: usize,
    /// Matrices of each validation set.
    pub(crate) validation: usize,
    pub(crate) engine: Engine,
}

impl Run {
    /// The published run: 15 epochs of so many matrices, one for each update, rates that restart with every epoch.
    pub(crate) fn published(
        config: FactormerConfig,
        samples: usize,
        updates: Option<usize>,
        seed: u64,
    ) -> Self {
        let mut options = TrainOptions::default();
        options.batch = 1;
        options.updates = updates.unwrap_or(EPOCHS * samples);
        // Fifteen restarts, however short the run.
        let period = options.updates.div_ceil(EPOCHS).max(1);
        options.learning_rate = match config.input {
            FactormerInput::FactorAndSolver => 1e-5,
            _ => 1e-4,
        };
        options.schedule = Schedule::WarmRestarts { period, kept: 90 };
        options.validate_every = period;
        options.seed = seed;
        Self {
            loss: FactormerLoss::published(config.input, period),
            config,
            options,
            sizes: Sizes::All,
            samples,
            validation: 64,
            engine: Engine::Auto,
        }
    }

    /// The number of a training matrix in the published set; fewer than all have the same mixture of sizes.
    fn index(&self, k: usize) -> u32 {
        let (k, samples) = (k as u64, self.samples.max(1) as u64);
        let all = match self.sizes {
            Sizes::All => u64::from(SizeLaw.count()),
            Sizes::Small => u64::from(SizeLaw.small()),
        };
        let index = if samples <= all {
            k * all / samples
        } else {
            k % all
        };
        u32::try_from(index).unwrap_or(0)
    }

    fn sample(&self, k: usize) -> Result<FactormerSample, GnnError> {
        let broken = |error: &dyn std::fmt::Display| GnnError::Matrix {
            reason: error.to_string(),
        };
        let drawn = SizeLaw.sample(self.index(k), self.options.seed);
        let drawn = drawn.map_err(|e| broken(&e))?;
        let data = Data::dense(drawn.rows, drawn.columns, &drawn.values[..]);
        let start = data.and_then(|data| Nndsvd::default().start(&data, self.config.rank));
        let start = start.map_err(|e| broken(&e))?;
        Ok(FactormerSample {
            w: start.w,
            h: start.h,
            v: drawn.values,
        })
    }

    fn engine<'s>(&'s self) -> Result<(Box<dyn TrainingEngine + 's>, &'static str)> {
        let sample = move |k: usize| self.sample(k);
        if self.engine == Engine::Torch {
            #[cfg(feature = "torch")]
            {
                use la_gnn::torch::factormer::FactormerEngine;
                let engine = FactormerEngine::new(&self.config, &self.loss, self.samples, sample)?;
                return Ok((Box::new(engine), "torch"));
            }
            #[cfg(not(feature = "torch"))]
            return super::engine::without_torch();
        }
        let engine: FactormerEngine<'_, f32> =
            FactormerEngine::new(&self.config, &self.loss, self.samples, sample)?;
        Ok((Box::new(engine), "native"))
    }

    /// Trains; an interrupted run leaves a checkpoint and the next call goes on from there.
    pub(crate) fn train(
        &self,
        start: Vec<f32>,
        from: Option<&str>,
        checkpoint: Option<&std::path::Path>,
    ) -> Result<Finished> {
        self.train_on(&Alone, start, from, checkpoint)
    }

    /// The same on several processes.
    fn train_on(
        &self,
        exchange: &dyn Exchange,
        start: Vec<f32>,
        from: Option<&str>,
        checkpoint: Option<&std::path::Path>,
    ) -> Result<Finished> {
        // Of the program that runs; hours later the folder may hold another.
        let commit = crate::commit();
        let (mut engine, name) = self.engine()?;
        let mut hooks = FactormerHooks::new(self, exchange)?;
        interrupt::install();
        let model =
            json!({ "config": self.config, "loss": self.loss, "data": self.data(), "from": from });
        let trained = train_on(
            exchange,
            engine.as_mut(),
            &model,
            start,
            &self.options,
            checkpoint,
            &mut hooks,
        )?;
        hooks.bar.finish_and_clear();
        let parameters = Parameters {
            config: self.config.clone(),
            values: trained.values,
            statistics: Vec::new(),
        };
        let log = &trained.log;
        let tail = &log.losses[log.losses.len().saturating_sub(1000)..];
        let mean = tail.iter().map(|l| f64::from(*l)).sum::<f64>() / tail.len().max(1) as f64;
        let provenance = Provenance {
            recipe: json!({ "options": self.options, "loss": self.loss, "engine": name, "from": from }),
            data: self.data(),
            commit,
            results: json!({
                "mean_loss_of_last_1000_updates": mean,
                "validation_rmse": log.validations,
                "solver_rmse": hooks.baseline,
                "skipped_updates": log.skipped,
                "seconds": log.seconds,
            }),
            ..Provenance::default()
        };
        Ok(Finished {
            parameters,
            provenance,
            baseline: hooks.baseline,
            outcome: trained.outcome,
            log: trained.log,
            engine: name,
        })
    }

    fn data(&self) -> serde_json::Value {
        json!({
            "law": "exponential factors, noise of deviation 0.01 (la_problems::nmf::SizeLaw)", "sizes": self.sizes,
            "samples": self.samples, "seed": self.options.seed, "validation_seed": VALIDATION_SEED,
        })
    }
}

/// What a run gave.
pub(crate) struct Finished {
    pub(crate) parameters: Parameters<FactormerConfig>,
    pub(crate) provenance: Provenance,
    pub(crate) log: Log,
    pub(crate) outcome: Outcome,
    baseline: f64,
    engine: &'static str,
}

/// Trains and writes the weight file.
pub(super) fn run(
    exchange: &dyn Exchange,
    run: &Run,
    from: Option<&str>,
    output: &PathBuf,
) -> Result<ExitCode> {
    let start = match from {
        None => Parameters::initialize(&run.config, run.options.seed)?.values,
        Some(source) => {
            let wrong = || format!("cannot start from the weights `{source}`");
            let weights = Weights::named_or_file(source).with_context(wrong)?;
            let start: Parameters<FactormerConfig> =
                Parameters::from_weights(&weights).with_context(wrong)?;
            ensure!(
                start.config == run.config,
                "`{source}` has another network than the options ask for: {:?}",
                start.config
            );
            start.values
        }
    };
    files::make_folder_of(output)?;
    let checkpoint = files::checkpoint_of(exchange, output);
    let finished = run
        .train_on(exchange, start, from, Some(&checkpoint))
        .with_context(|| files::did_not_go_on(&checkpoint))?;
    if finished.outcome == Outcome::Interrupted {
        return Ok(files::stopped(exchange, &checkpoint));
    }
    if exchange.rank() != 0 {
        return Ok(ExitCode::SUCCESS);
    }
    finished
        .parameters
        .to_weights(finished.provenance)
        .save(output)?;
    let log = output.with_extension("log.csv");
    hooks::write_log(&log, "validation_rmse", &finished.log)?;
    std::fs::remove_file(&checkpoint).ok();
    let best = finished
        .log
        .best()
        .map_or_else(String::new, |(update, rmse)| {
            format!(
                ": error {rmse:.5}, best at update {update} (solver alone {:.5})",
                finished.baseline
            )
        });
    println!("wrote {}{best}", output.display());
    println!(
        "log: {}; {:.0} s with the {} engine",
        log.display(),
        finished.log.seconds,
        finished.engine
    );
    Ok(ExitCode::SUCCESS)
}
