//! A problem that is solved many times.

use std::time::Instant;

use super::kkt::{self, KktScratch, largest};
use super::least_distance::{LeastDistance, Shift};
use super::options::{Proximal, QpOptions};
use super::pricing::Prices;
use super::problem::{Hessian, QuadraticProgram, expect_bounds, expect_finite, expect_length};
use super::solution::{Certificate, QpSolution, QpStatus, Side};
use super::start::{WarmStart, side_of_multiplier, side_of_value};
use super::working_set::{FactorTolerances, Flags, WorkingSet};
use crate::{OptError, Real};

/// Largest dual residual, relative, and largest complementarity of what is called optimal; at least the primal tolerance.
const KKT_TOL: f64 = 1e-6;

/// What of a problem is new. Parts that are left out stay.
///
/// # Examples
/// ```
/// use la_opt::qp::QpUpdate;
///
/// let update = QpUpdate::default().with_linear(&[1.0, -2.0]);
/// assert!(update.upper.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct QpUpdate<'a, T> {
    /// P; of the same kind.
    pub hessian: Option<&'a Hessian<T>>,
    /// q, length n.
    pub linear: Option<&'a [T]>,
    /// A, row-major, (m − s) × n.
    pub rows: Option<&'a [T]>,
    /// l, length m.
    pub lower: Option<&'a [T]>,
    /// u, length m.
    pub upper: Option<&'a [T]>,
}

impl<T> Default for QpUpdate<'_, T> {
    fn default() -> Self {
        Self {
            hessian: None,
            linear: None,
            rows: None,
            lower: None,
            upper: None,
        }
    }
}

impl<'a, T> QpUpdate<'a, T> {
    /// Replaces P.
    #[must_use]
    pub fn with_hessian(mut self, hessian: &'a Hessian<T>) -> Self {
        self.hessian = Some(hessian);
        self
    }

    /// Replaces q.
    #[must_use]
    pub fn with_linear(mut self, linear: &'a [T]) -> Self {
        self.linear = Some(linear);
        self
    }

    /// Replaces A.
    #[must_use]
    pub fn with_rows(mut self, rows: &'a [T]) -> Self {
        self.rows = Some(rows);
        self
    }

    /// Replaces l.
    #[must_use]
    pub fn with_lower(mut self, lower: &'a [T]) -> Self {
        self.lower = Some(lower);
        self
    }

    /// Replaces u.
    #[must_use]
    pub fn with_upper(mut self, upper: &'a [T]) -> Self {
        self.upper = Some(upper);
        self
    }
}

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
    kkt: KktScratch<T>,
    /// A working set with multipliers or scores, on its way.
    pub(super) spare: Vec<(usize, T)>,
    guess: Vec<(usize, Side, T)>,
    /// The working set has to be built from the guess before the next solve.
    rebuild: bool,
    /// An equality depends on others, so that new bounds may contradict it.
    dependent: bool,
    /// Set-up found that there is no feasible point.
    contradiction: bool,
    /// P needs proximal terms.
    proximal: bool,
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

    fn check(&self, update: &QpUpdate<'_, T>) -> Result<(), OptError> {
        let (n, m) = (self.problem.num_variables(), self.problem.num_constraints());
        if let Some(hessian) = update.hessian {
            let (what, values, expected) = match (hessian, &self.problem.hessian) {
                (Hessian::Dense(p), Hessian::Dense(_)) => ("Hessian", &p[..], n * n),
                (Hessian::Diagonal(p), Hessian::Diagonal(_)) => {
                    ("diagonal of the Hessian", &p[..], n)
                }
                (new, old) if new == old => ("Hessian", &[][..], 0),
                _ => {
                    return Err(OptError::Length {
                        what: "Hessian of another kind",
                        len: 0,
                        expected: n,
                    });
                }
            };
            expect_length(what, values.len(), expected)?;
            expect_finite(what, values)?;
        }
        if let Some(linear) = update.linear {
            expect_length("linear term", linear.len(), n)?;
            expect_finite("linear term", linear)?;
        }
        if let Some(rows) = update.rows {
            expect_length(
                "matrix of the constraints",
                rows.len(),
                self.problem.rows.len(),
            )?;
            expect_finite("matrix of the constraints", rows)?;
        }
        for (what, bounds) in [
            ("lower bounds", update.lower),
            ("upper bounds", update.upper),
        ] {
            if let Some(bounds) = bounds {
                expect_length(what, bounds.len(), m)?;
                expect_bounds(what, bounds)?;
            }
        }
        Ok(())
    }

    /// Says where the next solve starts.
    ///
    /// # Errors
    /// [`OptError::NoSuchConstraint`], [`OptError::Length`], [`OptError::NonFinite`]; the working set stays as it was.
    pub fn warm_start(&mut self, start: WarmStart<'_, T>) -> Result<(), OptError> {
        let (n, m) = (self.problem.num_variables(), self.problem.num_constraints());
        let known = |index: usize| {
            if index < m {
                Ok(())
            } else {
                Err(OptError::NoSuchConstraint {
                    index,
                    constraints: m,
                })
            }
        };
        match start {
            WarmStart::Keep => return Ok(()),
            WarmStart::Cold => {
                self.guess.clear();
                self.centre.fill(T::ZERO);
            }
            WarmStart::Active(list) => {
                list.iter().try_for_each(|&(j, _)| known(j))?;
                self.guess.clear();
                self.guess
                    .extend(list.iter().map(|&(j, side)| (j, side, T::ZERO)));
                self.guess.sort_unstable_by_key(|&(j, _, _)| j);
            }
            WarmStart::Ranked(list) => {
                for (index, &(j, _, score)) in list.iter().enumerate() {
                    known(j)?;
                    if score.to_f64().is_nan() {
                        return Err(OptError::NonFinite {
                            what: "scores of the guess",
                            index,
                            value: f64::NAN,
                        });
                    }
                }
                self.guess.clear();
                self.guess.extend_from_slice(list);
                self.guess.sort_unstable_by(|a, b| {
                    b.2.to_f64().total_cmp(&a.2.to_f64()).then(a.0.cmp(&b.0))
                });
            }
            WarmStart::Dual(multipliers) => {
                expect_length("multipliers of the guess", multipliers.len(), m)?;
                self.guess.clear();
                for (j, &multiplier) in multipliers.iter().enumerate() {
                    if let Some(side) = side_of_multiplier(multiplier) {
                        self.guess.push((j, side, T::ZERO));
                    }
                }
            }
            WarmStart::Primal(x) => {
                expect_length("point of the guess", x.len(), n)?;
                expect_finite("point of the guess", x)?;
                self.guess.clear();
                self.centre.copy_from_slice(x);
                // The multipliers of the solution are written anew by every solve.
                let values = &mut self.solution.multipliers;
                kkt::constraint_values(self.ldp.kernels, &self.problem, x, values);
                for (j, &value) in values.iter().enumerate() {
                    let (lower, upper) = (self.problem.lower[j], self.problem.upper[j]);
                    if let Some(side) = side_of_value(value, lower, upper) {
                        self.guess.push((j, side, T::ZERO));
                    }
                }
            }
        }
        self.rebuild = true;
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

    fn attempt(&mut self, began: Instant) -> QpStatus {
        if self.contradiction {
            QpStatus::PrimalInfeasible
        } else if self.proximal {
            self.iterate_proximal(began)
        } else if !self.activate() {
            QpStatus::PrimalInfeasible
        } else {
            self.iterate(began)
        }
    }

    /// Where rounding has got the better of a solve, heavier proximal terms make the factors better conditioned.
    fn rescue(&mut self, began: Instant) {
        if self.options.proximal == Proximal::Never {
            return;
        }
        let zero_tol = T::from_f64(self.options.zero_tol);
        let mut weight = self.options.proximal_weight;
        while matches!(
            self.solution.status,
            QpStatus::Cycling | QpStatus::Inaccurate
        ) && weight <= HEAVIEST_WEIGHT
        {
            if self.proximal {
                weight *= HEAVIER;
            }
            let shift = Shift {
                weight: Some(T::from_f64(weight)),
                forced: true,
            };
            if self.ldp.factor(&self.problem, zero_tol, shift).is_err() {
                return;
            }
            self.proximal = true;
            self.remember_set();
            self.new_linear();
            self.new_bounds();
            let status = self.attempt(began);
            self.finish(status);
        }
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

    fn new_linear(&mut self) {
        self.ldp.set_linear(&self.problem.linear);
    }

    /// Bounds or v are new: d, the kinds of the constraints, and contradictions that can be seen at once.
    fn new_bounds(&mut self) {
        self.ldp.set_bounds(&self.problem);
        let (zero_tol, primal_tol) = (self.options.zero_tol, self.options.primal_tol);
        self.contradiction = false;
        let mut rebuild = self.dependent;
        for j in 0..self.flags.len() {
            let (lower, upper) = (
                self.problem.lower[j].to_f64(),
                self.problem.upper[j].to_f64(),
            );
            let flag = &mut self.flags[j];
            flag.soft = self.problem.soft[j];
            let empty = self.ldp.empty[j];
            let fixed = empty || (upper - lower < zero_tol && !flag.soft);
            // A constraint that became an equality or is none any more, or that sits at a bound that is none any more.
            rebuild |= fixed != flag.fixed && !empty;
            flag.fixed = fixed;
            let bound = if flag.lower { lower } else { upper };
            rebuild |= flag.active && bound.abs() >= NO_BOUND;
            let crossed = upper - lower < -primal_tol;
            let impossible = empty && !flag.soft && (lower > primal_tol || upper < -primal_tol);
            self.contradiction |= crossed || impossible;
        }
        if rebuild && !self.rebuild {
            self.remember_set();
        }
        self.set.forget();
    }

    /// The working set as a guess.
    fn remember_set(&mut self) {
        if self.rebuild {
            return;
        }
        self.guess.clear();
        for &j in &self.set.order {
            let side = side_of(self.flags[j]);
            self.guess.push((j, side, T::ZERO));
        }
        self.rebuild = true;
    }

    /// Builds the working set: equalities, then the guess, leaving out what depends on earlier ones. False if the equalities contradict
    /// each other; then they and the null vector are left in the set.
    pub(super) fn activate(&mut self) -> bool {
        if !self.rebuild {
            return true;
        }
        self.set.clear(&mut self.flags);
        self.dependent = false;
        for j in 0..self.flags.len() {
            if !self.flags[j].fixed || self.ldp.empty[j] {
                continue;
            }
            self.flags[j].lower = false;
            self.set.append(&self.ldp, &mut self.flags, j, T::ONE);
            if !self.set.singular {
                self.set.pivot(&self.ldp, &mut self.flags);
            }
            if self.set.singular {
                self.dependent = true;
                self.set.null_direction(&self.flags);
                let (mut residual, mut size) = (0.0, 1.0);
                for (&i, &p) in self.set.order.iter().zip(&self.set.star) {
                    let term = (p * self.ldp.upper[i]).to_f64();
                    residual += term;
                    size += term.abs();
                }
                if residual.abs() > self.options.primal_tol * size {
                    if residual > 0.0 {
                        for p in &mut self.set.star {
                            *p = -*p;
                        }
                    }
                    return false;
                }
                let last = self.set.len() - 1;
                self.set.remove(&mut self.flags, last);
            }
        }
        for at in 0..self.guess.len() {
            let (j, side, _) = self.guess[at];
            let bound = match side {
                Side::Lower => self.problem.lower[j],
                Side::Upper => self.problem.upper[j],
            };
            let flag = &mut self.flags[j];
            if flag.active || flag.fixed || bound.to_f64().abs() >= NO_BOUND {
                continue;
            }
            if self.set.len() >= self.ldp.v.len() && !flag.soft {
                continue;
            }
            flag.lower = side == Side::Lower;
            let lambda = if flag.lower { -T::ONE } else { T::ONE };
            self.set.append(&self.ldp, &mut self.flags, j, lambda);
            if !self.set.singular {
                self.set.pivot(&self.ldp, &mut self.flags);
            }
            if self.set.singular {
                let last = self.set.len() - 1;
                self.set.remove(&mut self.flags, last);
            }
        }
        self.rebuild = false;
        true
    }

    /// Fills the solution in, and looks whether it is one.
    fn finish(&mut self, status: QpStatus) {
        let soft_cost = self.soft_cost();
        let solution = &mut self.solution;
        solution.active_set.clear();
        solution.multipliers.fill(T::ZERO);
        for (position, &j) in self.set.order.iter().enumerate() {
            solution.active_set.push((j, side_of(self.flags[j])));
            if let Some(&star) = self.set.star.get(position) {
                solution.multipliers[j] = star * self.ldp.scale[j] / self.force;
            }
        }
        if status == QpStatus::PrimalInfeasible {
            self.certify_infeasible();
            return;
        }
        if status == QpStatus::DualInfeasible {
            solution.certificate = Some(Certificate::Ray(self.step.clone()));
        }
        if !self.proximal {
            self.ldp.recover(&self.prices.u, &mut solution.x);
        }
        let (residuals, objective) = self.kkt.residuals(
            self.ldp.kernels,
            &self.problem,
            &solution.x,
            &solution.multipliers,
            &solution.active_set,
        );
        solution.objective = objective;
        solution.status = status;
        if status == QpStatus::Optimal {
            solution.kkt = residuals;
            let tol = KKT_TOL
                .max(self.options.primal_tol)
                .max(20.0 * T::EPSILON.sqrt().to_f64());
            let size = largest(&solution.x).max(1.0);
            let finite = objective.is_finite() && residuals.dual.is_finite();
            let small = residuals.primal <= 2.0 * tol * size
                && residuals.complementarity <= 2.0 * tol * size
                && residuals.dual <= tol;
            if !(finite && small) {
                solution.status = QpStatus::Inaccurate;
            } else if soft_cost > self.options.primal_tol {
                solution.status = QpStatus::SoftOptimal;
            }
        }
    }

    /// ρ Σ λ*² over soft constraints.
    fn soft_cost(&self) -> f64 {
        let terms = self.set.order.iter().zip(&self.set.star);
        let squares = terms
            .filter(|&(&j, _)| self.flags[j].soft)
            .map(|(_, &star)| (star * star).to_f64());
        self.options.rho_soft * squares.sum::<f64>()
    }

    /// Turns the null vector of a singular working set, or what set-up saw, into a checked certificate.
    fn certify_infeasible(&mut self) {
        let m = self.flags.len();
        let (lower, upper) = (&self.problem.lower, &self.problem.upper);
        self.solution.status = QpStatus::PrimalInfeasible;
        if self.contradiction {
            let mut worst = None;
            for j in 0..m {
                let (l, u) = (lower[j].to_f64(), upper[j].to_f64());
                if l - u > self.options.primal_tol {
                    self.solution.certificate = Some(Certificate::Crossed(j));
                    return;
                }
                if self.ldp.empty[j] && !self.flags[j].soft {
                    if u < -self.options.primal_tol {
                        worst = Some((j, T::ONE));
                    } else if l > self.options.primal_tol {
                        worst = Some((j, -T::ONE));
                    }
                }
            }
            if let Some((j, sign)) = worst {
                let mut y = vec![T::ZERO; m];
                y[j] = sign;
                self.solution.certificate = Some(Certificate::Farkas(y));
            }
            return;
        }
        // The multipliers hold the null vector in the units of the problem. Rounding may leave entries of the wrong sign.
        for &j in &self.set.order {
            let flag = self.flags[j];
            let y = &mut self.solution.multipliers[j];
            if !flag.fixed && (*y < T::ZERO) != flag.lower {
                *y = T::ZERO;
            }
        }
        let y = &self.solution.multipliers;
        let mut sum = vec![T::ZERO; self.ldp.v.len()];
        kkt::add_transposed(self.ldp.kernels, &self.problem, y, &mut sum);
        let (mut value, mut size) = (0.0, 0.0);
        for (j, &y) in y.iter().enumerate() {
            if y != T::ZERO {
                let bound = if y > T::ZERO { upper[j] } else { lower[j] };
                let term = (y * bound).to_f64();
                value += term;
                size += term.abs();
            }
        }
        // For every x with entries up to `reach`, yᵀ G x is less than the bounds make of it: rounding cannot have made the contradiction.
        let reach = 1e3 * largest(&self.solution.x).max(1.0);
        let rest: f64 = sum.iter().map(|s| s.abs().to_f64()).sum();
        let tol = 1e-6f64.max(T::EPSILON.to_f64().sqrt());
        let noise = 1e3 * T::EPSILON.to_f64() * size;
        if largest(&sum) <= tol * largest(y) && -value > (rest * reach).max(noise) {
            self.solution.certificate = Some(Certificate::Farkas(y.clone()));
        } else {
            self.solution.status = QpStatus::Inaccurate;
        }
        self.solution.multipliers.fill(T::ZERO);
    }
}

/// Proximal weights of a rescue: each this much heavier than the one before, up to a limit.
const HEAVIER: f64 = 100.0;
const HEAVIEST_WEIGHT: f64 = 1e-2;

/// Bounds from here on are none.
const NO_BOUND: f64 = 1e30;

fn side_of(flag: Flags) -> Side {
    if flag.lower { Side::Lower } else { Side::Upper }
}
