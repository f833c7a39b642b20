//! Did the learned part do anything?

use anyhow::Result;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use xtask::report::{Control, Results};

use super::methods::Method;
use super::rows::MAX_ITERS;
use crate::experiment::{Problem, measure};

/// The gain over IC(0) on other right-hand sides than the paper's: Gaussian, and A times ones.
pub(super) fn right_hand_sides(methods: &[Method], problems: &[Problem]) -> Result<Vec<Control>> {
    let find = |name: &str| methods.iter().find(|m| m.name == name);
    let (Some(ic0), Some(learned)) = (find("ic0"), find("neuralif")) else {
        return Ok(Vec::new());
    };
    let mut controls = Vec::new();
    for kind in ["uniform", "Gaussian", "A·1"] {
        let mut sums = [0usize; 2];
        for (k, problem) in problems.iter().enumerate() {
            let b = right_hand_side(kind, problem, k as u64);
            for (sum, method) in sums.iter_mut().zip([ic0, learned]) {
                let ready = method.set_up(&problem.matrix)?;
                *sum += measure::iterations(
                    &problem.matrix,
                    &b,
                    &ready.preconditioner,
                    1e-3,
                    MAX_ITERS,
                )?;
            }
        }
        let count = problems.len().max(1) as f64;
        let (ic0, learned) = (sums[0] as f64 / count, sums[1] as f64 / count);
        controls.push(Control {
            name: format!("right-hand side {kind}"),
            outcome: format!(
                "{learned:.1} iterations to 1e-3, IC(0) {ic0:.1}, ratio {:.3}",
                learned / ic0
            ),
            passed: learned < ic0,
        });
    }
    Ok(controls)
}

fn right_hand_side(kind: &str, problem: &Problem, seed: u64) -> Vec<f64> {
    let n = problem.matrix.rows();
    match kind {
        "Gaussian" => {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            (0..n).map(|_| StandardNormal.sample(&mut rng)).collect()
        }
        "A·1" => problem
            .matrix
            .outer_iterator()
            .map(|row| row.data().iter().sum())
            .collect(),
        _ => problem.rhs.clone(),
    }
}

/// Trained against untrained, and against the cheap alternative.
pub(super) fn training_matters(results: &Results, problem: &str) -> Vec<Control> {
    let value = |method: &str| {
        results
            .measurements
            .iter()
            .find(|m| m.problem == problem && m.method == method && m.quantity == "iterations@1e-3")
            .and_then(|m| m.value)
    };
    let Some(learned) = value("neuralif") else {
        return Vec::new();
    };
    let against = |other: &str, what: &str| {
        let (outcome, passed) = match value(other) {
            Some(other) => (
                format!("{learned:.1} iterations to 1e-3 against {other:.1}"),
                learned < other,
            ),
            None => (
                format!("{learned:.1} iterations to 1e-3; {other} did not get there everywhere"),
                true,
            ),
        };
        Control {
            name: what.into(),
            outcome,
            passed,
        }
    };
    vec![
        against("neuralif-untrained", "trained against untrained network"),
        against(
            "ic0-shifted",
            "trained network against IC(0) of a shifted diagonal",
        ),
    ]
}
