//! Parameters that are chosen on validation matrices, the same way for every method.
//!
//! The criterion is the work of a solve, counted and not timed, so that a busy machine cannot change the choice.

use anyhow::Result;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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
    method: impl Fn(f64) -> Result<Method> + Sync,
) -> Result<f64> {
    Ok(choose_with_work(candidates, problems, sweep_cost, method)?.1)
}

/// The same with its work in front.
fn choose_with_work(
    candidates: &[f64],
    problems: &[Problem],
    sweep_cost: f64,
    method: impl Fn(f64) -> Result<Method> + Sync,
) -> Result<(f64, f64)> {
    let works = candidates
        .par_iter()
        .map(|&candidate| {
            let method = method(candidate)?;
            // Counts on one thread, so that they are the same on every machine.
            let alone = ThreadPoolBuilder::new().num_threads(1).build()?;
            let total: f64 = alone.install(|| {
                let works = problems.iter();
                works
                    .map(|problem| work(&method, problem, sweep_cost).unwrap_or(f64::INFINITY))
                    .sum()
            });
            Ok(total)
        })
        .collect::<Result<Vec<f64>>>()?;
    let mut best = (f64::INFINITY, candidates.first().copied().unwrap_or(0.0));
    for (&candidate, total) in candidates.iter().zip(works) {
        if total < best.0 {
            best = (total, candidate);
        }
    }
    Ok(best)
}

/// What the validation matrices chose.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tuned {
    pub(super) omega: f64,
    pub(super) ic0_drop: f64,
    pub(super) shift: f64,
    pub(super) neuralif_drop: f64,
    pub(super) ic0_thin: f64,
    /// ω and τ together.
    pub(super) ssor_thin: (f64, f64),
}

impl Tuned {
    /// Tries every candidate on `problems`.
    pub(super) fn on(problems: &[Problem], tuning: &Tuning, weights: &str) -> Result<Self> {
        let cost = tuning.sweep_cost;
        let ic0 = |name: &str, shift, drop_tol| Method::new(name, Kind::Ic0 { shift, drop_tol });
        let mut ssor_thin = (f64::INFINITY, (1.0, 0.0));
        for &omega in &tuning.ssor_omega {
            let (work, tau) = choose_with_work(&tuning.thin, problems, cost, |tau| {
                Ok(Method::new("ssor-thin", Kind::SsorThin { omega, tau }))
            })?;
            if work < ssor_thin.0 {
                ssor_thin = (work, (omega, tau));
            }
        }
        Ok(Self {
            ssor_thin: ssor_thin.1,
            ic0_thin: choose(&tuning.thin, problems, cost, |tau| {
                Ok(Method::new("ic0-thin", Kind::Ic0Thin { tau }))
            })?,
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
            "SSOR ω = {}, drop tolerance {} for ic0-sp and {} for neuralif-sp, shift {} for ic0-shifted, \
             relative size {} for ic0-thin, ω = {} and {} for ssor-thin",
            self.omega,
            self.ic0_drop,
            self.neuralif_drop,
            self.shift,
            self.ic0_thin,
            self.ssor_thin.0,
            self.ssor_thin.1
        )
    }
}
