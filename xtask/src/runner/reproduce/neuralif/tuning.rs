//! Parameters that are chosen on validation matrices, the same way for every method.
//!
//! The criterion is the work of a solve, counted and not timed, so that a busy machine cannot change the choice.

use anyhow::Result;

use super::methods::{Kind, Method};
use super::rows::MAX_ITERS;
use super::settings::Tuning;
use crate::experiment::{Problem, THRESHOLDS, measure};

/// Entries that the iterations to 1e-3 pass through: `iterations · (nnz(A) + sweep_cost · (nnz(L) − n))`.
fn work(method: &Method, problem: &Problem, sweep_cost: f64) -> Result<f64> {
    let Problem { matrix, rhs, .. } = problem;
    let ready = method.set_up(matrix)?;
    let iterations =
        measure::iterations(matrix, rhs, &ready.preconditioner, THRESHOLDS[0], MAX_ITERS)?;
    let (nnz, n) = (matrix.nnz() as f64, matrix.rows() as f64);
    // Without a factor of its own a method sweeps through the lower triangle of the matrix.
    let off_diagonal = ready.nnz.map_or((nnz - n) / 2.0, |l| l as f64 - n);
    Ok(iterations as f64 * (nnz + sweep_cost * off_diagonal))
}

/// The candidate with the least work; a candidate that fails anywhere is out.
fn choose(
    candidates: &[f64],
    problems: &[Problem],
    sweep_cost: f64,
    method: impl Fn(f64) -> Result<Method>,
) -> Result<f64> {
    let mut best = (f64::INFINITY, candidates.first().copied().unwrap_or(0.0));
    for &candidate in candidates {
        let method = method(candidate)?;
        let total: f64 = problems
            .iter()
            .map(|problem| work(&method, problem, sweep_cost).unwrap_or(f64::INFINITY))
            .sum();
        if total < best.0 {
            best = (total, candidate);
        }
    }
    Ok(best.1)
}

/// What the validation matrices chose.
pub(super) struct Tuned {
    pub(super) omega: f64,
    pub(super) ic0_drop: f64,
    pub(super) shift: f64,
    pub(super) neuralif_drop: f64,
}

impl Tuned {
    /// Tries every candidate on `problems`.
    pub(super) fn on(problems: &[Problem], tuning: &Tuning, weights: &str) -> Result<Self> {
        let cost = tuning.sweep_cost;
        let ic0 = |name: &str, shift, drop_tol| Method::new(name, Kind::Ic0 { shift, drop_tol });
        Ok(Self {
            omega: choose(&tuning.ssor_omega, problems, cost, |omega| {
                Ok(Method::new("ssor", Kind::Ssor { omega }))
            })?,
            ic0_drop: choose(&tuning.drop_tol, problems, cost, |tau| {
                Ok(ic0("ic0-sp", 0.0, Some(tau)))
            })?,
            shift: choose(&tuning.shift, problems, cost, |shift| {
                Ok(ic0("ic0-shifted", shift, None))
            })?,
            neuralif_drop: choose(&tuning.drop_tol, problems, cost, |tau| {
                Method::neuralif("neuralif-sp", weights, Some(tau))
            })?,
        })
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "SSOR ω = {}, drop tolerance {} for ic0-sp and {} for neuralif-sp, shift {} for ic0-shifted",
            self.omega, self.ic0_drop, self.neuralif_drop, self.shift
        )
    }
}
