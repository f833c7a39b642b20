//! A run of network and solver, forward and backward.

use super::super::super::Element;
use super::super::super::panel::Panel;
use super::network::{Entries, NetworkTape, propose, propose_back};
use super::solver::{IterationTape, iterate, iterate_back, objective};
use super::weights::{Slopes, Weights, add, transposed};
use crate::factormer::{FactormerConfig, FactormerInput};
use crate::training::factormer::{FactormerLoss, FactormerSample};

/// A matrix with its starting factors as panels.
pub(super) struct Start<T> {
    v: Entries<T>,
    factors: [Panel<T>; 2],
}

impl<T: Element> Start<T> {
    /// Of a sample that was checked.
    pub(super) fn new(sample: &FactormerSample, rank: usize) -> Self {
        let panel = |values: &[f64], columns: usize| {
            let mut panel = Panel::zeros(values.len() / columns.max(1), columns);
            for (r, row) in values.chunks_exact(columns.max(1)).enumerate() {
                for (to, &x) in panel.row_mut(r).iter_mut().zip(row) {
                    *to = T::from_f64(x);
                }
            }
            panel
        };
        let rows = panel(&sample.v, sample.h.len() / rank);
        Self {
            v: Entries {
                columns: transposed(&rows),
                rows,
            },
            factors: [panel(&sample.w, rank), panel(&sample.h, rank)],
        }
    }
}

/// The loss of a run with so many steps; adds its derivatives.
pub(super) fn loss<T: Element>(
    weights: &Weights<T>,
    config: &FactormerConfig,
    options: &FactormerLoss,
    steps: usize,
    start: &Start<T>,
    slopes: &mut Slopes<T>,
) -> f64 {
    let v = &start.v;
    let entries = (v.rows.rows * v.rows.columns).max(1) as f64;
    let factor = if options.mean { 1.0 / entries } else { 1.0 };
    // The k-th iterate from behind counts γᵏ.
    let mut total = 0.0;
    let mut weight = 1.0;
    let mut judge = |factors: [&Panel<T>; 2], slope: &mut [Panel<T>; 2]| {
        total += weight * objective(factors, v, factor, weight, slope);
        weight *= options.gamma;
    };
    let [w, h] = &start.factors;
    let zeros = || [w, h].map(|x| Panel::zeros(x.rows, x.columns));
    match config.input {
        FactormerInput::Factor => {
            let proposed = propose(weights, config, v, [w.clone(), h.clone()]);
            let mut runs: Vec<IterationTape<T>> = Vec::with_capacity(steps);
            for k in 0..steps {
                let next = iterate(at(&proposed, &runs, k), v, options.rho);
                runs.push(next);
            }
            let mut slope = zeros();
            for k in (0..steps).rev() {
                judge(at(&proposed, &runs, k + 1), &mut slope);
                slope = iterate_back(&runs[k], at(&proposed, &runs, k)[0], v, slope);
            }
            judge(at(&proposed, &runs, 0), &mut slope);
            let revive = options.revive;
            propose_back(weights, config, v, &proposed, slope, revive, slopes);
        }
        FactormerInput::FactorAndSolver => {
            let mut runs: Vec<(IterationTape<T>, NetworkTape<T>)> = Vec::with_capacity(steps);
            for k in 0..steps {
                let before = before(&start.factors, &runs, k);
                let solved = iterate(before, v, options.rho);
                let inputs = [
                    beside(before[0], solved.w.result()),
                    beside(before[1], solved.h.result()),
                ];
                let proposed = propose(weights, config, v, inputs);
                runs.push((solved, proposed));
            }
            let mut slope = zeros();
            for k in (0..steps).rev() {
                let (solved, proposed) = &runs[k];
                judge([&proposed.outputs[0], &proposed.outputs[1]], &mut slope);
                let revive = options.revive;
                let inputs = propose_back(weights, config, v, proposed, slope, revive, slopes);
                let [(w_slope, w_solved), (h_slope, h_solved)] = inputs.map(|x| apart(&x));
                let w = before(&start.factors, &runs, k)[0];
                slope = iterate_back(solved, w, v, [w_solved, h_solved]);
                for (to, more) in slope.iter_mut().zip([&w_slope, &h_slope]) {
                    add(more.flat(), to.data.as_flattened_mut());
                }
            }
        }
    }
    total
}

/// Factors after the network and k iterations.
fn at<'a, T: Element>(
    proposed: &'a NetworkTape<T>,
    runs: &'a [IterationTape<T>],
    k: usize,
) -> [&'a Panel<T>; 2] {
    match k.checked_sub(1) {
        None => [&proposed.outputs[0], &proposed.outputs[1]],
        Some(k) => [runs[k].w.result(), runs[k].h.result()],
    }
}

/// Factors before step k of an acceleration.
fn before<'a, T: Element>(
    start: &'a [Panel<T>; 2],
    runs: &'a [(IterationTape<T>, NetworkTape<T>)],
    k: usize,
) -> [&'a Panel<T>; 2] {
    let [w, h] = match k.checked_sub(1) {
        None => start,
        Some(k) => &runs[k].1.outputs,
    };
    [w, h]
}

/// `[a, b]`, side by side.
fn beside<T: Element>(a: &Panel<T>, b: &Panel<T>) -> Panel<T> {
    let r = a.columns;
    let mut out = Panel::zeros(a.rows, 2 * r);
    for i in 0..a.rows {
        let row = out.row_mut(i);
        row[..r].copy_from_slice(&a.row(i)[..r]);
        row[r..2 * r].copy_from_slice(&b.row(i)[..r]);
    }
    out
}

/// The two halves again.
fn apart<T: Element>(both: &Panel<T>) -> (Panel<T>, Panel<T>) {
    let r = both.columns / 2;
    let half = |from: usize| {
        let mut out = Panel::zeros(both.rows, r);
        for i in 0..both.rows {
            out.row_mut(i)[..r].copy_from_slice(&both.row(i)[from..from + r]);
        }
        out
    };
    (half(0), half(r))
}
