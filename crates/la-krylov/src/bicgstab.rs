//! Stabilised biconjugate gradients.

mod options;
mod workspace;

use std::borrow::{Borrow, BorrowMut};

pub use options::BicgstabOptions;
pub use workspace::BicgstabWorkspace;

use crate::run::{Run, Settled, Verdict, check_dimensions, check_fixed};
use crate::{
    Host, KrylovError, LinearOperator, Monitor, NoMonitor, Preconditioner, Real, Solution, Status,
    VectorSpace,
};

/// Solves `A x = b` with BiCGSTAB, for any square nonsingular A and a fixed preconditioner M.
///
/// Short recurrences, so a fixed amount of memory where [`gmres`](crate::gmres) needs `restart`
/// vectors; the price is two products an iteration and residual norms that jump. Use GMRES first
/// where memory allows: it is the safer one, above all for operators with eigenvalues near the
/// imaginary axis. For a skew-symmetric A this method breaks down at once.
///
/// Where an inner product that it divides by is zero up to rounding, it starts again from the true
/// residual, counted in [`Solution::restarts`]; where that happens in the first step already, it ends
/// as [`Status::Breakdown`].
///
/// Memory: nine vectors. Per iteration: two products with A, two applications
/// of M, and besides these 22 vectors read or written.
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
/// use la_krylov::{BicgstabOptions, IdentityPreconditioner, bicgstab, sprs::CsMat};
///
/// // [ 1 2 ; -1 1 ] x = [ 3 ; 0 ]
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![1.0, 2.0, -1.0, 1.0]);
/// let m = IdentityPreconditioner::new(2);
/// let solution = bicgstab(&a, &[3.0_f64, 0.0], &m, &BicgstabOptions::default())?;
/// assert!(solution.status.is_converged());
/// assert!((solution.x[0] - 1.0).abs() < 1e-8 && (solution.x[1] - 1.0).abs() < 1e-8);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
///
/// # References
/// H. A. van der Vorst, *SIAM J. Sci. Stat. Comput.* 13(2), 631–644, 1992, with the preconditioner on
/// the right. Deviates: restarts on breakdown; verified stopping and scaling by powers of two as in
/// [`cg`](crate::cg).
pub fn bicgstab<T, A, M>(
    a: &A,
    b: &[T],
    m: &M,
    options: &BicgstabOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    bicgstab_in(Host::new(b.len()), a, b, m, options)
}

/// [`bicgstab`] from the initial guess `x0`.
///
/// # Errors
/// As [`bicgstab`]; also if `x0` does not fit or its residual is not finite.
///
/// # Examples
/// ```
/// use la_krylov::{BicgstabOptions, IdentityPreconditioner, bicgstab_from, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let m = IdentityPreconditioner::new(2);
/// let solution = bicgstab_from(&a, &[1.0, 2.0], &[1.0, 2.0], &m, &BicgstabOptions::default())?;
/// assert_eq!(solution.iterations, 0);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn bicgstab_from<T, A, M>(
    a: &A,
    b: &[T],
    x0: &[T],
    m: &M,
    options: &BicgstabOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    options.validate()?;
    let mut workspace = BicgstabWorkspace::<Host<T>>::new(b.len(), options);
    workspace.set_initial_guess(x0)?;
    bicgstab_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`bicgstab`] in any vector space.
///
/// # Errors
/// As [`bicgstab`].
///
/// # Examples
/// ```
/// use la_krylov::{BicgstabOptions, Host, IdentityPreconditioner, bicgstab_in, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let m = IdentityPreconditioner::new(2);
/// let solution = bicgstab_in(Host::sequential(2), &a, &[1.0, 2.0], &m, &BicgstabOptions::default())?;
/// assert_eq!(solution.iterations, 1);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn bicgstab_in<S, A, M>(
    space: S,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &BicgstabOptions,
) -> Result<Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    options.validate()?;
    let mut workspace = BicgstabWorkspace::new_in(space, options);
    bicgstab_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`bicgstab`] with the vectors of `workspace`; the result stays in there. Allocates nothing, unless
/// `options` asks for a longer history than the workspace was made for.
///
/// # Errors
/// As [`bicgstab`].
///
/// # Examples
/// See [`BicgstabWorkspace`].
pub fn bicgstab_with<'w, S, A, M>(
    workspace: &'w mut BicgstabWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &BicgstabOptions,
) -> Result<&'w Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    bicgstab_monitored(workspace, a, b, m, options, &mut NoMonitor)
}

/// [`bicgstab_with`], watched by a [`Monitor`].
///
/// # Errors
/// As [`bicgstab`].
///
/// # Examples
/// As for [`cg_monitored`](crate::cg_monitored).
pub fn bicgstab_monitored<'w, S, A, M, W>(
    workspace: &'w mut BicgstabWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &BicgstabOptions,
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
    check_fixed(m, "BiCGSTAB")?;
    let BicgstabWorkspace {
        space,
        state,
        shadow,
        p,
        v,
        t,
        p_hat,
        s_hat,
    } = workspace;
    let (mut run, done) = Run::begin(space, a, b, options.limits(), monitor, state)?;
    let vectors = Vectors {
        shadow: shadow.borrow_mut(),
        p: p.borrow_mut(),
        v: v.borrow_mut(),
        t: t.borrow_mut(),
        p_hat: p_hat.borrow_mut(),
        s_hat: s_hat.borrow_mut(),
    };
    let status = match done {
        Some(status) => status,
        None => iterate(&mut run, m, vectors),
    };
    run.finish(status);
    Ok(&workspace.state.solution)
}

struct Vectors<'v, V: ?Sized> {
    shadow: &'v mut V,
    p: &'v mut V,
    v: &'v mut V,
    t: &'v mut V,
    p_hat: &'v mut V,
    s_hat: &'v mut V,
}

/// `z = M⁻¹ y`, or `y` itself for the identity.
fn precondition<'z, S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    y: &'z S::Vector,
    z: &'z mut S::Vector,
) -> Result<&'z S::Vector, Status>
where
    S: VectorSpace,
    A: ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: ?Sized,
{
    if m.is_identity() {
        return Ok(y);
    }
    match m.apply(run.space, y, z) {
        Ok(()) => Ok(z),
        Err(failure) => {
            run.state.solution.failure = Some(failure);
            Err(Status::PreconditionerFailure)
        }
    }
}

/// van der Vorst's iteration on the scaled residual, again and again from the true one.
fn iterate<S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    mut vectors: Vectors<'_, S::Vector>,
) -> Status
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    let mut last = f64::INFINITY;
    loop {
        match from_residual(run, m, &mut vectors) {
            End::Done(status) => return status,
            End::Restart => {}
            End::Breakdown => {
                if let Settled::Done(status) = run.end_cycle(f64::NAN, None, None) {
                    return status;
                }
                // One breakdown after the other, and nothing gained.
                if run.residual_norm() >= last {
                    return Status::Breakdown;
                }
                last = run.residual_norm();
            }
        }
    }
}

enum End {
    Done(Status),
    /// The residual is the true one already.
    Restart,
    /// The residual has to be recomputed first.
    Breakdown,
}

fn from_residual<S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    vectors: &mut Vectors<'_, S::Vector>,
) -> End
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    let space = run.space;
    let epsilon = S::Scalar::EPSILON.to_f64();
    let Vectors {
        shadow,
        p,
        v,
        t,
        p_hat,
        s_hat,
    } = vectors;
    space.copy(run.state.r.borrow(), shadow);
    space.copy(run.state.r.borrow(), p);
    let mut norm = space.norm(shadow);
    let shadow_norm = norm;
    let mut rho = norm * norm;
    let mut first = true;
    // Zero up to rounding, `bound` being the product of the norms.
    let vanishes = |value: f64, bound: f64| value.abs() <= epsilon * bound;
    let broken = |first: bool| match first {
        true => End::Done(Status::Breakdown),
        false => End::Breakdown,
    };
    loop {
        // v = A M⁻¹ p, α = ρ / r̂ᵀ v
        let p_now = match precondition(run, m, p, p_hat) {
            Ok(p_now) => p_now,
            Err(status) => return End::Done(status),
        };
        run.a.apply(space, p_now, v);
        let sigma = space.dot(shadow, v);
        let v_norm = space.norm(v);
        if !(sigma.is_finite() && v_norm.is_finite()) {
            return End::Done(Status::NonFinite);
        }
        if vanishes(sigma, shadow_norm * v_norm) {
            return broken(first);
        }
        let alpha = rho / sigma;
        // s = r − α v, in the place of r
        let half = space.axpy_norm(-alpha, v, run.state.r.borrow_mut());
        let mut omega = 0.0;
        let mut s_now: Option<&S::Vector> = None;
        norm = half;
        if half * run.unit > run.trigger() {
            // t = A M⁻¹ s, ω = tᵀ s / tᵀ t
            let s = run.state.r.borrow();
            if !m.is_identity() {
                if let Err(failure) = m.apply(space, s, s_hat) {
                    // The half step counts.
                    run.state.solution.failure = Some(failure);
                    return match run.residual_updated(half) {
                        Err(status) => End::Done(status),
                        Ok(_) => {
                            space.axpy(alpha * run.unit, p_now, run.state.solution.x.borrow_mut());
                            End::Done(Status::PreconditionerFailure)
                        }
                    };
                }
            } else {
                space.copy(s, s_hat);
            }
            run.a.apply(space, s_hat, t);
            let t_norm = space.norm(t);
            let ts = space.dot(t, run.state.r.borrow());
            if !(t_norm.is_finite() && ts.is_finite()) {
                return End::Done(Status::NonFinite);
            }
            if !vanishes(ts, t_norm * half) {
                omega = ts / t_norm / t_norm;
                s_now = Some(s_hat);
                // r = s − ω t
                norm = space.axpy_norm(-omega, t, run.state.r.borrow_mut());
            }
        }
        let verdict = run.residual_updated(norm);
        if let Err(status) = verdict {
            return End::Done(status);
        }
        // x = x + α M⁻¹ p + ω M⁻¹ s
        let x = run.state.solution.x.borrow_mut();
        space.axpy(alpha * run.unit, p_now, x);
        if let Some(s) = s_now {
            space.axpy(omega * run.unit, s, x);
        }
        if let Ok(Verdict::Settle) = verdict {
            match run.settle(norm) {
                Settled::Done(status) => return End::Done(status),
                Settled::Continue | Settled::Restart => return End::Restart,
            }
        } else if run.observe(norm) {
            return End::Done(Status::StoppedByMonitor);
        }
        // p = r + β (p − ω v) with β = (ρₖ₊₁ / ρₖ) (α / ω)
        let rho_next = space.dot(shadow, run.state.r.borrow());
        if omega == 0.0 || vanishes(rho_next, shadow_norm * norm) {
            return End::Breakdown;
        }
        let beta = (rho_next / rho) * (alpha / omega);
        if !beta.is_finite() {
            return End::Breakdown;
        }
        rho = rho_next;
        space.axpy(-omega, v, p);
        space.xpby(run.state.r.borrow(), beta, p);
        first = false;
    }
}
