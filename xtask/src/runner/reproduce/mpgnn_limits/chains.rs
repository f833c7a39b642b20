//! Learned elimination along the chain: what a sweep in elimination order does to the question.
//!
//! Trained on small matrices of one law, judged on matrices of that law of several sizes, beside local sweeps without parameters. Margins
//! come from validation matrices.

use std::time::Instant;

use anyhow::{Result, bail};
use la_gnn::chain::{ChainConfig, ChainModel, Parameters};
use la_gnn::native::chain::ChainSample;
use la_gnn::training::NoHooks;
use la_gnn::training::chain::{ChainRecipe, train_chain};
use la_precond::classical::{Ic0, ShiftStrategy};
use la_precond::learned::LearnedTridiagonal;
use la_problems::{FactorTwins, Split};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xtask::report::{Centre, Control, Key, Measurement, Unit};

use super::course::Course;
use super::metrics::{Quality, Sample};
use super::sets::Set;
use super::sweeps;
use super::tridiagonal::{measurements, qualities};

/// What a profile asks of this chapter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    laws: Vec<String>,
    /// Models by name, see [`Model::parse`].
    models: Vec<String>,
    /// Training seeds.
    seeds: u64,
    /// Training matrices.
    train: u64,
    /// Their order.
    train_n: usize,
    /// Validation matrices, half of them of the order of training and half four times as large.
    validation: u64,
    /// Orders of the test matrices.
    sizes: Vec<usize>,
    /// Test matrices of each order.
    tests: u64,
    /// Test matrices on which systems are solved.
    solves: u64,
    /// Order of the matrices on which breakdowns are counted.
    long_n: usize,
    /// Steps of the Levenberg–Marquardt method of `step-refined`.
    refine: usize,
    /// Sweeps of the methods without parameters.
    sweeps: Vec<usize>,
    /// Ratios of the twins whose ceiling for local answers is reported.
    twins: Vec<f64>,
}

/// A model and how it is trained.
#[derive(Debug, Clone, Copy)]
struct Model {
    kind: ChainModel,
    refined: bool,
}

impl Model {
    /// `recurrent`, `step`, `step-refined`, `series`, `safe` or `projective`.
    fn parse(name: &str) -> Result<Self> {
        let kind = match name {
            "recurrent" => ChainModel::Recurrent,
            "step" | "step-refined" => ChainModel::Step,
            "series" => ChainModel::Series,
            "safe" => ChainModel::Safe,
            "projective" => ChainModel::Projective,
            _ => bail!("`{name}` is no model of a chain"),
        };
        let refined = name == "step-refined";
        Ok(Self { kind, refined })
    }

    /// Margins to choose from, in increasing order.
    fn margins(self) -> Margins {
        match self.kind {
            ChainModel::Step if !self.refined => Margins::BestCosine,
            ChainModel::Step | ChainModel::Series => Margins::NoBreakdown,
            _ => Margins::None,
        }
    }

    /// Whether the seed of training matters.
    fn random(self) -> bool {
        !matches!(self.kind, ChainModel::Series | ChainModel::Projective)
    }
}

/// How the margin is chosen on validation matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Margins {
    None,
    /// The best mean cosine of 0, 0.003, 0.01, 0.03, 0.1.
    BestCosine,
    /// Ten times the smallest power of ten, from 1e-11 on, with which no pivot is replaced.
    NoBreakdown,
}

/// A model after training.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Trained {
    config: ChainConfig,
    values: Vec<f64>,
    seconds: f64,
    /// Margins tried: margin, mean cosine, replaced pivots.
    tried: Vec<(f64, f64, usize)>,
}

impl Trained {
    fn builder(&self) -> Result<LearnedTridiagonal> {
        let (config, values) = (self.config.clone(), self.values.clone());
        Ok(LearnedTridiagonal::from_parameters(&Parameters {
            config,
            values,
        })?)
    }
}

/// What a model gives on one set.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Rows {
    qualities: Vec<Quality>,
    replaced: usize,
}

/// Runs the chapter.
pub(super) fn run(settings: &Settings, course: &mut Course<'_>) -> Result<()> {
    for &ratio in &settings.twins {
        let ceiling = FactorTwins::constant_ratio(200, ratio)?.ceiling(100)?;
        let key = Key::new(format!("twins-{ratio}"), "any-local", "cosine");
        course.push(Measurement::from_value(key, Unit::Dimensionless, ceiling)?)?;
    }
    let mut most = 0;
    for law in &settings.laws {
        let sets = settings
            .sizes
            .iter()
            .map(|&n| Set::parse(law, n))
            .collect::<Result<Vec<_>>>()?;
        for set in &sets {
            most = most.max(baselines(settings, set, course)?);
        }
        for name in &settings.models {
            let model = Model::parse(name)?;
            let seeds = if model.random() { settings.seeds } else { 1 };
            let first = course.request.seed;
            let trained = (first..first + seeds)
                .map(|seed| {
                    let key = format!("chains/{law}/{name}/{seed}");
                    course.part(&key, || train(settings, law, model, seed))
                })
                .collect::<Result<Vec<Trained>>>()?;
            for set in &sets {
                let problem = set.name.as_str();
                let samples = samples(settings, set)?;
                let mut all = Vec::new();
                let mut replaced = 0;
                for (seed, trained) in (first..).zip(&trained) {
                    let key = format!("chains/{problem}/{name}/{seed}");
                    let rows = course.part(&key, || rows(&samples, settings.solves, trained))?;
                    replaced += rows.replaced;
                    all.push(rows.qualities);
                }
                let all: Vec<&[Quality]> = all.iter().map(Vec::as_slice).collect();
                for measurement in measurements(problem, name, &all)? {
                    course.push(measurement)?;
                }
                count(course, problem, name, replaced)?;
            }
            long(settings, law, name, &trained, course)?;
            note(law, name, &trained, course);
        }
        course.publish()?;
    }
    course.controls.push(Control {
        name: "elimination in place of a network".into(),
        outcome: format!("at most {most} iterations, expected 1 or 2"),
        passed: most <= 2,
    });
    course.findings.push(
        "Recurrent, step, series and projective know nothing of elimination but the order of the rows (step and series also its invariance to scaling); safe \
            has it built in. Local sweeps are elimination cut off, with nothing learned."
            .into(),
    );
    Ok(())
}

fn samples(settings: &Settings, set: &Set) -> Result<Vec<Sample>> {
    (0..settings.tests)
        .map(|i| set.sample(Split::Test, i))
        .collect()
}

/// Elimination itself, whole and cut off, where an earlier chapter has not measured it; the most iterations that it needs when whole.
fn baselines(settings: &Settings, set: &Set, course: &mut Course<'_>) -> Result<usize> {
    let problem = set.name.as_str();
    let samples = samples(settings, set)?;
    let mut measure = |method: &str, entries: &dyn Fn(&Sample) -> Result<Vec<f64>>| {
        if course.has(problem, method) {
            return anyhow::Ok(0);
        }
        let rows = course.part(&format!("chains/{problem}/{method}"), || {
            qualities(&samples, settings.solves, entries)
        })?;
        let most = rows.iter().filter_map(|q| q.iterations).max();
        for measurement in measurements(problem, method, &[&rows])? {
            course.push(measurement)?;
        }
        Ok(most.unwrap_or(0))
    };
    for &k in &settings.sweeps {
        measure(&format!("sweeps-{k}"), &|s| Ok(sweeps::factor(&s.a, k)))?;
    }
    measure("exact", &|s| {
        let exact = Ic0::default().with_shift(ShiftStrategy::None);
        Ok(exact.factor(s.a.view())?.to_lower().data().to_vec())
    })
}

/// Trains a model and chooses its margin.
fn train(settings: &Settings, law: &str, model: Model, seed: u64) -> Result<Trained> {
    let start = Instant::now();
    let set = Set::parse(law, settings.train_n)?;
    let chains = (0..settings.train)
        .map(|i| {
            let pair = set.pair(Split::Train, i)?;
            let (matrix, factor) = (&pair.matrix, &pair.factor);
            Ok(ChainSample::new(
                &matrix.diagonal,
                &matrix.below,
                &factor.diagonal,
            )?)
        })
        .collect::<Result<Vec<_>>>()?;
    let refine = if model.refined { settings.refine } else { 0 };
    let recipe = ChainRecipe::of(model.kind, chains.len())
        .with_seed(seed)
        .with_refine(refine);
    let config = ChainConfig::new(model.kind);
    let done = train_chain(&config, &chains, &recipe, &mut NoHooks)?;
    let mut trained = Trained {
        config,
        values: done.parameters.values,
        seconds: start.elapsed().as_secs_f64(),
        tried: Vec::new(),
    };
    let half = settings.validation / 2;
    let large = Set::parse(law, 4 * settings.train_n)?;
    let validation = (0..settings.validation)
        .map(|i| match i < half {
            true => set.sample(Split::Validation, i),
            false => large.sample(Split::Validation, i),
        })
        .collect::<Result<Vec<_>>>()?;
    let mut attempt = |margin: f64| -> Result<(f64, usize)> {
        trained.config.margin = margin;
        let rows = rows(&validation, 0, &trained)?;
        let cosines = rows.qualities.iter().map(|q| q.cosine);
        let mean = cosines.sum::<f64>() / validation.len().max(1) as f64;
        trained.tried.push((margin, mean, rows.replaced));
        Ok((mean, rows.replaced))
    };
    trained.config.margin = match model.margins() {
        Margins::None => 0.0,
        Margins::BestCosine => {
            let mut best = (f64::NEG_INFINITY, 0.0);
            for margin in [0.0, 0.003, 0.01, 0.03, 0.1] {
                let (cosine, _) = attempt(margin)?;
                if cosine > best.0 {
                    best = (cosine, margin);
                }
            }
            best.1
        }
        Margins::NoBreakdown => {
            let mut chosen = 0.1;
            for exponent in -11..=-2 {
                let margin = 10.0_f64.powi(exponent);
                if attempt(margin)?.1 == 0 {
                    chosen = 10.0_f64.powi(exponent + 1);
                    break;
                }
            }
            chosen
        }
    };
    Ok(trained)
}

/// The quality of a trained model on every matrix, and how many pivots were replaced.
fn rows(samples: &[Sample], solves: u64, trained: &Trained) -> Result<Rows> {
    let builder = trained.builder()?;
    let done = samples
        .par_iter()
        .enumerate()
        .map(|(i, sample)| {
            let factor = builder.factor(sample.a.view())?;
            let solve = Some(i as u64).filter(|i| *i < solves);
            let quality = sample.quality(factor.to_lower().data(), solve)?;
            Ok((quality, factor.stats().replaced_pivots))
        })
        .collect::<Result<Vec<(Quality, usize)>>>()?;
    let replaced = done.iter().map(|d| d.1).sum();
    let qualities = done.into_iter().map(|d| d.0).collect();
    Ok(Rows {
        qualities,
        replaced,
    })
}

fn count(course: &mut Course<'_>, problem: &str, method: &str, replaced: usize) -> Result<()> {
    let key = Key::new(problem, method, "replaced_pivots");
    course.push(Measurement::from_value(key, Unit::Count, replaced as f64)?)
}

/// Replaced pivots on matrices that are much longer than those of training.
fn long(
    settings: &Settings,
    law: &str,
    name: &str,
    trained: &[Trained],
    course: &mut Course<'_>,
) -> Result<()> {
    let set = Set::parse(law, settings.long_n)?;
    let mut replaced = 0;
    for trained in trained {
        let builder = trained.builder()?;
        for i in 0..settings.tests {
            let a = set.pair(Split::Test, i)?.matrix.matrix();
            replaced += builder.factor(a.view())?.stats().replaced_pivots;
        }
    }
    count(course, &set.name, name, replaced)
}

/// Time of training and the margins, for the report.
fn note(law: &str, name: &str, trained: &[Trained], course: &mut Course<'_>) {
    let seconds: Vec<f64> = trained.iter().map(|t| t.seconds).collect();
    let margins: Vec<String> = trained
        .iter()
        .map(|t| format!("{:e}", t.config.margin))
        .collect();
    let mean = seconds.iter().sum::<f64>() / seconds.len().max(1) as f64;
    course.notes.push(format!(
        "{name} on {law}: {} training run(s) of {mean:.1} s, margin {}.",
        trained.len(),
        margins.join(", ")
    ));
    let key = Key::new(law, name, "training_seconds");
    if let Ok(m) = Measurement::from_samples(key, Unit::Seconds, &seconds, Centre::Median) {
        // A time has no number to compare with.
        let _ = course.push(m);
    }
}
