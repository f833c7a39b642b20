//! A problem that is solved many times.

use std::time::{Duration, Instant};

use super::kkt::KktScratch;
use super::least_distance::LeastDistance;
use super::options::{Proximal, QpOptions};
use super::pricing::Prices;
use super::problem::QuadraticProgram;
use super::root::Shift;
use super::solution::{QpSolution, Side};
use super::update::QpUpdate;
use super::working_set::{FactorTolerances, Flags, WorkingSet};
use crate::{OptError, Real};

/// A problem, what has been computed of it, and its last working set.
///
/// Set-up factors P, n³/3 operations for a dense one. What follows waits for a solve that needs it: one that starts from nothing inverts the factor
/// (n³/3) and forms the rows of all constraints (m n²); one that starts from a guess forms the rows of the guess alone (k n² for k of them), and if that guess is right
/// and the point meets all constraints (2 m n), that is all: the others are formed when a constraint is seen to be violated. Later a new linear term costs n² + 2 m n, new
/// bounds 2 m n. Updates and solves allocate nothing, unless there is a certificate to return or P becomes semidefinite. Memory n²/2 + 2 m n + n² numbers with the problem
/// itself, and k²/2 for a working set of k.
///
/// # Examples
/// A step of a controller: only the linear term changes, and the last working set is the first guess.
/// ```
/// use la_opt::qp::{Hessian, QpOptions, QpUpdate, QpWorkspace, QuadraticProgram};
///
/// let problem = QuadraticProgram::new(Hessian::Dense(vec![2.0, 1.0, 1.0, 2.0]), vec![-8.0, -6.0])?
///     .with_bounds(vec![-1.0, -1.0], vec![1.0, 1.0])?;
/// let mut workspace = QpWorkspace::new(problem, QpOptions::default())?;
/// assert!((workspace.solve().require_optimal()?.x[0] - 1.0_f64).abs() < 1e-12);
/// workspace.update(&QpUpdate::default().with_linear(&[-9.0, -6.0]))?;
/// assert_eq!(workspace.solve().iterations, 1);
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone)]
pub struct QpWorkspace<T = f64> {
    pub(super) problem: QuadraticProgram<T>,
    pub(super) options: QpOptions,
    pub(super) ldp: LeastDistance<T>,
    pub(super) flags: Vec<Flags>,
    pub(super) set: WorkingSet<T>,
    pub(super) prices: Prices<T>,
    pub(super) solution: QpSolution<T>,
    pub(super) kkt: KktScratch<T>,
    /// A guess, which is used up when the working set is built; then room for a working set on its way.
    pub(super) guess: Vec<(usize, Side, T)>,
    /// The scores of the guess are sizes of multipliers.
    pub(super) guess_is_dual: bool,
    /// The working set has to be built from the guess before the next solve.
    pub(super) rebuild: bool,
    /// An equality depends on others, so that new bounds may contradict it.
    pub(super) dependent: bool,
    /// Set-up found that there is no feasible point.
    pub(super) contradiction: bool,
    /// P needs proximal terms.
    pub(super) proximal: bool,
    /// The linear term, or bounds, have not been looked at since they changed.
    pub(super) new_linear: bool,
    pub(super) new_bounds: bool,
    /// Solving for the equalities in advance has been seen to lose accuracy.
    pub(super) keep_equalities: bool,
    /// An empty working set is looked at before rows are formed.
    pub(super) look_first: bool,
    /// Time of this solve that went into rows.
    pub(super) forming: Duration,
    /// For proximal terms, empty without: centre x̄ of the proximal term, the step to the next, a linear term, and products with P and G of a step.
    pub(super) centre: Vec<T>,
    pub(super) step: Vec<T>,
    pub(super) shifted: Vec<T>,
    pub(super) curvature: Vec<T>,
    pub(super) moves: Vec<T>,
    /// Factor of the objective beside the proximal term: 1, but in linear programs.
    pub(super) force: T,
}

impl<T: Real> QpWorkspace<T> {
    /// Sets a problem up.
    ///
    /// # Errors
    /// [`OptError::InvalidOption`], [`OptError::NotPositiveDefinite`].
    pub fn new(problem: QuadraticProgram<T>, options: QpOptions) -> Result<Self, OptError> {
        options.validate()?;
        let began = Instant::now();
        let (n, m) = (problem.num_variables(), problem.num_constraints());
        let ldp = LeastDistance::new(&problem);
        let soft = problem.soft.iter().filter(|&&soft| soft).count();
        let capacity = m.min(n + soft) + 1;
        let tolerances = FactorTolerances {
            dual: T::from_f64(options.dual_tol),
            pivot: T::from_f64(options.pivot_tol),
            singular: T::from_f64(options.sing_tol),
            rho_soft: T::from_f64(options.rho_soft),
        };
        let primal_tol = T::from_f64(options.primal_tol);
        let mut workspace = Self {
            set: WorkingSet::with_capacity(capacity, &ldp, tolerances),
            prices: Prices::new(options.pricing, primal_tol, n, m),
            solution: QpSolution::unsolved(n, m, capacity),
            kkt: KktScratch::new(n, m),
            flags: vec![Flags::default(); m],
            guess: Vec::with_capacity(capacity),
            guess_is_dual: false,
            rebuild: true,
            dependent: false,
            contradiction: false,
            proximal: false,
            new_linear: true,
            new_bounds: true,
            look_first: false,
            keep_equalities: false,
            forming: Duration::ZERO,
            centre: Vec::new(),
            step: Vec::new(),
            shifted: Vec::new(),
            curvature: Vec::new(),
            moves: Vec::new(),
            force: T::ONE,
            ldp,
            problem,
            options,
        };
        workspace.factor()?;
        workspace.solution.setup_time = began.elapsed();
        Ok(workspace)
    }

    /// The problem as it stands.
    #[must_use]
    pub fn problem(&self) -> &QuadraticProgram<T> {
        &self.problem
    }

    /// The outcome of the last solve.
    pub fn solution(&self) -> &QpSolution<T> {
        &self.solution
    }

    /// Keeps the outcome of the last solve, and nothing else.
    pub fn into_solution(self) -> QpSolution<T> {
        self.solution
    }

    /// Changes the problem. The working set is kept, unless P or A changes.
    ///
    /// # Errors
    /// [`OptError::Length`], [`OptError::NonFinite`]: the problem stays as it was. [`OptError::NotPositiveDefinite`]: the workspace
    /// needs another P before it can solve again.
    pub fn update(&mut self, update: &QpUpdate<'_, T>) -> Result<(), OptError> {
        let began = Instant::now();
        self.check(update)?;
        if let Some(hessian) = update.hessian {
            self.problem.hessian.clone_from(hessian);
        }
        if let Some(linear) = update.linear {
            self.problem.linear.copy_from_slice(linear);
        }
        if let Some(rows) = update.rows {
            self.problem.rows.values_mut().copy_from_slice(rows);
        }
        if let Some(lower) = update.lower {
            self.problem.lower.copy_from_slice(lower);
        }
        if let Some(upper) = update.upper {
            self.problem.upper.copy_from_slice(upper);
        }
        let mut matrices = update.hessian.is_some() || update.rows.is_some();
        if matrices {
            self.keep_equalities = false;
        }
        if let Some(equalities) = &self.ldp.equalities {
            let mut solved_for = equalities.kept.iter().chain(&equalities.dependent);
            matrices |= solved_for.any(|&j| !self.is_equality(j));
        }
        if matrices {
            self.remember_set();
            self.factor()?;
        }
        self.new_linear |= matrices || update.linear.is_some();
        self.new_bounds |= self.new_linear || update.lower.is_some() || update.upper.is_some();
        if self.ldp.complete {
            self.take_vectors();
        }
        self.solution.setup_time = began.elapsed();
        Ok(())
    }

    /// Solves the problem as it stands, from the last working set or the guess.
    pub fn solve(&mut self) -> &QpSolution<T> {
        let began = Instant::now();
        self.solution.iterations = 0;
        self.solution.outer_iterations = usize::from(!self.proximal);
        self.solution.refactorizations = 0;
        self.solution.certificate = None;
        self.solution.kkt = super::KktResiduals::default();
        self.forming = Duration::ZERO;
        let status = self.attempt(began);
        self.finish(status);
        self.rescue(began);
        self.solution.setup_time += self.forming;
        self.solution.solve_time = began.elapsed().saturating_sub(self.forming);
        &self.solution
    }

    pub(super) fn factor(&mut self) -> Result<(), OptError> {
        let zero_tol = T::from_f64(self.options.zero_tol);
        let weight = T::from_f64(self.options.proximal_weight);
        let allowed = self.options.proximal == Proximal::WhereNeeded;
        let shift = Shift {
            weight: allowed.then_some(weight),
            forced: false,
        };
        self.ldp.factor(&self.problem, zero_tol, shift)?;
        self.prices.resize(self.ldp.n);
        if self.ldp.weights.iter().any(|&w| w != T::ZERO) {
            self.become_proximal();
        } else {
            self.proximal = false;
        }
        Ok(())
    }

    /// Brings the least-distance form up to what the next solve needs: all rows, unless there is a guess to look at first.
    pub(super) fn prepare(&mut self, began: Instant) {
        let guessed = !self.rebuild || !self.guess.is_empty();
        let waits = !self.proximal && (guessed || self.look_first && !self.has_equalities());
        let lacks_rows = !self.ldp.complete && !waits;
        if lacks_rows || self.new_linear || self.new_bounds {
            if lacks_rows {
                self.form_rows(self.eliminates());
            }
            self.take_vectors();
            self.forming += began.elapsed();
        }
    }

    /// All rows; without the equalities, where it pays to solve for them.
    fn form_rows(&mut self, eliminate: bool) {
        let (problem, zero_tol) = (&self.problem, self.options.zero_tol);
        let equalities = (0..if eliminate { problem.lower.len() } else { 0 })
            .filter(|&j| problem.is_equality(j, zero_tol));
        self.ldp
            .complete(problem, equalities, T::from_f64(zero_tol));
        self.prices.resize(self.ldp.n);
        self.new_bounds = true;
    }

    pub(super) fn is_equality(&self, j: usize) -> bool {
        self.problem.is_equality(j, self.options.zero_tol)
    }

    /// The vectors of the problem, where they have changed.
    pub(super) fn take_vectors(&mut self) {
        if self.new_linear {
            self.ldp.set_linear(&self.problem.linear);
        }
        if self.new_linear || self.new_bounds {
            self.take_bounds();
        }
        (self.new_linear, self.new_bounds) = (false, false);
    }

    /// All rows and vectors, between solves.
    #[cfg(feature = "learned")]
    pub(super) fn complete_now(&mut self) {
        if !self.ldp.complete {
            self.complete();
        }
        self.take_vectors();
    }

    /// The rows that a guess did without, in the middle of a solve. True: the working set has to be built anew.
    pub(super) fn complete(&mut self) -> bool {
        let began = Instant::now();
        self.kkt.forget();
        let eliminates = self.eliminates();
        if eliminates {
            self.remember_set();
        }
        let (rebuild, dependent) = (self.rebuild, self.dependent);
        self.dependent = false;
        self.form_rows(eliminates);
        self.take_vectors();
        (self.rebuild, self.dependent) = (rebuild, dependent);
        self.forming += began.elapsed();
        rebuild
    }

    fn has_equalities(&self) -> bool {
        self.problem.count_equalities(self.options.zero_tol) > 0
    }

    /// P has proximal terms from now on.
    pub(super) fn become_proximal(&mut self) {
        self.proximal = true;
        let (n, m) = (self.problem.num_variables(), self.problem.num_constraints());
        for room in [
            &mut self.centre,
            &mut self.step,
            &mut self.shifted,
            &mut self.curvature,
        ] {
            room.resize(n, T::ZERO);
        }
        self.moves.resize(m, T::ZERO);
    }
}
