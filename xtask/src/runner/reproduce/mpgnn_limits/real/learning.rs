//! The networks of the paper on real matrices, trained on K-optimal factors.

use std::fmt::Write as _;

use anyhow::Result;
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{FixedPointIc0, Ic0, KOptimal, LocalKOptimal, ShiftStrategy};
use serde::{Deserialize, Serialize};
use xtask::report::{Centre, Key, Measurement, Unit};

use super::super::course::Course;
use super::super::networks::Network;
use super::Line;
use super::labels::{Label, Outcome};
use super::splits::{Mode, Split, split};
use super::systems::Case;

/// What a profile asks of the networks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Entries of a matrix at most.
    max_nnz: usize,
    /// Networks by name.
    models: Vec<String>,
    /// Splits of either kind, and whether matrices are scaled to a unit diagonal.
    runs: Vec<Run>,
    /// Sweeps of the methods without parameters.
    sweeps: Vec<usize>,
    #[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "for LibTorch"))]
    pub(super) training: Training,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    split: Mode,
    splits: u64,
    scaled: bool,
}

/// How they are trained.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "for LibTorch"))]
pub(super) struct Training {
    pub(super) batch: usize,
    pub(super) epochs: usize,
    pub(super) learning_rate: f64,
    /// The step shrinks by 0.6 every so many epochs.
    pub(super) decay_epochs: usize,
    pub(super) patience: usize,
}

/// One trained network on the test matrices of its split.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Trained {
    /// Why there is no network.
    pub(super) failed: Option<String>,
    pub(super) epochs: usize,
    pub(super) best_epoch: usize,
    pub(super) updates: usize,
    pub(super) seconds: f64,
    /// Mean cosine of the training matrices in the last epoch, of the validation matrices in the best.
    pub(super) training: f64,
    pub(super) validation: f64,
    pub(super) tests: Vec<Outcome>,
}

/// Iterations of one method beside which others stand.
struct Reference {
    name: String,
    outcomes: Vec<Outcome>,
}

/// Trains and judges.
pub(super) fn run(
    settings: &Settings,
    hops: usize,
    max_iters: usize,
    lines: &[Line<'_>],
    optimal: usize,
    course: &mut Course<'_>,
) -> Result<()> {
    // As in the paper: where the K-optimal factor leads to a solution.
    let cases: Vec<&Case> = lines
        .iter()
        .filter(|(case, _)| case.nnz <= settings.max_nnz)
        .filter(|(_, rows)| (0..2).any(|side| rows[optimal].iterations(side).is_some()))
        .map(|(case, _)| *case)
        .collect();
    let labels = cases
        .iter()
        .map(|case| Label::new(case, &KOptimal::default()))
        .collect::<Result<Vec<Label>>>()?;
    let entries: usize = cases.iter().map(|c| c.nnz).sum();
    course.notes.push(format!(
        "Networks on real matrices: {} matrices with at most {} entries ({entries} in all) whose K-optimal factor leads to a solution.",
        cases.len(),
        settings.max_nnz
    ));
    let references = references(settings, hops, max_iters, &cases, &labels, course)?;
    let networks = settings
        .models
        .iter()
        .map(|name| Network::parse(name))
        .collect::<Result<Vec<_>>>()?;
    for run in &settings.runs {
        let form = if run.scaled { "-scaled" } else { "" };
        let problem = format!("real-networks-{}{form}", run.split.name());
        let splits: Vec<Split> = (0..run.splits)
            .map(|k| split(&cases, run.split, course.request.seed * run.splits + k))
            .collect();
        for reference in &references {
            let pick = |s: &Split| -> Vec<&Outcome> {
                s.tests.iter().map(|&k| &reference.outcomes[k]).collect()
            };
            let picked: Vec<Vec<&Outcome>> = splits.iter().map(pick).collect();
            push(
                &problem,
                &reference.name,
                &picked,
                &splits,
                &references,
                course,
            )?;
        }
        let trained = trained(
            settings, &networks, run.scaled, &problem, &splits, &labels, max_iters, course,
        )?;
        report(&problem, &networks, &splits, &trained, &references, course)?;
        course.publish()?;
    }
    Ok(())
}

/// Methods without parameters on all matrices, K-optimal first and IC(0) second.
fn references(
    settings: &Settings,
    hops: usize,
    max_iters: usize,
    cases: &[&Case],
    labels: &[Label],
    course: &mut Course<'_>,
) -> Result<Vec<Reference>> {
    type Builder = Box<dyn IncompleteCholeskyBuilder + Send + Sync>;
    let mut builders: Vec<(String, Builder)> = vec![
        ("k-optimal".into(), Box::new(KOptimal::default())),
        (
            "ic0".into(),
            Box::new(Ic0::default().with_shift(ShiftStrategy::None)),
        ),
        ("ic0-shifted".into(), Box::new(Ic0::default())),
        (
            format!("k-optimal-{hops}-hops"),
            Box::new(LocalKOptimal::default().with_hops(hops)),
        ),
    ];
    for &sweeps in &settings.sweeps {
        let builder = FixedPointIc0::default()
            .with_sweeps(sweeps)
            .with_shift(ShiftStrategy::None);
        builders.push((format!("sweeps-{sweeps}"), Box::new(builder)));
    }
    let mut list = Vec::new();
    for (name, builder) in builders {
        let keys: Vec<String> = cases
            .iter()
            .map(|case| format!("real-references/{name}/{}", case.name))
            .collect();
        let outcomes = course.parts(
            &keys,
            |k| {
                let label = &labels[k];
                Ok(match builder.build(label.system.a.view()) {
                    Ok(factor) => label.outcome(factor.to_lower().data(), max_iters),
                    Err(_) => Outcome::broken(0.0, 0.0),
                })
            },
            |_, _: &Outcome| {},
        )?;
        list.push(Reference { name, outcomes });
    }
    Ok(list)
}

/// Means over the test matrices of all splits.
fn push(
    problem: &str,
    method: &str,
    tests: &[Vec<&Outcome>],
    splits: &[Split],
    references: &[Reference],
    course: &mut Course<'_>,
) -> Result<()> {
    let all: Vec<(usize, &Outcome)> = tests
        .iter()
        .zip(splits)
        .flat_map(|(outcomes, s)| s.tests.iter().copied().zip(outcomes.iter().copied()))
        .collect();
    let key = |quantity: &str| Key::new(problem, method, quantity);
    // The cosine of what is no factor at all does not exist; that of a network's output always does.
    let exists = |o: &&Outcome| !o.breakdown || o.cosine != 0.0;
    let cosines: Vec<&Outcome> = all.iter().map(|(_, o)| *o).filter(exists).collect();
    if !cosines.is_empty() {
        let unit = Unit::Dimensionless;
        let values: Vec<f64> = cosines.iter().map(|o| o.cosine).collect();
        let worst = values.iter().copied().fold(f64::INFINITY, f64::min);
        let scaled: Vec<f64> = cosines.iter().map(|o| o.scaled_cosine).collect();
        let mean = |q: &str, v: &[f64]| Measurement::from_samples(key(q), unit, v, Centre::Mean);
        course.push(mean("cosine", &values)?)?;
        course.push(Measurement::from_value(key("cosine_min"), unit, worst)?)?;
        course.push(mean("scaled_cosine", &scaled)?)?;
    }
    let count = |f: &dyn Fn(&Outcome) -> bool| all.iter().filter(|(_, o)| f(o)).count() as f64;
    for (quantity, value) in [
        ("tests", all.len() as f64),
        ("breakdowns", count(&|o| o.breakdown)),
        ("solved", count(&|o| o.iterations().is_some())),
    ] {
        course.push(Measurement::from_value(key(quantity), Unit::Count, value)?)?;
    }
    for (reference, quantity) in references
        .iter()
        .zip(["iterations_over_k_optimal", "iterations_over_ic0"])
    {
        let logs: Vec<f64> = all
            .iter()
            .filter_map(|(k, o)| {
                let base = reference.outcomes[*k].iterations()?.max(1) as f64;
                Some((o.iterations()?.max(1) as f64 / base).ln())
            })
            .collect();
        if !logs.is_empty() {
            let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
            course.push(Measurement::from_value(key(quantity), Unit::Ratio, mean)?)?;
        }
    }
    Ok(())
}

/// Mean cosine of a training over its test matrices.
fn mean_cosine(trained: &Trained) -> Option<f64> {
    let n = trained.tests.len();
    (n > 0).then(|| trained.tests.iter().map(|o| o.cosine).sum::<f64>() / n as f64)
}

/// Measurements of the networks, differences to the baseline without messages, and a table with every split.
fn report(
    problem: &str,
    networks: &[Network],
    splits: &[Split],
    trained: &[Vec<Trained>],
    references: &[Reference],
    course: &mut Course<'_>,
) -> Result<()> {
    let mut table = format!("\n{problem}: mean cosine on test matrices, split by split\n");
    let base = networks.iter().position(|n| n.name == "mlp-3");
    let messages = networks.iter().position(|n| n.name == "message-passing-3");
    for (own, network) in trained.iter().zip(networks) {
        let done: Vec<(Vec<&Outcome>, Split)> = own
            .iter()
            .zip(splits)
            .filter(|(t, _)| t.failed.is_none())
            .map(|(t, s)| (t.tests.iter().collect(), s.clone()))
            .collect();
        let _ = write!(table, "{:<22}", network.name);
        for t in own {
            match (mean_cosine(t), &t.failed) {
                (Some(c), None) => {
                    let _ = write!(table, "{c:>9.4}");
                }
                _ => table += "   failed",
            }
        }
        table.push('\n');
        if done.is_empty() {
            continue;
        }
        let (tests, of): (Vec<Vec<&Outcome>>, Vec<Split>) = done.into_iter().unzip();
        push(problem, &network.name, &tests, &of, references, course)?;
        let mean = |quantity: &str, unit, f: &dyn Fn(&Trained) -> f64| {
            let finished = own.iter().filter(|t| t.failed.is_none());
            let samples: Vec<f64> = finished.map(f).collect();
            let key = Key::new(problem, &network.name, quantity);
            Measurement::from_samples(key, unit, &samples, Centre::Mean)
        };
        course.push(mean("epochs", Unit::Count, &|t| t.epochs as f64)?)?;
        course.push(mean("best_epoch", Unit::Count, &|t| t.best_epoch as f64)?)?;
        course.push(mean("training_seconds", Unit::Seconds, &|t| t.seconds)?)?;
        course.push(mean("training_cosine", Unit::Dimensionless, &|t| {
            t.training
        })?)?;
        course.push(mean("validation_cosine", Unit::Dimensionless, &|t| {
            t.validation
        })?)?;
        for (other, quantity) in [
            (base, "cosine_above_mlp"),
            (messages, "cosine_above_message_passing"),
        ] {
            let Some(other) = other.filter(|k| networks[*k].name != network.name) else {
                continue;
            };
            // Split by split: the test matrices are the same.
            let differences: Vec<f64> = own
                .iter()
                .zip(&trained[other])
                .filter_map(|(a, b)| Some(mean_cosine(a)? - mean_cosine(b)?))
                .collect();
            if !differences.is_empty() {
                course.push(Measurement::from_samples(
                    Key::new(problem, &network.name, quantity),
                    Unit::Dimensionless,
                    &differences,
                    Centre::Mean,
                )?)?;
            }
        }
    }
    for reference in references {
        let _ = write!(table, "{:<22}", reference.name);
        for s in splits {
            let found: Vec<f64> = s
                .tests
                .iter()
                .map(|&k| &reference.outcomes[k])
                .filter(|o| !o.breakdown)
                .map(|o| o.cosine)
                .collect();
            let mean = found.iter().sum::<f64>() / found.len().max(1) as f64;
            let _ = write!(table, "{mean:>9.4}");
        }
        table.push('\n');
    }
    print!("{table}");
    course.tables.push(table);
    Ok(())
}

/// One list for each network, one training for each split.
#[cfg(feature = "torch")]
#[expect(clippy::too_many_arguments, reason = "one call")]
fn trained(
    settings: &Settings,
    networks: &[Network],
    scaled: bool,
    problem: &str,
    splits: &[Split],
    labels: &[Label],
    max_iters: usize,
    course: &mut Course<'_>,
) -> Result<Vec<Vec<Trained>>> {
    let jobs: Vec<(&Network, usize)> = (0..splits.len())
        .flat_map(|s| networks.iter().map(move |n| (n, s)))
        .collect();
    let keys: Vec<String> = jobs
        .iter()
        .map(|(network, s)| format!("{problem}/{}/{s}", network.name))
        .collect();
    let files: Vec<_> = keys
        .iter()
        .map(|key| course.path(&format!("{}.checkpoint", key.replace('/', "-"))))
        .collect();
    let seed = course.request.seed;
    let all = course.parts(
        &keys,
        |k| {
            let (network, s) = jobs[k];
            let job = super::training::Job {
                network,
                scaled,
                split: &splits[s],
                labels,
                max_iters,
                seed: seed + s as u64,
            };
            job.run(&settings.training, &files[k])
        },
        |k, t: &Trained| {
            println!(
                "{}: {} epochs, {:.0} s, cosine in training {:.4}, validation {:.4}, tests {:.4} {}",
                keys[k],
                t.epochs,
                t.seconds,
                t.training,
                t.validation,
                mean_cosine(t).unwrap_or_default(),
                t.failed.as_deref().unwrap_or_default()
            );
        },
    )?;
    Ok((0..networks.len())
        .map(|n| {
            all.iter()
                .skip(n)
                .step_by(networks.len())
                .cloned()
                .collect()
        })
        .collect())
}

/// Without LibTorch no network is trained.
#[cfg(not(feature = "torch"))]
#[expect(clippy::too_many_arguments, reason = "as with LibTorch")]
fn trained(
    _: &Settings,
    networks: &[Network],
    _: bool,
    problem: &str,
    _: &[Split],
    _: &[Label],
    _: usize,
    course: &mut Course<'_>,
) -> Result<Vec<Vec<Trained>>> {
    let note =
        format!("{problem}: no networks were trained, this program was built without LibTorch.");
    println!("{note}");
    course.notes.push(note);
    Ok(vec![Vec::new(); networks.len()])
}
