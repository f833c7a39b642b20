//! Training of the networks, and the folder where trained ones are kept.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use la_gnn::gnp::Parameters;
use la_gnn::native::gnp::Trainer;
use la_gnn::training::gnp::{Ended, GnpEngine, GnpStep};
use la_gnn::{Provenance, Weights};
use la_precond::learned::gnp::{Gnp, fingerprint};
use la_problems::CsrMatrix;
use serde::{Deserialize, Serialize};

use super::methods::Resettable;
use super::recipe::Recipe;
use super::rows::guarded;
use crate::experiment::interrupt;
use crate::progress;

impl Resettable for Gnp {}

/// What is kept of a training, beside the weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    /// What was asked for; another recipe is trained anew.
    recipe: String,
    /// Seconds with everything that is done before the first solve, and the threads that did it.
    pub(super) seconds: f64,
    threads: usize,
    commit: String,
    pub(super) best_step: usize,
    /// Loss of each step over that of the network that returns zero.
    pub(super) ratios: Vec<f32>,
    ended: Option<Ended>,
    /// Why there are no weights.
    pub(super) failure: Option<String>,
}

impl Record {
    pub(super) fn seconds_per_step(&self) -> Option<f64> {
        let steps = self.ratios.len();
        (self.failure.is_none() && steps > 0).then(|| self.seconds / steps as f64)
    }

    /// The least loss relative to that of the zero network.
    pub(super) fn best_ratio(&self) -> f32 {
        self.ratios.iter().copied().fold(f32::INFINITY, f32::min)
    }
}

/// The folder of trained networks, and how much training is left.
pub(super) struct Networks {
    folder: PathBuf,
    anew: bool,
    /// Work of all trainings of the run, and of those that are done.
    planned: f64,
    done: f64,
    /// Work and seconds of what was trained in this sitting.
    rate: (f64, f64),
}

/// Multiply-adds of training, up to a factor that is the same for all matrices: the features of a batch and their products.
pub(super) fn work(n: usize, nnz: usize) -> f64 {
    256.0 * n as f64 + nnz as f64
}

impl Networks {
    /// `anew`: what is in the folder does not count.
    pub(super) fn new(folder: &Path, anew: bool) -> Self {
        Self {
            folder: folder.join("networks"),
            anew,
            planned: 0.0,
            done: 0.0,
            rate: (0.0, 0.0),
        }
    }

    fn stem(&self, matrix: &str, recipe: &Recipe, seed: u64) -> PathBuf {
        let (name, steps) = (&recipe.name, recipe.builder.training.steps);
        self.folder
            .join(matrix)
            .join(format!("{name}-{steps}-s{seed}"))
    }

    /// What is kept of a training of the same recipe; nothing if there is none.
    pub(super) fn kept(
        &self,
        matrix: &str,
        a: &CsrMatrix,
        recipe: &Recipe,
        seed: u64,
    ) -> Option<Record> {
        let stem = self.stem(matrix, recipe, seed);
        let text = fs::read_to_string(with(&stem, "json")).ok()?;
        let record: Record = serde_json::from_str(&text).ok()?;
        let whole = record.failure.is_some() || with(&stem, "safetensors").is_file();
        (record.recipe == identity(a, recipe, seed) && whole).then_some(record)
    }

    /// Counts a training that the run will ask for.
    pub(super) fn plan(&mut self, n: usize, nnz: usize, recipe: &Recipe) {
        self.planned += work(n, nnz) * recipe.builder.training.steps as f64;
    }

    /// Measures a few steps on a matrix, for a first estimate.
    pub(super) fn calibrate(&mut self, a: &CsrMatrix, recipe: &Recipe) -> Result<()> {
        const STEPS: usize = 4;
        let start = Instant::now();
        recipe.builder.clone().with_steps(STEPS).train(a.view())?;
        let seconds = start.elapsed().as_secs_f64();
        self.rate.0 += work(a.rows(), a.nnz()) * STEPS as f64;
        self.rate.1 += seconds;
        Ok(())
    }

    /// Seconds of training that are left, once something was measured.
    pub(super) fn seconds_left(&self) -> Option<f64> {
        let (work, seconds) = self.rate;
        (work > 0.0).then(|| (self.planned - self.done).max(0.0) * seconds / work)
    }

    /// Trains a network unless that was done before. A training that fails is a record without weights; the only error is an
    /// interruption, or a folder that cannot be written.
    pub(super) fn ensure(
        &mut self,
        matrix: &str,
        a: &CsrMatrix,
        recipe: &Recipe,
        seed: u64,
    ) -> Result<Record> {
        let steps = recipe.builder.training.steps;
        let share = work(a.rows(), a.nnz()) * steps as f64;
        let kept = self.kept(matrix, a, recipe, seed).filter(|_| !self.anew);
        let record = match kept {
            Some(record) => record,
            None => {
                if interrupt::requested() {
                    bail!("interrupted; the same command goes on where it stopped");
                }
                let record = self.train(matrix, a, recipe, seed)?;
                self.rate.0 += share * record.ratios.len() as f64 / steps.max(1) as f64;
                self.rate.1 += record.seconds;
                record
            }
        };
        self.done += share;
        Ok(record)
    }

    fn train(&self, matrix: &str, a: &CsrMatrix, recipe: &Recipe, seed: u64) -> Result<Record> {
        let stem = self.stem(matrix, recipe, seed);
        if let Some(folder) = stem.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let builder = recipe.builder.clone().with_seed(seed);
        let bar = progress::bar("training", builder.training.steps as u64);
        bar.set_message(format!("{matrix}, {}, seed {seed}", recipe.name));
        let mut hook = |step: &GnpStep| {
            bar.set_position(step.step as u64 + 1);
            match interrupt::requested() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let trained = guarded(|| {
            let start = recipe.parameters(seed)?;
            let engine = |_: la_precond::sprs::CsMatViewI<'_, f64, u32>,
                          graph: &Arc<la_gnn::native::gnp::Matrix>,
                          start: &Parameters| {
                let trainer = Trainer::new(start, Arc::clone(graph))?;
                Ok(Box::new(trainer) as Box<dyn GnpEngine>)
            };
            Ok(builder.train_with(a.view(), &start, engine, None, &mut hook)?)
        });
        bar.finish_and_clear();
        let mut record = Record {
            recipe: identity(a, recipe, seed),
            seconds: 0.0,
            threads: rayon::current_num_threads(),
            commit: crate::commit(),
            best_step: 0,
            ratios: Vec::new(),
            ended: None,
            failure: None,
        };
        match trained {
            Ok((gnp, report)) => {
                if report.ended == Ended::Interrupted {
                    bail!("interrupted; the same command goes on where it stopped");
                }
                let weights = gnp.parameters().to_weights(Provenance {
                    recipe: serde_json::json!({ "recipe": record.recipe, "seed": seed }),
                    data: serde_json::json!({ "matrix": matrix }),
                    commit: record.commit.clone(),
                    ..Provenance::default()
                });
                weights.save(with(&stem, "safetensors"))?;
                let ratios = report.losses.iter().zip(&report.zero_losses);
                record.ratios = ratios
                    .map(|(loss, zero)| loss / zero)
                    .take_while(|ratio| ratio.is_finite())
                    .collect();
                record.seconds = report.seconds;
                record.best_step = report.best_step;
                record.ended = Some(report.ended);
            }
            Err(error) => record.failure = Some(format!("{error:#}")),
        }
        let text = serde_json::to_string(&record)? + "\n";
        xtask::report::write_atomic(&with(&stem, "json"), text.as_bytes())?;
        Ok(record)
    }

    /// The preconditioner, and the seconds of its making with those of the training.
    pub(super) fn build(
        &self,
        matrix: &str,
        a: &CsrMatrix,
        recipe: &Recipe,
        seed: u64,
    ) -> Result<(Gnp, f64)> {
        let start = Instant::now();
        if !recipe.is_trained() {
            let parameters = recipe.parameters(seed)?;
            let gnp = recipe.builder.from_parameters(a.view(), &parameters)?;
            return Ok((gnp, start.elapsed().as_secs_f64()));
        }
        let record = self
            .kept(matrix, a, recipe, seed)
            .context("the trained network is gone")?;
        if let Some(failure) = record.failure {
            bail!("{failure}");
        }
        let stem = self.stem(matrix, recipe, seed);
        let weights = Weights::load(with(&stem, "safetensors"))?;
        let parameters = Parameters::from_weights(&weights)?;
        // The seconds of the training end with a preconditioner that is ready.
        let gnp = recipe.builder.from_parameters(a.view(), &parameters)?;
        Ok((gnp, record.seconds))
    }
}

/// What has to agree for a trained network to be taken over: the recipe and the matrix.
fn identity(a: &CsrMatrix, recipe: &Recipe, seed: u64) -> String {
    let hash = fingerprint(a.view());
    format!("{:?}, seed {seed}, matrix {hash:016x}", recipe.builder)
}

/// The file beside it with that ending; names of matrices and methods may have dots.
fn with(stem: &Path, ending: &str) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use la_precond::learned::gnp::GnpBuilder;

    use super::super::cases::Case;
    use super::*;

    #[test]
    fn trained_networks_are_kept_and_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let a = Case::generated("convection-8").unwrap().load().unwrap().a;
        let mut networks = Networks::new(folder.path(), false);
        let recipe = Recipe::parse("gnp", 3).unwrap();
        networks.plan(a.rows(), a.nnz(), &recipe);
        networks.calibrate(&a, &recipe).unwrap();
        assert!(networks.seconds_left().unwrap() > 0.0);
        assert!(networks.build("m", &a, &recipe, 0).is_err());
        let first = networks.ensure("m", &a, &recipe, 0).unwrap();
        assert_eq!((first.ratios.len(), first.failure.as_ref()), (3, None));
        assert!(first.ratios.iter().all(|r| *r > 0.0) && first.best_ratio() < 10.0);
        assert_eq!(networks.seconds_left(), Some(0.0));
        let again = networks.ensure("m", &a, &recipe, 0).unwrap();
        assert_eq!(again.seconds, first.seconds, "not trained a second time");
        let (gnp, seconds) = networks.build("m", &a, &recipe, 0).unwrap();
        assert_eq!(seconds, first.seconds);
        let (other, _) = GnpBuilder::paper().with_steps(3).train(a.view()).unwrap();
        assert_eq!(gnp.parameters(), other.parameters());
        // Other steps, another seed, another matrix: another network.
        let longer = Recipe::parse("gnp", 4).unwrap();
        assert!(networks.kept("m", &a, &longer, 0).is_none());
        assert!(networks.kept("m", &a, &recipe, 1).is_none());
        let scaled = a.map(|v| 0.5 * v);
        assert!(networks.kept("m", &scaled, &recipe, 0).is_none());
    }

    #[test]
    fn failures_are_kept_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut networks = Networks::new(folder.path(), false);
        let bad = CsrMatrix::new((2, 2), vec![0, 1, 2], vec![0, 1], vec![1.0, f64::NAN]);
        let recipe = Recipe::parse("gnp", 2).unwrap();
        let record = networks.ensure("bad", &bad, &recipe, 0).unwrap();
        assert!(record.failure.is_some());
        let error = networks.build("bad", &bad, &recipe, 0).err().unwrap();
        assert_eq!(Some(error.to_string()), record.failure);
    }
}
