//! Preconditioned conjugate gradients.

mod options;
mod workspace;

use std::borrow::{Borrow, BorrowMut};

pub use options::CgOptions;
pub use workspace::CgWorkspace;

use crate::run::{Run, Settled, Verdict, check_dimensions, sign_status};
use crate::{
    Definiteness, Host, KrylovError, LinearOperator, Monitor, NoMonitor, Preconditioner,
    PreconditionerKind, Real, Solution, Status, VectorSpace,
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
    check_preconditioner(m)?;
    let (mut run, done) = Run::begin(space, a, b, options.limits(), monitor, state)?;
    let status = match done {
        Some(status) => status,
        None => iterate(&mut run, m, p.borrow_mut(), q.borrow_mut(), z.borrow_mut()),
    };
    run.finish(status);
    Ok(&workspace.state.solution)
}

fn check_preconditioner<S: VectorSpace, M: Preconditioner<S> + ?Sized>(
    m: &M,
) -> Result<(), KrylovError> {
    let (kind, definiteness) = (m.kind(), m.definiteness());
    let instead = match (kind, definiteness) {
        (PreconditionerKind::Variable, _) => "flexible CG",
        (_, Definiteness::General) => "GMRES",
        _ => return Ok(()),
    };
    Err(KrylovError::UnsuitablePreconditioner {
        method: "CG",
        kind,
        definiteness,
        instead,
    })
}

/// Saad, Algorithm 9.1, on the scaled residual.
fn iterate<S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    p: &mut S::Vector,
    q: &mut S::Vector,
    z: &mut S::Vector,
) -> Status
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    let space = run.space;
    let identity = m.is_identity();
    run.reserve_tridiagonal();
    let mut norm = space.norm(run.state.r.borrow());
    let mut alpha = 0.0;
    let mut rz = 0.0;
    let mut first = true;
    // The step `alpha p` that `x` still lacks.
    let mut pending: Option<f64> = None;
    loop {
        // z = M⁻¹ r, and rᵀ z
        let rz_next = if identity {
            norm * norm
        } else {
            let r = run.state.r.borrow();
            match m.apply(space, r, z) {
                Ok(()) => space.dot(r, z),
                Err(failure) => {
                    run.state.solution.failure = Some(failure);
                    f64::NAN
                }
            }
        };
        if !(rz_next > 0.0 && rz_next.is_finite()) {
            if let Some(step) = pending {
                space.axpy(step, p, run.state.solution.x.borrow_mut());
            }
            if run.state.solution.failure.is_some() {
                return Status::PreconditionerFailure;
            }
            let bound = space.norm(run.state.r.borrow()) * space.norm(z);
            return sign_status::<S::Scalar>(rz_next, bound, Status::IndefinitePreconditioner);
        }
        let z_now = if identity { run.state.r.borrow() } else { &*z };
        // The last step length and the β that follows it.
        let previous = if first {
            space.copy(z_now, p);
            None
        } else {
            // p = z + β p with β = (rᵀz)ₖ₊₁ / (rᵀz)ₖ, after x = x + α p
            let beta = rz_next / rz;
            match pending.take() {
                Some(step) => {
                    space.axpy_xpby(step, p, run.state.solution.x.borrow_mut(), z_now, beta);
                    if run.observe(norm) {
                        return Status::StoppedByMonitor;
                    }
                }
                None => space.xpby(z_now, beta, p),
            }
            Some((alpha, beta))
        };
        first = false;
        rz = rz_next;
        // α = rᵀz / pᵀAp
        run.a.apply(space, p, q);
        let pq = space.dot(p, q);
        if !(pq > 0.0 && pq.is_finite()) {
            return sign_status::<S::Scalar>(
                pq,
                space.norm(p) * space.norm(q),
                Status::IndefiniteOperator,
            );
        }
        alpha = rz / pq;
        run.state.solution.spectrum.push_step(previous, alpha);
        // r = r − α A p
        norm = space.axpy_norm(-alpha, q, run.state.r.borrow_mut());
        let step = alpha * run.unit;
        match run.residual_updated(norm) {
            Err(status) => return status,
            Ok(Verdict::Continue) => pending = Some(step),
            Ok(Verdict::Settle) => {
                space.axpy(step, p, run.state.solution.x.borrow_mut());
                match run.settle(norm) {
                    Settled::Done(status) => return status,
                    Settled::Continue => {}
                    Settled::Restart => first = true,
                }
                norm = space.norm(run.state.r.borrow());
            }
        }
    }
}
