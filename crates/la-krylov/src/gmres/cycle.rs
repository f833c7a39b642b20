//! Arnoldi cycles, shared by GMRES and FGMRES.

use std::borrow::{Borrow, BorrowMut};

use super::hessenberg::Hessenberg;
use super::options::{Reorthogonalization, ResidualCheck};
use crate::run::{Run, Settled};
use crate::{
    LinearOperator, Monitor, Preconditioner, PreconditionerError, PreconditionerKind, Real, Status,
    VectorSpace,
};

/// Where the preconditioner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// `M⁻¹ A x = M⁻¹ b`.
    Left,
    /// `A M⁻¹ u = b`, one M for all columns.
    Right,
    /// `A Z = V H̄`: every column of Z is kept.
    Flexible,
}

/// How cycles are run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) restart: usize,
    pub(crate) placement: Placement,
    pub(crate) reorthogonalization: Reorthogonalization,
    pub(crate) check: ResidualCheck,
    /// Cycles without progress, one after the other, that end the solve.
    pub(crate) stalls: usize,
}

/// Reorthogonalize when less than this part of the vector is left: 1/√2.
const NORM_DROP: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// The vectors and small matrices of a cycle.
pub(crate) struct Arnoldi<S: VectorSpace> {
    v: S::Basis,
    z: Option<S::Basis>,
    w: S::Owned,
    t: S::Owned,
    hessenberg: Hessenberg,
    corrections: Vec<f64>,
}

impl<S: VectorSpace> Arnoldi<S> {
    pub(crate) fn new(space: &S, restart: usize, flexible: bool) -> Self {
        let mut arnoldi = Self {
            v: space.basis(0),
            z: flexible.then(|| space.basis(0)),
            w: space.zeros(),
            t: space.zeros(),
            hessenberg: Hessenberg::default(),
            corrections: Vec::new(),
        };
        arnoldi.make_room(space, restart);
        arnoldi
    }

    /// Room for cycles of `restart` steps, or of as many as there are dimensions.
    pub(crate) fn make_room(&mut self, space: &S, restart: usize) {
        let columns = restart.min(space.dimension().max(1));
        if space.columns(&self.v) >= columns {
            return;
        }
        self.v = space.basis(columns);
        if let Some(z) = &mut self.z {
            *z = space.basis(columns);
        }
        self.hessenberg.make_room(columns);
        self.corrections.resize(columns, 0.0);
    }
}

/// Cycle after cycle, each from the true residual.
pub(crate) fn iterate<S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    arnoldi: &mut Arnoldi<S>,
    plan: &Plan,
) -> Status
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    let space = run.space;
    let linear = m.kind() == PreconditionerKind::Fixed;
    // Norms at the start of the last cycle and as promised by its end.
    let mut last: Option<(f64, f64)> = None;
    let mut stalled = 0;
    let mut singular = false;
    run.iterate_is_old();
    loop {
        let norm = run.residual_norm();
        // v₁ = r / ‖r‖, or M⁻¹ r / ‖M⁻¹ r‖
        let beta = match plan.placement {
            Placement::Left => {
                let w = arnoldi.w.borrow_mut();
                if let Err(failure) = m.apply(space, run.state.r.borrow(), w) {
                    run.state.solution.failure = Some(failure);
                    return Status::PreconditionerFailure;
                }
                space.norm(w)
            }
            _ => norm,
        };
        if !(beta > 0.0 && beta.is_finite()) {
            return blame(run, beta);
        }
        if let Some((before, promised)) = last {
            let achieved = before - beta;
            let enough =
                (0.1 * (before - promised)).max(8.0 * S::Scalar::EPSILON.to_f64() * before);
            stalled = if achieved < enough { stalled + 1 } else { 0 };
            if stalled >= plan.stalls {
                return match singular {
                    true => Status::Breakdown,
                    false => Status::Stagnated,
                };
            }
        }
        arnoldi.hessenberg.start(beta);
        let first = match plan.placement {
            Placement::Left => arnoldi.w.borrow(),
            _ => run.state.r.borrow(),
        };
        space.set_column(&mut arnoldi.v, 0, 1.0 / beta, first);
        let cycle = cycle(run, m, arnoldi, plan, norm / beta);
        singular = cycle.singular;
        let promised = arnoldi.hessenberg.residual();
        if linear {
            run.state
                .solution
                .spectrum
                .keep_hessenberg(&arnoldi.hessenberg);
        }
        if arnoldi.hessenberg.columns() > 0 {
            run.keep_best();
            if let Err(status) = update(run, m, arnoldi, plan) {
                return cycle.ending.unwrap_or(status);
            }
        }
        let tracked = promised * (norm / beta);
        match run.end_cycle(tracked, cycle.ending, plan.check.bound(plan.placement)) {
            Settled::Done(status) => return status,
            Settled::Continue | Settled::Restart => last = Some((beta, promised)),
        }
    }
}

struct Cycle {
    /// Why the solve ends, unless the true residual meets the tolerance.
    ending: Option<Status>,
    /// The operator has no inverse on the space built so far.
    singular: bool,
}

/// Saad, *Iterative Methods*, Algorithms 6.9 and 9.6: builds the space until the cycle ends.
fn cycle<S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    arnoldi: &mut Arnoldi<S>,
    plan: &Plan,
    ratio: f64,
) -> Cycle
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    let space = run.space;
    let mut cycle = Cycle {
        ending: None,
        singular: false,
    };
    let steps = plan.restart.min(space.columns(&arnoldi.v));
    for j in 0..steps {
        if let Err(failure) = product(run, m, arnoldi, plan, j) {
            run.state.solution.failure = Some(failure);
            cycle.ending = Some(Status::PreconditionerFailure);
            break;
        }
        let w = arnoldi.w.borrow_mut();
        let h = arnoldi.hessenberg.next_column();
        let corrections = &mut arnoldi.corrections[..=j];
        let (before, norm) = orthogonalize(
            space,
            &arnoldi.v,
            h,
            corrections,
            w,
            plan.reorthogonalization,
        );
        if before == 0.0 || !before.is_finite() {
            let usable = |norm: f64| norm > 0.0 && norm.is_finite();
            let guilty = match (plan.placement, &arnoldi.z) {
                _ if m.is_identity() => false,
                (Placement::Left, _) => usable(space.norm(arnoldi.t.borrow())),
                (Placement::Flexible, Some(z)) => !usable(space.norm(space.column(z, j))),
                _ => !usable(space.norm(arnoldi.t.borrow())),
            };
            if guilty {
                cycle.ending = Some(blame(run, before));
                break;
            }
            if before != 0.0 {
                cycle.ending = Some(Status::NonFinite);
                break;
            }
        }
        // What rounding leaves of a vector that lies in the space already.
        let noise = (j + 2) as f64 * S::Scalar::EPSILON.to_f64() * before;
        let diagonal = arnoldi.hessenberg.push(norm);
        let invariant = norm <= noise;
        if invariant && diagonal <= noise {
            arnoldi.hessenberg.pop();
            cycle.singular = true;
        }
        let (ends, ending) = run.tracked(arnoldi.hessenberg.residual() * ratio);
        cycle.ending = ending;
        if ends || invariant {
            break;
        }
        if j + 1 < steps {
            space.set_column(&mut arnoldi.v, j + 1, 1.0 / norm, arnoldi.w.borrow());
        }
    }
    cycle
}

/// `w = A M⁻¹ vⱼ`, or `w = M⁻¹ A vⱼ`.
fn product<S, A, M, W>(
    run: &Run<'_, S, A, W>,
    m: &M,
    arnoldi: &mut Arnoldi<S>,
    plan: &Plan,
    j: usize,
) -> Result<(), PreconditionerError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: ?Sized,
{
    let space = run.space;
    let v = space.column(&arnoldi.v, j);
    let (w, t) = (arnoldi.w.borrow_mut(), arnoldi.t.borrow_mut());
    match (plan.placement, &mut arnoldi.z) {
        _ if m.is_identity() => run.a.apply(space, v, w),
        (Placement::Left, _) => {
            run.a.apply(space, v, t);
            m.apply(space, t, w)?;
        }
        (Placement::Flexible, Some(z)) => {
            let z = space.column_mut(z, j);
            m.apply(space, v, z)?;
            run.a.apply(space, z, w);
        }
        _ => {
            m.apply(space, v, t)?;
            run.a.apply(space, t, w);
        }
    }
    Ok(())
}

/// Classical Gram–Schmidt: `h = Vᵀ w`, `w = w − V h`, once or twice. Returns `‖w‖` before and after.
fn orthogonalize<S: VectorSpace>(
    space: &S,
    v: &S::Basis,
    h: &mut [f64],
    corrections: &mut [f64],
    w: &mut S::Vector,
    rule: Reorthogonalization,
) -> (f64, f64) {
    space.project(v, w, h);
    let norm = space.subtract(v, h, w);
    // ‖w‖² before = ‖h‖² + ‖w‖² after, the sum of two orthogonal parts.
    let largest = h.iter().fold(norm, |m, h| m.max(h.abs()));
    if h.iter().any(|h| h.is_nan()) || norm.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    if largest == 0.0 || largest.is_infinite() {
        return (largest, norm);
    }
    let squares: f64 = h.iter().map(|h| (h / largest).powi(2)).sum();
    let before = largest * (squares + (norm / largest).powi(2)).sqrt();
    let again = match rule {
        Reorthogonalization::Never => false,
        Reorthogonalization::WhenNeeded => norm < NORM_DROP * before,
        Reorthogonalization::Always => true,
    };
    if !again {
        return (before, norm);
    }
    space.project(v, w, corrections);
    let norm = space.subtract(v, corrections, w);
    h.iter_mut().zip(corrections).for_each(|(h, c)| *h += *c);
    (before, norm)
}

/// `x = x + M⁻¹ V y`, `x + V y` or `x + Z y`.
fn update<S, A, M, W>(
    run: &mut Run<'_, S, A, W>,
    m: &M,
    arnoldi: &mut Arnoldi<S>,
    plan: &Plan,
) -> Result<(), Status>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: ?Sized,
{
    let (space, unit) = (run.space, run.unit);
    let x = run.state.solution.x.borrow_mut();
    let through_m = plan.placement == Placement::Right && !m.is_identity();
    let scale = if through_m { 1.0 } else { unit };
    let Some(y) = arnoldi.hessenberg.solve(scale) else {
        return Err(Status::NonFinite);
    };
    if through_m {
        let (w, t) = (arnoldi.w.borrow_mut(), arnoldi.t.borrow_mut());
        space.fill(t, S::Scalar::ZERO);
        space.lincomb(&arnoldi.v, y, t);
        if let Err(failure) = m.apply(space, t, w) {
            run.state.solution.failure = Some(failure);
            return Err(Status::PreconditionerFailure);
        }
        space.axpy(unit, w, x);
        return Ok(());
    }
    match &arnoldi.z {
        Some(z) if !m.is_identity() => space.lincomb(z, y, x),
        _ => space.lincomb(&arnoldi.v, y, x),
    }
    Ok(())
}

/// A preconditioner that returns zero or NaN has failed, whatever it said itself.
fn blame<S, A, W>(run: &mut Run<'_, S, A, W>, norm: f64) -> Status
where
    S: VectorSpace,
    A: ?Sized,
    W: ?Sized,
{
    let what = if norm == 0.0 {
        "zero"
    } else {
        "a value that is not finite"
    };
    run.state.solution.failure = Some(PreconditionerError {
        message: format!("it returned {what} for a finite, nonzero vector"),
    });
    Status::PreconditionerFailure
}
