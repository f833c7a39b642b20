//! What set-up made of a problem, to be looked at.

use super::super::least_distance::LeastDistance;
use super::super::workspace::QpWorkspace;
use crate::Real;

/// The least-distance form of a problem: `min ½ ‖u‖²` subject to `lower ≤ M u ≤ upper`, rows of length 1 (or 0). At u = 0 is the unconstrained minimiser.
#[derive(Debug, Clone, Copy)]
pub struct LeastDistanceView<'a, T> {
    form: &'a LeastDistance<T>,
}

impl<T: Real> QpWorkspace<T> {
    /// The least-distance form of the problem as it stands: all rows, which a solve from a good guess would do without, are formed where they are not there yet.
    pub fn least_distance(&mut self) -> LeastDistanceView<'_, T> {
        self.complete_now();
        LeastDistanceView { form: &self.ldp }
    }
}

impl<'a, T: Real> LeastDistanceView<'a, T> {
    /// Lower bounds, in the units of u.
    #[must_use]
    pub fn lower(&self) -> &'a [T] {
        &self.form.lower
    }

    /// Upper bounds, in the units of u.
    #[must_use]
    pub fn upper(&self) -> &'a [T] {
        &self.form.upper
    }

    /// Row j of M: its first column that is not zero by structure, and the entries from there on; later ones are zero.
    ///
    /// # Panics
    /// If there is no such constraint.
    #[must_use]
    pub fn row(&self, j: usize) -> (usize, &'a [T]) {
        self.form.row(j)
    }
}
