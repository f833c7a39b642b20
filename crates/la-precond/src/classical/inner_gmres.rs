//! A few steps of GMRES as a preconditioner.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use la_krylov::{
    GmresOptions, GmresWorkspace, Host, LinearOperator, Preconditioner, PreconditionerError,
    PreconditionerKind, Real, gmres_with,
};

use super::input::check_lengths;
use crate::PrecondError;

/// `z ≈ A⁻¹ r` by a few steps of preconditioned GMRES, for the flexible methods.
///
/// The inner-outer scheme: FGMRES around it keeps one vector more per *outer* iteration only, so that a long effective Krylov space fits in
/// little memory; it also is the cheapest way of making a weak preconditioner strong enough to be watched. An iteration costs `iterations` products
/// and applications of the inner preconditioner; memory is `iterations + 5` vectors. When restarted GMRES converges anyway, it converges in fewer products
/// without this.
///
/// [Variable](PreconditionerKind::Variable): GMRES, CG and the other methods with short recurrences refuse it; [`fgmres`](la_krylov::fgmres) and
/// [`fcg`](la_krylov::fcg) (where `A` is definite) take it. It scales with `r`, but is not linear.
///
/// # Examples
/// ```
/// use la_krylov::{FgmresOptions, fgmres, sprs::CsMat};
/// use la_precond::classical::{Ilu, InnerGmres};
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 1.0, 8.0, 7.0]);
/// let inner = InnerGmres::new(a.view(), Ilu::default().factor(a.view())?, 5)?;
/// let solution = fgmres(&a, &[5.0_f64, 15.0], &inner, &FgmresOptions::default())?;
/// assert!(solution.status.is_converged());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Y. Saad, *SIAM J. Sci. Comput.* 14(2), 461–469, 1993; H. A. van der Vorst, C. Vuik, *Numer. Linear Algebra Appl.* 1(4),
/// 369–386, 1994.
pub struct InnerGmres<A, M, T: Real = f64> {
    a: A,
    inner: M,
    options: GmresOptions,
    workspace: Mutex<GmresWorkspace<Host<T>>>,
}

impl<A, M, T> InnerGmres<A, M, T>
where
    T: Real,
    A: LinearOperator<Host<T>>,
    M: Preconditioner<Host<T>>,
{
    /// At most `iterations` steps for `a`, preconditioned by `inner`, until a tenth of the residual is left.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`]; [`PrecondError::DimensionMismatch`] if `inner` is of another order;
    /// [`PrecondError::InvalidOption`] if `iterations` is 0.
    pub fn new(a: A, inner: M, iterations: usize) -> Result<Self, PrecondError> {
        let options = GmresOptions::default()
            .with_restart(iterations.max(1))
            .with_max_iters(iterations)
            .with_rtol(0.1);
        Self::with_options(a, inner, options)
    }

    /// The same with all options of GMRES. A time limit makes results depend on the machine.
    ///
    /// # Errors
    /// As [`InnerGmres::new`]; [`PrecondError::InvalidOption`] also for `restart`.
    pub fn with_options(a: A, inner: M, options: GmresOptions) -> Result<Self, PrecondError> {
        let (rows, cols) = (a.rows(), a.cols());
        if rows != cols {
            return Err(PrecondError::NotSquare { rows, cols });
        }
        if inner.dimension() != rows {
            return Err(PrecondError::DimensionMismatch {
                what: "inner preconditioner",
                found: inner.dimension(),
                expected: rows,
            });
        }
        for (option, value) in [
            ("iterations", options.max_iters),
            ("restart", options.restart),
        ] {
            if value == 0 {
                return Err(PrecondError::InvalidOption {
                    option,
                    value: 0.0,
                    expected: "at least 1",
                });
            }
        }
        Ok(Self {
            workspace: Mutex::new(GmresWorkspace::<Host<T>>::new(rows, &options)),
            a,
            inner,
            options,
        })
    }
}

impl<A, M, T: Real> fmt::Debug for InnerGmres<A, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InnerGmres")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<A, M, T> Preconditioner<Host<T>> for InnerGmres<A, M, T>
where
    T: Real,
    A: LinearOperator<Host<T>>,
    M: Preconditioner<Host<T>>,
{
    fn dimension(&self) -> usize {
        self.inner.dimension()
    }

    fn apply(&self, _: &Host<T>, r: &[T], z: &mut [T]) -> Result<(), PreconditionerError> {
        check_lengths(self.dimension(), r.len(), z.len())?;
        // A panic elsewhere cannot leave vectors that matter: every solve overwrites them.
        let mut workspace = self
            .workspace
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let solution = gmres_with(&mut workspace, &self.a, r, &self.inner, &self.options).map_err(
            |error| PreconditionerError {
                message: format!("inner GMRES: {error}"),
            },
        )?;
        // Steps that led nowhere (a breakdown in the first one) must not stop the outer iteration.
        if solution.x.iter().all(|x| *x == T::ZERO) {
            z.copy_from_slice(r);
        } else {
            z.copy_from_slice(&solution.x);
        }
        Ok(())
    }

    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Variable
    }
}
