//! `train`: trains or fine-tunes a model on a family of problems and writes a weight file.

mod admm;
mod architecture;
mod args;
mod compensation;
mod compensation_descent;
mod engine;
pub(crate) mod factormer;
mod factormer_hooks;
mod files;
mod gnp;
mod hooks;
mod lu_engine;
mod lu_recipe;
mod ranks;
mod relaxation;
mod yardstick;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use la_gnn::factormer::{FactormerConfig, FactormerInput, NetworkConfig, UpdateRule};
use la_gnn::learned_lu::{Base, LearnedLuConfig, MatrixScale};
use la_gnn::native::neuralif::Loss;
use la_gnn::neuralif::NeuralIfConfig;
use la_gnn::neuralpcg::FactorForm;
use la_gnn::relaxation::RelaxationConfig;
use la_gnn::training::{Alone, Exchange, Log, Outcome, Schedule, TrainOptions, train_on};
use la_gnn::{Provenance, Weights};
use serde_json::json;

use crate::experiment::{Family, interrupt};
use relaxation::KrylovSteps;
use yardstick::Yardstick;

pub(crate) use architecture::Architecture;
use args::Model;
pub(crate) use args::{Args, Engine, Variant};
pub(crate) use gnp::reading as gnp_reading;
pub(crate) use lu_recipe::LuRecipe;

/// A training run as data: everything that decides its result.
#[derive(Debug, Clone)]
pub(crate) struct Run<C: Architecture = NeuralIfConfig> {
    pub(crate) family: Family,
    pub(crate) samples: usize,
    pub(crate) validation: usize,
    pub(crate) config: C,
    pub(crate) loss: C::Loss,
    pub(crate) options: TrainOptions,
    pub(crate) from: Option<String>,
    pub(crate) engine: Engine,
    pub(crate) device: String,
}

/// What a run gave.
pub(crate) struct Finished<P> {
    pub(crate) parameters: P,
    pub(crate) log: Log,
    pub(crate) outcome: Outcome,
    pub(crate) engine: &'static str,
    /// Mean iterations of IC(0) or ILU(0) on the validation set.
    pub(crate) baseline: Option<f64>,
}

/// Reads a loss by its name.
pub(crate) fn parse_named<T: serde::de::DeserializeOwned>(what: &str, name: &str) -> Result<T> {
    serde_json::from_value(json!(name)).with_context(|| format!("unknown {what} `{name}`"))
}

/// Reads a loss by its name, with its number behind a colon where it has one.
pub(crate) fn parse_loss(text: &str) -> Result<Loss> {
    let value = match text.split_once(':') {
        Some((name, number)) => {
            let number: u8 = number
                .parse()
                .with_context(|| format!("loss `{text}`: `{number}` is no number from 1 to 255"))?;
            json!({ name: number })
        }
        None => json!(text),
    };
    serde_json::from_value(value).with_context(|| format!("unknown loss `{text}`"))
}

impl<C: Architecture> Run<C> {
    /// Trains; an interrupted run leaves a checkpoint at `checkpoint` and the next call goes on from there.
    pub(crate) fn train(&self, checkpoint: Option<&Path>) -> Result<Finished<C::Parameters>> {
        self.train_on(&Alone, checkpoint)
    }

    /// The same on several processes.
    fn train_on(
        &self,
        exchange: &dyn Exchange,
        checkpoint: Option<&Path>,
    ) -> Result<Finished<C::Parameters>> {
        let start = match &self.from {
            Some(source) => {
                let (config, values) = Weights::named_or_file(source)
                    .and_then(|weights| C::read(&weights))
                    .with_context(|| format!("cannot start from the weights `{source}`"))?;
                if config != self.config {
                    bail!(
                        "`{source}` has another configuration than --variant and the other options of the network ask for: {config:?}"
                    );
                }
                values
            }
            None => self.config.initialize(self.options.seed)?,
        };
        let (mut engine, name) = C::engine(self)?;
        let mut hooks = hooks::TrainingHooks::new(self, exchange)?;
        interrupt::install();
        let model = json!({ "architecture": C::NAME, "config": self.config, "loss": self.loss, "data": self.family.describe(self.samples), "from": self.from });
        let trained = train_on(
            exchange,
            engine.as_mut(),
            &model,
            start,
            &self.options,
            checkpoint,
            &mut hooks,
        )?;
        hooks.finish();
        Ok(Finished {
            parameters: self.config.parameters(trained.values),
            log: trained.log,
            outcome: trained.outcome,
            engine: name,
            baseline: hooks.baseline(),
        })
    }

    /// The story of the weights.
    pub(crate) fn provenance(&self, finished: &Finished<C::Parameters>) -> Provenance {
        let tail = &finished.log.losses[finished.log.losses.len().saturating_sub(100)..];
        let yardstick = self.config.yardstick();
        let rtol = yardstick.rtol_text();
        let baseline = match yardstick {
            Yardstick::Symmetric => "ic0",
            Yardstick::General => "ilu0",
        };
        let mean = tail.iter().map(|l| f64::from(*l)).sum::<f64>() / tail.len().max(1) as f64;
        Provenance {
            recipe: json!({
                "options": self.options, "loss": self.loss, "engine": finished.engine, "from": self.from,
            }),
            data: self.family.describe(self.samples),
            commit: crate::commit(),
            results: json!({
                "mean_loss_of_last_100_updates": mean,
                format!("validation_iterations_at_{rtol}"): finished.log.validations,
                format!("{baseline}_iterations_at_{rtol}"): finished.baseline,
                "skipped_updates": finished.log.skipped,
                "seconds": finished.log.seconds,
            }),
            ..Provenance::default()
        }
    }
}

/// Runs `train`.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    match args.ranks {
        None => run_on(&Alone, args),
        Some(ranks) => ranks::run(ranks, args),
    }
}

fn run_on(exchange: &dyn Exchange, args: Args) -> Result<ExitCode> {
    args.check()?;
    // Ranks share the cores of the machine.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = (exchange.size() > 1).then(|| (cores / exchange.size()).max(1));
    if let Some(threads) = args.threads.or(share) {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()?;
        #[cfg(feature = "torch")]
        la_gnn::torch::tch::set_num_threads(i32::try_from(threads)?);
    }
    let variant = args.variant;
    match args.model {
        Model::Neuralif => {
            let mut config = variant.config();
            if let Some(blocks) = args.blocks {
                config = config.with_blocks(blocks);
            }
            if let Some(thin) = args.thin {
                config = config.with_thin(thin);
            }
            config.validate()?;
            let loss = parse_loss(args.loss.as_deref().unwrap_or("default"))?;
            run_as(exchange, args, config, loss)
        }
        Model::Neuralpcg => {
            let config = variant.neuralpcg();
            let loss = match (config.form, args.loss.as_deref()) {
                // L_max of the paper, up to the factor ½.
                (FactorForm::Triangle, None | Some("l_max")) => "squared",
                (_, given) => given.unwrap_or("default"),
            };
            let loss = parse_loss(loss)?;
            run_as(exchange, args, config, loss)
        }
        Model::NeuralifGmres => {
            let mut config = LearnedLuConfig::default().with_graph_norm(args.graph_norm);
            if let Some(scale) = &args.scale {
                config = config.with_scale(parse_named::<MatrixScale>("scale", scale)?);
            }
            if let Some(base) = &args.base {
                config = config.with_base(parse_named::<Base>("base", base)?);
            }
            if let Some(eps) = args.eps {
                config = config.with_eps(eps);
            }
            if let Some(hidden) = args.hidden {
                config = config.with_hidden(hidden);
            }
            config.validate()?;
            let loss = args.loss.as_deref().unwrap_or("l_max");
            let loss = LuRecipe::parse(loss, args.alpha, args.pairs)?;
            run_as(exchange, args, config, loss)
        }
        Model::IluRelaxation => {
            let mut config = RelaxationConfig::default().with_messages(!args.no_messages);
            if let Some(hidden) = args.hidden {
                config = config.with_hidden(hidden);
            }
            config.validate()?;
            let loss = KrylovSteps::parse(args.loss.as_deref().unwrap_or("krylov:12"))?;
            run_as(exchange, args, config, loss)
        }
        Model::Factormer => {
            let output = args.output.clone();
            let output = output.unwrap_or_else(|| "target/train/factormer.safetensors".into());
            let mut run = args.factormer()?;
            if args.batch.is_none() {
                run.options.batch = exchange.size();
            }
            factormer::run(exchange, &run, args.from.as_deref(), &output)
        }
        Model::Admm => {
            let output = args.output.clone();
            let output = output.unwrap_or_else(|| "target/train/admm.safetensors".into());
            admm::run(exchange, &args, &output)
        }
        Model::CompensatedIc => match &args.loss {
            Some(loss) => args.descent(loss)?.train(args.output),
            None => args.compensated()?.train(args.output),
        },
        Model::Gnp => gnp::run(&gnp::Request {
            matrix: args.data,
            variant,
            steps: args.updates,
            learning_rate: args.learning_rate.unwrap_or(1e-3),
            seed: args.seed,
            from: args.from,
            engine: args.engine,
            device: args.device.unwrap_or_else(|| "auto".into()),
            output: args
                .output
                .unwrap_or_else(|| "target/train/gnp.safetensors".into()),
        }),
    }
}

impl Args {
    /// A network for nonnegative factorisations.
    fn factormer(&self) -> Result<factormer::Run> {
        let mut config = FactormerConfig::new(self.rank.unwrap_or(10));
        if self.accelerate {
            config = config.with_input(FactormerInput::FactorAndSolver);
        }
        if let Some(width) = self.hidden {
            config = config.with_width(width);
        }
        if let Some(pairs) = self.blocks {
            config = config.with_pairs(pairs);
        }
        if let Some(update) = &self.update_rule {
            config = config.with_update(parse_named::<UpdateRule>("update rule", update)?);
        }
        config = config.with_skip(self.skip);
        config.validate()?;
        let sizes = match self.data.as_deref() {
            None | Some("exponential") => factormer::Sizes::All,
            Some("exponential-small") => factormer::Sizes::Small,
            Some(other) => {
                bail!("factormer trains on `exponential` or `exponential-small`, not `{other}`")
            }
        };
        let samples = self.samples.unwrap_or(15_000);
        let mut run = factormer::Run::published(config, samples, self.updates, self.seed);
        run.sizes = sizes;
        if let Some(text) = &self.loss {
            let (shape, revive) = option_of(text, ":revive");
            let (shape, logarithm) = option_of(shape, ":log");
            let steps = shape.strip_prefix("unrolled:").and_then(|n| n.parse().ok());
            let steps = steps.with_context(|| {
                format!("unknown loss `{text}`: unrolled:T, like unrolled:5, unrolled:5:log, unrolled:5:revive or unrolled:5:log:revive")
            })?;
            run.loss = run.loss.with_steps(steps).with_logarithm(logarithm);
            run.loss = run.loss.with_revive(revive);
        }
        if let Some(rate) = self.learning_rate {
            run.options.learning_rate = rate;
        }
        if let Some(schedule) = &self.schedule {
            run.options.schedule = parse_named::<Schedule>("schedule", schedule)?;
        }
        run.options.batch = self.batch.unwrap_or(1);
        run.options.validate_every = self.validate_every.unwrap_or(run.options.validate_every);
        run.options.checkpoint_every = 1000;
        run.validation = self.validation.unwrap_or(run.validation);
        run.engine = self.engine;
        Ok(run)
    }
}

/// A text without this ending, and whether it had it.
fn option_of<'t>(text: &'t str, ending: &str) -> (&'t str, bool) {
    match text.strip_suffix(ending) {
        Some(shape) => (shape, true),
        None => (text, false),
    }
}

fn run_as<C: Architecture>(
    exchange: &dyn Exchange,
    args: Args,
    config: C,
    loss: C::Loss,
) -> Result<ExitCode> {
    let output = args
        .output
        .unwrap_or_else(|| format!("target/train/{}.safetensors", C::NAME).into());
    let yardstick = config.yardstick();
    let (data, n) = match yardstick {
        Yardstick::Symmetric => ("synthetic", 10_000),
        Yardstick::General => ("sparse-uniform", 2500),
    };
    let mut options = TrainOptions::default();
    options.updates = args.updates.unwrap_or(3000);
    options.batch = args.batch.unwrap_or(exchange.size());
    options.learning_rate = args.learning_rate.unwrap_or(1e-3);
    let schedule = args.schedule.as_deref().unwrap_or("constant");
    options.schedule = parse_named::<Schedule>("schedule", schedule)?;
    options.validate_every = args.validate_every.unwrap_or(500);
    options.seed = args.seed;
    if yardstick == Yardstick::General {
        // Adam, as published.
        options.weight_decay = 0.0;
    }
    let run = Run {
        family: Family::parse(args.data.as_deref().unwrap_or(data), args.n.unwrap_or(n))?,
        samples: args.samples.unwrap_or(200),
        validation: args.validation.unwrap_or(5),
        config,
        loss,
        options,
        from: args.from,
        engine: args.engine,
        device: args.device.unwrap_or_else(|| "auto".into()),
    };
    files::make_folder_of(&output)?;
    let checkpoint = files::checkpoint_of(exchange, &output);
    let finished = run
        .train_on(exchange, Some(&checkpoint))
        .with_context(|| files::did_not_go_on(&checkpoint))?;
    if finished.outcome == Outcome::Interrupted {
        return Ok(files::stopped(exchange, &checkpoint));
    }
    if exchange.rank() != 0 {
        return Ok(ExitCode::SUCCESS);
    }
    C::to_weights(&finished.parameters, run.provenance(&finished)).save(&output)?;
    let log = output.with_extension("log.csv");
    hooks::write_log(&log, "validation_iterations", &finished.log)?;
    std::fs::remove_file(&checkpoint).ok();
    let best = finished.log.best().map_or_else(String::new, |(update, its)| {
        let name = yardstick.baseline_name();
        let baseline = finished.baseline.map_or_else(String::new, |b| format!(" ({name}: {b:.1})"));
        let rtol = yardstick.rtol_text();
        format!(": {its:.1} iterations to {rtol} on the validation set{baseline}, best at update {update}")
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
