//! What is done with dropped fill: learned compensation beside classical ones, on 27 families of definite matrices.

use anyhow::{Context, Result};
use la_krylov::{CgOptions, cg};
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{CompensatedIc, FillLimit, GatedIc, Ic0, Ict, ShiftLadder};
use la_precond::learned::{LearnedCompensation, Weights, fractional_iterations};
use la_problems::{CsrMatrix, DefiniteClass, DefiniteFamily};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xtask::report::{Key, Measurement, Unit};

use super::course::Course;

const RTOL: f64 = 1e-8;

/// Iterations at which a solve is given up.
const LIMIT: usize = 3000;

/// What a profile asks of this chapter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// Rows of the matrices, about.
    n: usize,
    /// Draws of each random family, and of its right-hand side.
    draws: u64,
    /// Bundled weights, one seed of training each.
    weights: Vec<String>,
}

/// One method on one matrix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Count {
    /// Iterations, the last one as a fraction.
    iterations: f64,
    /// Repeated factorisations.
    restarts: usize,
}

/// A method by its name in tables.
type Method = (String, Box<dyn IncompleteCholeskyBuilder + Sync>);

/// IC(0) first: the others are compared with it.
fn methods(settings: &Settings) -> Result<Vec<Method>> {
    let threshold = Ict::default()
        .with_drop_tol(0.0)
        .with_fill(FillLimit::Factor(1.0));
    let dric = CompensatedIc::dynamically_relaxed();
    let ric = CompensatedIc::relaxed;
    let mut list: Vec<Method> = vec![
        ("ic0".into(), Box::new(Ic0::default())),
        ("ric-0.97".into(), Box::new(ric(0.97))),
        ("ric-0.99".into(), Box::new(ric(0.99))),
        ("mic".into(), Box::new(CompensatedIc::modified())),
        ("mic-perturbed".into(), Box::new(CompensatedIc::perturbed())),
        ("dric".into(), Box::new(dric.clone())),
        ("aj".into(), Box::new(CompensatedIc::ajiz_jennings())),
        ("ict-same-fill".into(), Box::new(threshold)),
        ("mic-supported".into(), Box::new(CompensatedIc::supported())),
        ("shift-ladder".into(), Box::new(ShiftLadder::default())),
        ("dric-gated".into(), Box::new(GatedIc::new(dric))),
        ("ric-0.99-gated".into(), Box::new(GatedIc::new(ric(0.99)))),
    ];
    for name in &settings.weights {
        let weights = Weights::bundled(name)?;
        let learned = LearnedCompensation::new(&weights)?;
        // The rule on every matrix, and only where the signs and the order suit it.
        let everywhere = learned
            .clone()
            .with_positive_limit(f64::INFINITY)
            .with_most_sinks(f64::INFINITY);
        list.push((name.clone(), Box::new(everywhere)));
        list.push((format!("{name}-limited"), Box::new(learned)));
    }
    Ok(list)
}

fn count(a: &CsrMatrix, b: &[f64], builder: &dyn IncompleteCholeskyBuilder) -> Result<Count> {
    let factor = builder.build(a.view())?;
    let options = CgOptions::default().with_rtol(RTOL).with_max_iters(LIMIT);
    let solution = cg(a, b, &factor, &options)?;
    Ok(Count {
        iterations: fractional_iterations(&solution, RTOL).unwrap_or(LIMIT as f64),
        restarts: factor.stats().shift_attempts,
    })
}

/// Runs the chapter.
pub(super) fn run(settings: &Settings, course: &mut Course<'_>) -> Result<()> {
    let methods = methods(settings)?;
    let n = settings.n;
    let seed = course.request.seed;
    let mut table: Vec<(DefiniteFamily, Vec<Vec<Count>>)> = Vec::new();
    for family in DefiniteFamily::all() {
        let problem = format!("{}-n{n}", family.name().replace(' ', "-"));
        let draws = if family.is_random() {
            settings.draws
        } else {
            1
        };
        // An earlier sitting with other weights or draws has counted other things.
        let part = format!(
            "compensation/{problem}/{draws}/{}",
            settings.weights.join(",")
        );
        let rows = course.part(&part, || {
            (0..draws)
                .map(|draw| {
                    let a = family.matrix(n, seed + draw)?;
                    let rng = ChaCha8Rng::seed_from_u64(seed + draw + 1);
                    let b: Vec<f64> = rng.sample_iter(StandardNormal).take(a.rows()).collect();
                    let solved = methods.par_iter().map(|m| count(&a, &b, m.1.as_ref()));
                    solved.collect::<Result<Vec<Count>>>()
                })
                .collect::<Result<Vec<_>>>()
        })?;
        for (k, (name, _)) in methods.iter().enumerate() {
            let counts: Vec<f64> = rows.iter().map(|row| row[k].iterations).collect();
            let key = Key::new(&problem, name, "iterations@1e-8");
            course.push(Measurement::from_value(
                key,
                Unit::Iterations,
                geometric(&counts),
            )?)?;
        }
        table.push((*family, rows));
        course.publish()?;
    }
    for (k, (name, _)) in methods.iter().enumerate() {
        for measurement in summary(n, name, k, &table)? {
            course.push(measurement)?;
        }
    }
    course.findings.push(finding(n, &methods, &table)?);
    course.publish()
}

fn geometric(values: &[f64]) -> f64 {
    (values.iter().map(|v| v.ln()).sum::<f64>() / values.len().max(1) as f64).exp()
}

/// Iterations over those of IC(0) on every family of a class, draws averaged.
fn ratios(table: &[(DefiniteFamily, Vec<Vec<Count>>)], class: DefiniteClass, k: usize) -> Vec<f64> {
    let of_class = table.iter().filter(|(family, _)| family.class() == class);
    of_class
        .map(|(_, rows)| {
            let draws = rows.iter().map(|row| row[k].iterations / row[0].iterations);
            geometric(&draws.collect::<Vec<_>>())
        })
        .collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// Geometric mean and largest ratio by class, and the families on which a factorisation was repeated.
fn summary(
    n: usize,
    method: &str,
    k: usize,
    table: &[(DefiniteFamily, Vec<Vec<Count>>)],
) -> Result<Vec<Measurement>> {
    let mut list = Vec::new();
    for (class, name) in [
        (DefiniteClass::Ordered, "ordered"),
        (DefiniteClass::Shuffled, "shuffled"),
        (DefiniteClass::Other, "other"),
    ] {
        let ratios = ratios(table, class, k);
        let problem = format!("{name}-n{n}");
        for (quantity, value) in [
            ("iterations-ratio", geometric(&ratios)),
            ("worst-iterations-ratio", largest(&ratios)),
        ] {
            let key = Key::new(&problem, method, quantity);
            list.push(Measurement::from_value(key, Unit::Ratio, value)?);
        }
    }
    let restarted = |rows: &[Vec<Count>]| rows.iter().any(|row| row[k].restarts > 0);
    let restarted = table.iter().filter(|(_, rows)| restarted(rows)).count();
    let key = Key::new(format!("all-n{n}"), method, "repeated");
    list.push(Measurement::from_value(key, Unit::Count, restarted as f64)?);
    Ok(list)
}

/// The learned rules beside the best gated classical rule.
fn finding(
    n: usize,
    methods: &[Method],
    table: &[(DefiniteFamily, Vec<Vec<Count>>)],
) -> Result<String> {
    let m_families = |k: usize| {
        let mut all = ratios(table, DefiniteClass::Ordered, k);
        all.extend(ratios(table, DefiniteClass::Shuffled, k));
        geometric(&all)
    };
    let value = |name: &str| {
        let k = methods.iter().position(|m| m.0 == name);
        k.map(m_families)
            .with_context(|| format!("no method `{name}`"))
    };
    let learned = methods
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| name.starts_with("compensated-ic") && name.ends_with("-limited"));
    let learned: Vec<String> = learned
        .map(|(k, _)| format!("{:.3}", m_families(k)))
        .collect();
    Ok(format!(
        "Compensation of dropped fill on the 21 families with few positive entries off the diagonal, n = {n}: learned {} of the \
         iterations of IC(0), gated DRIC {:.3}, gated RIC(0.99) {:.3}.",
        learned.join(", "),
        value("dric-gated")?,
        value("ric-0.99-gated")?
    ))
}
