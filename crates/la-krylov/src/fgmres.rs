//! Restarted flexible GMRES.

mod options;
mod workspace;

pub use options::FgmresOptions;
pub use workspace::FgmresWorkspace;

use crate::gmres::iterate;
use crate::run::{Run, check_dimensions};
use crate::{
    Host, KrylovError, LinearOperator, Monitor, NoMonitor, Preconditioner, Real, Solution,
    VectorSpace,
};

/// Solves `A x = b` with restarted flexible GMRES: M may change from call to call or be nonlinear.
///
/// For preconditioners that are inner iterations or networks. With a fixed M the iterates are those
/// of [`gmres`](crate::gmres) with the same side, up to rounding, at the price of a second basis.
///
/// With `Z = [M₁(v₁) … Mₘ(vₘ)]` and `A Z = V H̄`, the residual after m steps of one cycle is
/// `rₘ = (I − Q Qᵀ) r₀`, Q being an orthonormal basis of the range of `A Z`. It never grows; how
/// fast it falls depends on Z alone. If `A M̃` with some fixed matrix M̃ is diagonalisable as `X Λ X⁻¹`,
/// then `‖rₘ‖ ≤ (κ₂(X) ε⁽ᵐ⁾(Λ) + ‖Q Qᵀ − Q̃ Q̃ᵀ‖₂) ‖r₀‖`, where tildes mark the run with M̃ and
/// `ε⁽ᵐ⁾(Λ)` is the least `maxᵢ |p(λᵢ)|` of polynomials of degree m with `p(0) = 1`; at completion,
/// `m = n`, the choice `M̃ = Zₙ Vₙ⁻¹` makes the second term vanish.
///
/// Memory: `2·restart + 5` vectors. Per iteration as [`gmres`](crate::gmres); a cycle ends with one
/// product and no application of M.
///
/// # Shapes
/// - `a`: n × n, `m`: order n, `b`: length n.
/// - history: at most `min(max_iters + 1, HISTORY_LIMIT)` entries, in the units of `b`.
///
/// # Errors
/// [`KrylovError::NotSquare`], [`KrylovError::DimensionMismatch`]: `a`, `m` and `b` do not fit.
/// [`KrylovError::InvalidOption`]: an option is out of range. [`KrylovError::NonFiniteInput`]: `b`
/// has infinities or NaN. Non-convergence is not an error: see [`Solution::status`].
///
/// # Examples
/// A preconditioner that is an iteration itself:
/// ```
/// use la_krylov::sprs::CsMat;
/// use la_krylov::{
///     FgmresOptions, GmresOptions, Host, IdentityPreconditioner, Preconditioner, PreconditionerError,
///     PreconditionerKind, fgmres, gmres,
/// };
///
/// /// Two steps of GMRES.
/// struct Inner<'a>(&'a CsMat<f64>);
/// impl Preconditioner for Inner<'_> {
///     fn dimension(&self) -> usize {
///         self.0.rows()
///     }
///     fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
///         let identity = IdentityPreconditioner::new(r.len());
///         let options = GmresOptions::default().with_max_iters(2);
///         let inner = gmres(self.0, r, &identity, &options)
///             .map_err(|e| PreconditionerError { message: e.to_string() })?;
///         z.copy_from_slice(&inner.x);
///         Ok(())
///     }
///     fn kind(&self) -> PreconditionerKind {
///         PreconditionerKind::Variable
///     }
/// }
///
/// let a = CsMat::new((3, 3), vec![0, 2, 4, 5], vec![0, 1, 1, 2, 2], vec![1.0, 1.0, 2.0, 1.0, 4.0]);
/// let solution = fgmres(&a, &[2.0, 3.0, 4.0], &Inner(&a), &FgmresOptions::default())?;
/// assert!(solution.status.is_converged());
/// assert!((solution.x[1] - 1.0).abs() < 1e-8);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
///
/// # References
/// Y. Saad, *SIAM J. Sci. Comput.* 14(2), 461–469, 1993, Algorithm 2.2. The bound: J. Chen, *Graph
/// Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR 2025, Theorem 1 and
/// Corollary 2. Deviates as [`gmres`](crate::gmres) does; [three](FgmresOptions::stalled_cycles) cycles without progress end the
/// solve, since a preconditioner that changes may do better the next time.
pub fn fgmres<T, A, M>(
    a: &A,
    b: &[T],
    m: &M,
    options: &FgmresOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    fgmres_in(Host::new(b.len()), a, b, m, options)
}

/// [`fgmres`] from the initial guess `x0`.
///
/// # Errors
/// As [`fgmres`]; also if `x0` does not fit or its residual is not finite.
///
/// # Examples
/// ```
/// use la_krylov::{FgmresOptions, IdentityPreconditioner, fgmres_from, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let m = IdentityPreconditioner::new(2);
/// let solution = fgmres_from(&a, &[1.0, 2.0], &[1.0, 2.0], &m, &FgmresOptions::default())?;
/// assert_eq!(solution.iterations, 0);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn fgmres_from<T, A, M>(
    a: &A,
    b: &[T],
    x0: &[T],
    m: &M,
    options: &FgmresOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    options.validate()?;
    let mut workspace = FgmresWorkspace::<Host<T>>::new(b.len(), options);
    workspace.set_initial_guess(x0)?;
    fgmres_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`fgmres`] in any vector space.
///
/// # Errors
/// As [`fgmres`].
///
/// # Examples
/// ```
/// use la_krylov::{FgmresOptions, Host, IdentityPreconditioner, fgmres_in, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let m = IdentityPreconditioner::new(2);
/// let solution = fgmres_in(Host::sequential(2), &a, &[1.0, 2.0], &m, &FgmresOptions::default())?;
/// assert_eq!(solution.iterations, 1);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn fgmres_in<S, A, M>(
    space: S,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &FgmresOptions,
) -> Result<Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    options.validate()?;
    let mut workspace = FgmresWorkspace::new_in(space, options);
    fgmres_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`fgmres`] with the vectors of `workspace`; the result stays in there. Allocates nothing, unless
/// `options` asks for longer cycles or a longer history than the workspace was made for.
///
/// # Errors
/// As [`fgmres`].
///
/// # Examples
/// See [`FgmresWorkspace`].
pub fn fgmres_with<'w, S, A, M>(
    workspace: &'w mut FgmresWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &FgmresOptions,
) -> Result<&'w Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    fgmres_monitored(workspace, a, b, m, options, &mut NoMonitor)
}

/// [`fgmres_with`], watched by a [`Monitor`].
///
/// # Errors
/// As [`fgmres`].
///
/// # Examples
/// As for [`cg_monitored`](crate::cg_monitored).
pub fn fgmres_monitored<'w, S, A, M, W>(
    workspace: &'w mut FgmresWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &FgmresOptions,
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
    let FgmresWorkspace {
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
