//! New data for a problem that is set up.

use super::problem::{Hessian, expect_bounds, expect_finite, expect_length};
use super::workspace::QpWorkspace;
use crate::{OptError, Real};

/// What of a problem is new. Parts that are left out stay.
///
/// # Examples
/// ```
/// use la_opt::qp::QpUpdate;
///
/// let update = QpUpdate::default().with_linear(&[1.0, -2.0]);
/// assert!(update.upper.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct QpUpdate<'a, T> {
    /// P; of the same kind, and of the same pattern if it is sparse.
    pub hessian: Option<&'a Hessian<T>>,
    /// q, length n.
    pub linear: Option<&'a [T]>,
    /// A, row-major, (m − s) × n; the values of a sparse A, row by row.
    pub rows: Option<&'a [T]>,
    /// l, length m.
    pub lower: Option<&'a [T]>,
    /// u, length m.
    pub upper: Option<&'a [T]>,
}

impl<T> Default for QpUpdate<'_, T> {
    fn default() -> Self {
        Self {
            hessian: None,
            linear: None,
            rows: None,
            lower: None,
            upper: None,
        }
    }
}

impl<'a, T> QpUpdate<'a, T> {
    /// Replaces P.
    #[must_use]
    pub fn with_hessian(mut self, hessian: &'a Hessian<T>) -> Self {
        self.hessian = Some(hessian);
        self
    }

    /// Replaces q.
    #[must_use]
    pub fn with_linear(mut self, linear: &'a [T]) -> Self {
        self.linear = Some(linear);
        self
    }

    /// Replaces A.
    #[must_use]
    pub fn with_rows(mut self, rows: &'a [T]) -> Self {
        self.rows = Some(rows);
        self
    }

    /// Replaces l.
    #[must_use]
    pub fn with_lower(mut self, lower: &'a [T]) -> Self {
        self.lower = Some(lower);
        self
    }

    /// Replaces u.
    #[must_use]
    pub fn with_upper(mut self, upper: &'a [T]) -> Self {
        self.upper = Some(upper);
        self
    }
}

impl<T: Real> QpWorkspace<T> {
    /// Whether an update fits the problem.
    pub(super) fn check(&self, update: &QpUpdate<'_, T>) -> Result<(), OptError> {
        let (n, m) = (self.problem.num_variables(), self.problem.num_constraints());
        if let Some(hessian) = update.hessian {
            let (what, values, expected) = match (hessian, &self.problem.hessian) {
                (Hessian::Dense(p), Hessian::Dense(_)) => ("Hessian", &p[..], n * n),
                (Hessian::Sparse(p), Hessian::Sparse(old)) if p.same_pattern(old) => {
                    ("Hessian", p.values(), p.values().len())
                }
                (Hessian::Diagonal(p), Hessian::Diagonal(_)) => {
                    ("diagonal of the Hessian", &p[..], n)
                }
                (new, old) if new == old => ("Hessian", &[][..], 0),
                _ => {
                    return Err(OptError::Length {
                        what: "Hessian of another kind",
                        len: 0,
                        expected: n,
                    });
                }
            };
            expect_length(what, values.len(), expected)?;
            expect_finite(what, values)?;
        }
        if let Some(linear) = update.linear {
            expect_length("linear term", linear.len(), n)?;
            expect_finite("linear term", linear)?;
        }
        if let Some(rows) = update.rows {
            expect_length(
                "matrix of the constraints",
                rows.len(),
                self.problem.rows.values().len(),
            )?;
            expect_finite("matrix of the constraints", rows)?;
        }
        for (what, bounds) in [
            ("lower bounds", update.lower),
            ("upper bounds", update.upper),
        ] {
            if let Some(bounds) = bounds {
                expect_length(what, bounds.len(), m)?;
                expect_bounds(what, bounds)?;
            }
        }
        Ok(())
    }
}
