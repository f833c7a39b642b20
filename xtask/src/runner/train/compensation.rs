//! Training of compensated incomplete Cholesky by an evolution strategy.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use la_gnn::compensation::{self, CompensationConfig, Parameters};
use la_gnn::training::{EvolutionOptions, Hooks, Log, Outcome, Trained, evolve};
use la_gnn::{GnnError, Provenance, Weights};
use la_precond::learned::{CompensationObjective, TrainingGroup};
use la_problems::{DefiniteClass, DefiniteFamily};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::Args;
use crate::experiment::interrupt;
use crate::progress;

/// Families that a generation draws at most; of few families it draws half.
const DRAWS: usize = 14;

/// Everything that decides the result of a run.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) config: CompensationConfig,
    pub(super) options: EvolutionOptions,
    /// Order of the largest matrices.
    pub(super) n: usize,
    /// Classes of the families.
    pub(super) classes: &'static [DefiniteClass],
    /// Generations until the largest matrices take part.
    pub(super) growth: Option<usize>,
    pub(super) from: Option<String>,
}

/// Reads `--data`: `definite`, `definite-m` or `definite-ordered`.
pub(super) fn classes(data: Option<&str>) -> Result<&'static [DefiniteClass]> {
    use DefiniteClass::{Ordered, Other, Shuffled};
    match data {
        None | Some("definite") => Ok(&[Ordered, Shuffled, Other]),
        Some("definite-m") => Ok(&[Ordered, Shuffled]),
        Some("definite-ordered") => Ok(&[Ordered]),
        Some(other) => bail!(
            "compensated-ic has no data `{other}`: `definite` is all 27 families, `definite-m` leaves out those with many positive \
             off-diagonal entries, `definite-ordered` random and red-black orders too"
        ),
    }
}

impl Args {
    /// Compensated incomplete Cholesky by an evolution strategy.
    pub(super) fn compensated(&self) -> Result<Run> {
        let mut config = CompensationConfig::default().with_by_dimension(self.by_dimension);
        if let Some(hidden) = self.hidden {
            config = config.with_hidden(hidden);
        }
        match self.exponents.as_deref() {
            None => {}
            Some([supported, unsupported]) => {
                config = config.with_exponents(*supported, *unsupported);
            }
            Some(other) => bail!(
                "--exponents wants two numbers, S,U; there are {}",
                other.len()
            ),
        }
        let mut options = EvolutionOptions::default().with_seed(self.seed);
        if let Some(generations) = self.updates {
            options = options.with_generations(generations);
        }
        if let Some(pairs) = self.pairs {
            options = options.with_pairs(pairs);
        }
        if let Some(spread) = self.spread {
            options = options.with_spread(spread);
        }
        Ok(Run {
            config,
            options,
            n: self.n.unwrap_or(961),
            classes: classes(self.data.as_deref())?,
            growth: self.growth,
            from: self.from.clone(),
        })
    }
}

impl Run {
    pub(super) fn families(&self) -> Vec<DefiniteFamily> {
        let all = DefiniteFamily::all().iter().copied();
        all.filter(|f| self.classes.contains(&f.class())).collect()
    }

    fn data(&self) -> Value {
        json!({
            "families": self.families().iter().map(DefiniteFamily::name).collect::<Vec<_>>(),
            "n": self.sizes(), "draws": self.draws(),
        })
    }

    fn draws(&self) -> usize {
        self.families().len().div_ceil(2).min(DRAWS)
    }

    /// A quarter, a half and, twice, the whole; with growth from a sixteenth on, by doubling.
    fn sizes(&self) -> Vec<usize> {
        let n = self.n;
        match self.growth {
            None => vec![n / 4, n / 2, n, n],
            Some(_) => vec![n / 16, n / 8, n / 4, n / 2, n],
        }
    }

    fn groups(&self) -> Result<Vec<TrainingGroup>> {
        let families = self.families();
        let bar = progress::bar("families", families.len() as u64);
        let group = |(at, family): (usize, &DefiniteFamily)| {
            let seeds = if family.is_random() { 2 } else { 1 };
            let mut matrices = Vec::new();
            for (k, n) in self.sizes().into_iter().enumerate() {
                // Rows with a hundred entries: a quarter of the rows is enough.
                let n = if family.name().starts_with("neuralif") {
                    n * 10 / 4
                } else {
                    n
                };
                for s in 0..seeds {
                    // Both matrices of full size are to be others, and none is one of the tests, whose seeds are small.
                    let seed = 0x7a11_0000 + 100 * at as u64 + 10 * s + k as u64;
                    matrices.push(family.matrix(n, seed)?);
                }
            }
            bar.inc(1);
            Ok(TrainingGroup::new(matrices, at as u64)?)
        };
        let groups: Result<Vec<_>> = families.par_iter().enumerate().map(group).collect();
        bar.finish_and_clear();
        groups
    }

    pub(super) fn start(&self) -> Result<Parameters> {
        let Some(source) = &self.from else {
            return Ok(Parameters::initialize(&self.config, self.options.seed)?);
        };
        let wrong = || format!("cannot start from the weights `{source}`");
        let weights = Weights::named_or_file(source).with_context(wrong)?;
        let parameters = Parameters::from_weights(&weights).with_context(wrong)?;
        parameters.adapted(&self.config).with_context(wrong)
    }

    fn provenance(&self, commit: String, trained: &Trained, by_family: &[f64]) -> Provenance {
        let tail = &trained.log.losses[trained.log.losses.len().saturating_sub(20)..];
        let mean = |x: &mut dyn Iterator<Item = f64>, n: usize| x.sum::<f64>() / n.max(1) as f64;
        let families = self.families();
        let pairs = families.iter().zip(by_family);
        let scores: serde_json::Map<String, Value> = pairs
            .map(|(family, score)| (family.name().to_owned(), json!(score)))
            .collect();
        Provenance {
            recipe: json!({ "options": self.options, "growth": self.growth, "from": self.from }),
            data: self.data(),
            commit,
            results: json!({
                "mean_loss_of_last_20_generations":
                    mean(&mut tail.iter().map(|l| f64::from(*l)), tail.len()),
                "mean_score": mean(&mut by_family.iter().copied(), by_family.len()),
                "scores": scores,
                "seconds": trained.log.seconds,
            }),
            ..Provenance::default()
        }
    }

    /// Trains and writes the weights; an interrupted run goes on from the checkpoint beside them.
    pub(super) fn train(&self, output: Option<PathBuf>) -> Result<ExitCode> {
        let name = compensation::ARCHITECTURE;
        let output = output.unwrap_or_else(|| format!("target/train/{name}.safetensors").into());
        self.config.validate()?;
        self.options.validate()?;
        if let Some(folder) = output.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let checkpoint = output.with_extension("checkpoint");
        if checkpoint.is_file() {
            println!("going on from {}", checkpoint.display());
        }
        // Files may be edited while a long run goes on.
        let commit = crate::commit();
        let start = self.start()?;
        let objective = CompensationObjective::new(
            &self.config,
            self.groups()?,
            self.draws(),
            self.options.seed,
        )
        .with_growth(self.growth.unwrap_or(0));
        interrupt::install();
        let model = json!({
            "architecture": name, "config": self.config, "data": self.data(), "growth": self.growth, "from": self.from,
        });
        let mut hooks = Bar(progress::bar(
            "generations",
            self.options.generations as u64,
        ));
        let trained = evolve(
            &objective,
            &model,
            start.values,
            &self.options,
            Some(&checkpoint),
            &mut hooks,
        )
        .with_context(|| {
            format!(
                "training did not go on; remove {} to start anew",
                checkpoint.display()
            )
        })?;
        hooks.0.finish_and_clear();
        if trained.outcome == Outcome::Interrupted {
            println!(
                "stopped; the same command goes on from {}",
                checkpoint.display()
            );
            return Ok(ExitCode::from(130));
        }
        let by_family = objective.by_group(&trained.values);
        let parameters = Parameters {
            config: self.config.clone(),
            values: trained.values.clone(),
        };
        parameters
            .to_weights(self.provenance(commit, &trained, &by_family))
            .save(&output)?;
        write_log(&output.with_extension("log.csv"), &trained.log)?;
        std::fs::remove_file(&checkpoint).ok();
        for (family, score) in self.families().iter().zip(&by_family) {
            println!("{:24} {:.3} of IC(0)", family.name(), score.exp());
        }
        println!("wrote {}; {:.0} s", output.display(), trained.log.seconds);
        Ok(ExitCode::SUCCESS)
    }
}

/// Progress, rate and time left; listens to Ctrl-C.
struct Bar(ProgressBar);

impl Hooks for Bar {
    fn validate(&mut self, _: &[f32], _: usize) -> Result<Option<f64>, GnnError> {
        Ok(None)
    }

    fn progress(&mut self, generation: usize, loss: f64, _: &Log) -> ControlFlow<()> {
        self.0.set_position(generation as u64);
        self.0.set_message(format!("score {loss:.3}"));
        if generation.is_multiple_of(100) {
            progress::line(
                &self.0,
                &format!("generation {generation}: score {loss:.4}"),
            );
        }
        if interrupt::requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

pub(super) fn write_log(path: &Path, log: &Log) -> Result<()> {
    let mut text = String::from("generation,score\n");
    for (k, loss) in log.losses.iter().enumerate() {
        text += &format!("{},{loss}\n", k + 1);
    }
    Ok(xtask::report::write_atomic(path, text.as_bytes())?)
}
