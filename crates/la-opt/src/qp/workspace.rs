//! A problem that is solved many times.

use std::time::Instant;

use super::kkt::KktScratch;
use super::least_distance::{LeastDistance, Shift};
use super::options::{Proximal, QpOptions};
use super::pricing::Prices;
use super::problem::QuadraticProgram;
use super::solution::{QpSolution, Side};
use super::update::QpUpdate;
use super::working_set::{FactorTolerances, Flags, WorkingSet};
use crate::{OptError, Real};

/// A problem, what has been computed of it, and its last working set.
///
/// Set-up factors P (n³/3 operations for a dense one, and n³/3 for the inverse of the factor) and forms the rows (m n²); a new linear term costs n²/2 + m n, new
/// bounds m n. Updates and solves allocate nothing, unless there is a certificate to return. Memory n²/2 + 2 m n + n² numbers with the problem itself, and k²/2 for a working set of k.
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
    /// A working set with multipliers or scores, on its way.
    pub(super) spare: Vec<(usize, T)>,
    pub(super) guess: Vec<(usize, Side, T)>,
    /// The working set has to be built from the guess before the next solve.
    pub(super) rebuild: bool,
    /// An equality depends on others, so that new bounds may contradict it.
    pub(super) dependent: bool,
    /// Set-up found that there is no feasible point.
    pub(super) contradiction: bool,
    /// P needs proximal terms.
    pub(super) proximal: bool,
    /// Centre x̄ of the proximal term, the step to the next, a linear term, and products with P and G of a step.
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
            solution: QpSolution::unsolved(n, m),
            kkt: KktScratch::new(n, m),
            flags: vec![Flags::default(); m],
            spare: Vec::with_capacity(capacity),
            guess: Vec::with_capacity(m),
            rebuild: true,
            dependent: false,
            contradiction: false,
            proximal: false,
            centre: vec![T::ZERO; n],
            step: vec![T::ZERO; n],
            shifted: vec![T::ZERO; n],
            curvature: vec![T::ZERO; n],
            moves: vec![T::ZERO; m],
            force: T::ONE,
            ldp,
            problem,
            options,
        };
        workspace.factor()?;
        workspace.new_linear();
        workspace.new_bounds();
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
            self.problem.rows.copy_from_slice(rows);
        }
        if let Some(lower) = update.lower {
            self.problem.lower.copy_from_slice(lower);
        }
        if let Some(upper) = update.upper {
            self.problem.upper.copy_from_slice(upper);
        }
        let matrices = update.hessian.is_some() || update.rows.is_some();
        if matrices {
            self.remember_set();
            self.factor()?;
        }
        if matrices || update.linear.is_some() {
            self.new_linear();
        }
        if matrices || update.linear.is_some() || update.lower.is_some() || update.upper.is_some() {
            self.new_bounds();
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
        let status = self.attempt(began);
        self.finish(status);
        self.rescue(began);
        self.solution.solve_time = began.elapsed();
        &self.solution
    }

    fn factor(&mut self) -> Result<(), OptError> {
        let zero_tol = T::from_f64(self.options.zero_tol);
        let weight = T::from_f64(self.options.proximal_weight);
        let allowed = self.options.proximal == Proximal::WhereNeeded;
        let shift = Shift {
            weight: allowed.then_some(weight),
            forced: false,
        };
        self.ldp.factor(&self.problem, zero_tol, shift)?;
        self.proximal = self.ldp.weights.iter().any(|&w| w != T::ZERO);
        Ok(())
    }

    pub(super) fn new_linear(&mut self) {
        self.ldp.set_linear(&self.problem.linear);
    }
}
