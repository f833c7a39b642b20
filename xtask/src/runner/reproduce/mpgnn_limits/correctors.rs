//! Networks that correct the factor of IC(0), or gate its computation: trained on small grids, measured on larger ones.

use anyhow::{Result, bail};
use la_gnn::corrector::{self, CorrectorConfig, CorrectorInput};
use la_gnn::gated::{self, Anchor, GatedConfig};
use la_gnn::native::gated::GatedEngine;
use la_gnn::native::mpgnn::EdgeEngine;
use la_gnn::training::{Engine, NoHooks, Schedule, TrainOptions, train};
use la_precond::classical::{CompensatedIc, Ic0, KOptimal, LocalKOptimal};
use la_precond::learned::{
    FactorGoal, GatedElimination, LearnedCompensation, LearnedCorrector, SpectralGoal, Weights,
    corrector_task, gated_task,
};
use la_precond::quality::{FactorDistance, log_k};
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder};
use la_problems::{CsrMatrix, Grid, RightHandSide, Split, TriangularGrid, permuted, random_order};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::course::Course;
use super::metrics::Quality;
use super::tridiagonal::measurements;
use crate::experiment::measure::iterations;

/// Weights of the learned compensation that stands beside the networks.
pub(super) const COMPENSATION: &str = "compensated-ic-ordered-s1";

/// What a profile asks of this chapter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// Names, see [`Model`].
    models: Vec<String>,
    /// `natural`, `random`.
    orders: Vec<String>,
    /// Training matrices, points in either direction, and passes over them.
    matrices: u64,
    points: usize,
    epochs: usize,
    /// Updates of a gated elimination.
    gated_updates: usize,
    /// Seeds 0, 1, … of initialisation and order of training.
    seeds: u64,
    /// Test grids: points in either direction, and how many.
    sizes: Vec<(usize, u64)>,
    /// Added to the diagonal.
    shift: f64,
}

/// A network of the table.
///
/// `raw`, `scaled`, `forward`, `both` say what a corrector sees, and it learns the direction of K-optimal factors; with `-residual` or
/// `-kaporin` it learns the residual of the minimal residual method, or both condition numbers of Kaporin. `gated` and `gated-relaxed` are gated eliminations
/// that start from IC(0) and from relaxed compensation.
#[derive(Debug, Clone)]
enum Model {
    Corrector(CorrectorConfig, FactorGoal),
    Gated(GatedConfig),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Trained {
    values: Vec<f32>,
    seconds: f64,
}

impl Model {
    fn parse(name: &str, points: usize) -> Result<Self> {
        let gated = |anchor| Ok(Self::Gated(GatedConfig::default().with_anchor(anchor)));
        match name {
            "gated" => return gated(Anchor::Ic0),
            "gated-relaxed" => return gated(Anchor::Relaxed),
            _ => {}
        }
        let (input, goal) = name.split_once('-').unwrap_or((name, "k-optimal"));
        let goal = match goal {
            "k-optimal" => FactorGoal::KOptimal,
            "residual" => FactorGoal::Spectrum(SpectralGoal::Residual { steps: points }),
            "kaporin" => FactorGoal::Spectrum(SpectralGoal::KaporinBoth),
            _ => bail!("`{name}` has no goal of this experiment"),
        };
        use CorrectorInput::{Both, Forward, Raw, Scaled};
        let inputs = [Raw, Scaled, Forward, Both];
        match inputs.into_iter().find(|i| i.name() == input) {
            Some(input) => Ok(Self::Corrector(
                CorrectorConfig::default().with_input(input),
                goal,
            )),
            None => bail!("`{name}` is no network of this experiment"),
        }
    }

    fn train(&self, settings: &Settings, order: &str, seed: u64) -> Result<Trained> {
        let all = 0..settings.matrices;
        let matrix = |k: u64, points| grid(points, Split::Train.seed(k), order, settings.shift);
        let mut options = TrainOptions::default();
        options.schedule = Schedule::Cosine;
        options.weight_decay = 0.0;
        options.seed = seed;
        let (mut engine, start): (Box<dyn Engine>, Vec<f32>) = match self {
            Self::Corrector(config, goal) => {
                options.updates = settings.epochs * settings.matrices.div_ceil(8) as usize;
                options.batch = 8;
                options.learning_rate = 3e-3;
                let tasks = all.map(|k| {
                    Ok(corrector_task(
                        matrix(k, settings.points)?.view(),
                        config,
                        *goal,
                    )?)
                });
                let tasks = tasks.collect::<Result<Vec<_>>>()?;
                let start = corrector::Parameters::initialize(config, seed)?.values;
                let engine = EdgeEngine::new(&config.network(), config.limit, tasks)?;
                (Box::new(engine), start)
            }
            Self::Gated(config) => {
                options.updates = settings.gated_updates;
                options.batch = 4;
                options.learning_rate = 1e-2;
                // Sizes in turn: what depends on them can be seen.
                let tasks = all.take(48).map(|k| {
                    let points = settings.points + 2 * (k % 4) as usize;
                    let goal = FactorGoal::Spectrum(SpectralGoal::Residual { steps: points });
                    Ok(gated_task(matrix(k, points)?.view(), goal)?)
                });
                let tasks = tasks.collect::<Result<Vec<_>>>()?;
                let start = gated::Parameters::initialize(config, seed)?.values;
                (Box::new(GatedEngine::new(config, tasks)?), start)
            }
        };
        let model = serde_json::Value::Null;
        let trained = train(engine.as_mut(), &model, start, &options, None, &mut NoHooks)?;
        Ok(Trained {
            values: trained.values,
            seconds: trained.log.seconds,
        })
    }

    fn builder(&self, trained: &Trained) -> Result<Method> {
        let values = trained.values.clone();
        Ok(match self {
            Self::Corrector(config, _) => {
                let config = config.clone();
                let parameters = corrector::Parameters { config, values };
                Method::Corrector(Box::new(LearnedCorrector::from_parameters(&parameters)?))
            }
            Self::Gated(config) => {
                let config = config.clone();
                Method::Builder(Box::new(GatedElimination::from_parameters(
                    &gated::Parameters { config, values },
                )?))
            }
        })
    }
}

/// A way to a factor.
enum Method {
    Corrector(Box<LearnedCorrector>),
    Builder(Box<dyn IncompleteCholeskyBuilder + Send + Sync>),
}

/// A test matrix and its K-optimal factor.
struct Sample {
    index: u64,
    a: CsrMatrix,
    optimal: IncompleteCholesky,
}

fn grid(points: usize, seed: u64, order: &str, shift: f64) -> Result<CsrMatrix> {
    let grid = TriangularGrid::default()
        .with_points(points, points)
        .with_shift(shift);
    let a = grid.generate(seed)?;
    Ok(match order {
        "natural" => a,
        "random" => permuted(&a, &random_order(a.rows(), seed))?,
        _ => bail!("no order `{order}`"),
    })
}

impl Sample {
    fn quality(&self, method: &Method) -> Result<Quality> {
        let factor = match method {
            Method::Builder(builder) => builder.build(self.a.view())?,
            Method::Corrector(corrector) => {
                let factor = corrector.factor(self.a.view())?;
                if factor.stats().replaced_pivots > 0 {
                    // The entries as the network wants them are no factor.
                    let entries = corrector.entries(self.a.view())?;
                    return Ok(self.broken(&entries));
                }
                factor
            }
        };
        let distance = FactorDistance::new(self.a.view(), &factor, &self.optimal)?;
        let b = RightHandSide::Gaussian.vector(&Grid::line(self.a.rows()), self.index);
        Ok(Quality {
            cosine: distance.cosine,
            scaled_cosine: distance.scaled_cosine,
            log_pivot_rms: Some(distance.log_pivot_rms),
            log_k: Some(log_k(self.a.view(), &factor)?),
            iterations: Some(iterations(&self.a, &b, &factor, 1e-8, 2000)?),
            breakdown: false,
        })
    }

    /// Entries with a pivot that is not positive: only angles can be said.
    fn broken(&self, entries: &[f64]) -> Quality {
        let wanted = self.optimal.to_lower();
        let root = |i: usize| self.a.get(i, i).map_or(1.0, |d| d.sqrt());
        let angle = |scaled: bool| {
            let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
            for ((&y, (i, _)), &x) in wanted.iter().zip(entries) {
                let weight = if scaled {
                    root(i as usize).powi(-2)
                } else {
                    1.0
                };
                xy += weight * x * y;
                xx += weight * x * x;
                yy += weight * y * y;
            }
            xy / (xx * yy).sqrt()
        };
        Quality {
            cosine: angle(false),
            scaled_cosine: angle(true),
            log_pivot_rms: None,
            log_k: None,
            iterations: None,
            breakdown: true,
        }
    }
}

/// Runs the chapter.
pub(super) fn run(settings: &Settings, course: &mut Course<'_>) -> Result<()> {
    let controls: Vec<(&str, Method)> = vec![
        ("k-optimal", Method::Builder(Box::new(KOptimal::default()))),
        ("ic0", Method::Builder(Box::new(Ic0::default()))),
        (
            "k-optimal-5-hops",
            Method::Builder(Box::new(LocalKOptimal::default().with_hops(5))),
        ),
        (
            "dric",
            Method::Builder(Box::new(CompensatedIc::dynamically_relaxed())),
        ),
        (
            COMPENSATION,
            Method::Builder(Box::new(LearnedCompensation::new(&Weights::bundled(
                COMPENSATION,
            )?)?)),
        ),
    ];
    let models = settings
        .models
        .iter()
        .map(|name| Ok((name.as_str(), Model::parse(name, settings.points)?)))
        .collect::<Result<Vec<_>>>()?;
    for order in &settings.orders {
        let mut learned: Vec<(&str, Vec<Method>)> = Vec::new();
        for (name, model) in &models {
            let mut seeds = Vec::new();
            for seed in 0..settings.seeds {
                let seed = course.request.seed + seed;
                let trained = course.part(&format!("correctors/{order}/{name}/{seed}"), || {
                    let trained = model.train(settings, order, seed)?;
                    println!(
                        "{name}, {order} order, seed {seed}: {:.0} s",
                        trained.seconds
                    );
                    Ok(trained)
                })?;
                seeds.push(model.builder(&trained)?);
            }
            learned.push((name, seeds));
        }
        for &(points, tests) in &settings.sizes {
            let problem = format!("corrector-{points}x{points}-{order}");
            let samples = (0..tests)
                .map(|index| {
                    let a = grid(points, Split::Test.seed(index), order, settings.shift)?;
                    let optimal = KOptimal::default().factor(a.view())?;
                    Ok(Sample { index, a, optimal })
                })
                .collect::<Result<Vec<_>>>()?;
            let of = |method: &Method| {
                let all = samples.par_iter().map(|sample| sample.quality(method));
                all.collect::<Result<Vec<_>>>()
            };
            for (name, method) in &controls {
                let rows = course.part(&format!("{problem}/{name}"), || of(method))?;
                for measurement in measurements(&problem, name, &[&rows])? {
                    course.push(measurement)?;
                }
            }
            for (name, seeds) in &learned {
                let rows = course.part(&format!("{problem}/{name}"), || {
                    seeds.iter().map(of).collect::<Result<Vec<_>>>()
                })?;
                let rows: Vec<&[Quality]> = rows.iter().map(Vec::as_slice).collect();
                for measurement in measurements(&problem, name, &rows)? {
                    course.push(measurement)?;
                }
            }
        }
        course.publish()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_names() {
        for name in ["raw", "both", "forward-residual", "scaled-kaporin", "gated"] {
            assert!(Model::parse(name, 8).is_ok(), "{name}");
        }
        for name in ["backward", "forward-cosine", "gated-more"] {
            assert!(Model::parse(name, 8).is_err(), "{name}");
        }
    }

    #[test]
    fn a_broken_factor_has_an_angle() {
        let a = grid(3, 1, "natural", 1e-2).unwrap();
        let optimal = KOptimal::default().factor(a.view()).unwrap();
        let entries: Vec<f64> = optimal.to_lower().data().iter().map(|v| -2.0 * v).collect();
        let sample = Sample {
            index: 0,
            a,
            optimal,
        };
        let found = sample.broken(&entries);
        assert!((found.cosine + 1.0).abs() < 1e-14 && (found.scaled_cosine + 1.0).abs() < 1e-14);
        assert!(found.breakdown);
    }
}
