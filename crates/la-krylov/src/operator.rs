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
