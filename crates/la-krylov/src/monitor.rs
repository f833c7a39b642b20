//! Looking at a solve while it runs.

use std::ops::ControlFlow;
use std::time::Instant;

use crate::spectrum::Spectrum;

/// What a [`Monitor`] sees after an iteration.
#[derive(Debug)]
#[non_exhaustive]
pub struct Iteration<'a, V: ?Sized> {
    /// Iterations done, from 1.
    pub iteration: usize,
    /// Residual norm of the recurrence after this iteration, in the units of `b`.
    pub recurrence_norm: f64,
    /// `‖b‖₂`.
    pub rhs_norm: f64,
    /// The residual norm that ends the solve, in the units of `b`.
    pub target: f64,
    /// The iterate: that of `x_iteration`.
    pub x: &'a V,
    /// The iteration that `x` belongs to. This one, except in GMRES and FGMRES, which form iterates
    /// at the end of cycles: there it is the one at the start of the cycle.
    pub x_iteration: usize,
    pub(crate) started: Instant,
    pub(crate) spectrum: &'a Spectrum,
}

impl<V: ?Sized> Iteration<'_, V> {
    /// Seconds since the solve began.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// The smallest and the largest Ritz value of `M⁻¹ A` so far, as [`Solution::ritz_bounds`](crate::Solution::ritz_bounds)
    /// has them after the solve. Costs some hundred operations for each iteration done, so ask for it now and then.
    #[must_use]
    pub fn ritz_bounds(&self) -> Option<(f64, f64)> {
        self.spectrum.bounds()
    }

    /// `recurrence_norm / rhs_norm`, dimensionless.
    #[must_use]
    pub fn relative_norm(&self) -> f64 {
        self.recurrence_norm / self.rhs_norm
    }
}

/// Watches a solve and may stop it. It never changes iterates, counts or limits.
///
/// Implemented for closures. `V` is the vector type of the space: `[f64]` by default.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use la_krylov::{Iteration, Monitor};
///
/// let mut norms = Vec::new();
/// let mut watch = |step: &Iteration<'_, [f64]>| {
///     norms.push(step.recurrence_norm);
///     ControlFlow::Continue(())
/// };
/// fn takes_a_monitor(_: &mut impl Monitor<[f64]>) {}
/// takes_a_monitor(&mut watch);
/// ```
pub trait Monitor<V: ?Sized = [f64]> {
    /// Called once after every iteration. `Break` ends the solve with
    /// [`Status::StoppedByMonitor`](crate::Status::StoppedByMonitor), unless it has just converged.
    fn observe(&mut self, step: &Iteration<'_, V>) -> ControlFlow<()>;
}

impl<V: ?Sized, F: FnMut(&Iteration<'_, V>) -> ControlFlow<()>> Monitor<V> for F {
    fn observe(&mut self, step: &Iteration<'_, V>) -> ControlFlow<()> {
        self(step)
    }
}

/// A monitor that does nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoMonitor;

impl<V: ?Sized> Monitor<V> for NoMonitor {
    fn observe(&mut self, _: &Iteration<'_, V>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
