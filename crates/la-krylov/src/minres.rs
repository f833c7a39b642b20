//! Minimal residuals for symmetric systems.

mod ending;
mod options;
mod workspace;

use std::borrow::{Borrow, BorrowMut};

use ending::{Ending, Seen};
pub use options::MinresOptions;
pub use workspace::MinresWorkspace;

use crate::gmres::rotation;
use crate::run::{Run, Settled, Verdict, check_dimensions, check_symmetric, sign_status};
use crate::{
    Host, KrylovError, LinearOperator, Monitor, NoMonitor, Preconditioner, Real, Solution, Status,
    VectorSpace,
};

/// Solves `A x = b` with preconditioned MINRES, for symmetric A, definite or not, and symmetric
/// positive definite M.
///
/// Minimises `‖b − A x‖` in the norm of M⁻¹ over the Krylov space with short recurrences: the method for
/// symmetric indefinite systems, such as shifted or saddle point ones, and for singular systems that
/// have a solution. For a definite A [`cg`](crate::cg) does the same in fewer operations; the residual
/// norms of MINRES never grow, those of CG may. Symmetry of A is not checked: without it the result is
/// a residual that stagnates.
///
/// Where `b` is not in the range of A, the solve ends with [`Status::LeastSquares`] once the residual
/// is orthogonal to the range up to rounding, and the recomputed one up to `√ε ‖A‖ ‖r‖`; with
/// [`Status::Stagnated`] where that disagrees with the recurrence and does not fall.
/// Rounding keeps many such systems from either: the iteration then goes on to its limit, with an x that
/// grows in the null space. Where `b` may be outside the range, take [`lsmr`](crate::lsmr).
///
/// Memory: ten vectors. Per iteration: one product with A, one application of M, and besides these 18
/// vectors read or written (26 with a preconditioner).
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
/// use la_krylov::{IdentityPreconditioner, MinresOptions, minres, sprs::CsMat};
///
/// // [ 1 2 ; 2 1 ], with eigenvalues 3 and −1.
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![1.0, 2.0, 2.0, 1.0]);
/// let m = IdentityPreconditioner::new(2);
/// let solution = minres(&a, &[5.0_f64, 4.0], &m, &MinresOptions::default())?;
/// assert!(solution.status.is_converged());
/// assert!((solution.x[0] - 1.0).abs() < 1e-12 && (solution.x[1] - 2.0).abs() < 1e-12);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
///
/// # References
/// C. C. Paige, M. A. Saunders, *SIAM J. Numer. Anal.* 12(4), 617–629, 1975; with a preconditioner:
/// H. Elman, D. Silvester, A. Wathen, *Finite Elements and Fast Iterative Solvers*, 2nd ed., Oxford
/// 2014, Algorithm 4.1. Deviates: the 2-norm of the residual comes from a recurrence for the residual
/// vector, `rₖ = sₖ² rₖ₋₁ − φ̄ₖ cₖ qₖ₊₁`; verified stopping and scaling by powers of two as in
/// [`cg`](crate::cg); least-squares solutions are verified, too, by `‖A M⁻¹ r‖` for the recomputed r,
/// which the first step from there computes.
pub fn minres<T, A, M>(
    a: &A,
    b: &[T],
    m: &M,
    options: &MinresOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    minres_in(Host::new(b.len()), a, b, m, options)
}

/// [`minres`] from the initial guess `x0`.
///
/// # Errors
/// As [`minres`]; also if `x0` does not fit or its residual is not finite.
///
/// # Examples
/// ```
/// use la_krylov::{MinresOptions, IdentityPreconditioner, minres_from, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let m = IdentityPreconditioner::new(2);
/// let solution = minres_from(&a, &[1.0, 2.0], &[1.0, 2.0], &m, &MinresOptions::default())?;
/// assert_eq!(solution.iterations, 0);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn minres_from<T, A, M>(
    a: &A,
    b: &[T],
    x0: &[T],
    m: &M,
    options: &MinresOptions,
) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    options.validate()?;
    let mut workspace = MinresWorkspace::<Host<T>>::new(b.len(), options);
    workspace.set_initial_guess(x0)?;
    minres_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`minres`] in any vector space.
///
/// # Errors
/// As [`minres`].
///
/// # Examples
/// ```
/// use la_krylov::{MinresOptions, Host, IdentityPreconditioner, minres_in, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let m = IdentityPreconditioner::new(2);
/// let solution = minres_in(Host::sequential(2), &a, &[1.0, 2.0], &m, &MinresOptions::default())?;
/// assert_eq!(solution.iterations, 1);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn minres_in<S, A, M>(
    space: S,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &MinresOptions,
) -> Result<Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    options.validate()?;
    let mut workspace = MinresWorkspace::new_in(space, options);
    minres_with(&mut workspace, a, b, m, options)?;
    Ok(workspace.into_solution())
}

/// [`minres`] with the vectors of `workspace`; the result stays in there. Allocates nothing, unless
/// `options` asks for a longer history than the workspace was made for.
///
/// # Errors
/// As [`minres`].
///
/// # Examples
/// See [`MinresWorkspace`].
pub fn minres_with<'w, S, A, M>(
    workspace: &'w mut MinresWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &MinresOptions,
) -> Result<&'w Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    minres_monitored(workspace, a, b, m, options, &mut NoMonitor)
}

/// [`minres_with`], watched by a [`Monitor`].
///
/// # Errors
/// As [`minres`].
///
/// # Examples
/// As for [`cg_monitored`](crate::cg_monitored).
pub fn minres_monitored<'w, S, A, M, W>(
    workspace: &'w mut MinresWorkspace<S>,
    a: &A,
    b: &S::Vector,
    m: &M,
    options: &MinresOptions,
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
    check_symmetric(m, "MINRES", "FGMRES")?;
    let MinresWorkspace {
        space,
        state,
        q_old,
        q,
        p,
        z,
        u,
        w_old,
        w,
    } = workspace;
    let (mut run, done) = Run::begin(space, a, b, options.limits(), monitor, state)?;
    let vectors = Vectors {
        q_old,
        q,
        p,
        z,
        u,
        w_old,
        w,
    };
    let status = match done {
        Some(status) => status,
        None => iterate(&mut run, m, vectors),
    };
    run.finish(status);
    Ok(&workspace.state.solution)
}

/// The vectors of the recurrences: of Lanczos, `q` and `u = M⁻¹ q`, and the directions `w`.
struct Vectors<'v, V> {
    q_old: &'v mut V,
    q: &'v mut V,
    p: &'v mut V,
    z: &'v mut V,
    u: &'v mut V,
    w_old: &'v mut V,
    w: &'v mut V,
}

/// Lanczos with one new rotation a step, again and again from the true residual.
fn iterate<S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    mut vectors: Vectors<'_, S::Owned>,
) -> Status
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    run.reserve_tridiagonal();
    let mut seen = Seen::default();
    loop {
        match lanczos(run, m, &mut vectors, &mut seen) {
            Ending::Done(status) => return status,
            Ending::Restart => seen.claimed = None,
            Ending::Orthogonal => {
                seen.claimed.get_or_insert((f64::INFINITY, f64::INFINITY));
                if let Settled::Done(status) = run.end_cycle(f64::NAN, None, None) {
                    return status;
                }
            }
        }
    }
}

/// `γ = ‖p‖` in the norm of M⁻¹, given `‖p‖₂`; `z = M⁻¹ p` unless M is the identity.
fn norm_in_m<S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    p: &S::Vector,
    norm: f64,
    z: &mut S::Vector,
) -> Result<f64, Status>
where
    S: VectorSpace,
    A: ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: ?Sized,
{
    if m.is_identity() {
        return Ok(norm);
    }
    let space = run.space;
    if let Err(failure) = m.apply(space, p, z) {
        run.state.solution.failure = Some(failure);
        return Err(Status::PreconditionerFailure);
    }
    let squares = space.dot(p, z);
    if squares > 0.0 && squares.is_finite() || norm == 0.0 {
        return Ok(squares.max(0.0).sqrt());
    }
    let bound = norm * space.norm(z);
    Err(sign_status::<S::Scalar>(
        squares,
        bound,
        Status::IndefinitePreconditioner,
    ))
}

/// The iteration from the true residual.
fn lanczos<S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    vectors: &mut Vectors<'_, S::Owned>,
    seen: &mut Seen,
) -> Ending
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    let space = run.space;
    let identity = m.is_identity();
    let Vectors {
        q_old,
        q,
        p,
        z,
        u,
        w_old,
        w,
    } = vectors;
    space.fill((**w_old).borrow_mut(), S::Scalar::ZERO);
    space.fill((**w).borrow_mut(), S::Scalar::ZERO);
    // γ₁ q₁ = r, u₁ = M⁻¹ q₁
    space.copy(run.state.r.borrow(), (**q).borrow_mut());
    let norm = run.residual_norm();
    let mut gamma = match norm_in_m(run, m, (**q).borrow(), norm, (**u).borrow_mut()) {
        Ok(gamma) => gamma,
        Err(status) => return Ending::Done(status),
    };
    space.scale(1.0 / gamma, (**q).borrow_mut());
    space.scale(1.0 / gamma, (**u).borrow_mut());
    // Of Paige and Saunders: c, s, φ̄, δ̄, ε.
    let (mut c, mut s, mut phi_bar) = (-1.0, 0.0, gamma);
    let (mut delta_bar, mut epsilon) = (0.0, 0.0);
    // Lengths γ of the last two directions, which are stored as γ w.
    let (mut length_old, mut length) = (1.0, 1.0);
    // From the norm in M⁻¹ to the 2-norm, for the identity.
    let mut ratio = norm / gamma;
    let mut first = true;
    loop {
        // p = A u − α q − γ q_old
        let u_now: &S::Vector = if identity {
            (**q).borrow()
        } else {
            (**u).borrow()
        };
        let p_now = (**p).borrow_mut();
        run.a.apply(space, u_now, p_now);
        let alpha = space.dot(u_now, p_now);
        let mut p_norm = space.axpy_norm(-alpha, (**q).borrow(), p_now);
        if !first {
            p_norm = space.axpy_norm(-gamma, (**q_old).borrow(), p_now);
        }
        if !(alpha.is_finite() && p_norm.is_finite()) {
            return Ending::Done(Status::NonFinite);
        }
        let mut gamma_next = match norm_in_m(run, m, p_now, p_norm, (**z).borrow_mut()) {
            Ok(gamma) => gamma,
            Err(status) => return Ending::Done(status),
        };
        let before = if first { 0.0 } else { gamma };
        let column = alpha.abs().max(before).max(gamma_next);
        seen.size = seen.size.max(column);
        let noise = 10.0 * S::Scalar::EPSILON.to_f64() * seen.size;
        if gamma_next <= noise {
            gamma_next = 0.0;
        }
        // The last rotation, applied to the new column of T.
        let epsilon_old = epsilon;
        let delta = c * delta_bar + s * alpha;
        let gamma_bar = s * delta_bar - c * alpha;
        epsilon = s * gamma_next;
        delta_bar = -c * gamma_next;
        // ‖A rₖ₋₁‖ = φ̄ √(γ̄² + δ̄²); in the first step the residual is the true one.
        if gamma_bar.abs().max(delta_bar.abs()) <= noise {
            return match first {
                true => Ending::Done(Status::LeastSquares),
                false => Ending::Orthogonal,
            };
        }
        if first {
            let product = alpha.hypot(gamma_next) * gamma;
            if let Some(status) = seen.verdict::<S::Scalar>(norm, product, gamma) {
                return Ending::Done(status);
            }
            run.state.solution.spectrum.clear();
        }
        let joint = (!first).then_some(gamma);
        run.state.solution.spectrum.push(joint, alpha);
        // The new one.
        let (c_new, s_new, length_new) = rotation(gamma_bar, gamma_next);
        (c, s) = (c_new, s_new);
        let phi = c * phi_bar;
        phi_bar *= s;
        // γ w = u − ε w_old − δ w, in the place of w_old
        space.xpby(u_now, -epsilon_old / length_old, (**w_old).borrow_mut());
        space.axpy(-delta / length, (**w).borrow(), (**w_old).borrow_mut());
        std::mem::swap(w_old, w);
        (length_old, length) = (length, length_new);
        // q_old = q, q = p / γ
        std::mem::swap(q_old, q);
        std::mem::swap(q, p);
        std::mem::swap(u, z);
        if gamma_next > 0.0 {
            space.scale(1.0 / gamma_next, (**q).borrow_mut());
            if !identity {
                space.scale(1.0 / gamma_next, (**u).borrow_mut());
            }
        }
        gamma = gamma_next;
        // r = s² r − φ̄ c q
        let norm = if identity {
            phi_bar.abs() * ratio
        } else {
            let r = run.state.r.borrow_mut();
            space.scale(s * s, r);
            space.axpy_norm(-phi_bar * c, (**q).borrow(), r)
        };
        first = false;
        let verdict = run.residual_updated(norm);
        if let Err(status) = verdict {
            return Ending::Done(status);
        }
        // x = x + φ w
        let step = phi / length * run.unit;
        space.axpy(step, (**w).borrow(), run.state.solution.x.borrow_mut());
        if let Ok(Verdict::Settle) = verdict {
            match run.settle(norm) {
                Settled::Done(status) => return Ending::Done(status),
                Settled::Continue if gamma > 0.0 && phi_bar != 0.0 => {
                    ratio = run.residual_norm() / phi_bar.abs();
                }
                Settled::Continue | Settled::Restart => return Ending::Restart,
            }
        } else if run.observe(norm) {
            return Ending::Done(Status::StoppedByMonitor);
        } else if gamma == 0.0 {
            // Nothing is left of the Krylov space, yet the residual is not small.
            return Ending::Orthogonal;
        }
    }
}
