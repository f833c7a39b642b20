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

/// The basis and small matrices of a cycle.
pub(crate) struct Arnoldi<S: VectorSpace> {
    v: S::Basis,
    z: Option<S::Basis>,
    hessenberg: Hessenberg,
    corrections: Vec<f64>,
}

impl<S: VectorSpace> Arnoldi<S> {
    pub(crate) fn new(space: &S, restart: usize, flexible: bool) -> Self {
        let mut arnoldi = Self {
            v: space.basis(0),
            z: flexible.then(|| space.basis(0)),
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
    run: Run<'_, S, A, W>,
    m: &M,
    arnoldi: &mut Arnoldi<S>,
    room: &mut Room<S>,
    plan: &Plan,
) where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    let (w, t) = (room.w.borrow_mut(), room.t.borrow_mut());
    let mut cycles = Cycles::new(run, arnoldi, *plan);
    let status = loop {
        if let Err(status) = cycles.begin(m, w) {
            break status;
        }
        let end = loop {
            let end = match cycles.product(m, w, t) {
                Ok(()) => cycles.absorb(m, w, t),
                Err(failure) => cycles.fail(failure),
            };
            if let Some(end) = end {
                break end;
            }
        };
        if let Err(status) = cycles.end(m, end, w, t) {
            break status;
        }
    };
    cycles.finish(status);
}

/// Two vectors for products.
pub(crate) struct Room<S: VectorSpace> {
    w: S::Owned,
    t: S::Owned,
}

impl<S: VectorSpace> Room<S> {
    pub(crate) fn new(space: &S) -> Self {
        Self {
            w: space.zeros(),
            t: space.zeros(),
        }
    }
}

/// Why a cycle ends.
pub(crate) struct End {
    /// Why the solve ends with it, unless the true residual meets the tolerance.
    status: Option<Status>,
}

/// Saad, *Iterative Methods*, Algorithms 6.9 and 9.6, cut at the products. The caller turns round:
/// [`Cycles::begin`]; then the next product and [`Cycles::absorb`] until that returns an [`End`]; then
/// [`Cycles::end`].
///
/// The products are formed in two vectors of the caller: `w` is the one that joins the basis, `t`
/// what stands between A and M.
pub(crate) struct Cycles<'r, S: VectorSpace, A: ?Sized, W: ?Sized> {
    run: Run<'r, S, A, W>,
    arnoldi: &'r mut Arnoldi<S>,
    plan: Plan,
    /// Norms at the start of the last cycle and as promised by its end.
    last: Option<(f64, f64)>,
    /// Cycles without progress, one after the other.
    stalled: usize,
    /// The operator has no inverse on the space built in the last cycle.
    singular: bool,
    /// `‖v₁‖` before it was normalized, and `‖r‖` by that.
    beta: f64,
    ratio: f64,
    /// The column that comes next, and how many fit into a cycle.
    j: usize,
    steps: usize,
}

impl<'r, S, A, W> Cycles<'r, S, A, W>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    pub(crate) fn new(mut run: Run<'r, S, A, W>, arnoldi: &'r mut Arnoldi<S>, plan: Plan) -> Self {
        run.iterate_is_old();
        let steps = plan.restart.min(run.space.columns(&arnoldi.v));
        Self {
            run,
            arnoldi,
            plan,
            last: None,
            stalled: 0,
            singular: false,
            beta: 0.0,
            ratio: 1.0,
            j: 0,
            steps,
        }
    }

    /// Ends the solve.
    pub(crate) fn finish(&mut self, status: Status) {
        self.run.finish(status);
    }

    /// Starts a cycle from the true residual, unless the last ones were in vain. `w` is scratch.
    pub(crate) fn begin<M>(&mut self, m: &M, w: &mut S::Vector) -> Result<(), Status>
    where
        M: Preconditioner<S> + ?Sized,
    {
        let space = self.run.space;
        let run = &mut self.run;
        let norm = run.residual_norm();
        // v₁ = r / ‖r‖, or M⁻¹ r / ‖M⁻¹ r‖
        let left = self.plan.placement == Placement::Left;
        let beta = if left {
            if let Err(failure) = m.apply(space, run.state.r.borrow(), w) {
                run.state.solution.failure = Some(failure);
                return Err(Status::PreconditionerFailure);
            }
            space.norm(w)
        } else {
            norm
        };
        if !(beta > 0.0 && beta.is_finite()) {
            return Err(blame(run, beta));
        }
        if let Some((before, promised)) = self.last {
            let achieved = before - beta;
            let enough =
                (0.1 * (before - promised)).max(8.0 * S::Scalar::EPSILON.to_f64() * before);
            self.stalled = if achieved < enough {
                self.stalled + 1
            } else {
                0
            };
            if self.stalled >= self.plan.stalls {
                return Err(match self.singular {
                    true => Status::Breakdown,
                    false => Status::Stagnated,
                });
            }
        }
        let arnoldi = &mut *self.arnoldi;
        arnoldi.hessenberg.start(beta);
        let first = if left { &*w } else { run.state.r.borrow() };
        space.set_column(&mut arnoldi.v, 0, 1.0 / beta, first);
        (self.beta, self.ratio, self.singular, self.j) = (beta, norm / beta, false, 0);
        Ok(())
    }

    /// `w = A M⁻¹ vⱼ`, or `w = M⁻¹ A vⱼ`.
    fn product<M>(
        &mut self,
        m: &M,
        w: &mut S::Vector,
        t: &mut S::Vector,
    ) -> Result<(), PreconditionerError>
    where
        M: Preconditioner<S> + ?Sized,
    {
        let (a, space) = (self.run.a, self.run.space);
        let v = space.column(&self.arnoldi.v, self.j);
        match (self.plan.placement, &mut self.arnoldi.z) {
            _ if m.is_identity() => a.apply(space, v, w),
            (Placement::Left, _) => {
                a.apply(space, v, t);
                m.apply(space, t, w)?;
            }
            (Placement::Flexible, Some(z)) => {
                let z = space.column_mut(z, self.j);
                m.apply(space, v, z)?;
                a.apply(space, z, w);
            }
            _ => {
                m.apply(space, v, t)?;
                a.apply(space, t, w);
            }
        }
        Ok(())
    }

    /// What A is to be applied to next: `p = M⁻¹ vⱼ`, or `p = vⱼ`. Not for [`Placement::Flexible`].
    pub(crate) fn direction<M>(&self, m: &M, p: &mut S::Vector) -> Result<(), PreconditionerError>
    where
        M: Preconditioner<S> + ?Sized,
    {
        let space = self.run.space;
        let v = space.column(&self.arnoldi.v, self.j);
        if self.plan.placement == Placement::Left || m.is_identity() {
            space.copy(v, p);
            return Ok(());
        }
        m.apply(space, v, p)
    }

    /// Takes in `q = A p` of [`Cycles::direction`], and starts the next cycle where one ends. An
    /// error is the status that the solve ends with.
    pub(crate) fn advance<M>(
        &mut self,
        m: &M,
        p: &mut S::Vector,
        q: &mut S::Vector,
    ) -> Result<(), Status>
    where
        M: Preconditioner<S> + ?Sized,
    {
        let left = self.plan.placement == Placement::Left && !m.is_identity();
        let (w, t) = if left { (p, q) } else { (q, p) };
        let end = match left {
            true => match m.apply(self.run.space, t, w) {
                Ok(()) => self.absorb(m, w, t),
                Err(failure) => self.fail(failure),
            },
            false => self.absorb(m, w, t),
        };
        let Some(end) = end else {
            return Ok(());
        };
        self.end(m, end, w, t)?;
        self.begin(m, w)
    }

    /// The cycle and the solve end here: the preconditioner failed.
    pub(crate) fn fail(&mut self, failure: PreconditionerError) -> Option<End> {
        self.run.state.solution.failure = Some(failure);
        Some(End {
            status: Some(Status::PreconditionerFailure),
        })
    }

    /// Makes `w` orthogonal to the basis, which it joins unless the cycle ends. `t` is still what stood
    /// between A and M.
    fn absorb<M>(&mut self, m: &M, w: &mut S::Vector, t: &S::Vector) -> Option<End>
    where
        M: Preconditioner<S> + ?Sized,
    {
        let (space, j, plan) = (self.run.space, self.j, &self.plan);
        let arnoldi = &mut *self.arnoldi;
        let h = arnoldi.hessenberg.next_column();
        let corrections = &mut arnoldi.corrections[..=j];
        let rule = plan.reorthogonalization;
        let (before, norm) = orthogonalize(space, &arnoldi.v, h, corrections, w, rule);
        if before == 0.0 || !before.is_finite() {
            let usable = |norm: f64| norm > 0.0 && norm.is_finite();
            let guilty = match (plan.placement, &arnoldi.z) {
                _ if m.is_identity() => false,
                (Placement::Left, _) => usable(space.norm(t)),
                (Placement::Flexible, Some(z)) => !usable(space.norm(space.column(z, j))),
                _ => !usable(space.norm(t)),
            };
            if guilty {
                let status = Some(blame(&mut self.run, before));
                return Some(End { status });
            }
            if before != 0.0 {
                let status = Some(Status::NonFinite);
                return Some(End { status });
            }
        }
        // What rounding leaves of a vector that lies in the space already.
        let noise = (j + 2) as f64 * S::Scalar::EPSILON.to_f64() * before;
        let diagonal = arnoldi.hessenberg.push(norm);
        let invariant = norm <= noise;
        if invariant && diagonal <= noise {
            arnoldi.hessenberg.pop();
            self.singular = true;
        }
        let (ends, status) = self.run.tracked(arnoldi.hessenberg.residual() * self.ratio);
        if ends || invariant || j + 1 == self.steps {
            return Some(End { status });
        }
        space.set_column(&mut arnoldi.v, j + 1, 1.0 / norm, w);
        self.j = j + 1;
        None
    }

    /// Forms the iterate. An error is the status that the solve ends with. `w` and `t` are scratch.
    pub(crate) fn end<M>(
        &mut self,
        m: &M,
        end: End,
        w: &mut S::Vector,
        t: &mut S::Vector,
    ) -> Result<(), Status>
    where
        M: Preconditioner<S> + ?Sized,
    {
        let hessenberg = &self.arnoldi.hessenberg;
        let promised = hessenberg.residual();
        if m.kind() == PreconditionerKind::Fixed {
            let spectrum = &mut self.run.state.solution.spectrum;
            spectrum.keep_hessenberg(hessenberg);
        }
        if hessenberg.columns() > 0 {
            self.run.keep_best();
            if let Err(status) = self.update(m, w, t) {
                return Err(end.status.unwrap_or(status));
            }
        }
        let bound = self.plan.check.bound(self.plan.placement);
        match self.run.end_cycle(promised * self.ratio, end.status, bound) {
            Settled::Done(status) => Err(status),
            Settled::Continue | Settled::Restart => {
                self.last = Some((self.beta, promised));
                Ok(())
            }
        }
    }

    /// `x = x + M⁻¹ V y`, `x + V y` or `x + Z y`.
    fn update<M>(&mut self, m: &M, w: &mut S::Vector, t: &mut S::Vector) -> Result<(), Status>
    where
        M: Preconditioner<S> + ?Sized,
    {
        let (run, arnoldi) = (&mut self.run, &mut *self.arnoldi);
        let (space, unit) = (run.space, run.unit);
        let x = run.state.solution.x.borrow_mut();
        let through_m = self.plan.placement == Placement::Right && !m.is_identity();
        let scale = if through_m { 1.0 } else { unit };
        let Some(y) = arnoldi.hessenberg.solve(scale) else {
            return Err(Status::NonFinite);
        };
        if through_m {
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
}

/// Classical Gram–Schmidt: `h = Vᵀ w`, `w = w − V h`, once or twice; or modified, once. Returns `‖w‖` before and after.
fn orthogonalize<S: VectorSpace>(
    space: &S,
    v: &S::Basis,
    h: &mut [f64],
    corrections: &mut [f64],
    w: &mut S::Vector,
    rule: Reorthogonalization,
) -> (f64, f64) {
    let norm = match rule {
        Reorthogonalization::Modified => modified(space, v, h, w),
        _ => {
            space.project(v, w, h);
            space.subtract(v, h, w)
        }
    };
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
        Reorthogonalization::Never | Reorthogonalization::Modified => false,
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

/// Modified Gram–Schmidt: `h_k = v_kᵀ w`, `w = w − h_k v_k` for one k after the other. Returns `‖w‖` after it.
fn modified<S: VectorSpace>(space: &S, v: &S::Basis, h: &mut [f64], w: &mut S::Vector) -> f64 {
    for (k, h) in h.iter_mut().enumerate() {
        let column = space.column(v, k);
        *h = space.dot(column, w);
        space.axpy(-*h, column, w);
    }
    space.norm(w)
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
