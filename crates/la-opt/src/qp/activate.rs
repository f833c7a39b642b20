//! The first working set of a solve.

use std::time::Instant;

use super::kkt;
use super::problem::{expect_finite, expect_length};
use super::solution::Side;
use super::start::{WarmStart, side_of_multiplier, side_of_value};
use super::workspace::QpWorkspace;
use crate::{OptError, Real};

/// Bounds from here on are none.
pub(super) const NO_BOUND: f64 = 1e30;

impl<T: Real> QpWorkspace<T> {
    /// Says where the next solve starts.
    ///
    /// # Errors
    /// [`OptError::NoSuchConstraint`], [`OptError::Length`], [`OptError::NonFinite`]; the working set stays as it was.
    pub fn warm_start(&mut self, start: WarmStart<'_, T>) -> Result<(), OptError> {
        let (n, m) = (self.problem.num_variables(), self.problem.num_constraints());
        let known = |index: usize| {
            if index < m {
                Ok(())
            } else {
                Err(OptError::NoSuchConstraint {
                    index,
                    constraints: m,
                })
            }
        };
        match start {
            WarmStart::Keep => return Ok(()),
            WarmStart::Cold => {
                self.guess.clear();
                self.centre.fill(T::ZERO);
            }
            WarmStart::Active(list) => {
                list.iter().try_for_each(|&(j, _)| known(j))?;
                self.guess.clear();
                self.guess
                    .extend(list.iter().map(|&(j, side)| (j, side, T::ZERO)));
                self.guess.sort_unstable_by_key(|&(j, _, _)| j);
            }
            WarmStart::Ranked(list) => {
                for (index, &(j, _, score)) in list.iter().enumerate() {
                    known(j)?;
                    if score.to_f64().is_nan() {
                        return Err(OptError::NonFinite {
                            what: "scores of the guess",
                            index,
                            value: f64::NAN,
                        });
                    }
                }
                self.guess.clear();
                self.guess.extend_from_slice(list);
                self.guess.sort_unstable_by(|a, b| {
                    b.2.to_f64().total_cmp(&a.2.to_f64()).then(a.0.cmp(&b.0))
                });
            }
            WarmStart::Shifted(sources) => return self.guess_shifted(sources),
            WarmStart::Dual(multipliers) => {
                expect_length("multipliers of the guess", multipliers.len(), m)?;
                expect_finite("multipliers of the guess", multipliers)?;
                self.guess_multipliers(multipliers.iter().copied().enumerate());
            }
            WarmStart::RankedDual(list) => {
                for (index, &(j, multiplier)) in list.iter().enumerate() {
                    known(j)?;
                    if !multiplier.is_finite() {
                        return Err(OptError::NonFinite {
                            what: "multipliers of the guess",
                            index,
                            value: multiplier.to_f64(),
                        });
                    }
                }
                self.guess_multipliers(list.iter().copied());
            }
            WarmStart::Primal(x) => {
                expect_length("point of the guess", x.len(), n)?;
                expect_finite("point of the guess", x)?;
                self.guess.clear();
                self.centre.clear();
                self.centre.extend_from_slice(x);
                // The multipliers of the solution are written anew by every solve.
                let values = &mut self.solution.multipliers;
                kkt::constraint_values(self.ldp.kernels, &self.problem, x, values);
                for (j, &value) in values.iter().enumerate() {
                    let (lower, upper) = (self.problem.lower[j], self.problem.upper[j]);
                    if let Some(side) = side_of_value(value, lower, upper) {
                        self.guess.push((j, side, T::ZERO));
                    }
                }
            }
        }
        self.rebuild = true;
        self.guess_is_dual = matches!(start, WarmStart::Dual(_) | WarmStart::RankedDual(_));
        Ok(())
    }

    /// The constraints with multipliers, the largest first.
    fn guess_multipliers(&mut self, multipliers: impl Iterator<Item = (usize, T)>) {
        self.guess.clear();
        for (j, multiplier) in multipliers {
            if let Some(side) = side_of_multiplier(multiplier) {
                self.guess.push((j, side, multiplier.abs()));
            }
        }
        self.guess
            .sort_unstable_by(|a, b| b.2.to_f64().total_cmp(&a.2.to_f64()).then(a.0.cmp(&b.0)));
    }

    /// Bounds or v are new: d, the kinds of the constraints, and contradictions that can be seen at once.
    pub(super) fn take_bounds(&mut self) {
        if self.ldp.complete {
            self.ldp.set_bounds(&self.problem);
        } else if !self.rebuild {
            for at in 0..self.set.len() {
                self.ldp.set_bound(&self.problem, self.set.order[at]);
            }
        }
        let (zero_tol, primal_tol) = (self.options.zero_tol, self.options.primal_tol);
        self.contradiction = false;
        let mut rebuild = self.dependent;
        let problem = &self.problem;
        let bounds = problem.lower.iter().zip(&problem.upper).zip(&problem.soft);
        let rows = self.flags.iter_mut().zip(bounds).zip(&self.ldp.empty);
        for (j, ((flag, ((&lower, &upper), &soft)), &empty)) in rows.enumerate() {
            let width = (upper - lower).to_f64();
            let fixed = empty || (width < zero_tol && !soft);
            // A constraint that became an equality or is none any more, or that sits at a bound that is none any more.
            rebuild |= fixed != flag.fixed && !empty;
            (flag.soft, flag.fixed) = (soft, fixed);
            if flag.active {
                let bound = if flag.lower { lower } else { upper };
                rebuild |= bound.to_f64().abs() >= NO_BOUND;
            }
            self.contradiction |= width < -primal_tol;
            if empty && !soft {
                let (below, above) = self.ldp.gap(problem, j);
                self.contradiction |= below > primal_tol || above < -primal_tol;
            }
        }
        if rebuild && !self.rebuild {
            self.remember_set();
        }
        self.set.forget();
    }

    /// The working set as a guess.
    pub(super) fn remember_set(&mut self) {
        if self.rebuild {
            return;
        }
        self.guess.clear();
        self.guess_is_dual = false;
        for &j in &self.set.order {
            let side = self.flags[j].side();
            self.guess.push((j, side, T::ZERO));
        }
        self.rebuild = true;
    }

    /// The rows of the equalities and of the guess.
    fn form_guessed_rows(&mut self) {
        let began = Instant::now();
        let zero_tol = T::from_f64(self.options.zero_tol);
        let flags = &self.flags;
        let equalities = (0..flags.len()).filter(|&j| flags[j].fixed);
        let others = self.guess.iter().map(|&(j, _, _)| j);
        let needed = equalities.chain(others.filter(|&j| !flags[j].fixed));
        self.ldp
            .form_rows_of(&self.problem, needed.clone(), zero_tol);
        for j in needed {
            self.ldp.set_bound(&self.problem, j);
        }
        self.forming += began.elapsed();
    }

    /// Builds the working set: equalities, then the guess, leaving out what depends on earlier ones. False if the equalities contradict
    /// each other; then they and the null vector are left in the set.
    pub(super) fn activate(&mut self) -> bool {
        if !self.rebuild {
            return true;
        }
        self.set.clear(&mut self.flags);
        self.dependent = false;
        if !self.ldp.complete {
            self.form_guessed_rows();
        }
        for j in 0..self.flags.len() {
            if !self.flags[j].fixed || self.ldp.empty[j] {
                continue;
            }
            self.flags[j].lower = false;
            self.set.append(&self.ldp, &mut self.flags, j, T::ONE);
            if !self.set.singular {
                self.set.pivot(&self.ldp, &mut self.flags);
            }
            if self.set.singular {
                self.dependent = true;
                self.set.null_direction(&self.flags);
                let (mut residual, mut size) = (0.0, 1.0);
                for (&i, &p) in self.set.order.iter().zip(&self.set.star) {
                    let term = (p * self.ldp.upper[i]).to_f64();
                    residual += term;
                    size += term.abs();
                }
                if residual.abs() > self.options.primal_tol * size {
                    if residual > 0.0 {
                        for p in &mut self.set.star {
                            *p = -*p;
                        }
                    }
                    return false;
                }
                let last = self.set.len() - 1;
                self.set.remove(&mut self.flags, last);
            }
        }
        for at in 0..self.guess.len() {
            let (j, side, score) = self.guess[at];
            let bound = match side {
                Side::Lower => self.problem.lower[j],
                Side::Upper => self.problem.upper[j],
            };
            let flag = &mut self.flags[j];
            if flag.active || flag.fixed || self.ldp.empty[j] || bound.to_f64().abs() >= NO_BOUND {
                continue;
            }
            flag.lower = side == Side::Lower;
            let (held, mut lambda) = self.ldp.first_multiplier(j, *flag);
            flag.held = held;
            if self.guess_is_dual {
                // In the units of M; what is beyond the linear price of a soft constraint makes it give way.
                let threshold = self.ldp.threshold(j, *flag);
                let size = score / self.ldp.scale[j] * self.force;
                lambda = if flag.lower { -size } else { size };
                flag.held &= size <= threshold.abs();
            }
            if self.set.is_full(self.ldp.n) && !flag.gives_way() {
                continue;
            }
            self.set.append(&self.ldp, &mut self.flags, j, lambda);
            if !self.set.singular {
                self.set.pivot(&self.ldp, &mut self.flags);
            }
            if self.set.singular {
                let last = self.set.len() - 1;
                self.set.remove(&mut self.flags, last);
            }
        }
        self.rebuild = false;
        true
    }
}
