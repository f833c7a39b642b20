//! The loop over working sets.

use std::time::Instant;

use super::blocking::Blocking;
use super::solution::{QpStatus, Side};
use super::workspace::QpWorkspace;
use crate::Real;

/// Iterations between two looks at the clock.
const CLOCK: usize = 32;

/// Steps of iterative refinement at most.
const REFINEMENTS: usize = 5;

/// Stalls without growth of the dual objective.
#[derive(Debug)]
struct CycleGuard<T> {
    best: T,
    stalls: usize,
    repaired: bool,
}

/// What a look at the constraints says.
enum Look {
    /// This one enters, or none.
    Seen(Option<(usize, Side)>),
    /// The working set has been built anew: the stationary point is another one.
    Again,
    End(QpStatus),
}

impl<T: Real> QpWorkspace<T> {
    /// Climbs the dual from the working set at hand. Every addition and every removal is one iteration.
    pub(super) fn iterate(&mut self, began: Instant) -> QpStatus {
        let options = &self.options;
        let (max_iters, cycle_tol) = (options.max_iters, options.cycle_tol);
        let progress_tol = T::from_f64(options.progress_tol);
        let refactor_tol = T::from_f64(options.refactor_tol);
        let pivot_tol = T::from_f64(options.pivot_tol);
        let limit = self.dual_limit();
        let time_limit = options.time_limit;
        let mut guard = CycleGuard {
            best: -T::ONE,
            stalls: 0,
            repaired: false,
        };
        let mut refactored = false;
        self.prices.begin();
        for flag in &mut self.flags {
            flag.implied = false;
        }
        self.solution.iterations += 1;
        while self.solution.iterations < max_iters {
            if self.solution.iterations.is_multiple_of(CLOCK)
                && time_limit.is_some_and(|limit| began.elapsed() >= limit)
            {
                return QpStatus::TimeLimit;
            }
            if self.set.singular {
                self.null_direction();
                let Some(blocking) = self.set.step_to_blocking(&self.ldp, &self.flags) else {
                    if self.contradicts() {
                        return QpStatus::PrimalInfeasible;
                    }
                    self.leave_out_last();
                    self.solution.iterations += 1;
                    continue;
                };
                let (Blocking::Leaves(position) | Blocking::Turns(position)) = blocking;
                let j = self.set.remove(&mut self.flags, position);
                self.entered(false);
                if blocking == Blocking::Turns(position) {
                    self.turn(j);
                }
                self.solution.iterations += 1;
                continue;
            }
            self.set.stationary_point(&self.ldp, &self.flags);
            if let Some(blocking) = self.set.step_to_blocking(&self.ldp, &self.flags) {
                let (Blocking::Leaves(position) | Blocking::Turns(position)) = blocking;
                self.prices.leaves(&self.ldp, &mut self.set, position);
                let j = self.set.remove(&mut self.flags, position);
                self.set.pivot(&self.ldp, &mut self.flags);
                if blocking == Blocking::Turns(position) {
                    self.turn(j);
                }
                self.solution.iterations += 1;
                continue;
            }
            let dual = self.primal_point();
            if dual > limit {
                return QpStatus::BoundExceeded;
            }
            let mut entering = match self.look() {
                Look::Seen(entering) => entering,
                Look::Again => continue,
                Look::End(status) => return status,
            };
            if entering.is_none() {
                let smallest = self.set.smallest_pivot();
                if smallest < refactor_tol && self.set.len() > 2 && !refactored {
                    refactored = true;
                    self.set.keep_star();
                    self.refactor();
                    self.solution.iterations += 1;
                    continue;
                }
                if smallest < pivot_tol {
                    self.refine();
                    self.prices.moved();
                    entering = match self.look() {
                        Look::Seen(entering) => entering,
                        Look::Again => continue,
                        Look::End(status) => return status,
                    };
                }
            }
            let Some((j, side)) = entering else {
                return QpStatus::Optimal;
            };
            std::mem::swap(&mut self.set.lambda, &mut self.set.star);
            self.flags[j].lower = side == Side::Lower;
            let (held, lambda) = self.ldp.first_multiplier(j, self.flags[j]);
            self.flags[j].held = held;
            self.set.append(&self.ldp, &mut self.flags, j, lambda);
            self.entered(true);
            self.solution.iterations += 1;
            // Growth below the rounding of the objective is none.
            let noise = T::from_f64(8.0) * T::EPSILON * dual;
            if dual - progress_tol.max(noise) < guard.best {
                guard.stalls += 1;
                if guard.stalls > cycle_tol {
                    if guard.repaired {
                        return QpStatus::Cycling;
                    }
                    guard = CycleGuard {
                        best: -T::ONE,
                        stalls: 0,
                        repaired: true,
                    };
                    self.refactor();
                }
            } else {
                guard.best = dual;
                guard.stalls = 0;
            }
        }
        QpStatus::IterationLimit
    }

    /// The constraint that enters. Where rows are missing, the first violated constraint is the reason to form them.
    fn look(&mut self) -> Look {
        if !self.ldp.complete {
            self.ldp.recover(&self.prices.u, &mut self.solution.x);
            let tol = T::from_f64(self.options.primal_tol);
            let (kernels, flags) = (self.ldp.kernels, &self.flags);
            let look_at = |j: usize| flags[j].may_enter();
            if !self
                .kkt
                .is_violated(kernels, &self.problem, &self.solution.x, tol, look_at)
            {
                return Look::Seen(None);
            }
            let rebuilt = self.complete();
            self.prices.begin();
            if self.contradiction || (rebuilt && !self.activate()) {
                return Look::End(QpStatus::PrimalInfeasible);
            }
            if rebuilt {
                return Look::Again;
            }
        }
        Look::Seen(self.prices.entering(&self.ldp, &mut self.set, &self.flags))
    }

    /// The last constraint of the set is new: tells the prices, and keeps small pivots at the end. Where the set has become singular
    /// both wait for the removal that makes it regular.
    fn entered(&mut self, spans: bool) {
        if self.set.singular || self.set.len() == 0 {
            return;
        }
        let last = self.set.len() - 1;
        self.prices
            .entered(&self.ldp, &mut self.set, &self.flags, last, spans);
        self.set.pivot(&self.ldp, &mut self.flags);
    }

    /// Puts a soft constraint back that has been taken out because its multiplier passes its linear price: it gives way from here on, or is met exactly again.
    fn turn(&mut self, j: usize) {
        if self.set.singular {
            return;
        }
        self.flags[j].held = !self.flags[j].held;
        let lambda = self.ldp.threshold(j, self.flags[j]);
        self.set.append(&self.ldp, &mut self.flags, j, lambda);
        self.entered(true);
    }

    /// The direction of a singular set along which the dual objective grows: a constraint that has entered says which, one that does not give way any more does not.
    fn null_direction(&mut self) {
        self.set.null_direction(&self.flags);
        let last = self.set.order[self.set.len() - 1];
        if self.flags[last].held && self.null_value().0 > T::ZERO {
            for p in &mut self.set.star {
                *p = -*p;
            }
        }
    }

    /// `p_Wᵀ d_W` of a null vector, and the sum of the sizes of its terms.
    fn null_value(&self) -> (T, T) {
        let (mut value, mut size) = (T::ZERO, T::ZERO);
        for (&j, &p) in self.set.order.iter().zip(&self.set.star) {
            let flag = self.flags[j];
            let bound = if flag.lower {
                self.ldp.lower[j]
            } else {
                self.ldp.upper[j]
            };
            value += p * bound;
            size += (p * bound).abs();
        }
        (value, size)
    }

    /// Whether the constraints of a singular set exclude each other: `p_Wᵀ d_W` is not zero beyond the rounding of its terms.
    fn contradicts(&self) -> bool {
        let (value, size) = self.null_value();
        let consistent = value.abs() <= T::from_f64(1e4) * T::EPSILON * size;
        !consistent
    }

    /// Takes the last constraint out, which follows from the others but for rounding, and does not look at it again in this solve.
    fn leave_out_last(&mut self) {
        let last = self.set.len() - 1;
        let j = self.set.remove(&mut self.flags, last);
        self.flags[j].implied = true;
        self.set.pivot(&self.ldp, &mut self.flags);
    }

    /// u of λ*, and twice the dual objective.
    fn primal_point(&mut self) -> T {
        self.set
            .primal_point(&self.ldp, &self.flags, &mut self.prices.u)
    }

    /// Refines λ* and u until the constraints of the set are met to a tenth of the primal tolerance, or as long as that helps.
    fn refine(&mut self) {
        let enough = T::from_f64(0.1 * self.options.primal_tol);
        let mut before = T::INFINITY;
        for _ in 0..REFINEMENTS {
            let residual = self.set.refine(&self.ldp, &self.flags, &mut self.prices.u);
            let helped = residual < before;
            if residual <= enough || !helped {
                break;
            }
            before = residual;
        }
    }

    /// Twice the value of the dual objective from which on the problem counts as infeasible.
    fn dual_limit(&self) -> T {
        let bound = self.options.objective_bound;
        if bound >= 1e30 {
            return T::INFINITY;
        }
        let v = &self.ldp.v;
        let equalities = self.ldp.equalities.as_ref();
        let determined = equalities.map_or(T::ZERO, |equalities| equalities.square(&self.ldp));
        T::from_f64(2.0 * bound) + self.ldp.kernels.dot(v, v) - determined
    }

    /// Factors the working set from the beginning, equalities first; what turns out to depend on earlier constraints is left out.
    fn refactor(&mut self) {
        self.solution.refactorizations += 1;
        self.guess.clear();
        for (&j, &lambda) in self.set.order.iter().zip(&self.set.lambda) {
            self.guess.push((j, self.flags[j].side(), lambda));
        }
        self.set.clear(&mut self.flags);
        self.guess
            .sort_unstable_by_key(|&(j, _, _)| (!self.flags[j].fixed, j));
        for at in 0..self.guess.len() {
            let (j, _, lambda) = self.guess[at];
            self.set.append(&self.ldp, &mut self.flags, j, lambda);
            if self.set.singular {
                let last = self.set.len() - 1;
                self.set.remove(&mut self.flags, last);
            } else {
                self.set.pivot(&self.ldp, &mut self.flags);
            }
        }
        self.prices.restart();
    }
}
