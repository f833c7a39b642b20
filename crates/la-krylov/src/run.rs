//! The bookkeeping that methods share: units, stopping, verification, best iterate, history.

use std::borrow::{Borrow, BorrowMut};
use std::time::Instant;

use crate::options::{HISTORY_LIMIT, Limits};
use crate::scalar::power_of_two_below;
use crate::{
    Definiteness, History, Iteration, KrylovError, LinearOperator, Monitor, Preconditioner,
    PreconditionerKind, Real, Solution, Status, Step, VectorSpace,
};

/// The vectors that every method needs, kept between solves.
#[derive(Debug)]
pub(crate) struct State<S: VectorSpace> {
    pub(crate) solution: Solution<S::Owned>,
    /// The residual of the recurrence, divided by [`Run::unit`].
    pub(crate) r: S::Owned,
    /// The best iterate, while it is not `solution.x`.
    best: S::Owned,
    has_guess: bool,
}

impl<S: VectorSpace> State<S> {
    pub(crate) fn new(space: &S, limits: &Limits) -> Self {
        Self::between(space, space, limits)
    }

    /// For an operator from `space` to `range`.
    pub(crate) fn between(space: &S, range: &S, limits: &Limits) -> Self {
        Self {
            solution: Solution::empty(space.zeros(), limits.history_capacity()),
            r: range.zeros(),
            best: space.zeros(),
            has_guess: false,
        }
    }

    pub(crate) fn set_guess(&mut self, space: &S, x0: &S::Vector) -> Result<(), KrylovError> {
        check_vector(space, x0, "initial guess")?;
        space.copy(x0, self.solution.x.borrow_mut());
        self.has_guess = true;
        Ok(())
    }
}

/// Checks that operator, preconditioner and right-hand side fit the space.
pub(crate) fn check_dimensions<S, A, M>(
    space: &S,
    a: &A,
    b: &S::Vector,
    m: &M,
) -> Result<(), KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    let (rows, cols, n) = (a.rows(), a.cols(), space.dimension());
    if rows != cols {
        return Err(KrylovError::NotSquare { rows, cols });
    }
    if n != rows {
        return Err(KrylovError::DimensionMismatch {
            rows,
            cols,
            what: "vector space",
            len: n,
        });
    }
    check_vector(space, b, "right-hand side")?;
    if m.dimension() != rows {
        return Err(KrylovError::DimensionMismatch {
            rows,
            cols,
            what: "preconditioner",
            len: m.dimension(),
        });
    }
    Ok(())
}

pub(crate) fn check_vector<S: VectorSpace>(
    space: &S,
    x: &S::Vector,
    what: &'static str,
) -> Result<(), KrylovError> {
    let n = space.dimension();
    match space.vector_dimension(x) {
        len if len == n => Ok(()),
        len => Err(KrylovError::DimensionMismatch {
            rows: n,
            cols: n,
            what,
            len,
        }),
    }
}

/// Without rows nothing but memory bounds the number of right-hand sides: they have no entries.
const COLUMNS_WITHOUT_ROWS: usize = 1 << 16;

/// The right-hand sides for an operator of this shape that lie one after the other in `b`.
pub(crate) fn split_columns<T>(
    (rows, cols): (usize, usize),
    b: &[T],
    columns: usize,
) -> Result<Vec<&[T]>, KrylovError> {
    if rows.checked_mul(columns) != Some(b.len()) {
        return Err(KrylovError::DimensionMismatch {
            rows,
            cols,
            what: "block of right-hand sides",
            len: b.len(),
        });
    }
    if rows > 0 {
        return Ok(b.chunks_exact(rows).collect());
    }
    if columns > COLUMNS_WITHOUT_ROWS {
        return Err(KrylovError::InvalidOption {
            option: "columns",
            value: columns as f64,
            requirement: "at most 65536 for an operator without rows",
        });
    }
    Ok(vec![b; columns])
}

/// Refuses preconditioners that are not one symmetric operator.
pub(crate) fn check_symmetric<S: VectorSpace, M: Preconditioner<S> + ?Sized>(
    m: &M,
    method: &'static str,
    flexible: &'static str,
) -> Result<(), KrylovError> {
    let (kind, definiteness) = (m.kind(), m.definiteness());
    let instead = match (kind, definiteness) {
        (PreconditionerKind::Variable, _) => flexible,
        (_, Definiteness::General) => "GMRES",
        _ => return Ok(()),
    };
    Err(KrylovError::UnsuitablePreconditioner {
        method,
        kind,
        definiteness,
        instead,
    })
}

/// Refuses preconditioners that may change from call to call.
pub(crate) fn check_fixed<S: VectorSpace, M: Preconditioner<S> + ?Sized>(
    m: &M,
    method: &'static str,
) -> Result<(), KrylovError> {
    match m.kind() {
        PreconditionerKind::Fixed => Ok(()),
        PreconditionerKind::Variable => Err(KrylovError::VariablePreconditioner {
            method,
            instead: "FGMRES",
        }),
    }
}

/// What the iteration does after a residual update.
pub(crate) enum Verdict {
    /// Go on.
    Continue,
    /// Bring `x` up to date and call [`Run::settle`].
    Settle,
}

/// The outcome of [`Run::settle`].
pub(crate) enum Settled {
    /// The solve is over.
    Done(Status),
    /// The residual was replaced by the true one, which is close: go on with the next direction.
    Continue,
    /// The residual was replaced by the true one: start again from it.
    Restart,
}

/// One solve under way.
pub(crate) struct Run<'r, S: VectorSpace, A: ?Sized, W: ?Sized> {
    pub(crate) space: &'r S,
    /// Where `b` and `r` live: `space`, unless the operator is rectangular.
    range: &'r S,
    pub(crate) a: &'r A,
    b: &'r S::Vector,
    monitor: &'r mut W,
    limits: Limits,
    started: Instant,
    pub(crate) state: &'r mut State<S>,
    /// A power of two; `r` is the residual divided by it, of norm in [1, 2) at the start, so that
    /// inner products stay in range whatever the units of `b`. Multiplying by it is exact.
    pub(crate) unit: f64,
    /// Residual norm at the start.
    initial: f64,
    /// True residual norm when it was last computed.
    verified: f64,
    /// Recurrence norm at which the true residual is computed again.
    trigger: f64,
    /// Residual norm of the best iterate, and whether `state.best` holds it (else `x` does).
    best_norm: f64,
    best_saved: bool,
    /// The iteration that `x` belongs to, where that is not the current one.
    formed: Option<usize>,
    /// The true residual norm of `x`, where it is known.
    known: Option<f64>,
}

impl<'r, S, A, W> Run<'r, S, A, W>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    /// Computes the first residual; also returns the status if there is nothing to iterate.
    pub(crate) fn begin(
        space: &'r S,
        a: &'r A,
        b: &'r S::Vector,
        limits: Limits,
        monitor: &'r mut W,
        state: &'r mut State<S>,
    ) -> Result<(Self, Option<Status>), KrylovError> {
        Self::begin_between(space, space, a, b, limits, monitor, state)
    }

    /// [`Self::begin`] for an operator from `space` to `range`.
    pub(crate) fn begin_between(
        space: &'r S,
        range: &'r S,
        a: &'r A,
        b: &'r S::Vector,
        limits: Limits,
        monitor: &'r mut W,
        state: &'r mut State<S>,
    ) -> Result<(Self, Option<Status>), KrylovError> {
        let started = Instant::now();
        let guess = std::mem::take(&mut state.has_guess);
        let rhs_norm = range.norm(b);
        if !rhs_norm.is_finite() {
            return Err(KrylovError::NonFiniteInput {
                what: "right-hand side",
            });
        }
        let x = state.solution.x.borrow_mut();
        if !guess || rhs_norm == 0.0 {
            space.fill(x, S::Scalar::ZERO);
        }
        let solution = &mut state.solution;
        solution.rhs_norm = rhs_norm;
        solution.target = limits.tolerances.target(rhs_norm);
        solution.iterations = 0;
        solution.restarts = 0;
        solution.failure = None;
        solution.spectrum.clear();
        solution.history.clear();
        solution.history.reserve(limits.history_capacity());
        let mut run = Self {
            space,
            range,
            a,
            b,
            monitor,
            limits,
            started,
            state,
            unit: 1.0,
            initial: rhs_norm,
            verified: rhs_norm,
            trigger: 0.0,
            best_norm: rhs_norm,
            best_saved: false,
            formed: None,
            known: None,
        };
        if guess && rhs_norm > 0.0 {
            run.initial = run.true_residual();
            if !run.initial.is_finite() {
                return Err(KrylovError::NonFiniteInput {
                    what: "residual of the initial guess",
                });
            }
        } else {
            range.copy(b, run.state.r.borrow_mut());
        }
        run.best_norm = run.initial;
        run.verified = run.initial;
        run.unit = power_of_two_below::<S::Scalar>(run.initial);
        range.scale(1.0 / run.unit, run.state.r.borrow_mut());
        run.set_trigger();
        run.record(run.initial);
        let done = if run.initial <= run.state.solution.target {
            run.state.solution.residual_norm = run.initial;
            Some(Status::Converged)
        } else {
            (limits.max_iters == 0).then_some(Status::IterationLimit)
        };
        Ok((run, done))
    }

    /// `r = b − A x`, unscaled, and its norm; NaN unless x itself is finite: an entry that A does not
    /// look at leaves no trace in the residual.
    fn true_residual(&mut self) -> f64 {
        let r = self.state.r.borrow_mut();
        let x = self.state.solution.x.borrow();
        self.a.apply(self.space, x, r);
        self.range.xpby(self.b, -1.0, r);
        let norm = self.range.norm(r);
        match norm.is_finite() && !self.space.norm(x).is_finite() {
            true => f64::NAN,
            false => norm,
        }
    }

    /// Where rounding is certain to dominate, or the tolerance is met.
    fn set_trigger(&mut self) {
        self.trigger = self
            .state
            .solution
            .target
            .max(S::Scalar::EPSILON.to_f64() * self.verified);
    }

    fn record(&mut self, norm: f64) {
        let history = &mut self.state.solution.history;
        if history.len() < HISTORY_LIMIT {
            let seconds = match self.limits.history {
                History::None => return,
                History::Residuals => None,
                History::ResidualsAndTimes => Some(self.started.elapsed().as_secs_f64()),
            };
            history.push(Step {
                recurrence_norm: norm,
                seconds,
            });
        }
    }

    /// Takes note of the recurrence norm (in units of `unit`) of the next iterate while `x` is
    /// still the previous one. An error means that `x` must stay as it is.
    pub(crate) fn residual_updated(&mut self, scaled_norm: f64) -> Result<Verdict, Status> {
        let norm = scaled_norm * self.unit;
        if !norm.is_finite() {
            return Err(Status::NonFinite);
        }
        self.known = None;
        // The best iterate is copied only when the residual is about to grow: a residual that
        // falls steadily costs no copies.
        if norm < self.best_norm {
            self.best_saved = false;
            self.best_norm = norm;
        } else if !self.best_saved {
            self.space
                .copy(self.state.solution.x.borrow(), self.state.best.borrow_mut());
            self.best_saved = true;
        }
        self.state.solution.iterations += 1;
        self.record(norm);
        Ok(match norm <= self.trigger || self.limit(norm).is_some() {
            true => Verdict::Settle,
            false => Verdict::Continue,
        })
    }

    fn limit(&self, norm: f64) -> Option<Status> {
        if norm > self.limits.divergence_factor * self.initial {
            Some(Status::Diverged)
        } else if self.state.solution.iterations >= self.limits.max_iters {
            Some(Status::IterationLimit)
        } else if self
            .limits
            .time_limit
            .is_some_and(|limit| self.space.any(self.started.elapsed() >= limit))
        {
            Some(Status::TimeLimit)
        } else {
            None
        }
    }

    /// Shows the up-to-date iterate to the monitor; true if it wants to stop.
    pub(crate) fn observe(&mut self, scaled_norm: f64) -> bool {
        let solution = &self.state.solution;
        let step = Iteration {
            iteration: solution.iterations,
            recurrence_norm: scaled_norm * self.unit,
            rhs_norm: solution.rhs_norm,
            target: solution.target,
            x_iteration: self.formed.unwrap_or(solution.iterations),
            x: solution.x.borrow(),
            started: self.started,
            spectrum: &solution.spectrum,
        };
        self.monitor.observe(&step).is_break()
    }

    /// Decides, with an up-to-date `x`, whether the solve is over. Replaces `r` by the true residual
    /// where it goes on.
    pub(crate) fn settle(&mut self, scaled_norm: f64) -> Settled {
        let stop = self.observe(scaled_norm);
        let norm = scaled_norm * self.unit;
        let mut limit = self.limit(norm);
        if stop {
            limit = Some(Status::StoppedByMonitor);
        }
        if norm > self.trigger {
            return Settled::Done(limit.unwrap_or(Status::TimeLimit));
        }
        let norm = self.true_residual();
        let target = self.state.solution.target;
        if norm <= target {
            self.state.solution.residual_norm = norm;
            return Settled::Done(Status::Converged);
        }
        if norm.is_nan() {
            return Settled::Done(Status::NonFinite);
        }
        if let Some(limit) = limit {
            return Settled::Done(limit);
        }
        if norm > 0.5 * self.verified {
            return Settled::Done(Status::Stagnated);
        }
        self.range.scale(1.0 / self.unit, self.state.r.borrow_mut());
        self.verified = norm;
        self.best_norm = norm;
        self.best_saved = false;
        self.set_trigger();
        if let Some(last) = self.last_step() {
            last.recurrence_norm = norm;
        }
        // A residual that misses the target by a hair keeps its directions.
        if norm <= 1.1 * target {
            return Settled::Continue;
        }
        self.state.solution.restarts += 1;
        Settled::Restart
    }

    /// Makes room for the tridiagonal matrix of the iteration, as long as the history.
    pub(crate) fn reserve_tridiagonal(&mut self) {
        let order = self.limits.history_capacity();
        self.state.solution.spectrum.reserve_tridiagonal(order);
    }

    /// From now on `x` is formed at the end of cycles only.
    pub(crate) fn iterate_is_old(&mut self) {
        self.formed = Some(self.state.solution.iterations);
    }

    /// The residual norm, in the units of `b`, that makes the true one worth computing.
    pub(crate) fn trigger(&self) -> f64 {
        self.trigger
    }

    /// The true residual norm at the start of a cycle, in units of `unit`.
    pub(crate) fn residual_norm(&self) -> f64 {
        self.verified / self.unit
    }

    /// Takes note of the residual norm (in units of `unit`) that one more step of a cycle promises,
    /// while `x` stays what it was at the start of the cycle. Returns whether the cycle ends here,
    /// and the status if the solve does so, too.
    pub(crate) fn tracked(&mut self, scaled_norm: f64) -> (bool, Option<Status>) {
        let norm = scaled_norm * self.unit;
        self.state.solution.iterations += 1;
        self.record(norm);
        let status = match self.observe(scaled_norm) {
            true => Some(Status::StoppedByMonitor),
            false => self.limit(norm),
        };
        (status.is_some() || norm <= self.trigger, status)
    }

    /// Keeps the current iterate, which is about to change, if it is the best one.
    pub(crate) fn keep_best(&mut self) {
        if !self.best_saved {
            self.space
                .copy(self.state.solution.x.borrow(), self.state.best.borrow_mut());
            self.best_saved = true;
        }
        self.known = None;
    }

    /// Decides, with the `x` that a cycle ends with, whether the solve is over; replaces `r` by the
    /// true residual where it goes on. `scaled_norm` is the residual norm that was promised, `check`
    /// the relative and the absolute difference to the true one that are tolerated.
    pub(crate) fn end_cycle(
        &mut self,
        scaled_norm: f64,
        ending: Option<Status>,
        check: Option<(f64, f64)>,
    ) -> Settled {
        let norm = self.true_residual();
        self.known = Some(norm);
        if self.formed.is_some() {
            self.iterate_is_old();
        }
        if norm < self.best_norm {
            self.best_norm = norm;
            self.best_saved = false;
        }
        if let Some((relative, absolute)) = check {
            let difference = (scaled_norm * self.unit - norm).abs();
            if difference.is_nan() || difference > absolute + relative * norm {
                return Settled::Done(Status::ResidualMismatch);
            }
        }
        if norm <= self.state.solution.target {
            self.state.solution.residual_norm = norm;
            return Settled::Done(Status::Converged);
        }
        if let Some(status) = ending {
            return Settled::Done(status);
        }
        if !norm.is_finite() {
            return Settled::Done(Status::NonFinite);
        }
        if norm > self.limits.divergence_factor * self.initial {
            return Settled::Done(Status::Diverged);
        }
        self.range.scale(1.0 / self.unit, self.state.r.borrow_mut());
        self.verified = norm;
        self.set_trigger();
        if let Some(last) = self.last_step() {
            last.recurrence_norm = norm;
        }
        self.state.solution.restarts += 1;
        Settled::Restart
    }

    /// The entry of the history that belongs to the current iteration.
    fn last_step(&mut self) -> Option<&mut Step> {
        let iterations = self.state.solution.iterations;
        self.state.solution.history.get_mut(iterations)
    }

    /// Ends the solve: the better one of the last and the best iterate, with its true residual; zero if
    /// both are worse than that and the start.
    pub(crate) fn finish(&mut self, mut status: Status) {
        if status != Status::Converged {
            let mut norm = match self.known.take() {
                Some(norm) => norm,
                None => self.true_residual(),
            };
            // That the residual is orthogonal to the range was verified for `x`, not for `best`.
            let orthogonal = status == Status::LeastSquares;
            if self.best_saved && !orthogonal && (norm.is_nan() || norm > self.best_norm) {
                // `best` is exchanged for `x` only if its true residual is smaller as well.
                std::mem::swap(&mut self.state.solution.x, &mut self.state.best);
                let other = self.true_residual();
                if other <= norm || norm.is_nan() {
                    norm = other;
                } else {
                    std::mem::swap(&mut self.state.solution.x, &mut self.state.best);
                }
            }
            // What a recurrence lost track of may be worse than nothing.
            let rhs_norm = self.state.solution.rhs_norm;
            if norm.is_nan() || norm > rhs_norm.max(self.initial) {
                self.space
                    .fill(self.state.solution.x.borrow_mut(), S::Scalar::ZERO);
                norm = rhs_norm;
                if status == Status::LeastSquares {
                    status = Status::Stagnated;
                }
            }
            self.state.solution.residual_norm = norm;
        }
        self.state.solution.status = status;
        self.state.solution.seconds = self.started.elapsed().as_secs_f64();
    }
}

/// What a quadratic form `value` that is not positive says, `bound` being the product of the norms
/// in it: zero up to rounding is a breakdown, a negative value is `negative`.
pub(crate) fn sign_status<T: Real>(value: f64, bound: f64, negative: Status) -> Status {
    if !value.is_finite() || !bound.is_finite() {
        Status::NonFinite
    } else if value >= -T::EPSILON.to_f64() * bound {
        Status::Breakdown
    } else {
        negative
    }
}
