//! When an attempt is given up.

use std::ops::ControlFlow;

use la_krylov::{Iteration, Monitor};

use super::{AutoMonitor, AutoOutcome};
use crate::classical::compensated::{LARGEST_SPREAD, SPREAD_STEPS};

/// What a residual norm has to fall by to count as progress. Any fall at all will not do: GMRES minimizes, so that its
/// residual creeps where it does not stand still.
const PROGRESS: f64 = 0.9;

/// Gives a solve up that no longer comes nearer, or whose factor is compensated too much.
pub(super) struct Watch<'w> {
    monitor: &'w mut dyn AutoMonitor,
    window: Option<usize>,
    spread: Option<Spread>,
    /// The residual norm at which progress was seen last, and the iterations since.
    mark: f64,
    since: usize,
    /// Why it was given up.
    pub(super) reason: Option<AutoOutcome>,
    pub(super) stopped: bool,
}

/// The depth of the graph, where the factor is compensated.
pub(super) struct Spread {
    depth: usize,
}

impl Spread {
    pub(super) fn new(depth: usize) -> Self {
        Self { depth }
    }

    /// Judges once, when the Ritz value is good enough.
    fn judge(&self, step: &Iteration<'_, [f64]>) -> Option<AutoOutcome> {
        if step.iteration != SPREAD_STEPS {
            return None;
        }
        let (_, largest) = step.ritz_bounds()?;
        (largest > LARGEST_SPREAD * self.depth as f64).then_some(AutoOutcome::Overcompensated {
            largest,
            depth: self.depth,
        })
    }
}

impl<'w> Watch<'w> {
    pub(super) fn new(
        monitor: &'w mut dyn AutoMonitor,
        window: Option<usize>,
        spread: Option<Spread>,
    ) -> Self {
        Self {
            monitor,
            window,
            spread,
            mark: f64::INFINITY,
            since: 0,
            reason: None,
            stopped: false,
        }
    }
}

impl Monitor<[f64]> for Watch<'_> {
    fn observe(&mut self, step: &Iteration<'_, [f64]>) -> ControlFlow<()> {
        let norm = step.relative_norm();
        if self.monitor.iteration(step.iteration, norm).is_break() {
            self.stopped = true;
            return ControlFlow::Break(());
        }
        if norm <= PROGRESS * self.mark {
            (self.mark, self.since) = (norm, 0);
        } else {
            self.since += 1;
        }
        let window = self.window.filter(|window| self.since >= *window);
        let spread = self.spread.as_ref().and_then(|spread| spread.judge(step));
        self.reason = window.map(AutoOutcome::GivenUp).or(spread);
        if self.reason.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
