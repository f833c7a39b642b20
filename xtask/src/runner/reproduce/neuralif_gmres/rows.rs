//! Every method on every matrix: what was measured, and the means of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use xtask::report::{Centre, Key, Measurement, Unit};

use super::methods::Method;
use super::solve::{Solved, Solver, THRESHOLDS};
use super::spectrum::Spectrum;
use crate::experiment::Problem;

/// Methods that take longer than this many seconds for a set-up and a solve are measured once.
const ONCE: f64 = 5.0;

/// One method on one matrix.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) method: String,
    /// Which test matrix, and its name.
    pub(super) matrix: usize,
    pub(super) problem: String,
    pub(super) nnz_matrix: usize,
    pub(super) nnz_factor: Option<usize>,
    /// Median seconds.
    pub(super) setup: f64,
    /// With the median seconds to each threshold.
    pub(super) solve: Solved,
}

impl Row {
    /// Seconds of set-up and solve to a threshold.
    pub(super) fn total(&self, threshold: usize) -> Option<f64> {
        self.solve.seconds[threshold].map(|s| s + self.setup)
    }
}

/// Sets up and solves once, on the current thread pool.
pub(super) fn row(
    method: &Method,
    problem: &Problem,
    matrix: usize,
    solver: &mut Solver,
    limit: Duration,
) -> Result<Row> {
    let start = Instant::now();
    let ready = method.set_up(&problem.matrix)?;
    let setup = start.elapsed().as_secs_f64();
    let solve = solver.solve(&problem.matrix, &problem.rhs, ready.preconditioner(), limit)?;
    Ok(Row {
        method: method.name.clone(),
        matrix,
        problem: problem.name.clone(),
        nnz_matrix: problem.matrix.nnz(),
        nnz_factor: ready.nnz(),
        setup,
        solve,
    })
}

/// Every method on one matrix, `repetitions` times one after the other; the median seconds of each. A method that fails gives
/// its reason.
pub(super) fn interleaved(
    methods: &[&Method],
    problem: &Problem,
    matrix: usize,
    repetitions: usize,
    limit: Duration,
    mut started: impl FnMut(&Method),
) -> Vec<Result<Row, String>> {
    let mut solver = Solver::default();
    let mut all: Vec<Result<Vec<Row>, String>> = Vec::new();
    for repetition in 0..repetitions.max(1) {
        for (m, method) in methods.iter().enumerate() {
            let again = match all.get(m) {
                None => true,
                Some(Ok(rows)) => {
                    repetition > 0 && rows[0].total(1).is_some_and(|seconds| seconds <= ONCE)
                }
                Some(Err(_)) => false,
            };
            if !again {
                continue;
            }
            started(method);
            let measured = row(method, problem, matrix, &mut solver, limit);
            let measured = measured
                .map_err(|error| format!("{} failed on {}: {error:#}", method.name, problem.name));
            match (all.get_mut(m), measured) {
                (None, measured) => all.push(measured.map(|row| vec![row])),
                (Some(Ok(rows)), Ok(row)) => rows.push(row),
                (Some(entry), Err(error)) => *entry = Err(error),
                (Some(Err(_)), Ok(_)) => {}
            }
        }
    }
    let medians = all
        .into_iter()
        .map(|rows| rows.map(|rows| median_row(&rows)));
    medians.collect()
}

/// The first row with the median seconds of all.
fn median_row(rows: &[Row]) -> Row {
    let mut first = rows[0].clone();
    first.setup = median(rows.iter().map(|r| r.setup)).unwrap_or(first.setup);
    for t in 0..THRESHOLDS.len() {
        let seconds = rows.iter().filter_map(|r| r.solve.seconds[t]);
        first.solve.seconds[t] = median(seconds).filter(|_| first.solve.seconds[t].is_some());
    }
    // Pictures show the first matrix.
    if first.matrix > 0 {
        first.solve.history = Vec::new();
    }
    first
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Name of a threshold in quantities.
pub(super) fn threshold_name(threshold: usize) -> &'static str {
    ["1e-3", "1e-6"][threshold]
}

/// Opponents of which ratios are taken.
const BASES: [&str; 2] = ["ilu0", "ilut"];

/// Means over the matrices of one problem set.
pub(super) fn measurements(
    problem: &str,
    rows: &[Row],
    methods: &[&str],
) -> Result<Vec<Measurement>> {
    let mut list = Vec::new();
    for method in methods {
        let of_method: Vec<&Row> = rows.iter().filter(|r| r.method == *method).collect();
        if of_method.is_empty() {
            continue;
        }
        let mut push = |quantity: String, unit: Unit, f: &dyn Fn(&Row) -> Option<f64>| {
            let key = Key::new(problem, *method, quantity);
            let samples: Option<Vec<f64>> = of_method.iter().map(|r| f(r)).collect();
            list.push(match samples {
                Some(samples) => Measurement::from_samples(key, unit, &samples, Centre::Mean)?,
                // A matrix on which the method did not get there: there is no honest mean.
                None => Measurement::failed(key, unit)?,
            });
            anyhow::Ok(())
        };
        let iterations = |t: usize| move |r: &Row| r.solve.iterations[t].map(|i| i as f64);
        for t in 0..THRESHOLDS.len() {
            let name = format!("iterations@{}", threshold_name(t));
            push(name, Unit::Iterations, &iterations(t))?;
        }
        if of_method[0].nnz_factor.is_some() {
            push("fill_ratio".into(), Unit::Ratio, &|r| {
                Some(r.nnz_factor? as f64 / r.nnz_matrix as f64)
            })?;
        }
        push("setup_seconds".into(), Unit::Seconds, &|r| Some(r.setup))?;
        push("solve_seconds".into(), Unit::Seconds, &|r| {
            r.solve.seconds[1]
        })?;
        push("total_seconds".into(), Unit::Seconds, &|r| r.total(1))?;
        for base in BASES.iter().filter(|base| *base != method) {
            // Matrix by matrix, so that the quartiles are those of ratios.
            let ratio = |f: &dyn Fn(&Row) -> Option<f64>, r: &Row| {
                let same = |b: &&Row| b.method == *base && b.matrix == r.matrix;
                Some(f(r)? / rows.iter().find(same).and_then(f)?)
            };
            // An opponent that nobody has run, or that failed, leaves nothing to divide by.
            if !rows
                .iter()
                .any(|r| r.method == *base && r.total(1).is_some())
            {
                continue;
            }
            push(format!("iterations_ratio_to_{base}"), Unit::Ratio, &|r| {
                ratio(&iterations(1), r)
            })?;
            push(format!("setup_ratio_to_{base}"), Unit::Ratio, &|r| {
                ratio(&|r| Some(r.setup), r)
            })?;
            push(format!("solve_ratio_to_{base}"), Unit::Ratio, &|r| {
                ratio(&|r| r.solve.seconds[1], r)
            })?;
            push(format!("total_ratio_to_{base}"), Unit::Ratio, &|r| {
                ratio(&|r| r.total(1), r)
            })?;
        }
    }
    Ok(list)
}

/// Means of the singular values and norms of one method.
pub(super) fn spectral(problem: &str, method: &str, all: &[Spectrum]) -> Result<Vec<Measurement>> {
    let mean = |quantity: &str, f: fn(&Spectrum) -> f64| {
        let samples: Vec<f64> = all.iter().map(f).collect();
        let key = Key::new(problem, method, quantity);
        Measurement::from_samples(key, Unit::Dimensionless, &samples, Centre::Mean)
    };
    Ok(vec![
        mean("sigma_min", |s| s.sigma_min)?,
        mean("sigma_max", |s| s.sigma_max)?,
        mean("kappa", Spectrum::kappa)?,
        mean("norm(P-A)", |s| s.distance)?,
        mean("norm(PA⁻¹-I)", |s| s.inverse_distance)?,
    ])
}

#[cfg(test)]
mod tests {
    use la_problems::{RightHandSide, Split};

    use super::super::methods::Kind;
    use super::*;
    use crate::experiment::Nonsymmetric;

    #[test]
    fn methods_that_fail_give_their_reason_and_the_others_go_on() {
        let family = Nonsymmetric::parse("convection-diffusion", 64)
            .unwrap()
            .unwrap();
        let mut problem = family
            .problem(Split::Test, 0, Some(RightHandSide::Smooth))
            .unwrap();
        let limit = Duration::from_secs(10);
        let (none, ilu0) = (
            Method::new("none", Kind::None),
            Method::new("ilu0", Kind::Ilu0),
        );
        let jacobi = Method::new("jacobi", Kind::Jacobi);
        let methods = [&none, &jacobi, &ilu0];
        let good = interleaved(&methods, &problem, 0, 3, limit, |_| {});
        let rows: Vec<Row> = good.into_iter().map(Result::unwrap).collect();
        let list = measurements("set", &rows, &["none", "jacobi", "ilu0", "absent"]).unwrap();
        let value = |method: &str, quantity: &str| {
            let found = list
                .iter()
                .find(|m| m.method == method && m.quantity == quantity);
            found.and_then(|m| m.value)
        };
        let (none_its, ilu0_its) = (
            value("none", "iterations@1e-6"),
            value("ilu0", "iterations@1e-6"),
        );
        assert!(ilu0_its < none_its, "{ilu0_its:?} {none_its:?}");
        let ratio = value("none", "iterations_ratio_to_ilu0").unwrap();
        assert!((ratio - none_its.unwrap() / ilu0_its.unwrap()).abs() < 1e-12);
        let total = value("ilu0", "total_seconds").unwrap();
        let parts =
            value("ilu0", "setup_seconds").unwrap() + value("ilu0", "solve_seconds").unwrap();
        assert!((total - parts).abs() <= 1e-12);
        // No ILUT was run: no ratio to it.
        assert_eq!(value("none", "total_ratio_to_ilut"), None);

        if let Some(d) = problem.matrix.get_mut(5, 5) {
            *d = 0.0;
        }
        let bad = interleaved(&methods, &problem, 0, 2, limit, |_| {});
        assert!(bad[0].is_ok());
        let error = bad[1].as_ref().unwrap_err();
        assert!(
            error.contains("jacobi") && error.contains(&problem.name),
            "{error}"
        );
    }

    #[test]
    fn medians_are_of_seconds_only() {
        let mut rows: Vec<Row> = Vec::new();
        for setup in [3.0, 1.0, 2.0] {
            rows.push(Row {
                method: "m".into(),
                matrix: 0,
                problem: "p".into(),
                nnz_matrix: 1,
                nnz_factor: None,
                setup,
                solve: Solved {
                    status: la_krylov::Status::Converged,
                    iterations: [Some(1), Some(2)],
                    seconds: [Some(10.0 * setup), Some(20.0 * setup)],
                    residual: 1e-7,
                    history: Vec::new(),
                },
            });
        }
        let median = median_row(&rows);
        assert_eq!(
            (median.setup, median.solve.seconds),
            (2.0, [Some(20.0), Some(40.0)])
        );
        assert_eq!(median.total(1), Some(42.0));
    }
}
