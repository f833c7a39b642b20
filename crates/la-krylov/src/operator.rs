//! Linear operators.

mod compose;
#[cfg(feature = "faer")]
mod faer;
mod function;
#[cfg(feature = "ndarray")]
mod ndarray;

pub use compose::{Product, Scaled, Shifted, Sum, Transposed};
pub use function::FnOperator;

use crate::{Host, VectorSpace};

/// A linear operator: applies `y = A x`.
///
/// `apply` must not allocate. The default space makes `impl LinearOperator for MyType` mean
/// double-precision slices in memory. Solvers check dimensions before the first `apply`; called
/// directly with vectors of the wrong length, an implementation may panic.
///
/// Implemented for `sprs` matrices in CSR and CSC with any index type, for closures
/// ([`FnOperator`]), for [`Sum`], [`Product`], [`Scaled`], [`Shifted`] and [`Transposed`] operators,
/// and behind the features `faer` and `ndarray` for the matrices of those crates.
///
/// # Examples
/// ```
/// use la_krylov::{Host, LinearOperator};
///
/// /// The second difference, without a matrix.
/// struct SecondDifference(usize);
/// impl LinearOperator for SecondDifference {
///     fn rows(&self) -> usize {
///         self.0
///     }
///     fn cols(&self) -> usize {
///         self.0
///     }
///     fn apply(&self, _: &Host, x: &[f64], y: &mut [f64]) {
///         for i in 0..x.len() {
///             let left = if i > 0 { x[i - 1] } else { 0.0 };
///             let right = x.get(i + 1).copied().unwrap_or(0.0);
///             y[i] = 2.0 * x[i] - left - right;
///         }
///     }
/// }
/// let mut y = [0.0; 3];
/// SecondDifference(3).apply(&Host::new(3), &[1.0, 2.0, 4.0], &mut y);
/// assert_eq!(y, [0.0, -1.0, 6.0]);
/// ```
pub trait LinearOperator<S: VectorSpace = Host<f64>> {
    /// Rows of the operator (global).
    fn rows(&self) -> usize;
    /// Columns of the operator (global).
    fn cols(&self) -> usize;
    /// Overwrites `y` with `A x`.
    fn apply(&self, space: &S, x: &S::Vector, y: &mut S::Vector);
    /// Overwrites the columns `columns` of `y` with the products of A and those of `x`. Default: one
    /// after the other; an operator overrides it where it can read its entries once for several.
    fn apply_columns(
        &self,
        space: &S,
        x: &S::Basis,
        columns: std::ops::Range<usize>,
        y: &mut S::Basis,
    ) {
        for j in columns {
            self.apply(space, space.column(x, j), space.column_mut(y, j));
        }
    }
}

/// An operator that can also apply `y = Aᵀ x`.
///
/// # Examples
/// ```
/// use la_krylov::{Host, TransposeOperator, sprs::CsMat};
///
/// let a = CsMat::<f64>::new((2, 3), vec![0, 2, 2], vec![0, 2], vec![1.0, 5.0]);
/// let mut y = [0.0; 3];
/// a.apply_transpose(&Host::new(2), &[2.0, 7.0], &mut y);
/// assert_eq!(y, [2.0, 0.0, 10.0]);
/// ```
pub trait TransposeOperator<S: VectorSpace = Host<f64>>: LinearOperator<S> {
    /// Overwrites `y` with `Aᵀ x`.
    fn apply_transpose(&self, space: &S, x: &S::Vector, y: &mut S::Vector);
}

impl<S: VectorSpace, A: TransposeOperator<S> + ?Sized> TransposeOperator<S> for &A {
    fn apply_transpose(&self, space: &S, x: &S::Vector, y: &mut S::Vector) {
        (**self).apply_transpose(space, x, y);
    }
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
    fn apply_columns(
        &self,
        space: &S,
        x: &S::Basis,
        columns: std::ops::Range<usize>,
        y: &mut S::Basis,
    ) {
        (**self).apply_columns(space, x, columns, y);
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
    fn apply_columns(
        &self,
        space: &S,
        x: &S::Basis,
        columns: std::ops::Range<usize>,
        y: &mut S::Basis,
    ) {
        (**self).apply_columns(space, x, columns, y);
    }
}
