//! The door through which every way of making an incomplete Cholesky factor is called.

use sprs::CsMatViewI;

use crate::{IncompleteCholesky, PrecondError};

/// Builds an incomplete Cholesky factor from a symmetric positive definite matrix.
///
/// Implemented by the options of the classical factorisations and by learned builders; code that
/// takes a `&dyn IncompleteCholeskyBuilder` does not ask which one it got.
///
/// # Contract
/// `a` is the whole symmetric matrix in CSR form with sorted rows. The factor has the order of
/// `a`, its [statistics](IncompleteCholesky::stats) carry set-up time and fill, and the same matrix
/// gives the same factor.
///
/// # Examples
/// A builder of one's own, here the square root of the diagonal:
/// ```
/// use la_precond::sprs::{CsMatI, CsMatViewI};
/// use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};
///
/// struct Diagonal;
///
/// impl IncompleteCholeskyBuilder for Diagonal {
///     fn name(&self) -> &str {
///         "diagonal"
///     }
///     fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
///         let mut diagonal = Vec::new();
///         for row in 0..a.rows() {
///             let entry = a.get(row, row).ok_or(PrecondError::MissingDiagonal { row })?;
///             diagonal.push(entry.sqrt());
///         }
///         IncompleteCholesky::from_parts(vec![0; a.rows() + 1], vec![], vec![], diagonal)
///     }
/// }
///
/// let a = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 2], vec![0, 1], vec![4.0, 9.0]);
/// assert_eq!(Diagonal.build(a.view())?.diagonal(), [2.0, 3.0]);
/// # Ok::<(), PrecondError>(())
/// ```
pub trait IncompleteCholeskyBuilder {
    /// A short name for reports, e.g. `ic0`.
    fn name(&self) -> &str;

    /// Builds the factor.
    ///
    /// # Errors
    /// [`PrecondError`] if no factor can be built from `a`; [`PrecondError::Builder`] carries causes
    /// that are not those of a factorisation.
    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky<f64>, PrecondError>;
}
