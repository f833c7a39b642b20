//! Semidefinite Hessians and linear programs: a sequence of problems with a proximal term.

use std::time::Instant;

use super::kkt::{constraint_values, hessian_product, largest};
use super::problem::Hessian;
use super::solution::{QpStatus, Side};
use super::workspace::QpWorkspace;
use crate::Real;

/// Longer steps where the working set has settled.
const RELAXATION: f64 = 1.5;

/// Growth of the force of a linear program while the working set stays, its fall otherwise, and its limit.
const FORCE: (f64, f64, f64) = (10.0, 0.9, 1e3);

/// Largest relative curvature and largest relative move against a bound of what counts as a ray.
const RAY_TOL: f64 = 1e-9;

impl<T: Real> QpWorkspace<T> {
    /// Solves `min ½ xᵀ P x + qᵀ x + ½ Σ w_i (x_i − x̄_i)²` for one centre x̄ after the other, each from the last working set.
    ///
    /// Where the working set has settled, steps are made longer; where a step has no curvature and the objective falls along it, it goes on
    /// to the first constraint, and where there is none, it is a ray.
    pub(super) fn iterate_proximal(&mut self, began: Instant) -> QpStatus {
        // The force is one of the objective alone: beside the price of soft constraints it has to stay what it is.
        let soft = self.problem.soft.contains(&true);
        let linear_program = matches!(self.problem.hessian, Hessian::Zero) && !soft;
        let tol = self.options.proximal_tol;
        let mut relaxed = false;
        self.force = T::ONE;
        for _ in 0..self.options.max_outer_iters {
            self.solution.outer_iterations += 1;
            let before = self.solution.iterations;
            let status = self.proximal_step(began);
            if status != QpStatus::Optimal {
                return status;
            }
            let settled = self.solution.iterations == before + 1;
            self.ldp.recover(&self.prices.u, &mut self.solution.x);
            let mut force = 0.0f64;
            let x = self.solution.x.iter().zip(&self.centre);
            for ((step, (&x, &centre)), &w) in self.step.iter_mut().zip(x).zip(&self.ldp.weights) {
                *step = x - centre;
                force = force.max((*step * w).abs().to_f64());
            }
            force /= self.force.to_f64();
            hessian_product(
                self.ldp.kernels,
                &self.problem,
                &self.solution.x,
                &mut self.curvature,
            );
            let size = largest(&self.curvature)
                .max(largest(&self.problem.linear))
                .max(1.0);
            if force <= tol * size {
                if !relaxed {
                    return QpStatus::Optimal;
                }
                // What a longer step led to has to stand without it.
                relaxed = false;
                self.centre.copy_from_slice(&self.solution.x);
                continue;
            }
            relaxed = false;
            if self.falls_along_step() && !self.softness_bends_step() {
                match self.first_constraint_along_step() {
                    None => return QpStatus::DualInfeasible,
                    Some((j, side, length)) => {
                        let x = self.solution.x.iter().zip(&self.step);
                        for (centre, (&x, &step)) in self.centre.iter_mut().zip(x) {
                            *centre = x + length * step;
                        }
                        self.try_to_activate(j, side);
                        continue;
                    }
                }
            }
            let length = if settled && !linear_program {
                relaxed = true;
                T::from_f64(RELAXATION)
            } else {
                T::ONE
            };
            for (centre, &step) in self.centre.iter_mut().zip(&self.step) {
                *centre += length * step;
            }
            if linear_program {
                let (growth, fall, limit) = FORCE;
                let factor = if settled { growth } else { fall };
                let force = (self.force.to_f64() * factor).min(limit);
                self.force = T::from_f64(force);
            }
        }
        QpStatus::IterationLimit
    }

    /// One problem of the sequence.
    fn proximal_step(&mut self, began: Instant) -> QpStatus {
        let centre = self.centre.iter().zip(&self.ldp.weights);
        let linear = self.problem.linear.iter().zip(centre);
        for (shifted, (&q, (&centre, &w))) in self.shifted.iter_mut().zip(linear) {
            *shifted = self.force * q - w * centre;
        }
        self.ldp.set_linear(&self.shifted);
        self.ldp.set_bounds(&self.problem);
        self.set.forget();
        if !self.activate() {
            return QpStatus::PrimalInfeasible;
        }
        self.iterate(began)
    }

    /// Whether the step from the centre has no curvature, and the objective falls along it.
    fn falls_along_step(&mut self) -> bool {
        let kernels = self.ldp.kernels;
        hessian_product(kernels, &self.problem, &self.step, &mut self.curvature);
        let length = largest(&self.step);
        let size = match &self.problem.hessian {
            Hessian::Dense(p) | Hessian::Diagonal(p) => largest(p),
            Hessian::Sparse(p) => largest(p.values()),
            Hessian::Identity => 1.0,
            Hessian::Zero => 0.0,
        };
        let slope = kernels.dot(&self.problem.linear, &self.step).to_f64();
        let steepness = largest(&self.problem.linear) * length;
        largest(&self.curvature) <= RAY_TOL * size * length && slope < -RAY_TOL * steepness
    }

    /// Whether a soft constraint of the working set that gives way changes along the step: its price is curvature as well.
    fn softness_bends_step(&mut self) -> bool {
        if !self.set.has_soft() {
            return false;
        }
        let kernels = self.ldp.kernels;
        constraint_values(kernels, &self.problem, &self.step, &mut self.moves);
        let tol = RAY_TOL * largest(&self.moves).max(largest(&self.step));
        let mut soft = self
            .set
            .order
            .iter()
            .filter(|&&j| self.flags[j].gives_way());
        soft.any(|&j| self.moves[j].abs().to_f64() > tol)
    }

    /// How far the step can be gone on with from x, in units of itself, and what ends the way.
    fn first_constraint_along_step(&mut self) -> Option<(usize, Side, T)> {
        let kernels = self.ldp.kernels;
        constraint_values(kernels, &self.problem, &self.step, &mut self.moves);
        let tol = RAY_TOL * largest(&self.moves).max(largest(&self.step));
        let values = &mut self.solution.multipliers;
        constraint_values(kernels, &self.problem, &self.solution.x, values);
        let mut first: Option<(usize, Side, T)> = None;
        for (j, (&value, &along)) in values.iter().zip(&self.moves).enumerate() {
            let (side, bound) = if along.to_f64() > tol {
                (Side::Upper, self.problem.upper[j])
            } else if along.to_f64() < -tol {
                (Side::Lower, self.problem.lower[j])
            } else {
                continue;
            };
            if bound.to_f64().abs() >= 1e30 {
                continue;
            }
            let length = ((bound - value) / along).max(T::ZERO);
            if first.is_none_or(|(_, _, least)| length < least) {
                first = Some((j, side, length));
            }
        }
        first
    }

    /// Puts a constraint into the working set, unless it depends on those that are there.
    fn try_to_activate(&mut self, j: usize, side: Side) {
        if self.flags[j].active || self.flags[j].fixed || self.set.singular {
            return;
        }
        // The multipliers of the last solve are those the next one starts from.
        self.set.keep_star();
        self.flags[j].lower = side == Side::Lower;
        let (held, lambda) = self.ldp.first_multiplier(j, self.flags[j]);
        self.flags[j].held = held;
        self.set.append(&self.ldp, &mut self.flags, j, lambda);
        if self.set.singular {
            let last = self.set.len() - 1;
            self.set.remove(&mut self.flags, last);
        } else {
            self.set.pivot(&self.ldp, &mut self.flags);
        }
    }
}
