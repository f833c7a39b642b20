//! Residuals of the optimality conditions, from the problem as it was given.

use super::problem::{Hessian, QuadraticProgram};
use super::solution::{KktResiduals, Side};
use crate::Real;
use crate::kernels::Kernels;

/// `P x`.
pub(super) fn hessian_product<T: Real>(
    kernels: Kernels,
    problem: &QuadraticProgram<T>,
    x: &[T],
    out: &mut [T],
) {
    match &problem.hessian {
        Hessian::Dense(p) => {
            // The symmetric part.
            let n = x.len();
            kernels.rows_dot(p, x, out);
            if n > 0 {
                let half = T::from_f64(0.5);
                for o in out.iter_mut() {
                    *o *= half;
                }
                for (row, &x) in p.chunks_exact(n).zip(x) {
                    kernels.axpy(half * x, row, out);
                }
            }
        }
        Hessian::Diagonal(p) => {
            for ((o, &p), &x) in out.iter_mut().zip(p).zip(x) {
                *o = p * x;
            }
        }
        Hessian::Identity => out.copy_from_slice(x),
        Hessian::Zero => out.fill(T::ZERO),
    }
}

/// `G x`.
pub(super) fn constraint_values<T: Real>(
    kernels: Kernels,
    problem: &QuadraticProgram<T>,
    x: &[T],
    out: &mut [T],
) {
    let (bounds, rows) = out.split_at_mut(problem.bounds);
    bounds.copy_from_slice(&x[..problem.bounds]);
    kernels.rows_dot(&problem.rows, x, rows);
}

/// `y += Gᵀ λ`; zeros of λ cost nothing.
pub(super) fn add_transposed<T: Real>(
    kernels: Kernels,
    problem: &QuadraticProgram<T>,
    lambda: &[T],
    y: &mut [T],
) {
    let (bounds, rows) = lambda.split_at(problem.bounds);
    for (y, &l) in y.iter_mut().zip(bounds) {
        *y += l;
    }
    let n = y.len();
    if n == 0 {
        return;
    }
    for (row, &l) in problem.rows.chunks_exact(n).zip(rows) {
        if l != T::ZERO {
            kernels.axpy(l, row, y);
        }
    }
}

/// Largest absolute entry.
pub(super) fn largest<T: Real>(x: &[T]) -> f64 {
    x.iter().fold(0.0, |most, &x| x.abs().to_f64().max(most))
}

/// Room for the residuals.
#[derive(Debug, Clone)]
pub(super) struct KktScratch<T> {
    gradient: Vec<T>,
    forces: Vec<T>,
    values: Vec<T>,
}

impl<T: Real> KktScratch<T> {
    pub(super) fn new(n: usize, m: usize) -> Self {
        Self {
            gradient: vec![T::ZERO; n],
            forces: vec![T::ZERO; n],
            values: vec![T::ZERO; m],
        }
    }

    /// The residuals of x and λ, and the objective of x.
    pub(super) fn residuals(
        &mut self,
        kernels: Kernels,
        problem: &QuadraticProgram<T>,
        x: &[T],
        lambda: &[T],
        active: &[(usize, Side)],
    ) -> (KktResiduals, f64) {
        let q = &problem.linear;
        hessian_product(kernels, problem, x, &mut self.gradient);
        let curvature = kernels.dot(x, &self.gradient).to_f64();
        let objective = 0.5 * curvature + kernels.dot(x, q).to_f64();
        let mut size = largest(&self.gradient).max(largest(q)).max(1.0);
        self.forces.fill(T::ZERO);
        add_transposed(kernels, problem, lambda, &mut self.forces);
        size = size.max(largest(&self.forces));
        let mut dual = 0.0f64;
        for ((&g, &q), &f) in self.gradient.iter().zip(q).zip(&self.forces) {
            dual = dual.max((g + q + f).abs().to_f64());
        }
        constraint_values(kernels, problem, x, &mut self.values);
        let mut primal = 0.0f64;
        for (i, &value) in self.values.iter().enumerate() {
            if !problem.soft[i] {
                let above = (value - problem.upper[i]).to_f64();
                let below = (problem.lower[i] - value).to_f64();
                primal = primal.max(above).max(below);
            }
        }
        let mut complementarity = 0.0f64;
        for &(i, side) in active {
            if !problem.soft[i] {
                let bound = match side {
                    Side::Lower => problem.lower[i],
                    Side::Upper => problem.upper[i],
                };
                complementarity = complementarity.max((self.values[i] - bound).abs().to_f64());
            }
        }
        let residuals = KktResiduals {
            primal,
            dual: dual / size,
            complementarity,
        };
        (residuals, objective)
    }
}
