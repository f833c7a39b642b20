//! Restarted GMRES.

mod columns;
mod cycle;
mod hessenberg;
mod options;
mod workspace;

pub use columns::{gmres_columns, gmres_columns_in};
pub(crate) use cycle::{Arnoldi, Placement, Plan, Room, iterate};
pub(crate) use hessenberg::{Hessenberg, rotation};
pub(crate) use options::cycle_options;
pub use options::{GmresOptions, Reorthogonalization, ResidualCheck, Side};
pub use workspace::GmresWorkspace;

use crate::run::{Run, check_dimensions, check_fixed};
use crate::{
    Host, KrylovError, LinearOperator, Monitor, NoMonitor, Preconditioner, Real, Solution,
    VectorSpace,
};

/// Solves `A x = b` with restarted GMRES, for any square nonsingular A and a fixed preconditioner.
///
/// The residual norm never grows (with the default side), and no polynomial method needs fewer
/// products within a cycle. Use it where A is not symmetric; where it is, CG and MINRES need a few
/// vectors only. Where memory for `restart` vectors or their orthogonalization is too much, try
/// [`bicgstab`](crate::bicgstab); where the preconditioner changes from call to call,
/// [`fgmres`](crate::fgmres). A small `restart` may stall for ever on an indefinite A.
///
/// Memory: `restart + 5` vectors. Step j of a cycle: one product with A, one application of M, and
/// one pass over `2 j` basis vectors (`4 j` where a second orthogonalization is needed), with two
/// reductions (three). Each cycle: two products and applications more.
///
/// # Shapes
/// - `a`: n × n, `m`: order n, `b`: length n.
/// - history: at most `min(max_iters + 1, HISTORY_LIMIT)` entries, in the units of `b`.
///
/// # Errors
/// [`KrylovError::NotSquare`], [`KrylovError::DimensionMismatch`]: `a`, `m` and `b` do not fit.
/// [`KrylovError::InvalidOption`]: an option is out of range. [`KrylovError::NonFiniteInput`]: `b`
/// has infinities or NaN. [`KrylovError::VariablePreconditioner`]: `m` is variable. Non-convergence
/// is not an error: see [`Solution::status`].
///
/// # Examples
/// ```
/// use la_krylov::{GmresOptions, IdentityPreconditioner, gmres, sprs::CsMat};
///
/// // [ 1 2 ; -1 1 ] x = [ 3 ; 0 ]
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![1.0, 2.0, -1.0, 1.0]);
/// let m = IdentityPreconditioner::new(2);
/// let solution = gmres(&a, &[3.0_f64, 0.0], &m, &GmresOptions::default())?;
/// assert!(solution.status.is_converged());
/// assert!((solution.x[0] - 1.0).abs() < 1e-12 && (solution.x[1] - 1.0).abs() < 1e-12);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
///
/// # References
/// Y. Saad, M. H. Schultz, *SIAM J. Sci. Stat. Comput.* 7(3), 856–869, 1986, Algorithm 4; with a
/// preconditioner: Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., SIAM 2003,
/// Algorithms 9.4 and 9.5. Deviates: classical Gram–Schmidt, repeated where needed
/// ([`Reorthogonalization`]), instead of the modified one; every cycle starts from the recomputed
/// residual, divided by a power of two; a cycle that achieves less than a tenth of what it promised,
/// or nothing, ends the solve as stagnated.
pub fn gmres<T, A, M>(
    a: &A,
    b: &[T],
    m: &M,
    options: &GmresOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    gmres_in(Host::new(b.len()), a, b, m, options)
}

/// [`gmres`] from the initial guess `x0`.
///
/// # Errors
/// As [`gmres`]; also if `x0` does not fit or its residual is not finite.
///
/// # Examples
/// ```
/// use la_krylov::{GmresOptions, IdentityPreconditioner, gmres_from, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let m = IdentityPreconditioner::new(2);
/// let solution = gmres_from(&a, &[1.0, 2.0], &[1.0, 2.0], &m, &GmresOptions::default())?;
/// assert_eq!(solution.iterations, 0);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn gmres_from<T, A, M>(
    a: &A,
    b: &[T],
    x0: &[T],
    m: &M,
    options: &GmresOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    options.validate()?;
    let mut workspace = GmresWorkspace::<Host<T>>::new(b.len(), options);
    workspace.set_initial_guess(x0)?;
    gmres_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`gmres`] in any vector space.
///
/// # Errors
/// As [`gmres`].
///
/// # Examples
/// ```
/// use la_krylov::{GmresOptions, Host, IdentityPreconditioner, gmres_in, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let m = IdentityPreconditioner::new(2);
/// let solution = gmres_in(Host::sequential(2), &a, &[1.0, 2.0], &m, &GmresOptions::default())?;
/// assert_eq!(solution.iterations, 1);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn gmres_in<S, A, M>(
    space: S,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &GmresOptions,
) -> Result<Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    options.validate()?;
    let mut workspace = GmresWorkspace::new_in(space, options);
    gmres_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`gmres`] with the vectors of `workspace`; the result stays in there. Allocates nothing, unless
/// `options` asks for longer cycles or a longer history than the workspace was made for.
///
/// # Errors
/// As [`gmres`].
///
/// # Examples
/// See [`GmresWorkspace`].
pub fn gmres_with<'w, S, A, M>(
    workspace: &'w mut GmresWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &GmresOptions,
) -> Result<&'w Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    gmres_monitored(workspace, a, b, m, options, &mut NoMonitor)
}

/// [`gmres_with`], watched by a [`Monitor`].
///
/// # Errors
/// As [`gmres`].
///
/// # Examples
/// As for [`cg_monitored`](crate::cg_monitored).
pub fn gmres_monitored<'w, S, A, M, W>(
    workspace: &'w mut GmresWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &GmresOptions,
    monitor: &mut W,
) -> Result<&'w Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    options.validate()?;
    check_dimensions(&workspace.space, a, b, m)?;
    check_fixed(m, "GMRES")?;
    let GmresWorkspace {
        space,
        state,
        arnoldi,
        room,
    } = workspace;
    arnoldi.make_room(space, options.columns());
    let (mut run, done) = Run::begin(space, a, b, options.limits(), monitor, state)?;
    match done {
        Some(status) => run.finish(status),
        None => iterate(run, m, arnoldi, room, &options.plan()),
    }
    Ok(&workspace.state.solution)
}
