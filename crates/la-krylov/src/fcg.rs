//! Flexible conjugate gradients.

mod options;
mod workspace;

use std::borrow::{Borrow, BorrowMut};

pub use options::{FcgOptions, Truncation};
use workspace::Direction;
pub use workspace::FcgWorkspace;

use crate::run::{Run, Settled, Verdict, check_dimensions, sign_status};
use crate::{
    Definiteness, Host, KrylovError, LinearOperator, Monitor, NoMonitor, Preconditioner,
    PreconditionerKind, Real, Solution, Status, VectorSpace,
};

/// Solves `A x = b` with flexible conjugate gradients: A is symmetric positive definite, M may change
/// from call to call.
///
/// For preconditioners that are inner iterations, networks, or otherwise not one linear operator.
/// With a fixed symmetric positive definite M the iterates are those of [`cg`](crate::cg), up to
/// rounding. An indefinite M costs iterations but does not stop the method.
///
/// Memory: `4 + 2·memory` vectors. Per iteration: one product with A, one application of M, and
/// `2·memory + 2` inner products and vector updates each.
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
/// ```
/// use std::cell::Cell;
/// use la_krylov::sprs::CsMat;
/// use la_krylov::{FcgOptions, Host, Preconditioner, PreconditionerError, PreconditionerKind, fcg};
///
/// /// Halves the residual in every other call.
/// struct Fickle(Cell<bool>);
/// impl Preconditioner for Fickle {
///     fn dimension(&self) -> usize {
///         2
///     }
///     fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
///         let factor = if self.0.replace(!self.0.get()) { 0.5 } else { 1.0 };
///         z.iter_mut().zip(r).for_each(|(z, r)| *z = factor * r);
///         Ok(())
///     }
///     fn kind(&self) -> PreconditionerKind {
///         PreconditionerKind::Variable
///     }
/// }
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let solution = fcg(&a, &[1.0, 2.0], &Fickle(Cell::new(true)), &FcgOptions::default())?;
/// assert!(solution.status.is_converged());
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
///
/// # References
/// Y. Notay, *SIAM J. Sci. Comput.* 22(4), 1444–1460, 2000: FCG(m), with the truncation of its
/// Section 2. With one direction its coefficient `−zᵀAp / pᵀAp` is the Polak–Ribière one,
/// `zᵀ(rₖ₊₁ − rₖ) / rₖᵀzₖ`, since `rₖ₊₁ − rₖ = −α A p`. Deviates: verified stopping and scaling by
/// powers of two as in [`cg`](crate::cg).
pub fn fcg<T, A, M>(
    a: &A,
    b: &[T],
    m: &M,
    options: &FcgOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    fcg_in(Host::new(b.len()), a, b, m, options)
}

/// [`fcg`] in any vector space.
///
/// # Errors
/// As [`fcg`].
///
/// # Examples
/// ```
/// use la_krylov::{FcgOptions, Host, IdentityPreconditioner, fcg_in, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let m = IdentityPreconditioner::new(2);
/// let solution = fcg_in(Host::sequential(2), &a, &[1.0, 2.0], &m, &FcgOptions::default())?;
/// assert_eq!(solution.iterations, 1);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn fcg_in<S, A, M>(
    space: S,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &FcgOptions,
) -> Result<Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    options.validate()?;
    let mut workspace = FcgWorkspace::new_in(space, options);
    fcg_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`fcg`] with the vectors of `workspace`; the result stays in there. Allocates nothing, unless
/// `options` asks for more directions or a longer history than the workspace was made for.
///
/// # Errors
/// As [`fcg`].
///
/// # Examples
/// See [`FcgWorkspace`].
pub fn fcg_with<'w, S, A, M>(
    workspace: &'w mut FcgWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &FcgOptions,
) -> Result<&'w Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    fcg_monitored(workspace, a, b, m, options, &mut NoMonitor)
}

/// [`fcg_with`], watched by a [`Monitor`].
///
/// # Errors
/// As [`fcg`].
///
/// # Examples
/// As for [`cg_monitored`](crate::cg_monitored).
pub fn fcg_monitored<'w, S, A, M, W>(
    workspace: &'w mut FcgWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &FcgOptions,
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
    workspace.make_room(options.directions());
    let FcgWorkspace {
        space,
        state,
        z,
        directions,
    } = workspace;
    let (mut run, done) = Run::begin(space, a, b, options.limits(), monitor, state)?;
    let status = match done {
        Some(status) => status,
        None => iterate(
            &mut run,
            m,
            z.borrow_mut(),
            &mut directions[..options.directions()],
            options,
        ),
    };
    run.finish(status);
    Ok(&workspace.state.solution)
}

/// Notay, Algorithm FCG(m), on the scaled residual.
fn iterate<S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    z: &mut S::Vector,
    directions: &mut [Direction<S::Owned>],
    options: &FcgOptions,
) -> Status
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    let space = run.space;
    run.reserve_tridiagonal();
    // With a fixed, symmetric M the coefficients are those of conjugate gradients.
    let is_cg = m.kind() == PreconditionerKind::Fixed && m.definiteness() != Definiteness::General;
    let mut alpha = 0.0;
    // Iterations since the last start.
    let mut i = 0;
    loop {
        // z = M⁻¹ r
        if let Err(failure) = m.apply(space, run.state.r.borrow(), z) {
            run.state.solution.failure = Some(failure);
            return Status::PreconditionerFailure;
        }
        // p = z − Σ (zᵀ A pⱼ / pⱼᵀ A pⱼ) pⱼ, in the slot of the oldest direction
        let beta = conjugate(space, z, directions, i, options.directions_at(i));
        let slot = i % directions.len();
        let Direction { p, q, pq } = &mut directions[slot];
        let (p, q) = (p.borrow_mut(), q.borrow_mut());
        // α = pᵀ r / pᵀ A p
        run.a.apply(space, p, q);
        *pq = space.dot(p, q);
        if !(*pq > 0.0 && pq.is_finite()) {
            return sign_status::<S::Scalar>(
                *pq,
                space.norm(p) * space.norm(q),
                Status::IndefiniteOperator,
            );
        }
        let pr = space.dot(p, run.state.r.borrow());
        if pr == 0.0 {
            return Status::Breakdown;
        }
        let previous = (i > 0).then_some((alpha, beta));
        alpha = pr / *pq;
        if is_cg {
            run.state.solution.spectrum.push_step(previous, alpha);
        }
        // r = r − α A p, x = x + α p
        let norm = space.axpy_norm(-alpha, q, run.state.r.borrow_mut());
        let verdict = run.residual_updated(norm);
        if let Err(status) = verdict {
            return status;
        }
        space.axpy(alpha * run.unit, p, run.state.solution.x.borrow_mut());
        i += 1;
        if let Ok(Verdict::Settle) = verdict {
            match run.settle(norm) {
                Settled::Done(status) => return status,
                Settled::Continue => {}
                Settled::Restart => i = 0,
            }
        } else if run.observe(norm) {
            return Status::StoppedByMonitor;
        }
    }
}

/// Direction `i` from `z`, conjugate to the `used` latest ones, in the slot of direction `i − memory`.
/// Returns the coefficient of the latest one.
fn conjugate<S: VectorSpace>(
    space: &S,
    z: &S::Vector,
    directions: &mut [Direction<S::Owned>],
    i: usize,
    used: usize,
) -> f64 {
    let memory = directions.len();
    let slot = i % memory;
    let coefficient = |d: &Direction<S::Owned>| -space.dot(z, d.q.borrow()) / d.pq;
    let mut latest = 0.0;
    if used == memory {
        // The oldest direction stands in the slot of the new one.
        let oldest = &mut directions[slot];
        let beta = coefficient(oldest);
        if memory == 1 {
            latest = beta;
        }
        space.xpby(z, beta, oldest.p.borrow_mut());
    } else {
        space.copy(z, directions[slot].p.borrow_mut());
    }
    let (before, rest) = directions.split_at_mut(slot);
    let Some((new, after)) = rest.split_first_mut() else {
        return latest;
    };
    for age in 1..=used.min(memory - 1) {
        let other = (slot + memory - age) % memory;
        let d = if other < slot {
            &before[other]
        } else {
            &after[other - slot - 1]
        };
        let beta = coefficient(d);
        if age == 1 {
            latest = beta;
        }
        space.axpy(beta, d.p.borrow(), new.p.borrow_mut());
    }
    latest
}
