//! Every method on every matrix: what was measured, and the means of it.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use xtask::report::{Centre, Key, Measurement, Unit};

use super::methods::Method;
use crate::experiment::{Measured, Problem, THRESHOLDS, measure};

/// Iterations after which a solve is given up.
pub(super) const MAX_ITERS: usize = 10_000;

/// One method on one matrix.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) method: String,
    /// Name of the test matrix.
    pub(super) problem: String,
    /// Which test matrix.
    pub(super) matrix: usize,
    pub(super) nnz_matrix: usize,
    pub(super) nnz_factor: Option<usize>,
    pub(super) shifts: usize,
    pub(super) setup: f64,
    pub(super) solve: Measured,
}

impl Row {
    /// Seconds of set-up and solve to a threshold.
    pub(super) fn total(&self, threshold: usize) -> Option<f64> {
        self.solve.seconds[threshold].map(|s| s + self.setup)
    }
}

/// Sets up and solves, on the current thread pool.
pub(super) fn row(
    method: &Method,
    problem: &Problem,
    matrix: usize,
    repetitions: usize,
) -> Result<Row> {
    let (ready, setup) = measure::set_up(repetitions, || method.set_up(&problem.matrix))?;
    let mut solve = measure::solve(
        &problem.matrix,
        &problem.rhs,
        &ready.preconditioner,
        MAX_ITERS,
    )?;
    // Pictures show the first matrix.
    if matrix > 0 {
        solve.history = Vec::new();
    }
    Ok(Row {
        method: method.name.clone(),
        problem: problem.name.clone(),
        matrix,
        nnz_matrix: problem.matrix.nnz(),
        nnz_factor: ready.nnz,
        shifts: ready.shifts,
        setup,
        solve,
    })
}

/// Name of a threshold in quantities.
pub(super) fn threshold_name(threshold: usize) -> &'static str {
    ["1e-3", "1e-6", "1e-8"][threshold]
}

/// Means over the matrices of one problem set, with `suffix` behind every quantity that is a time.
pub(super) fn measurements(
    problem: &str,
    rows: &[Row],
    methods: &[String],
    suffix: &str,
) -> Result<Vec<Measurement>> {
    let mut list = Vec::new();
    let of = |method: &str| -> Vec<&Row> { rows.iter().filter(|r| r.method == method).collect() };
    let base = of("ic0");
    for method in methods {
        let rows = of(method);
        if rows.is_empty() {
            continue;
        }
        let mut push = |quantity: String, unit: Unit, samples: Option<Vec<f64>>| -> Result<()> {
            let key = Key::new(problem, method.as_str(), quantity);
            list.push(match samples {
                Some(samples) => Measurement::from_samples(key, unit, &samples, Centre::Mean)?,
                // A matrix on which the method did not get there: there is no honest mean.
                None => Measurement::failed(key, unit)?,
            });
            Ok(())
        };
        let all = |f: &dyn Fn(&Row) -> Option<f64>| {
            rows.iter().map(|r| f(r)).collect::<Option<Vec<f64>>>()
        };
        // Matrix by matrix, so that the quartiles are those of ratios.
        let ratio = |f: &dyn Fn(&Row) -> Option<f64>| -> Option<Vec<f64>> {
            let of_ic0 = |r: &Row| {
                base.iter()
                    .find(|b| b.matrix == r.matrix)
                    .and_then(|b| f(b))
            };
            rows.iter().map(|r| Some(f(r)? / of_ic0(r)?)).collect()
        };
        if suffix.is_empty() {
            for t in 0..THRESHOLDS.len() {
                push(
                    format!("iterations@{}", threshold_name(t)),
                    Unit::Iterations,
                    all(&|r| r.solve.iterations[t].map(|i| i as f64)),
                )?;
            }
            if rows[0].nnz_factor.is_some() {
                push(
                    "nnz_factor".into(),
                    Unit::Count,
                    all(&|r| r.nnz_factor.map(|n| n as f64)),
                )?;
                push(
                    "shifts".into(),
                    Unit::Count,
                    all(&|r| Some(r.shifts as f64)),
                )?;
            }
        }
        push(
            format!("setup_seconds{suffix}"),
            Unit::Seconds,
            all(&|r| Some(r.setup)),
        )?;
        for t in 0..THRESHOLDS.len() {
            let name = threshold_name(t);
            push(
                format!("solve_seconds@{name}{suffix}"),
                Unit::Seconds,
                all(&|r| r.solve.seconds[t]),
            )?;
            push(
                format!("total_seconds@{name}{suffix}"),
                Unit::Seconds,
                all(&|r| r.total(t)),
            )?;
        }
        if method == "ic0" {
            continue;
        }
        push(
            format!("setup_ratio_to_ic0{suffix}"),
            Unit::Ratio,
            ratio(&|r| Some(r.setup)),
        )?;
        for t in 0..THRESHOLDS.len() {
            let name = threshold_name(t);
            if suffix.is_empty() {
                let iterations = ratio(&|r| r.solve.iterations[t].map(|i| i as f64));
                push(
                    format!("iterations_ratio_to_ic0@{name}"),
                    Unit::Ratio,
                    iterations,
                )?;
            }
            push(
                format!("solve_ratio_to_ic0@{name}{suffix}"),
                Unit::Ratio,
                ratio(&|r| r.solve.seconds[t]),
            )?;
            push(
                format!("total_ratio_to_ic0@{name}{suffix}"),
                Unit::Ratio,
                ratio(&|r| r.total(t)),
            )?;
        }
    }
    Ok(list)
}
