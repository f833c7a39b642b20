//! Least squares by LSMR.

mod options;
mod workspace;

use std::borrow::{Borrow, BorrowMut};

pub use options::LsmrOptions;
pub use workspace::LsmrWorkspace;

use crate::gmres::rotation;
use crate::run::{Run, Settled, Verdict, check_vector};
use crate::{
    Host, KrylovError, Monitor, NoMonitor, Real, Solution, Status, TransposeOperator, VectorSpace,
};

/// Minimises `‖b − A x‖₂` with LSMR, for any A of any shape that can also be applied transposed.
///
/// The method for least squares and for rectangular or singular systems. Where the system has a
/// solution it ends as [`Status::Converged`], as other methods do; where it has none, as
/// [`Status::LeastSquares`], once `‖Aᵀr‖` is small enough: both are successes here. From a start at
/// zero it finds the solution of least norm. In exact arithmetic it is MINRES on `AᵀA x = Aᵀb`, so that
/// its speed depends on the square of the condition number of A: for square nonsingular systems use
/// [`gmres`](crate::gmres) with a preconditioner first. Scale the columns of A to norm one.
///
/// Memory: six vectors like x, two like b. Per iteration: one product with A, one with its transpose, and
/// besides these 13 vectors like x and 5 like b read or written.
///
/// # Shapes
/// - `a`: m × n, `b`: length m, solution: length n.
/// - history: at most `min(max_iters + 1, HISTORY_LIMIT)` entries, in the units of `b`.
///
/// # Errors
/// [`KrylovError::DimensionMismatch`]: `a` and `b` do not fit. [`KrylovError::InvalidOption`]: an
/// option is out of range. [`KrylovError::NonFiniteInput`]: `b` has infinities or NaN. Non-convergence
/// is not an error: see [`Solution::status`].
///
/// # Examples
/// ```
/// use la_krylov::{LsmrOptions, Status, lsmr, sprs::CsMat};
///
/// // The line through (0, 1), (1, 2), (2, 2), by least squares.
/// let a = CsMat::new((3, 2), vec![0, 1, 3, 5], vec![0, 0, 1, 0, 1], vec![1.0, 1.0, 1.0, 1.0, 2.0]);
/// let solution = lsmr(&a, &[1.0_f64, 2.0, 2.0], &LsmrOptions::default())?;
/// assert_eq!(solution.status, Status::LeastSquares);
/// assert!((solution.x[0] - 7.0 / 6.0).abs() < 1e-8 && (solution.x[1] - 0.5).abs() < 1e-8);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
///
/// # References
/// D. C.-L. Fong, M. Saunders, *SIAM J. Sci. Comput.* 33(5), 2950–2971, 2011. Deviates: no damping; both
/// endings are verified with the recomputed residual, and the iteration starts again from that where it
/// disagrees; scaling by powers of two as in [`cg`](crate::cg).
pub fn lsmr<T, A>(a: &A, b: &[T], options: &LsmrOptions) -> Result<Solution<Vec<T>>, KrylovError>
where
    T: Real,
    A: TransposeOperator<Host<T>> + ?Sized,
{
    lsmr_in(Host::new(a.cols()), Host::new(b.len()), a, b, options)
}

/// [`lsmr`] in any vector spaces: A maps `domain` to `range`.
///
/// # Errors
/// As [`lsmr`].
///
/// # Examples
/// ```
/// use la_krylov::{Host, LsmrOptions, lsmr_in, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let space = Host::sequential(2);
/// let solution = lsmr_in(space, space, &a, &[1.0, 2.0], &LsmrOptions::default())?;
/// assert!(solution.status.is_converged());
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn lsmr_in<S, A>(
    domain: S,
    range: S,
    a: &A,
    b: &S::Vector,
    options: &LsmrOptions,
) -> Result<Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: TransposeOperator<S> + ?Sized,
{
    options.validate()?;
    let mut workspace = LsmrWorkspace::new_in(domain, range, options);
    lsmr_with(&mut workspace, a, b, options)?;
    Ok(workspace.into_solution())
}

/// [`lsmr`] with the vectors of `workspace`; the result stays in there. Allocates nothing, unless
/// `options` asks for a longer history than the workspace was made for.
///
/// # Errors
/// As [`lsmr`].
///
/// # Examples
/// See [`LsmrWorkspace`].
pub fn lsmr_with<'w, S, A>(
    workspace: &'w mut LsmrWorkspace<S>,
    a: &A,
    b: &S::Vector,
    options: &LsmrOptions,
) -> Result<&'w Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: TransposeOperator<S> + ?Sized,
{
    lsmr_monitored(workspace, a, b, options, &mut NoMonitor)
}

/// [`lsmr_with`], watched by a [`Monitor`].
///
/// # Errors
/// As [`lsmr`].
///
/// # Examples
/// As for [`cg_monitored`](crate::cg_monitored).
pub fn lsmr_monitored<'w, S, A, W>(
    workspace: &'w mut LsmrWorkspace<S>,
    a: &A,
    b: &S::Vector,
    options: &LsmrOptions,
    monitor: &mut W,
) -> Result<&'w Solution<S::Owned>, KrylovError>
where
    S: VectorSpace,
    A: TransposeOperator<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    options.validate()?;
    let LsmrWorkspace {
        domain,
        range,
        state,
        u,
        au,
        v,
        av,
        h,
        h_bar,
    } = workspace;
    let (rows, cols) = (a.rows(), a.cols());
    for (what, len, expected) in [
        ("domain", domain.dimension(), cols),
        ("range", range.dimension(), rows),
    ] {
        if len != expected {
            return Err(KrylovError::DimensionMismatch {
                rows,
                cols,
                what,
                len,
            });
        }
    }
    check_vector(range, b, "right-hand side")?;
    let limits = options.limits();
    let (mut run, done) = Run::begin_between(domain, range, a, b, limits, monitor, state)?;
    let mut vectors = Vectors {
        u,
        au,
        v,
        av,
        h: h.borrow_mut(),
        h_bar: h_bar.borrow_mut(),
    };
    let status = match done {
        Some(status) => status,
        None => iterate(&mut run, range, &mut vectors, options),
    };
    run.finish(status);
    Ok(&workspace.state.solution)
}

/// Of the bidiagonalization, `u`, `A v` and `v`, `Aᵀ u`; and the directions.
struct Vectors<'v, O, V: ?Sized> {
    u: &'v mut O,
    au: &'v mut O,
    v: &'v mut O,
    av: &'v mut O,
    h: &'v mut V,
    h_bar: &'v mut V,
}

/// Bidiagonalization after bidiagonalization, each from the true residual.
fn iterate<S, A, W>(
    run: &mut Run<'_, S, A, W>,
    range: &S,
    vectors: &mut Vectors<'_, S::Owned, S::Vector>,
    options: &LsmrOptions,
) -> Status
where
    S: VectorSpace,
    A: TransposeOperator<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    let domain = run.space;
    let tolerance = options.normal_rtol.max(S::Scalar::EPSILON.to_f64());
    // The largest ‖A v‖² so far, at most ‖A‖²; and ‖Aᵀr‖ / ‖r‖ at the last start.
    let mut squares: f64 = 0.0;
    let mut last = f64::INFINITY;
    loop {
        // β u = r, α v = Aᵀ u
        let beta = range.norm(run.state.r.borrow());
        range.copy(run.state.r.borrow(), (*vectors.u).borrow_mut());
        range.scale(1.0 / beta, (*vectors.u).borrow_mut());
        let v = (*vectors.v).borrow_mut();
        run.a.apply_transpose(range, (*vectors.u).borrow(), v);
        let alpha = domain.norm(v);
        if !(beta.is_finite() && alpha.is_finite()) {
            return Status::NonFinite;
        }
        // The residual is the true one here.
        if alpha <= tolerance * squares.sqrt() {
            return Status::LeastSquares;
        }
        if alpha > 0.5 * last {
            return Status::Stagnated;
        }
        domain.scale(1.0 / alpha, v);
        let (ending, promised) =
            bidiagonalize(run, range, vectors, (beta, alpha), &mut squares, tolerance);
        match ending {
            Ending::Done(status) => return status,
            // Below the tolerance of the residual: stagnation was dealt with.
            Ending::Restart => last = f64::INFINITY,
            Ending::Orthogonal => {
                last = alpha;
                if let Settled::Done(status) = run.end_cycle(promised, None, None) {
                    return status;
                }
            }
        }
    }
}

enum Ending {
    Done(Status),
    /// The residual was replaced by the true one.
    Restart,
    /// The residual ought to be orthogonal to the range.
    Orthogonal,
}

/// Fong and Saunders, Section 2.8 (without damping) and, for the residual norm, Section 5.1.
fn bidiagonalize<S, A, W>(
    run: &mut Run<'_, S, A, W>,
    range: &S,
    vectors: &mut Vectors<'_, S::Owned, S::Vector>,
    (mut beta, mut alpha): (f64, f64),
    squares: &mut f64,
    tolerance: f64,
) -> (Ending, f64)
where
    S: VectorSpace,
    A: TransposeOperator<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    let domain = run.space;
    let Vectors {
        u,
        au,
        v,
        av,
        h,
        h_bar,
    } = vectors;
    domain.copy((**v).borrow(), h);
    domain.fill(h_bar, S::Scalar::ZERO);
    let (mut alpha_bar, mut zeta_bar) = (alpha, alpha * beta);
    let (mut rho, mut rho_bar, mut c_bar, mut s_bar) = (1.0, 1.0, 1.0, 0.0);
    let mut zeta = 0.0;
    // Of the residual norm: β̈, β̇, ρ̇, τ̃, θ̃.
    let (mut beta_dd, mut beta_d, mut rho_d) = (beta, 0.0, 1.0);
    let (mut tau_tilde, mut theta_tilde) = (0.0, 0.0);
    loop {
        // β u = A v − α u, α v = Aᵀ u − β v
        run.a.apply(domain, (**v).borrow(), (**au).borrow_mut());
        beta = range.axpy_norm(-alpha, (**u).borrow(), (**au).borrow_mut());
        std::mem::swap(u, au);
        if !beta.is_finite() {
            return (Ending::Done(Status::NonFinite), f64::NAN);
        }
        // ‖A v‖² of this step alone: u and the new one are orthogonal whatever became of older ones.
        *squares = squares.max(alpha * alpha + beta * beta);
        // A vector that is rounding noise only ends the process: exactly solved.
        let noise = 4.0 * S::Scalar::EPSILON.to_f64() * squares.sqrt();
        if beta <= noise {
            beta = 0.0;
            alpha = 0.0;
        } else {
            range.scale(1.0 / beta, (**u).borrow_mut());
            run.a
                .apply_transpose(range, (**u).borrow(), (**av).borrow_mut());
            alpha = domain.axpy_norm(-beta, (**v).borrow(), (**av).borrow_mut());
            std::mem::swap(v, av);
            if !alpha.is_finite() {
                return (Ending::Done(Status::NonFinite), f64::NAN);
            }
            if alpha <= noise {
                alpha = 0.0;
            } else {
                domain.scale(1.0 / alpha, (**v).borrow_mut());
            }
        }
        // The rotations P and P̄.
        let (rho_old, rho_bar_old, zeta_old) = (rho, rho_bar, zeta);
        let (c, s, length) = rotation(alpha_bar, beta);
        rho = length;
        let theta = s * alpha;
        alpha_bar = c * alpha;
        let theta_bar = s_bar * rho;
        let (c_new, s_new, length) = rotation(c_bar * rho, theta);
        (c_bar, s_bar, rho_bar) = (c_new, s_new, length);
        if rho == 0.0 || rho_bar == 0.0 {
            return (Ending::Done(Status::Breakdown), f64::NAN);
        }
        zeta = c_bar * zeta_bar;
        zeta_bar *= -s_bar;
        // ‖r‖
        let beta_hat = c * beta_dd;
        beta_dd *= -s;
        let theta_tilde_old = theta_tilde;
        let (c_tilde, s_tilde, rho_tilde) = rotation(rho_d, theta_bar);
        theta_tilde = s_tilde * rho_bar;
        rho_d = c_tilde * rho_bar;
        beta_d = c_tilde * beta_hat - s_tilde * beta_d;
        tau_tilde = (zeta_old - theta_tilde_old * tau_tilde) / rho_tilde;
        let tau = (zeta - theta_tilde * tau_tilde) / rho_d;
        let norm = ((beta_d - tau).powi(2) + beta_dd * beta_dd).sqrt();
        // h̄ = h − (θ̄ ρ / (ρ_old ρ̄_old)) h̄, x = x + (ζ / (ρ ρ̄)) h̄, h = v − (θ / ρ) h
        let factor = -(theta_bar / rho_old) * (rho / rho_bar_old);
        domain.xpby(h, factor, h_bar);
        let verdict = run.residual_updated(norm);
        if let Err(status) = verdict {
            return (Ending::Done(status), norm);
        }
        let step = zeta / rho / rho_bar * run.unit;
        domain.axpy(step, h_bar, run.state.solution.x.borrow_mut());
        domain.xpby((**v).borrow(), -theta / rho, h);
        if let Ok(Verdict::Settle) = verdict {
            return match run.settle(norm) {
                Settled::Done(status) => (Ending::Done(status), norm),
                Settled::Continue | Settled::Restart => (Ending::Restart, norm),
            };
        }
        if run.observe(norm) {
            return (Ending::Done(Status::StoppedByMonitor), norm);
        }
        // ‖Aᵀr‖ = |ζ̄|
        let orthogonal = zeta_bar.abs() <= 0.5 * tolerance * squares.sqrt() * norm;
        if orthogonal || alpha == 0.0 {
            return (Ending::Orthogonal, norm);
        }
    }
}
