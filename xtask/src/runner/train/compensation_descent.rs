//! Training of compensated incomplete Cholesky by the gradient through the elimination and some steps of CG.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use la_gnn::compensation::{self, CompensationConfig, Parameters};
use la_gnn::training::{Hooks, Log, Outcome, Schedule, TrainOptions, train};
use la_gnn::{GnnError, Provenance, Weights};
use la_krylov::{CgOptions, cg};
use la_precond::classical::Ic0;
use la_precond::learned::{CompensationEngine, LearnedCompensation, fractional_iterations};
use la_precond::{IncompleteCholesky, PrecondError};
use la_problems::{CsrMatrix, DefiniteFamily};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use serde_json::{Value, json};

use super::Args;
use super::compensation::{Run, write_log};
use crate::experiment::interrupt;
use crate::progress;

/// Relative residual of the validation, and its iterations at most.
const RTOL: f64 = 1e-8;
const MAX_ITERS: usize = 3000;

/// A run of gradients: what an evolution has too, and the rest.
#[derive(Debug, Clone)]
pub(super) struct Descent {
    shared: Run,
    /// Steps of CG in the loss.
    steps: usize,
    options: TrainOptions,
}

impl Args {
    /// `--loss cg:M`.
    pub(super) fn descent(&self, loss: &str) -> Result<Descent> {
        let steps = loss.strip_prefix("cg:").and_then(|m| m.parse().ok());
        let steps = steps.filter(|m| (1..=30).contains(m)).with_context(|| {
            format!("unknown loss `{loss}`: cg:M, M from 1 to 30, like cg:6; without --loss an evolution strategy counts iterations")
        })?;
        let mut shared = self.compensated()?;
        shared.n = self.n.unwrap_or(6400);
        let plain = self.hidden.is_none() && self.exponents.is_none() && !self.by_dimension;
        if let (Some(source), true) = (&self.from, plain) {
            shared.config = Parameters::from_weights(&Weights::named_or_file(source)?)?.config;
        }
        let mut options = TrainOptions::default();
        options.updates = self.updates.unwrap_or(300);
        options.batch = self.batch.unwrap_or(12);
        options.learning_rate = self.learning_rate.unwrap_or(3e-3);
        options.schedule = Schedule::Cosine;
        options.weight_decay = 0.0;
        options.clip = 0.3;
        options.validate_every = self.validate_every.unwrap_or(50);
        options.seed = self.seed;
        Ok(Descent {
            shared,
            steps,
            options,
        })
    }
}

impl Descent {
    /// An eighth, a quarter, a half and the whole.
    fn sizes(&self) -> [usize; 4] {
        [8, 4, 2, 1].map(|part| self.shared.n / part)
    }

    fn data(&self) -> Value {
        let families = self.shared.families();
        let names: Vec<_> = families.iter().map(DefiniteFamily::name).collect();
        json!({ "families": names, "n": self.sizes() })
    }

    /// Trains and writes the weights; an interrupted run goes on from the checkpoint beside them.
    pub(super) fn train(&self, output: Option<PathBuf>) -> Result<ExitCode> {
        let name = compensation::ARCHITECTURE;
        let output = output.unwrap_or_else(|| format!("target/train/{name}.safetensors").into());
        self.shared.config.validate()?;
        if let Some(folder) = output.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let commit = crate::commit();
        let config = &self.shared.config;
        let start = self.shared.start()?.values;
        let mut matrices = Vec::new();
        for (at, family) in self.shared.families().iter().enumerate() {
            for (k, n) in self.sizes().into_iter().enumerate() {
                // Seeds that no test has.
                matrices.push(family.matrix(n, 0x7a11_0000 + 100 * at as u64 + k as u64)?);
            }
        }
        let mut engine = CompensationEngine::new(config, matrices, self.steps, self.options.seed)?;
        let mut hooks = Validation::new(self)?;
        interrupt::install();
        let from = &self.shared.from;
        let model = json!({ "architecture": name, "config": config, "data": self.data(), "steps": self.steps, "from": from });
        let checkpoint = output.with_extension("checkpoint");
        let trained = train(
            &mut engine,
            &model,
            start,
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
        hooks.bar.finish_and_clear();
        if trained.outcome == Outcome::Interrupted {
            println!(
                "stopped; the same command goes on from {}",
                checkpoint.display()
            );
            return Ok(ExitCode::from(130));
        }
        let parameters = projected(config, &trained.values);
        let provenance = Provenance {
            recipe: json!({ "options": self.options, "loss": format!("cg:{}", self.steps), "from": from }),
            data: self.data(),
            commit,
            results: json!({ "validation_over_ic0": trained.log.validations, "seconds": trained.log.seconds }),
            ..Provenance::default()
        };
        parameters.to_weights(provenance).save(&output)?;
        write_log(&output.with_extension("log.csv"), &trained.log)?;
        std::fs::remove_file(&checkpoint).ok();
        println!("wrote {}; {:.0} s", output.display(), trained.log.seconds);
        Ok(ExitCode::SUCCESS)
    }
}

fn projected(config: &CompensationConfig, values: &[f32]) -> Parameters {
    let mut parameters = Parameters {
        config: config.clone(),
        values: values.to_vec(),
    };
    parameters.project();
    parameters
}

/// Iterations over those of IC(0) on a matrix of every family, progress, Ctrl-C.
struct Validation {
    config: CompensationConfig,
    /// Matrix, right-hand side, iterations of IC(0).
    cases: Vec<(CsrMatrix, Vec<f64>, f64)>,
    bar: ProgressBar,
}

impl Validation {
    fn new(descent: &Descent) -> Result<Self> {
        let mut cases = Vec::new();
        for (at, family) in descent.shared.families().iter().enumerate() {
            let seed = 0x7a12_0000 + at as u64;
            let a = family.matrix(descent.shared.n, seed)?;
            let rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let b: Vec<f64> = rng.sample_iter(StandardNormal).take(a.rows()).collect();
            let reference = count(&a, &b, Ic0::default().factor(a.view()))?;
            cases.push((a, b, reference));
        }
        Ok(Self {
            config: descent.shared.config.clone(),
            cases,
            bar: progress::bar("training", descent.options.updates as u64),
        })
    }

    /// Geometric mean.
    fn score(&self, values: &[f32]) -> Result<f64> {
        let builder = LearnedCompensation::from_parameters(&projected(&self.config, values))?;
        let mut sum = 0.0;
        for (a, b, reference) in &self.cases {
            sum += (count(a, b, builder.factor(a.view()))? / reference).ln();
        }
        Ok((sum / self.cases.len().max(1) as f64).exp())
    }
}

/// Iterations with a factor, with a fraction for the last one.
fn count(
    a: &CsrMatrix,
    b: &[f64],
    factor: Result<IncompleteCholesky, PrecondError>,
) -> Result<f64> {
    let options = CgOptions::default()
        .with_rtol(RTOL)
        .with_max_iters(MAX_ITERS);
    let solution = cg(a, b, &factor?, &options)?;
    Ok(fractional_iterations(&solution, RTOL).unwrap_or(MAX_ITERS as f64))
}

impl Hooks for Validation {
    fn validate(&mut self, values: &[f32], update: usize) -> Result<Option<f64>, GnnError> {
        let score = self.score(values).map_err(|error| GnnError::Matrix {
            reason: format!("validation: {error:#}"),
        })?;
        let text = format!("update {update}: {score:.4} of the iterations of IC(0)");
        progress::line(&self.bar, &text);
        Ok(Some(score))
    }

    fn progress(&mut self, update: usize, loss: f64, _: &Log) -> ControlFlow<()> {
        self.bar.set_position(update as u64);
        self.bar.set_message(format!("loss {loss:.3}"));
        match interrupt::requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
