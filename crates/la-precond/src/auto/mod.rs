//! Choosing method and preconditioner: look at the matrix, try, keep what works.

mod candidate;
mod facts;
mod report;
mod watch;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use la_krylov::{
    CgOptions, CgWorkspace, GmresOptions, GmresWorkspace, Host, KrylovError, LinearOperator,
    Solution, Status, Tolerances, VectorSpace, cg_monitored, gmres_monitored,
};
use sprs::{CsMatI, CsMatViewI};

use crate::PrecondError;
pub use candidate::{AutoMethod, AutoPrecond, Candidate};
pub use facts::MatrixFacts;
pub use report::{AutoAttempt, AutoError, AutoOutcome, AutoSolution};
use watch::{Spread, Watch};

/// Solves `A x = b` without being told how.
///
/// Looks at symmetry, signs and dominance, then tries candidates in order of expected cost, each within a
/// budget of iterations and time and from the best iterate so far:
///
/// 1. where the matrix may be definite: CG with multigrid (many rows, elliptic by its signs), with IC(0) and learned compensation
///    (feature `learned`, elliptic by its signs), with IC(0) shifted as far as needed, with the diagonal, with threshold Cholesky;
/// 2. GMRES with threshold LU behind matching, scaling and ordering, three times with growing strength;
/// 3. a complete factorisation (feature `faer`), if its estimated memory is within the budget.
///
/// An attempt is given up when the residual has not fallen by a tenth for a while (for as many iterations as are a tenth of
/// the limit of CG, a quarter of that of GMRES), unless it is the last one, and all of CG's when it has met a direction of
/// negative curvature. A compensated factor is given up after eight iterations whose largest Ritz value is more than two thirds of the depth of the
/// graph: its compensation is then too strong for the matrix. The end is a recomputed residual and a status, whatever happened on the way;
/// `Display` of the result explains the choice.
///
/// Use it for one system, or to learn what a family of systems wants; who solves many of a kind calls the method that
/// was chosen.
///
/// # Examples
/// ```
/// use la_precond::auto::Auto;
/// use la_precond::sprs::CsMatI;
///
/// // Not symmetric, and a zero on the diagonal.
/// let a = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 3], vec![1, 0, 1], vec![2.0, 8.0, 1.0]);
/// let solution = Auto::default().solve(a.view(), &[2.0, 9.0])?;
/// assert!(solution.status.is_converged());
/// println!("{solution}");
/// # Ok::<(), la_precond::auto::AutoError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Auto {
    /// When a solve has converged. Default: relative 1e-8.
    pub tolerances: Tolerances,
    /// Iterations of CG at most, of each attempt; GMRES gets a tenth. Default `10_000`.
    pub max_iters: usize,
    /// Wall-clock time for all attempts together. A set-up under way is not interrupted. Default: none.
    pub time_limit: Option<Duration>,
    /// Entries that incomplete factors may have, over those of the matrix. Default `10`.
    pub fill_limit: f64,
    /// Directions that GMRES keeps. Default `30`.
    pub restart: usize,
    /// Whether complete factorisations are tried when everything else has failed. Default: yes.
    pub complete: bool,
    /// Bytes that a complete factorisation may take, estimated before. Default 4 GiB.
    pub memory_limit: usize,
}

impl Default for Auto {
    fn default() -> Self {
        Self {
            tolerances: Tolerances::default(),
            max_iters: 10_000,
            time_limit: None,
            fill_limit: 10.0,
            restart: 30,
            complete: true,
            memory_limit: 4 << 30,
        }
    }
}

/// Watches the attempts and may stop them.
pub trait AutoMonitor {
    /// An attempt begins.
    fn attempt(&mut self, _candidate: &Candidate) {}
    /// An iteration is done; `Break` ends all attempts.
    fn iteration(&mut self, _iteration: usize, _relative_residual: f64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Watches nothing.
impl AutoMonitor for () {}

impl Auto {
    /// Sets the tolerance relative to `‖b‖₂`.
    #[must_use]
    pub fn with_rtol(mut self, rtol: f64) -> Self {
        self.tolerances.rtol = rtol;
        self
    }

    /// Sets the iteration limit of an attempt.
    #[must_use]
    pub fn with_max_iters(mut self, max_iters: usize) -> Self {
        self.max_iters = max_iters;
        self
    }

    /// Sets the time limit of all attempts together.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = Some(time_limit);
        self
    }

    /// Sets the fill of incomplete factors.
    #[must_use]
    pub fn with_fill_limit(mut self, fill_limit: f64) -> Self {
        self.fill_limit = fill_limit;
        self
    }

    /// Sets whether complete factorisations may be tried.
    #[must_use]
    pub fn with_complete(mut self, complete: bool) -> Self {
        self.complete = complete;
        self
    }

    /// Sets the memory of a complete factorisation, bytes.
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Solves `A x = b`; `a` is n × n in CSR form with sorted rows, `b` of length n.
    ///
    /// # Errors
    /// [`AutoError::Matrix`] if `a` is not square, not finite or not in CSR form; [`AutoError::Solve`] if `b` does not
    /// fit or is not finite, or an option is out of range. Everything else is a status.
    pub fn solve(&self, a: CsMatViewI<'_, f64, u32>, b: &[f64]) -> Result<AutoSolution, AutoError> {
        self.solve_monitored(a, b, &mut ())
    }

    /// [`solve`](Self::solve), watched.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    pub fn solve_monitored(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        b: &[f64],
        monitor: &mut dyn AutoMonitor,
    ) -> Result<AutoSolution, AutoError> {
        let started = Instant::now();
        self.check(&a, b)?;
        let facts = MatrixFacts::of(a);
        // (−A) x = −b has the same solution.
        let negated = facts.negative() && facts.symmetric;
        let matrix: CsMatI<f64, u32> = if negated { a.map(|v| -v) } else { a.to_owned() };
        let rhs: Vec<f64> = b.iter().map(|v| if negated { -v } else { *v }).collect();
        let space = Host::new(b.len());
        let norm = space.norm(&rhs);
        let mut solution = AutoSolution {
            x: vec![0.0; b.len()],
            status: Status::PreconditionerFailure,
            relative_residual: f64::from(u8::from(norm > 0.0)),
            facts,
            attempts: Vec::new(),
        };
        if norm <= self.tolerances.target(norm) {
            solution.status = Status::Converged;
            return Ok(solution);
        }
        let candidates = candidate::candidates(&facts, self);
        // The last one that can be built has nothing to save time for.
        let last = candidates.iter().rposition(Candidate::is_available);
        let mut indefinite = false;
        for (rank, candidate) in candidates.iter().enumerate() {
            if indefinite && candidate.method == AutoMethod::Cg {
                continue;
            }
            let left = self
                .time_limit
                .map(|limit| limit.saturating_sub(started.elapsed()));
            if rank > 0 && left.is_some_and(|left| left.is_zero()) {
                solution.status = Status::TimeLimit;
                break;
            }
            monitor.attempt(candidate);
            let last = last == Some(rank);
            let mut run = Run {
                auto: self,
                a: &matrix,
                b: &rhs,
                rhs_norm: norm,
                // An early attempt may take a third of what is left.
                left: left.map(|left| if last { left } else { left / 3 }),
                last,
                monitor,
                stopped: false,
            };
            let attempt = run.attempt(candidate, &mut solution);
            let stopped = run.stopped;
            indefinite |= attempt.outcome == AutoOutcome::Ended(Status::IndefiniteOperator);
            solution.attempts.push(attempt);
            if solution.status.is_converged() || stopped {
                break;
            }
        }
        Ok(solution)
    }

    /// Iterations without [`PROGRESS`] after which an attempt is given up.
    fn patience(&self, method: AutoMethod) -> usize {
        match method {
            AutoMethod::Cg => (self.max_iters / 10).max(200),
            AutoMethod::Gmres => (self.max_iters / 40).max(2 * self.restart),
        }
    }

    fn check(&self, a: &CsMatViewI<'_, f64, u32>, b: &[f64]) -> Result<(), AutoError> {
        self.tolerances.validate()?;
        if self.fill_limit.is_nan() || self.fill_limit <= 0.0 {
            return Err(AutoError::Matrix(PrecondError::InvalidOption {
                option: "fill_limit",
                value: self.fill_limit,
                expected: "a positive number",
            }));
        }
        let (rows, cols) = (a.rows(), a.cols());
        if rows != cols {
            return Err(PrecondError::NotSquare { rows, cols }.into());
        }
        if !a.is_csr() {
            let message = "the matrix is stored by columns; convert it with `to_csr`".to_owned();
            let builder = "auto".to_owned();
            return Err(PrecondError::Builder { builder, message }.into());
        }
        if b.len() != rows {
            return Err(AutoError::Solve(KrylovError::DimensionMismatch {
                rows,
                cols,
                what: "right-hand side",
                len: b.len(),
            }));
        }
        for (row, entries) in a.outer_iterator().enumerate() {
            if let Some((col, _)) = entries.iter().find(|(_, v)| !v.is_finite()) {
                return Err(PrecondError::NonFinite { row, col }.into());
            }
        }
        if b.iter().any(|v| !v.is_finite()) {
            return Err(AutoError::Solve(KrylovError::NonFiniteInput {
                what: "right-hand side",
            }));
        }
        Ok(())
    }
}

/// One attempt under way.
struct Run<'r> {
    auto: &'r Auto,
    a: &'r CsMatI<f64, u32>,
    b: &'r [f64],
    rhs_norm: f64,
    left: Option<Duration>,
    last: bool,
    monitor: &'r mut dyn AutoMonitor,
    stopped: bool,
}

impl Run<'_> {
    fn attempt(&mut self, candidate: &Candidate, solution: &mut AutoSolution) -> AutoAttempt {
        let started = Instant::now();
        let mut attempt = AutoAttempt {
            candidate: *candidate,
            outcome: AutoOutcome::Ended(Status::PreconditionerFailure),
            iterations: 0,
            relative_residual: None,
            setup_seconds: 0.0,
            solve_seconds: 0.0,
            fill_ratio: None,
            factor: None,
            history: Vec::new(),
        };
        let built = candidate.build(self.a.view(), self.auto);
        attempt.setup_seconds = started.elapsed().as_secs_f64();
        let ready = match built {
            Ok(ready) => ready,
            Err(error) => {
                attempt.outcome = AutoOutcome::Refused(error);
                return attempt;
            }
        };
        attempt.fill_ratio = ready.fill_ratio;
        attempt.factor = ready.stats;
        let left = self.left.map(|left| left.saturating_sub(started.elapsed()));
        let guess = (solution.relative_residual < 1.0).then(|| solution.x.clone());
        let window = (!self.last).then(|| self.auto.patience(candidate.method));
        let depth = ready.stats.and_then(|stats| stats.depth);
        let spread = depth.filter(|_| !self.last).map(Spread::new);
        let mut watch = Watch::new(&mut *self.monitor, window, spread);
        let guess = guess.as_deref();
        let solved = match candidate.method {
            AutoMethod::Cg => conjugate(self.auto, self.a, self.b, &ready, guess, left, &mut watch),
            AutoMethod::Gmres => {
                minimal(self.auto, self.a, self.b, &ready, guess, left, &mut watch)
            }
        };
        let (reason, stopped) = (watch.reason, watch.stopped);
        self.stopped = stopped;
        let result = match solved {
            Ok(result) => result,
            Err(error) => {
                attempt.outcome = AutoOutcome::Unfit(error);
                return attempt;
            }
        };
        attempt.iterations = result.iterations;
        attempt.solve_seconds = result.seconds;
        attempt.history = result
            .history
            .iter()
            .map(|step| step.recurrence_norm / self.rhs_norm)
            .collect();
        let residual = self.relative_residual(&result.x);
        attempt.relative_residual = Some(residual);
        let given_up = reason.filter(|_| !result.status.is_converged());
        solution.status = match given_up {
            Some(_) => Status::Stagnated,
            None => result.status,
        };
        attempt.outcome = given_up.unwrap_or(AutoOutcome::Ended(result.status));
        if result.status.is_converged() || residual <= solution.relative_residual {
            solution.x = result.x;
            solution.relative_residual = residual;
        }
        attempt
    }

    fn relative_residual(&self, x: &[f64]) -> f64 {
        let space = Host::new(x.len());
        let mut r = vec![0.0; x.len()];
        self.a.apply(&space, x, &mut r);
        space.xpby(self.b, -1.0, &mut r);
        space.norm(&r) / self.rhs_norm
    }
}

fn conjugate(
    auto: &Auto,
    a: &CsMatI<f64, u32>,
    b: &[f64],
    m: &candidate::Ready<'_>,
    guess: Option<&[f64]>,
    left: Option<Duration>,
    watch: &mut Watch<'_>,
) -> Result<Solution, KrylovError> {
    let mut options = CgOptions::default()
        .with_tolerances(auto.tolerances)
        .with_max_iters(auto.max_iters);
    options.time_limit = left;
    let mut workspace = CgWorkspace::<Host<f64>>::new(b.len(), &options);
    if let Some(guess) = guess {
        workspace.set_initial_guess(guess)?;
    }
    cg_monitored(&mut workspace, a, b, &m.apply, &options, watch)?;
    Ok(workspace.into_solution())
}

fn minimal(
    auto: &Auto,
    a: &CsMatI<f64, u32>,
    b: &[f64],
    m: &candidate::Ready<'_>,
    guess: Option<&[f64]>,
    left: Option<Duration>,
    watch: &mut Watch<'_>,
) -> Result<Solution, KrylovError> {
    let mut options = GmresOptions::default()
        .with_tolerances(auto.tolerances)
        .with_max_iters(auto.max_iters.div_ceil(10))
        .with_restart(auto.restart.max(1));
    options.time_limit = left;
    let mut workspace = GmresWorkspace::<Host<f64>>::new(b.len(), &options);
    if let Some(guess) = guess {
        workspace.set_initial_guess(guess)?;
    }
    gmres_monitored(&mut workspace, a, b, &m.apply, &options, watch)?;
    Ok(workspace.into_solution())
}
