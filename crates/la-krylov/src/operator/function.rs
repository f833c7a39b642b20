//! Closures as operators.

use std::fmt;

use crate::{Host, LinearOperator, Real};

/// A square operator in main memory given by a closure `|x, y|` that overwrites `y` with `A x`.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, FnOperator, IdentityPreconditioner, cg};
///
/// let a = FnOperator::new(3, |x: &[f64], y: &mut [f64]| {
///     for (i, (x, y)) in x.iter().zip(y).enumerate() {
///         *y = (i + 1) as f64 * x;
///     }
/// });
/// let solution = cg(&a, &[1.0, 1.0, 1.0], &IdentityPreconditioner::new(3), &CgOptions::default())?;
/// assert!((solution.x[2] - 1.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
#[derive(Clone, Copy)]
pub struct FnOperator<F> {
    n: usize,
    f: F,
}

impl<F> FnOperator<F> {
    /// The operator of order `n` that `f` applies.
    #[must_use]
    pub fn new(n: usize, f: F) -> Self {
        Self { n, f }
    }
}

impl<F> fmt::Debug for FnOperator<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnOperator")
            .field("n", &self.n)
            .finish_non_exhaustive()
    }
}

impl<T: Real, F: Fn(&[T], &mut [T])> LinearOperator<Host<T>> for FnOperator<F> {
    fn rows(&self) -> usize {
        self.n
    }
    fn cols(&self) -> usize {
        self.n
    }
    fn apply(&self, _: &Host<T>, x: &[T], y: &mut [T]) {
        (self.f)(x, y);
    }
}
