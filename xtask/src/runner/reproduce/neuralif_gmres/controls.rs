//! Experiments whose outcome is known beforehand.

use std::time::Duration;

use anyhow::Result;
use xtask::report::Control;

use super::methods::{Kind, Method};
use super::rows::{Row, row};
use super::solve::Solver;
use crate::experiment::Problem;

/// Factors L = U = I go through everything that learned factors go through, and change nothing.
pub(super) fn identity(problem: &Problem, limit: f64) -> Result<Control> {
    let mut solver = Solver::default();
    let mut iterations = |kind, name| -> Result<Option<usize>> {
        let method = Method::new(name, kind);
        let limit = Duration::from_secs_f64(limit);
        let row = row(&method, problem, 0, &mut solver, limit)?;
        Ok(row.solve.iterations[1])
    };
    let plain = iterations(Kind::None, "none")?;
    let identity = iterations(Kind::Identity, "identity")?;
    let shown = |count: Option<usize>| count.map_or("none in time".into(), |c| c.to_string());
    Ok(Control {
        name: "factors L = U = I against no preconditioner".into(),
        outcome: format!(
            "{} against {} iterations on {}",
            shown(identity),
            shown(plain),
            problem.name
        ),
        passed: identity.is_some() && identity == plain,
    })
}

/// Trained networks against untrained ones and against the classical factorisation on the same pattern, on the matrices that both ran on.
pub(super) fn training_matters(problem: &str, rows: &[Row]) -> Vec<Control> {
    let mean = |method: &str, like: &[&Row], f: &dyn Fn(&Row) -> Option<f64>| {
        let of_method = |k: usize| rows.iter().find(|r| r.method == method && r.matrix == k);
        let values: Option<Vec<f64>> = like.iter().map(|r| f(of_method(r.matrix)?)).collect();
        values.map(|v| v.iter().sum::<f64>() / v.len().max(1) as f64)
    };
    let iterations = |r: &Row| r.solve.iterations[1].map(|i| i as f64);
    let mut controls = Vec::new();
    let mut learned: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|r| r.method.starts_with("learned-")) {
        if !learned.contains(&row.method.as_str()) {
            learned.push(&row.method);
        }
    }
    for method in learned {
        for (other, what) in [("untrained", "an untrained network"), ("ilu0", "ILU(0)")] {
            let shared: Vec<&Row> = rows.iter().filter(|r| r.method == other).collect();
            if shared.is_empty() {
                continue;
            }
            let (outcome, passed) = match (
                mean(method, &shared, &iterations),
                mean(other, &shared, &iterations),
            ) {
                (Some(ours), Some(theirs)) => (
                    format!("{ours:.1} against {theirs:.1} iterations"),
                    ours < theirs,
                ),
                (Some(ours), None) => (
                    format!("{ours:.1} iterations; {what} did not get there everywhere"),
                    true,
                ),
                (None, _) => (format!("{method} did not get there everywhere"), false),
            };
            controls.push(Control {
                name: format!("{problem}: {method} against {what}"),
                outcome,
                passed,
            });
        }
    }
    controls
}
