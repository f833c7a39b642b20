//! CG with a factor that is not trusted.

mod report;
mod watch;

use std::time::{Duration, Instant};

use la_krylov::sprs::CsMatViewI;
use la_krylov::{
    CgOptions, CgWorkspace, Host, IdentityPreconditioner, KrylovError, Preconditioner, Solution,
    cg_monitored,
};

use crate::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};
pub use report::{Attempt, AttemptOutcome, Concern, SafeguardedSolution};
use watch::Watch;

/// What positions the first builder's factor may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternRule {
    /// Any lower triangle.
    #[default]
    Any,
    /// Only positions that `A` stores: for builders that promise no fill-in.
    NoFill,
}

/// Solves `A x = b` by CG with a preferred factor, typically a learned one, and classical ones to
/// fall back on.
///
/// The preferred factor is built, checked (order, pattern; finiteness and a positive diagonal hold
/// for every [`IncompleteCholesky`]), used, and watched. It is given up when
///
/// - it cannot be built or fails a check,
/// - CG ends with any status but convergence: divergence, breakdown, an indefinite or non-finite
///   result, stagnation,
/// - over a [window](Self::window) of iterations the smallest residual norm has not fallen, or so
///   slowly that ten times the iteration limit would not be enough,
/// - it needs more than [`slack`](Self::slack) times the iterations that are expected: those set by
///   [`with_expected_iterations`](Self::with_expected_iterations), else the median of what this
///   driver has seen converge from zero, with any factor.
///
/// The next builder then starts from the best iterate. When all have failed, CG goes on without a
/// preconditioner. The status that is returned is that of the true residual `b − A x`: a bad factor
/// costs time, never the answer.
///
/// # Examples
/// ```
/// use la_precond::classical::{Ic0, Ict, Safeguarded};
/// use la_precond::sprs::CsMatI;
///
/// let a = CsMatI::<f64, u32>::new(
///     (2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let (preferred, fallback) = (Ict::default(), Ic0::default());
/// let mut driver = Safeguarded::new(&preferred).with_fallback(&fallback);
/// let result = driver.solve(a.view(), &[6.0, 12.0])?;
/// assert!(result.solution.status.is_converged());
/// assert_eq!(result.attempts.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub struct Safeguarded<'a> {
    builders: Vec<&'a dyn IncompleteCholeskyBuilder>,
    /// Options of every solve; limits hold for each attempt, the time limit for all together.
    pub options: CgOptions,
    /// Positions that the preferred factor may have. Default: any.
    pub pattern: PatternRule,
    /// Iterations over which progress is judged, at least 2. Default `100`.
    pub window: usize,
    /// The preferred factor may need this many times the expected iterations; at least 1. Default `2`.
    pub slack: f64,
    expected: Option<usize>,
    seen: Vec<usize>,
}

/// Iteration counts remembered at most.
const MEMORY: usize = 32;

impl<'a> Safeguarded<'a> {
    /// A driver that prefers `builder`.
    #[must_use]
    pub fn new(builder: &'a dyn IncompleteCholeskyBuilder) -> Self {
        Self {
            builders: vec![builder],
            options: CgOptions::default(),
            pattern: PatternRule::default(),
            window: 100,
            slack: 2.0,
            expected: None,
            seen: Vec::new(),
        }
    }

    /// Adds a builder to fall back on, after those added before.
    #[must_use]
    pub fn with_fallback(mut self, builder: &'a dyn IncompleteCholeskyBuilder) -> Self {
        self.builders.push(builder);
        self
    }

    /// Sets the options of CG.
    #[must_use]
    pub fn with_options(mut self, options: CgOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets which positions the preferred factor may have.
    #[must_use]
    pub fn with_pattern(mut self, pattern: PatternRule) -> Self {
        self.pattern = pattern;
        self
    }

    /// Sets the iterations over which progress is judged.
    #[must_use]
    pub fn with_window(mut self, window: usize) -> Self {
        self.window = window;
        self
    }

    /// Sets how many times the expected iterations the preferred factor may need.
    #[must_use]
    pub fn with_slack(mut self, slack: f64) -> Self {
        self.slack = slack;
        self
    }

    /// Sets the iterations that are expected, e.g. those of IC(0) on a typical system.
    #[must_use]
    pub fn with_expected_iterations(mut self, iterations: usize) -> Self {
        self.expected = Some(iterations);
        self
    }

    /// Solves `A x = b`; `a` is the whole symmetric matrix.
    ///
    /// # Errors
    /// [`KrylovError`] if the call is wrong: sizes, non-finite `b`, options out of range. Factors that
    /// fail are not errors; they are in [`SafeguardedSolution::attempts`].
    ///
    /// # Examples
    /// See [`Safeguarded`].
    pub fn solve(
        &mut self,
        a: CsMatViewI<'_, f64, u32>,
        b: &[f64],
    ) -> Result<SafeguardedSolution, KrylovError> {
        self.validate()?;
        let started = Instant::now();
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut best: Option<Solution> = None;
        let builders = self.builders.clone();
        for (rank, builder) in builders.iter().enumerate() {
            let setup = Instant::now();
            let pattern = if rank == 0 {
                self.pattern
            } else {
                PatternRule::Any
            };
            let built = builder.build(a).and_then(|m| checked(m, a, pattern));
            let setup_seconds = setup.elapsed().as_secs_f64();
            let name = builder.name().to_owned();
            let done = match built {
                Ok(m) => {
                    let watch = (rank == 0).then(|| self.watch());
                    self.attempt(name, setup_seconds, a, b, &m, watch, started, &mut best)?
                }
                Err(error) => Attempt::refused(name, setup_seconds, error),
            };
            attempts.push(done);
            if best.as_ref().is_some_and(|s| s.status.is_converged()) || self.time_is_up(started) {
                break;
            }
        }
        let solution = match best {
            Some(s) if s.status.is_converged() || self.time_is_up(started) => s,
            mut other => {
                let m = IdentityPreconditioner::new(b.len());
                let last =
                    self.attempt("none".to_owned(), 0.0, a, b, &m, None, started, &mut other)?;
                attempts.push(last);
                match other {
                    Some(s) => s,
                    // Not reached: an attempt that returns leaves its solution.
                    None => la_krylov::cg(&a, b, &m, &self.options)?,
                }
            }
        };
        // Only counts of whole solves say what to expect.
        let whole = attempts.iter().filter(|t| t.iterations > 0).count() == 1;
        if let Some(last) = attempts
            .last()
            .filter(|_| whole && solution.status.is_converged())
        {
            self.seen.push(last.iterations);
            let excess = self.seen.len().saturating_sub(MEMORY);
            self.seen.drain(..excess);
        }
        Ok(SafeguardedSolution { solution, attempts })
    }

    /// One solve from the best iterate so far; keeps the better one in `best`.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call site per kind of preconditioner"
    )]
    fn attempt(
        &self,
        builder: String,
        setup_seconds: f64,
        a: CsMatViewI<'_, f64, u32>,
        b: &[f64],
        m: &impl Preconditioner<Host<f64>>,
        mut watch: Option<Watch>,
        started: Instant,
        best: &mut Option<Solution>,
    ) -> Result<Attempt, KrylovError> {
        let mut options = self.options.clone();
        if let Some(limit) = options.time_limit {
            let left = limit
                .saturating_sub(started.elapsed())
                .max(Duration::from_nanos(1));
            options.time_limit = Some(left);
        }
        let mut workspace = CgWorkspace::<Host<f64>>::new(b.len(), &options);
        // A best iterate worse than zero is no help.
        if let Some(s) = best.as_ref().filter(|s| s.residual_norm < s.rhs_norm) {
            workspace.set_initial_guess(&s.x)?;
        }
        match &mut watch {
            Some(watch) => cg_monitored(&mut workspace, &a, b, m, &options, watch)?,
            None => cg_monitored(
                &mut workspace,
                &a,
                b,
                m,
                &options,
                &mut la_krylov::NoMonitor,
            )?,
        };
        let solution = workspace.into_solution();
        let outcome = match watch.and_then(|w| w.concern) {
            Some(concern) if !solution.status.is_converged() => AttemptOutcome::GivenUp(concern),
            _ => AttemptOutcome::Ended(solution.status),
        };
        let attempt = Attempt {
            builder,
            outcome,
            iterations: solution.iterations,
            residual_norm: solution.residual_norm,
            setup_seconds,
            solve_seconds: solution.seconds,
        };
        let better = match best.as_ref() {
            Some(old) => {
                solution.status.is_converged()
                    || solution.residual_norm <= old.residual_norm
                    || !old.residual_norm.is_finite()
            }
            None => true,
        };
        if better {
            *best = Some(solution);
        } else if let Some(old) = best {
            // The older iterate is the better one, the newer status the one to report.
            old.status = solution.status;
        }
        Ok(attempt)
    }

    fn watch(&self) -> Watch {
        let expected = self.expected.or_else(|| median(&self.seen));
        let budget = expected.map(|e| (self.slack * e.max(1) as f64).ceil() as usize);
        Watch::new(self.window, self.options.max_iters, budget)
    }

    fn time_is_up(&self, started: Instant) -> bool {
        self.options
            .time_limit
            .is_some_and(|limit| started.elapsed() >= limit)
    }

    fn validate(&self) -> Result<(), KrylovError> {
        self.options.validate()?;
        if self.window < 2 {
            let (value, requirement) = (self.window as f64, "at least 2");
            return Err(KrylovError::InvalidOption {
                option: "window",
                value,
                requirement,
            });
        }
        if !(self.slack >= 1.0 && self.slack.is_finite()) {
            let (value, requirement) = (self.slack, "a finite number of at least 1");
            return Err(KrylovError::InvalidOption {
                option: "slack",
                value,
                requirement,
            });
        }
        Ok(())
    }
}

/// The factor, if it fits the matrix.
fn checked(
    m: IncompleteCholesky,
    a: CsMatViewI<'_, f64, u32>,
    rule: PatternRule,
) -> Result<IncompleteCholesky, PrecondError> {
    if m.dimension() != a.rows() {
        let (found, expected) = (m.dimension(), a.rows());
        return Err(PrecondError::DimensionMismatch {
            what: "factor",
            found,
            expected,
        });
    }
    if rule == PatternRule::NoFill {
        for (row, entries) in a.outer_iterator().enumerate() {
            let mut stored = entries.indices().iter();
            if !m.row(row).all(|(j, _)| stored.any(|&c| c as usize == j)) {
                return Err(PrecondError::PatternMismatch { row });
            }
        }
    }
    Ok(m)
}

fn median(counts: &[usize]) -> Option<usize> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}
