//! The end of a solve: what it says, whether that is true, and what is done if it is not.

use std::time::Instant;

use super::activate::NO_BOUND;
use super::kkt::{self, largest};
use super::options::Proximal;
use super::root::Shift;
use super::solution::{Certificate, QpStatus, Side};
use super::workspace::QpWorkspace;
use crate::Real;

/// Largest dual residual, relative, and largest complementarity of what is called optimal; at least the primal tolerance.
const KKT_TOL: f64 = 1e-6;

/// Proximal weights of a rescue: each this much heavier than the one before, up to a limit.
const HEAVIER: f64 = 100.0;
const HEAVIEST_WEIGHT: f64 = 1e-2;

impl<T: Real> QpWorkspace<T> {
    /// Solves from the working set at hand, or from the guess.
    pub(super) fn attempt(&mut self, began: Instant) -> QpStatus {
        self.prepare(began);
        self.kkt.forget();
        if self.contradiction {
            QpStatus::PrimalInfeasible
        } else if self.proximal {
            self.iterate_proximal(began)
        } else if !self.activate() {
            QpStatus::PrimalInfeasible
        } else {
            self.iterate(began)
        }
    }

    /// Where rounding has got the better of a solve, heavier proximal terms make the factors better conditioned.
    pub(super) fn rescue(&mut self, began: Instant) {
        let unsure = matches!(
            self.solution.status,
            QpStatus::Cycling | QpStatus::Inaccurate
        );
        let eliminated = self.ldp.equalities.is_some();
        if unsure && eliminated {
            // First with the equalities among the constraints.
            self.keep_equalities = true;
            self.remember_set();
            if self.factor().is_err() {
                return;
            }
            (self.new_linear, self.new_bounds) = (true, true);
            let status = self.attempt(began);
            self.finish(status);
        }
        if self.options.proximal == Proximal::Never {
            return;
        }
        let zero_tol = T::from_f64(self.options.zero_tol);
        let mut weight = self.options.proximal_weight;
        while matches!(
            self.solution.status,
            QpStatus::Cycling | QpStatus::Inaccurate
        ) && weight <= HEAVIEST_WEIGHT
        {
            if self.proximal {
                weight *= HEAVIER;
            }
            let shift = Shift {
                weight: Some(T::from_f64(weight)),
                forced: true,
            };
            // The equalities that were solved for at first are solved for again.
            if eliminated {
                self.keep_equalities = false;
            }
            if self.ldp.factor(&self.problem, zero_tol, shift).is_err() {
                return;
            }
            self.become_proximal();
            self.prices.resize(self.ldp.n);
            self.remember_set();
            (self.new_linear, self.new_bounds) = (true, true);
            self.prepare(Instant::now());
            let status = self.attempt(began);
            self.finish(status);
        }
    }

    /// Fills the solution in, and looks whether it is one.
    pub(super) fn finish(&mut self, status: QpStatus) {
        let soft_cost = self.soft_cost();
        let solution = &mut self.solution;
        solution.active_set.clear();
        solution.multipliers.fill(T::ZERO);
        for (position, &j) in self.set.order.iter().enumerate() {
            solution.active_set.push((j, self.flags[j].side()));
            if let Some(&star) = self.set.star.get(position) {
                solution.multipliers[j] = star * self.ldp.scale[j] / self.force;
            }
        }
        if let Some(equalities) = &self.ldp.equalities {
            let kept = equalities.kept.iter();
            solution.active_set.extend(kept.map(|&j| (j, Side::Upper)));
        }
        if status == QpStatus::PrimalInfeasible {
            self.certify_infeasible();
            return;
        }
        self.ldp
            .equality_multipliers(&self.problem, &mut solution.multipliers, Some(self.force));
        if status == QpStatus::DualInfeasible {
            solution.certificate = Some(Certificate::Ray(self.step.clone()));
        }
        if !self.proximal {
            self.ldp.recover(&self.prices.u, &mut solution.x);
        }
        let (residuals, objective) = self.kkt.residuals(
            self.ldp.kernels,
            &self.problem,
            &solution.x,
            &solution.multipliers,
            &solution.active_set,
        );
        solution.objective = objective;
        solution.status = status;
        if status == QpStatus::Optimal {
            solution.kkt = residuals;
            let tol = KKT_TOL
                .max(self.options.primal_tol)
                .max(20.0 * T::EPSILON.sqrt().to_f64());
            let size = largest(&solution.x).max(1.0);
            let finite = objective.is_finite() && residuals.dual.is_finite();
            let small = residuals.primal <= 2.0 * tol * size
                && residuals.complementarity <= 2.0 * tol * size
                && residuals.dual <= tol;
            if !(finite && small) {
                solution.status = QpStatus::Inaccurate;
            } else if soft_cost > self.options.primal_tol {
                solution.status = QpStatus::SoftOptimal;
            }
        }
    }

    /// Σ ρ (λ* − π)² over soft constraints that give way, with linear prices π.
    fn soft_cost(&self) -> f64 {
        let common = T::from_f64(self.options.rho_soft);
        let terms = self.set.order.iter().zip(&self.set.star);
        let costs = terms
            .filter(|&(&j, _)| self.flags[j].gives_way())
            .map(|(&j, &star)| {
                let beyond = star - self.ldp.threshold(j, self.flags[j]);
                (self.ldp.softness(j, self.flags[j], common) * beyond * beyond).to_f64()
            });
        costs.sum()
    }

    /// Turns the null vector of a singular working set, or what set-up saw, into a checked certificate.
    fn certify_infeasible(&mut self) {
        let m = self.flags.len();
        let (lower, upper) = (&self.problem.lower, &self.problem.upper);
        self.solution.status = QpStatus::PrimalInfeasible;
        if self.contradiction {
            let tol = self.options.primal_tol;
            let crossed = |j: &usize| lower[*j].to_f64() - upper[*j].to_f64() > tol;
            if let Some(j) = (0..m).find(crossed) {
                self.solution.certificate = Some(Certificate::Crossed(j));
                return;
            }
            // A row that says nothing about u and has the wrong value.
            self.solution.multipliers.fill(T::ZERO);
            for j in (0..m).filter(|&j| self.ldp.empty[j] && !self.flags[j].soft) {
                let (below, above) = self.ldp.gap(&self.problem, j);
                if above < -tol || below > tol {
                    let sign = if above < -tol { T::ONE } else { -T::ONE };
                    self.solution.multipliers[j] = sign;
                    break;
                }
            }
        } else {
            // The multipliers hold the null vector in the units of the problem. Rounding may leave entries of the wrong sign.
            for &j in &self.set.order {
                let flag = self.flags[j];
                let y = &mut self.solution.multipliers[j];
                if !flag.fixed && (*y < T::ZERO) != flag.lower {
                    *y = T::ZERO;
                }
            }
        }
        let y = &mut self.solution.multipliers;
        self.ldp.equality_multipliers(&self.problem, y, None);
        let mut sum = vec![T::ZERO; self.ldp.full];
        kkt::add_transposed(self.ldp.kernels, &self.problem, y, &mut sum);
        let (mut value, mut size) = (0.0, 0.0);
        for (j, &y) in y.iter().enumerate() {
            if y != T::ZERO {
                let bound = if y > T::ZERO { upper[j] } else { lower[j] };
                let term = (y * bound).to_f64();
                value += term;
                size += term.abs();
            }
        }
        // For every x with entries up to `reach`, yᵀ G x is less than the bounds make of it: rounding cannot have made the contradiction.
        let bounds = lower.iter().chain(upper).map(|b| b.abs().to_f64());
        let farthest = bounds.filter(|&b| b < NO_BOUND).fold(1.0, f64::max);
        let reach = 1e3 * largest(&self.solution.x).max(farthest);
        let rest: f64 = sum.iter().map(|s| s.abs().to_f64()).sum();
        let tol = 1e-6f64.max(T::EPSILON.to_f64().sqrt());
        let noise = 1e3 * T::EPSILON.to_f64() * size;
        if largest(&sum) <= tol * largest(y) && -value > (rest * reach).max(noise) {
            self.solution.certificate = Some(Certificate::Farkas(y.clone()));
        } else {
            self.solution.status = QpStatus::Inaccurate;
        }
        self.solution.multipliers.fill(T::ZERO);
    }
}
