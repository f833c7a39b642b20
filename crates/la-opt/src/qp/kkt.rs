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
        Hessian::Dense(p) => kernels.symmetric_times(p, x, out),
        Hessian::Sparse(p) => {
            let half = T::from_f64(0.5);
            p.times(x, out);
            p.add_transposed(x, out);
            for out in out {
                *out *= half;
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
    problem.rows.times(kernels, x, rows);
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
    problem.rows.add_transposed(kernels, rows, y);
}

/// Largest absolute entry.
pub(super) fn largest<T: Real>(x: &[T]) -> f64 {
    x.iter().fold(0.0, |most, &x| x.abs().to_f64().max(most))
}

/// Room for the residuals.
#[derive(Debug, Clone)]
pub(super) struct KktScratch<T> {
    n: usize,
    /// `P x`, `Gᵀ λ`, `G x`.
    room: Vec<T>,
    /// `G x` is that of the x that was looked at last.
    known: bool,
}

impl<T: Real> KktScratch<T> {
    pub(super) fn new(n: usize, m: usize) -> Self {
        Self {
            n,
            room: crate::zeros(2 * n + m),
            known: false,
        }
    }

    /// The violated constraints that `look_at` takes, by more than a tolerance in the units of the bounds: whether there is one. `G x` is kept
    /// for the residuals.
    pub(super) fn is_violated(
        &mut self,
        kernels: Kernels,
        problem: &QuadraticProgram<T>,
        x: &[T],
        tol: T,
        look_at: impl Fn(usize) -> bool,
    ) -> bool {
        let values = &mut self.room[2 * self.n..];
        constraint_values(kernels, problem, x, values);
        self.known = true;
        let bounds = problem.lower.iter().zip(&problem.upper);
        values
            .iter()
            .zip(bounds)
            .enumerate()
            .any(|(j, (&value, (&lower, &upper)))| {
                (value - upper > tol || lower - value > tol) && look_at(j)
            })
    }

    /// The room for something else, between solves: n, n and m numbers.
    pub(super) fn lend(&mut self) -> [&mut [T]; 3] {
        self.known = false;
        let (a, rest) = self.room.split_at_mut(self.n);
        let (b, c) = rest.split_at_mut(self.n);
        [a, b, c]
    }

    /// x is another one now.
    pub(super) fn forget(&mut self) {
        self.known = false;
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
        let (gradient, rest) = self.room.split_at_mut(self.n);
        let (forces, values) = rest.split_at_mut(self.n);
        hessian_product(kernels, problem, x, gradient);
        let curvature = kernels.dot(x, gradient).to_f64();
        let objective = 0.5 * curvature + kernels.dot(x, q).to_f64();
        let mut size = largest(gradient).max(largest(q)).max(1.0);
        forces.fill(T::ZERO);
        add_transposed(kernels, problem, lambda, forces);
        size = size.max(largest(forces));
        let mut dual = 0.0f64;
        for ((&g, &q), &f) in gradient.iter().zip(q).zip(&*forces) {
            dual = dual.max((g + q + f).abs().to_f64());
        }
        if !self.known {
            constraint_values(kernels, problem, x, values);
        }
        let mut primal = 0.0f64;
        for (i, &value) in values.iter().enumerate() {
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
                complementarity = complementarity.max((values[i] - bound).abs().to_f64());
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
