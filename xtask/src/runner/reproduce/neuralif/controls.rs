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
pub(super) fn right_hand_sides(methods: &[Method], problems: &[&Problem]) -> Result<Vec<Control>> {
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

/// Pairs of a trained network and what it has to beat: by name, quantity, and in words.
const DUELS: [(&str, &str, &str, &str); 6] = [
    (
        "neuralif",
        "neuralif-untrained",
        ITERATIONS,
        "trained against untrained network",
    ),
    (
        "neuralif",
        "ic0-shifted",
        ITERATIONS,
        "trained network against IC(0) of a shifted diagonal",
    ),
    (
        "neuralif",
        "ssor",
        TOTAL,
        "trained network against SSOR, in time",
    ),
    (
        "neuralif-thin",
        "neuralif-thin-untrained",
        ITERATIONS,
        "trained against untrained network on the thinned matrix",
    ),
    (
        "neuralif-thin",
        "ic0-sp",
        TOTAL,
        "network on the thinned matrix against IC(0) with dropping, in time",
    ),
    (
        "neuralif-thin",
        "ssor-thin",
        TOTAL,
        "network on the thinned matrix against SSOR of it, in time",
    ),
];
const ITERATIONS: &str = "iterations@1e-3";
const TOTAL: &str = "total_seconds@1e-3";

/// Trained networks against untrained ones, and against cheap alternatives.
pub(super) fn training_matters(results: &Results, problem: &str) -> Vec<Control> {
    let value = |method: &str, quantity: &str| {
        results
            .measurements
            .iter()
            .find(|m| m.problem == problem && m.method == method && m.quantity == quantity)
            .and_then(|m| m.value)
    };
    let shown = |value: f64, quantity: &str| match quantity {
        ITERATIONS => format!("{value:.1} iterations to 1e-3"),
        _ => format!("{value:.4} s to 1e-3, set-up included"),
    };
    let duel = |(learned, other, quantity, what): &(&str, &str, &str, &str)| {
        let learned = value(learned, quantity)?;
        let (outcome, passed) = match value(other, quantity) {
            Some(other) => (
                format!(
                    "{} against {}",
                    shown(learned, quantity),
                    shown(other, quantity)
                ),
                learned < other,
            ),
            None => (
                format!(
                    "{}; {other} did not get there everywhere",
                    shown(learned, quantity)
                ),
                true,
            ),
        };
        Some(Control {
            name: (*what).into(),
            outcome,
            passed,
        })
    };
    DUELS.iter().filter_map(duel).collect()
}
