//! Preconditioned conjugate gradients.

mod columns;
mod options;
mod steps;
mod workspace;

use std::borrow::BorrowMut;

pub use columns::{cg_columns, cg_columns_in};
pub use options::CgOptions;
use steps::Steps;
pub use workspace::CgWorkspace;

use crate::run::{Run, check_dimensions, check_symmetric};
use crate::{
    Host, KrylovError, LinearOperator, Monitor, NoMonitor, Preconditioner, Real, Solution,
    VectorSpace,
};

/// Solves `A x = b` with preconditioned conjugate gradients, for symmetric positive definite A and M.
///
/// Memory: six vectors. Per iteration: one product with A, one application of M, and besides these
/// ten vectors read or written (twelve with a preconditioner).
///
/// # Shapes
/// - `a`: n × n, `m`: order n, `b`: length n.
/// - history: at most `min(max_iters + 1, HISTORY_LIMIT)` entries, in the units of `b`.
///
/// # Errors
/// [`KrylovError::NotSquare`], [`KrylovError::DimensionMismatch`]: `a`, `m` and `b` do not fit.
/// [`KrylovError::InvalidOption`]: an option is out of range. [`KrylovError::NonFiniteInput`]: `b`
/// has infinities or NaN. [`KrylovError::UnsuitablePreconditioner`]: `m` is variable or not
/// symmetric. Non-convergence is not an error: see [`Solution::status`].
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, IdentityPreconditioner, cg, sprs::TriMat};
///
/// // [ 4 1 ; 1 3 ] x = [ 1 ; 2 ]
/// let mut a = TriMat::new((2, 2));
/// for (i, j, v) in [(0, 0, 4.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 3.0)] {
///     a.add_triplet(i, j, v);
/// }
/// let a = a.to_csr::<u32>();
/// let solution = cg(&a, &[1.0_f64, 2.0], &IdentityPreconditioner::new(2), &CgOptions::default())?;
/// assert!(solution.status.is_converged());
/// assert_eq!(solution.iterations, 2);
/// assert!((solution.x[0] - 1.0 / 11.0).abs() < 1e-12);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
///
/// # References
/// M. R. Hestenes, E. Stiefel, *J. Res. Nat. Bur. Standards* 49(6), 409–436, 1952; preconditioned as
/// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., SIAM 2003, Algorithm 9.1.
/// Deviates: the true residual is recomputed before convergence is reported, and the iteration
/// restarts from it where it disagrees; the recurrence works on the residual divided by a power of
/// two; the step of `x` is joined with the next direction update.
pub fn cg<T, A, M>(
    a: &A,
    b: &[T],
    m: &M,
    options: &CgOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    cg_in(Host::new(b.len()), a, b, m, options)
}

/// [`cg`] from the initial guess `x0`.
///
/// # Errors
/// As [`cg`]; also if `x0` does not fit or its residual is not finite.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, IdentityPreconditioner, cg_from, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let x0 = [1.0, 2.0];
/// let solution = cg_from(&a, &[1.0, 2.0], &x0, &IdentityPreconditioner::new(2), &CgOptions::default())?;
/// assert_eq!(solution.iterations, 0);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn cg_from<T, A, M>(
    a: &A,
    b: &[T],
    x0: &[T],
    m: &M,
    options: &CgOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    let mut workspace = CgWorkspace::<Host<T>>::new(b.len(), options);
    workspace.set_initial_guess(x0)?;
    cg_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`cg`] in any vector space.
///
/// # Errors
/// As [`cg`].
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, Host, IdentityPreconditioner, cg_in, sprs::CsMat};
///
/// let a: CsMat<f32> = CsMat::eye(2);
/// let options = CgOptions::default().with_rtol(1e-5);
/// let solution = cg_in(Host::sequential(2), &a, &[1.0f32, 2.0], &IdentityPreconditioner::new(2), &options)?;
/// assert_eq!(solution.x, [1.0, 2.0]);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn cg_in<S, A, M>(
    space: S,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &CgOptions,
) -> Result<Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    let mut workspace = CgWorkspace::new_in(space, options);
    cg_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`cg`] with the vectors of `workspace`; the result stays in there. Allocates nothing, unless
/// `options` asks for a longer history than the workspace was made for.
///
/// # Errors
/// As [`cg`].
///
/// # Examples
/// See [`CgWorkspace`].
pub fn cg_with<'w, S, A, M>(
    workspace: &'w mut CgWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &CgOptions,
) -> Result<&'w Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    cg_monitored(workspace, a, b, m, options, &mut NoMonitor)
}

/// [`cg_with`], watched by a [`Monitor`].
///
/// # Errors
/// As [`cg`].
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use la_krylov::{CgOptions, CgWorkspace, Host, IdentityPreconditioner, Iteration, cg_monitored, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let (m, options) = (IdentityPreconditioner::new(2), CgOptions::default());
/// let mut workspace = CgWorkspace::<Host>::new(2, &options);
/// let mut seen = 0;
/// let mut count = |_: &Iteration<'_, [f64]>| {
///     seen += 1;
///     ControlFlow::Continue(())
/// };
/// let solution = cg_monitored(&mut workspace, &a, &[1.0, 2.0], &m, &options, &mut count)?;
/// assert_eq!(solution.iterations, 1);
/// assert_eq!(seen, 1);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn cg_monitored<'w, S, A, M, W>(
    workspace: &'w mut CgWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &CgOptions,
    monitor: &mut W,
) -> Result<&'w Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    options.validate()?;
    let CgWorkspace {
        space,
        state,
        p,
        q,
        z,
    } = workspace;
    check_dimensions(space, a, b, m)?;
    check_symmetric(m, "CG", "flexible CG")?;
    let (mut run, done) = Run::begin(space, a, b, options.limits(), monitor, state)?;
    if let Some(status) = done {
        run.finish(status);
        return Ok(&workspace.state.solution);
    }
    let (p, q, z) = (p.borrow_mut(), q.borrow_mut(), z.borrow_mut());
    let mut steps = Steps::new(run);
    let status = loop {
        if let Err(status) = steps.direction(m, p, z) {
            break status;
        }
        a.apply(space, p, q);
        if let Err(status) = steps.advance(p, q) {
            break status;
        }
    };
    steps.finish(status);
    Ok(&workspace.state.solution)
}
