//! Measures of iterates, their gradients, and what they compare with.

use super::problem::QuadraticProblem;
use super::unroll::Unrolled;
use super::{AdmmNetwork, Iterate};
use crate::GnnError;
use crate::admm::{AdmmConfig, Parameters};
use crate::training::admm::{AdmmLoss, AdmmMeasure, LossTerm};

/// Least denominator of [`AdmmMeasure::Normalised`], and what [`AdmmMeasure::LogDistance`] adds.
pub(crate) const FLOOR: f64 = 1e-6;
/// What is added to a term before its logarithm is taken.
pub(crate) const LOG_FLOOR: f64 = 1e-12;

/// What the terms of a loss divide by, for one problem.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// One for each term.
    pub(crate) denominators: Vec<f64>,
}

impl Target {
    /// Runs ordinary ADMM where a term compares with it.
    pub(crate) fn new(
        loss: &AdmmLoss,
        problem: &QuadraticProblem,
        memory: &mut Unrolled,
    ) -> Result<Self, GnnError> {
        let n = problem.dimension();
        let plain = AdmmNetwork::new(&Parameters::initialize(&AdmmConfig::baseline(n), 0)?)?;
        let mut denominators = vec![1.0; loss.terms.len()];
        let depth = loss.terms.iter().map(|t| t.naive).max().unwrap_or(0);
        let observe = |after: Iterate<'_>| {
            for (term, to) in loss.terms.iter().zip(&mut denominators) {
                if term.naive == after.iteration {
                    *to = denominator(term.measure, problem, after.x);
                }
            }
        };
        plain.run(problem, depth, memory, observe)?;
        Ok(Self { denominators })
    }

    /// The terms at a depth, at the iterate x.
    pub(super) fn value(
        &self,
        loss: &AdmmLoss,
        problem: &QuadraticProblem,
        depth: usize,
        x: &[f64],
    ) -> f64 {
        let terms = loss.terms.iter().zip(&self.denominators);
        let terms = terms.filter(|(term, _)| term.depth == depth);
        let value = |(term, denominator): (&LossTerm, &f64)| {
            let value = measure(term.measure, problem, x) / denominator;
            term.weight
                * if term.log {
                    (value + LOG_FLOOR).ln()
                } else {
                    value
                }
        };
        terms.map(value).sum()
    }

    /// Adds `scale` times the gradient of [`value`](Self::value).
    pub(super) fn add_gradient(
        &self,
        loss: &AdmmLoss,
        problem: &QuadraticProblem,
        depth: usize,
        x: &[f64],
        scale: f64,
        gradient: &mut [f64],
    ) {
        for (term, denominator) in loss.terms.iter().zip(&self.denominators) {
            if term.depth != depth {
                continue;
            }
            let mut factor = scale * term.weight / denominator;
            if term.log {
                factor /= measure(term.measure, problem, x) / denominator + LOG_FLOOR;
            }
            add_measure_gradient(term.measure, problem, x, factor, gradient);
        }
    }
}

/// What a measure divides by, given the iterate of ordinary ADMM.
fn denominator(kind: AdmmMeasure, problem: &QuadraticProblem, naive: &[f64]) -> f64 {
    let (n, m) = (problem.dimension(), problem.graph().nodes() as f64);
    let solution = problem.solution();
    match kind {
        AdmmMeasure::Normalised => (m * problem.distance(naive)).max(FLOOR),
        AdmmMeasure::Distance | AdmmMeasure::LogDistance | AdmmMeasure::Objective => 1.0,
        AdmmMeasure::RelativeDistance => solution.iter().map(|x| x * x).sum::<f64>().sqrt(),
        AdmmMeasure::NaiveMean => {
            let mean = |d: usize| naive.iter().skip(d).step_by(n).sum::<f64>() / m;
            let apart = |(d, x): (usize, &f64)| (x - mean(d)) * (x - mean(d));
            solution.iter().enumerate().map(apart).sum()
        }
        AdmmMeasure::RelativeObjective => problem.objective(naive),
    }
}

/// The numerator of a measure.
fn measure(kind: AdmmMeasure, problem: &QuadraticProblem, x: &[f64]) -> f64 {
    match kind {
        AdmmMeasure::Normalised => problem.distance(x) * problem.graph().nodes() as f64,
        AdmmMeasure::Distance | AdmmMeasure::RelativeDistance | AdmmMeasure::NaiveMean => {
            problem.distance(x)
        }
        AdmmMeasure::LogDistance => {
            let pairs = x.iter().zip(problem.solution().iter().cycle());
            pairs.map(|(x, s)| ((x - s) * (x - s) + FLOOR).ln()).sum()
        }
        AdmmMeasure::Objective | AdmmMeasure::RelativeObjective => problem.objective(x),
    }
}

fn add_measure_gradient(
    kind: AdmmMeasure,
    problem: &QuadraticProblem,
    x: &[f64],
    factor: f64,
    gradient: &mut [f64],
) {
    let n = problem.dimension();
    let from = x.iter().zip(problem.solution().iter().cycle());
    let from = gradient.iter_mut().zip(from.map(|(x, s)| x - s));
    match kind {
        AdmmMeasure::Normalised => from.for_each(|(g, e)| *g += 2.0 * factor * e),
        AdmmMeasure::Distance | AdmmMeasure::RelativeDistance | AdmmMeasure::NaiveMean => {
            let factor = 2.0 * factor / problem.graph().nodes() as f64;
            from.for_each(|(g, e)| *g += factor * e);
        }
        AdmmMeasure::LogDistance => {
            from.for_each(|(g, e)| *g += 2.0 * factor * e / (e * e + FLOOR));
        }
        AdmmMeasure::Objective | AdmmMeasure::RelativeObjective => {
            let agents = x.chunks_exact(n).zip(gradient.chunks_exact_mut(n));
            let functions = problem.hessians.chunks_exact(n * n);
            for (((x, g), h), c) in agents.zip(functions).zip(problem.linear.chunks_exact(n)) {
                for p in 0..n {
                    let row: f64 = (0..n).map(|q| h[p * n + q] * x[q]).sum();
                    g[p] += factor * (row - c[p]);
                }
            }
        }
    }
}
