//! Linear operators.

use crate::{Host, VectorSpace};

/// A linear operator: applies `y = A x`.
///
/// `apply` must not allocate. The default space makes `impl LinearOperator for MyType` mean
/// double-precision slices in memory.
pub trait LinearOperator<S: VectorSpace = Host<f64>> {
    /// Rows of the operator (global).
    fn rows(&self) -> usize;
    /// Columns of the operator (global).
    fn cols(&self) -> usize;
    /// Overwrites `y` with `A x`.
    fn apply(&self, space: &S, x: &S::Vector, y: &mut S::Vector);
}

impl<S: VectorSpace, A: LinearOperator<S> + ?Sized> LinearOperator<S> for &A {
    fn rows(&self) -> usize {
        (**self).rows()
    }
    fn cols(&self) -> usize {
        (**self).cols()
    }
    fn apply(&self, space: &S, x: &S::Vector, y: &mut S::Vector) {
        (**self).apply(space, x, y);
    }
}

impl<S: VectorSpace, A: LinearOperator<S> + ?Sized> LinearOperator<S> for Box<A> {
    fn rows(&self) -> usize {
        (**self).rows()
    }
    fn cols(&self) -> usize {
        (**self).cols()
    }
    fn apply(&self, space: &S, x: &S::Vector, y: &mut S::Vector) {
        (**self).apply(space, x, y);
    }
}
