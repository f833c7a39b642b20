//! When an attempt is given up.

use std::ops::ControlFlow;

use la_krylov::{Iteration, Monitor};

use super::{AutoMonitor, AutoOutcome};

/// What a residual norm has to fall by to count as progress. Any fall at all will not do: GMRES minimizes, so that its
/// residual creeps where it does not stand still.
const PROGRESS: f64 = 0.9;

/// Iterations after which the largest Ritz value is looked at; it is then within a few per cent of the largest eigenvalue.
const LOOK: usize = 8;

/// Largest eigenvalue, over the depth of the graph, from which a compensated factor is given up.
const SPREAD: f64 = 2.0 / 3.0;

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

/// What the largest eigenvalue of `M⁻¹ A` is compared with where M is compensated.
///
/// A modified factorisation has its smallest eigenvalue near 1 and a largest one of the order of the depth D of the graph: that, beside
/// O(D²) of IC(0), is all that it gains, and IC(0) has its largest eigenvalue near 1. On diffusion problems the bundled rules have 0.02 D to
/// 0.4 D; beyond 2 D / 3 fewer iterations than with IC(0) cannot be expected.
pub(super) struct Spread {
    depth: usize,
}

impl Spread {
    pub(super) fn new(depth: usize) -> Self {
        Self { depth }
    }

    /// Judges once, when the Ritz value is good enough.
    fn judge(&self, step: &Iteration<'_, [f64]>) -> Option<AutoOutcome> {
        if step.iteration != LOOK {
            return None;
        }
        let (_, largest) = step.ritz_bounds()?;
        (largest > SPREAD * self.depth as f64).then_some(AutoOutcome::Overcompensated {
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
