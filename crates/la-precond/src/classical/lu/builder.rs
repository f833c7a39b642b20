//! The door through which every way of making incomplete LU factors is called.

use la_krylov::Real;
use sprs::CsMatViewI;

use crate::{IncompleteLu, PrecondError};

/// Builds incomplete LU factors of a general square matrix.
///
/// Implemented by the options of the classical factorisations; code that takes a
/// `&dyn IncompleteLuBuilder` does not ask which one it got.
///
/// # Contract
/// `a` is in CSR form with sorted rows. The factor has the order of `a`, its
/// [statistics](IncompleteLu::stats) carry set-up time and fill, and the same matrix gives the same
/// factor.
///
/// # Examples
/// A builder of one's own, here the diagonal:
/// ```
/// use la_precond::sprs::{CsMatI, CsMatViewI};
/// use la_precond::{IncompleteLu, IncompleteLuBuilder, PrecondError};
///
/// struct Diagonal;
///
/// impl IncompleteLuBuilder for Diagonal {
///     fn name(&self) -> &str {
///         "diagonal"
///     }
///     fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteLu, PrecondError> {
///         let mut upper = CsMatI::eye(a.rows());
///         for (row, value) in upper.data_mut().iter_mut().enumerate() {
///             *value = *a.get(row, row).ok_or(PrecondError::MissingDiagonal { row })?;
///         }
///         IncompleteLu::from_triangles(CsMatI::<f64, u32>::eye(a.rows()).view(), upper.view())
///     }
/// }
///
/// let a = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 2], vec![0, 1], vec![4.0, -8.0]);
/// assert_eq!(Diagonal.build(a.view())?.inverse_diagonal(), [0.25, -0.125]);
/// # Ok::<(), PrecondError>(())
/// ```
pub trait IncompleteLuBuilder<T: Real = f64> {
    /// A short name for reports, e.g. `ilu0`.
    fn name(&self) -> &str;

    /// Builds the factors.
    ///
    /// # Errors
    /// [`PrecondError`] if no factors can be built from `a`; [`PrecondError::Builder`] carries causes
    /// that are not those of a factorisation.
    fn build(&self, a: CsMatViewI<'_, T, u32>) -> Result<IncompleteLu<T>, PrecondError>;
}
