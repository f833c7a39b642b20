//! Watching a solve: what the terminal shows, and when to give up.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use la_krylov::{Iteration, Monitor};

const REFRESH: Duration = Duration::from_millis(100);

/// A line that shows the progress; it hides itself where standard error is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    shown: Instant,
    at: usize,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {wide_msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            shown: Instant::now(),
            at: 0,
        }
    }

    /// Names what comes next.
    pub(super) fn begin(&mut self, what: &str, doing: &str) {
        self.bar.set_prefix(what.to_owned());
        self.bar.set_message(doing.to_owned());
        self.bar.tick();
        (self.shown, self.at) = (Instant::now(), 0);
    }

    /// An iteration is done.
    pub(super) fn step(&mut self, iteration: usize, relative_norm: f64) {
        let elapsed = self.shown.elapsed();
        if elapsed < REFRESH {
            return;
        }
        let rate = iteration.saturating_sub(self.at) as f64 / elapsed.as_secs_f64();
        self.bar.set_message(format!(
            "iteration {iteration}, residual {relative_norm:.2e}, {rate:.0} iterations/s"
        ));
        self.bar.tick();
        (self.shown, self.at) = (Instant::now(), iteration);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Shows the progress and, where there is something to fall back on, stops a solve that stands still.
pub(super) struct Watch<'a> {
    progress: &'a mut Progress,
    /// Iterations without a new smallest residual after which the solve is given up.
    patience: Option<usize>,
    best: f64,
    best_at: usize,
    pub(super) gave_up: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn new(progress: &'a mut Progress, patience: Option<usize>) -> Self {
        Self {
            progress,
            patience,
            best: f64::INFINITY,
            best_at: 0,
            gave_up: false,
        }
    }

    /// Whether the solve stands still after `iteration` iterations.
    fn stands_still(&mut self, iteration: usize, norm: f64) -> bool {
        if norm < self.best {
            (self.best, self.best_at) = (norm, iteration);
        }
        self.patience
            .is_some_and(|patience| iteration - self.best_at >= patience)
    }
}

impl Monitor<[f64]> for Watch<'_> {
    fn observe(&mut self, step: &Iteration<'_, [f64]>) -> ControlFlow<()> {
        self.progress.step(step.iteration, step.relative_norm());
        self.gave_up = self.stands_still(step.iteration, step.recurrence_norm);
        if self.gave_up {
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
    fn patience_counts_from_the_smallest_residual() {
        let mut progress = Progress::new();
        let mut watch = Watch::new(&mut progress, Some(2));
        assert!(!watch.stands_still(1, 1.0));
        assert!(!watch.stands_still(2, 3.0));
        assert!(!watch.stands_still(3, 0.5));
        assert!(!watch.stands_still(4, 0.5));
        assert!(watch.stands_still(5, 0.6));
        assert!(!Watch::new(&mut progress, None).stands_still(1000, 1.0));
    }
}
