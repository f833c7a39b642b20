//! Iterations until a rule says stop.

use std::time::{Duration, Instant};

use super::options::Loss;
use super::products::Side;
use super::state::{Setting, State};
use super::{Factors, NmfSolution, NmfStatus, NmfStep, NmfWorkspace};
use crate::Real;

impl<T: Real> NmfWorkspace<'_, T> {
    /// Iterates until a rule of the options says stop, from whatever the factors are.
    ///
    /// Allocates nothing but what it returns.
    pub fn solve(&mut self) -> NmfSolution<T> {
        let mut solution = NmfSolution {
            factors: Factors {
                rank: self.setting.rank,
                w: crate::zeros(self.w.rows * self.setting.rank),
                h: crate::zeros(self.h.rows * self.setting.rank),
            },
            status: NmfStatus::IterationLimit,
            iterations: 0,
            rmse: 0.0,
            loss: 0.0,
            kkt: f64::NAN,
            history: Vec::new(),
            solve_time: Duration::ZERO,
        };
        self.solve_into(&mut solution);
        solution
    }

    /// As [`NmfWorkspace::solve`] into a solution of the same shape: with room for the history nothing is allocated.
    pub fn solve_into(&mut self, solution: &mut NmfSolution<T>) {
        let (every, max_iters) = (self.options.history_every, self.options.max_iters);
        let watched = self.options.kkt_tol > 0.0;
        let divergence = self.options.method.loss() == Loss::KullbackLeibler;
        solution.history.clear();
        let records = max_iters
            .checked_div(every)
            .map_or(0, |records| records + 2);
        solution.history.reserve(records);
        solution.status = NmfStatus::IterationLimit;
        solution.iterations = 0;
        solution.kkt = f64::NAN;
        let mut time = Duration::ZERO;
        if every > 0 {
            self.record(solution, time);
        }

        let mut clock = Instant::now();
        let first = match watched {
            true if divergence => self.divergence_gradient(),
            true => self.projected_gradient(),
            false => 0.0,
        };
        // An entry that is hardly fitted may have a gradient beyond all numbers: nothing is small beside that.
        let limit = match first.is_finite() {
            true => self.options.kkt_tol * first,
            false => f64::NEG_INFINITY,
        };
        let share = |now: f64| match first.is_finite() {
            true if now == 0.0 => 0.0,
            true => now / first,
            false => f64::NAN,
        };
        let changes = self.options.change_tol > 0.0;
        let mut loss = if changes { self.loss() } else { 0.0 };
        if watched {
            solution.kkt = 1.0;
        }
        while solution.iterations < max_iters {
            solution.iterations += 1;
            let k = solution.iterations;
            self.iterate(watched || k < max_iters);
            let mut end = None;
            if watched && !divergence {
                let now = self.projected_gradient();
                solution.kkt = share(now);
                if now <= limit {
                    end = Some(NmfStatus::Converged);
                }
            } else if watched && self.met <= limit {
                // An entry that is not fitted at all has no gradient, and an infinite loss.
                let now = self.divergence_gradient();
                if now <= limit && self.loss().is_finite() {
                    end = Some(NmfStatus::Converged);
                }
            }
            if changes {
                let [now, _] = self.cheap_loss();
                if loss.is_finite() && (loss - now).abs() <= self.options.change_tol * loss {
                    end = end.or(Some(NmfStatus::Stalled));
                }
                loss = now;
            }
            let sum = match divergence {
                true => self.met,
                false => self.w.inner + self.w.gram[0],
            };
            if !sum.is_finite() {
                end = Some(NmfStatus::NonFinite);
            }
            time += clock.elapsed();
            if self.options.time_limit.is_some_and(|limit| time >= limit) {
                end = end.or(Some(NmfStatus::TimeLimit));
            }
            let due = every > 0 && k.is_multiple_of(every);
            if due || self.options.target_rmse.is_some() {
                let rmse = if due {
                    self.record(solution, time)
                } else {
                    self.rmse()
                };
                if self
                    .options
                    .target_rmse
                    .is_some_and(|target| rmse <= target)
                {
                    end = end.or(Some(NmfStatus::TargetReached));
                }
            }
            if let Some(status) = end {
                solution.status = status;
                break;
            }
            clock = Instant::now();
        }
        solution.solve_time = time;
        if watched && divergence {
            solution.kkt = share(self.divergence_gradient());
        }
        let last = solution.history.last().copied();
        solution.rmse = match last {
            Some(step) if step.iteration == solution.iterations => step.rmse,
            Some(_) => self.record(solution, time),
            None => self.rmse(),
        };
        solution.loss = self.loss();
        self.write_factors(&mut solution.factors);
    }

    /// Notes the error now.
    fn record(&mut self, solution: &mut NmfSolution<T>, time: Duration) -> f64 {
        let rmse = self.rmse();
        let loss = match self.options.method.loss() {
            Loss::Frobenius => 0.5 * rmse * rmse * self.data.known as f64,
            Loss::KullbackLeibler => self.loss(),
        };
        solution.history.push(NmfStep {
            iteration: solution.iterations,
            rmse,
            loss,
            seconds: time.as_secs_f64(),
        });
        rmse
    }

    /// Norm of the projected gradient of `½ ‖W Hᵀ − V‖²`: the gradient where a factor is positive, its negative part where it is 0. With extrapolation at the extrapolated factors.
    pub(super) fn projected_gradient(&mut self) -> f64 {
        self.look_ahead();
        if !self.w_ready {
            self.multiply(Side::W);
            self.w_ready = true;
        }
        self.w.rule.pad(&self.h.gram);
        self.h.rule.pad(&self.w.gram);
        let (w, h) = (square(self.setting, &self.w), square(self.setting, &self.h));
        (w + h).sqrt()
    }
}

fn square<T: Real>(setting: Setting, state: &State<T>) -> f64 {
    let Setting {
        kernels,
        rank,
        stride,
    } = setting;
    let mut sum = 0.0;
    let rows = state.factor.chunks_exact(stride);
    for (x, f) in rows.zip(state.products.chunks_exact(stride)) {
        let gram = state.rule.padded.chunks_exact(stride);
        for ((&x_c, &f_c), g) in x.iter().zip(f).zip(gram).take(rank) {
            let gradient = (kernels.dot(x, g) - f_c).to_f64();
            if x_c > T::ZERO || gradient < 0.0 {
                sum += gradient * gradient;
            }
        }
    }
    sum
}
