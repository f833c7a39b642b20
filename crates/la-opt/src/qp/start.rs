//! Guesses of the active set.

use super::solution::Side;
use crate::Real;

/// Where a solve starts.
///
/// Whatever the guess, the answer is the same; a wrong constraint costs about one iteration to remove, a missing one about one to add,
/// and two or three others on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum WarmStart<'a, T> {
    /// The equalities alone.
    Cold,
    /// The last working set. The default of every solve after the first.
    Keep,
    /// These constraints at these bounds, taken in the order of their indices; those that depend on earlier ones are left out.
    Active(&'a [(usize, Side)]),
    /// The same with scores: taken from the highest score on, so that of dependent constraints the likelier ones are kept.
    Ranked(&'a [(usize, Side, T)]),
    /// The last working set, moved ahead: constraint i at the bound at which constraint `sources[i]` was. Length m; no source: not in the guess.
    ///
    /// For a controller with a receding horizon: what was planned for step k + 1 is now due at step k, so the source of a constraint is the
    /// one of the same kind a step later, and those of the last step are their own. To be said once between two solves, before or after the
    /// update; saying it twice moves two steps.
    ///
    /// ```
    /// use la_opt::qp::{Hessian, QpOptions, QpUpdate, QpWorkspace, QuadraticProgram, WarmStart};
    ///
    /// // Three inputs, one for each step; the first two are at their bounds.
    /// let problem = QuadraticProgram::new(Hessian::Identity, vec![-3.0, -2.0, 0.0])?
    ///     .with_bounds(vec![-1.0; 3], vec![1.0; 3])?;
    /// let mut workspace = QpWorkspace::new(problem, QpOptions::default())?;
    /// assert_eq!(workspace.solve().iterations, 3);
    /// // A step later one is left.
    /// workspace.update(&QpUpdate::default().with_linear(&[-2.0, 0.0, 0.0]))?;
    /// workspace.warm_start(WarmStart::Shifted(&[Some(1), Some(2), Some(2)]))?;
    /// assert_eq!(workspace.solve().iterations, 1);
    /// # Ok::<(), la_opt::OptError>(())
    /// ```
    Shifted(&'a [Option<usize>]),
    /// Where the multiplier is above 1e-12, the upper bound; below −1e-12, the lower bound: from the largest multiplier on, as in
    /// [`WarmStart::Ranked`], and with these multipliers to begin with, so that of constraints that do not belong into the set those with small ones leave
    /// first. Length m.
    Dual(&'a [T]),
    /// The same of a list of constraints with their multipliers; the others are zero.
    ///
    /// ```
    /// use la_opt::qp::{Hessian, QpOptions, QpWorkspace, QuadraticProgram, WarmStart};
    ///
    /// let problem = QuadraticProgram::new(Hessian::Identity, vec![-3.0, 2.0, 0.0])?
    ///     .with_bounds(vec![-1.0; 3], vec![1.0; 3])?;
    /// let mut workspace = QpWorkspace::new(problem, QpOptions::default())?;
    /// workspace.warm_start(WarmStart::RankedDual(&[(1, -1.0), (0, 2.0)]))?;
    /// assert_eq!(workspace.solve().iterations, 1);
    /// # Ok::<(), la_opt::OptError>(())
    /// ```
    RankedDual(&'a [(usize, T)]),
    /// Where `G x` is within 1e-9 of a bound, that bound. Length n.
    Primal(&'a [T]),
}

/// Multipliers at most this large belong to inactive constraints.
const SMALL_MULTIPLIER: f64 = 1e-12;

/// Distances from a bound at most this large belong to active constraints.
const SMALL_SLACK: f64 = 1e-9;

/// The bound that a multiplier belongs to.
pub(super) fn side_of_multiplier<T: Real>(multiplier: T) -> Option<Side> {
    let value = multiplier.to_f64();
    if value > SMALL_MULTIPLIER {
        Some(Side::Upper)
    } else if value < -SMALL_MULTIPLIER {
        Some(Side::Lower)
    } else {
        None
    }
}

/// The bound that a value sits at.
pub(super) fn side_of_value<T: Real>(value: T, lower: T, upper: T) -> Option<Side> {
    let value = value.to_f64();
    if (value - upper.to_f64()).abs() < SMALL_SLACK {
        Some(Side::Upper)
    } else if (value - lower.to_f64()).abs() < SMALL_SLACK {
        Some(Side::Lower)
    } else {
        None
    }
}
