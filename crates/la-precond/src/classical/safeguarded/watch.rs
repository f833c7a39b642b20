//! Judging the progress of a solve.

use std::ops::ControlFlow;

use la_krylov::{Iteration, Monitor};

use super::Concern;

/// Stops a solve that does not pay.
pub(super) struct Watch {
    window: usize,
    max_iters: usize,
    budget: Option<usize>,
    /// Smallest residual norm so far, and at the start of the window.
    best: f64,
    mark: f64,
    marked_at: usize,
    /// Why the solve was stopped.
    pub(super) concern: Option<Concern>,
}

impl Watch {
    pub(super) fn new(window: usize, max_iters: usize, budget: Option<usize>) -> Self {
        let infinite = f64::INFINITY;
        Self {
            window,
            max_iters,
            budget,
            best: infinite,
            mark: infinite,
            marked_at: 0,
            concern: None,
        }
    }

    /// What is wrong after `iteration` iterations with recurrence norm `norm`.
    fn judge(&mut self, iteration: usize, norm: f64, target: f64) -> Option<Concern> {
        self.best = self.best.min(norm);
        if iteration == 1 {
            (self.mark, self.marked_at) = (self.best, 1);
        }
        if let Some(budget) = self.budget.filter(|&b| iteration >= b) {
            return Some(Concern::OverBudget { budget });
        }
        let length = iteration - self.marked_at.min(iteration);
        if length < self.window {
            return None;
        }
        // Norms of CG are not monotone: compare the smallest ones, and extrapolate linearly in the logarithm.
        let gain = (self.mark / self.best).ln();
        let needed = (self.best / target.max(f64::MIN_POSITIVE)).ln();
        (self.mark, self.marked_at) = (self.best, iteration);
        if gain.is_nan() || gain <= 0.0 {
            return Some(Concern::NoProgress {
                window: self.window,
            });
        }
        let predicted = iteration as f64 + needed / gain * length as f64;
        // Convergence of CG accelerates; only a hopeless forecast counts.
        (predicted > 10.0 * self.max_iters as f64).then_some(Concern::TooSlow { predicted })
    }
}

impl Monitor<[f64]> for Watch {
    fn observe(&mut self, step: &Iteration<'_, [f64]>) -> ControlFlow<()> {
        self.concern = self.judge(step.iteration, step.recurrence_norm, step.target);
        if self.concern.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_without_progress_is_noticed_at_its_end() {
        let mut watch = Watch::new(3, 100, None);
        assert_eq!(watch.judge(1, 1.0, 1e-8), None);
        assert_eq!(watch.judge(2, 5.0, 1e-8), None);
        assert_eq!(watch.judge(3, 2.0, 1e-8), None);
        assert_eq!(
            watch.judge(4, 1.0, 1e-8),
            Some(Concern::NoProgress { window: 3 })
        );
    }

    #[test]
    fn the_forecast_extrapolates_the_logarithm() {
        // One digit in 2 iterations, 8 digits to go: 3 + 7 · 2 = 17 iterations.
        let mut watch = Watch::new(2, 1, None);
        assert_eq!(watch.judge(1, 1.0, 1e-8), None);
        assert_eq!(watch.judge(2, 0.5, 1e-8), None);
        let Some(Concern::TooSlow { predicted }) = watch.judge(3, 0.1, 1e-8) else {
            panic!("17 iterations are more than 10 times the limit of 1");
        };
        assert!((predicted - 17.0).abs() < 1e-9);
        let mut watch = Watch::new(2, 2, None);
        for (k, norm) in [(1, 1.0), (2, 0.5), (3, 0.1)] {
            assert_eq!(watch.judge(k, norm, 1e-8), None);
        }
    }

    #[test]
    fn a_budget_ends_the_solve() {
        let mut watch = Watch::new(100, 100, Some(2));
        assert_eq!(watch.judge(1, 1.0, 1e-8), None);
        assert_eq!(
            watch.judge(2, 0.1, 1e-8),
            Some(Concern::OverBudget { budget: 2 })
        );
    }
}
