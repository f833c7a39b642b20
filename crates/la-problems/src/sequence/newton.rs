//! Newton's method for nonlinear flow problems.

use super::SystemSequence;
use crate::error::{ProblemError, require, require_vector};
use crate::finite_difference::{ConvectionDiffusion, Poisson};
use crate::system::LinearSystem;

/// What is nonlinear.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Nonlinearity {
    /// A reaction, `-Δu + Pe w · grad u = λ eᵘ` (Bratu's problem when Pe = 0). From one system to the next only the
    /// diagonal changes.
    Reaction {
        /// The parameter λ, in `0..=1e3`. Without wind there is no solution above 3.5138 in 1-D and 6.8081 on the square.
        lambda: f64,
    },
    /// A conductivity that grows with the field, `-div((1 + β u) grad u) + Pe w · grad u = f`. Every entry changes.
    Diffusion {
        /// The growth β, in `0..=1e6`.
        beta: f64,
        /// The source f, the same everywhere, in `0..=1e6`.
        source: f64,
    },
}

/// Newton's method for a nonlinear flow: one Jacobian after the other, all with the pattern of the grid.
///
/// With the matrix `A = P + C` of the [`ConvectionDiffusion`] (`P` that of [`Poisson`]) the equations are
/// `F(u) = P k(u) + C u - h² s(u) = 0`, entry by entry `k(u) = u + β u² / 2` and `s(u) = f`, or `k(u) = u` and
/// `s(u) = λ eᵘ`. The systems are `(P diag(k'(u)) + C - h² diag(s'(u))) δ = -F(u)`, and `u` becomes `u + δ`, from `u = 0` on,
/// with Dirichlet boundary 0. `P k(u)` is the finite volume form of the diffusion term with the mean of both
/// sides as conductivity of a face.
///
/// # Known facts
/// - Newton's method converges quadratically once it is near the solution.
/// - Reaction without wind, λ below the turning point: symmetric positive definite Jacobians; in one dimension
///   `u = -2 ln(cosh((x - 1/2) θ / 2) / cosh(θ / 4))` with `θ = √(2 λ) cosh(θ / 4)` up to O(h²).
/// - Diffusion without wind: `k(u) = v` with the solution `v` of the linear problem (Kirchhoff's transformation holds for
///   the discrete equations), so that `u = (√(1 + 2 β v) - 1) / β`; the Jacobians are not symmetric but similar to
///   symmetric positive definite ones.
///
/// # Examples
/// ```
/// use la_problems::{ConvectionDiffusion, Grid, NonlinearFlow, Nonlinearity, SystemSequence};
///
/// let flow = ConvectionDiffusion::default().with_grid(Grid::rectangle(20, 20)).with_peclet(50.0);
/// let problem = NonlinearFlow::default().with_flow(flow);
/// let steps = problem.with_nonlinearity(Nonlinearity::Diffusion { beta: 10.0, source: 20.0 }).start()?;
/// assert_eq!(steps.system().n(), 400);
/// assert_eq!(steps.relative_residual(), 1.0);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// R. Glowinski, H. B. Keller, L. Reinhart, *SIAM J. Sci. Stat. Comput.* 6(4), 793–832, 1985, section 4 (Bratu's
/// problem and its turning point).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NonlinearFlow {
    /// Grid, wind, Péclet number and difference scheme. Default that of [`ConvectionDiffusion`].
    pub flow: ConvectionDiffusion,
    /// The nonlinear term. Default reaction with λ = 5.
    pub nonlinearity: Nonlinearity,
    /// The sequence ends when `‖F(u)‖₂` is at most this part of `‖F(0)‖₂`; in `0..1`. Default `1e-10`.
    pub tolerance: f64,
    /// The sequence ends after this many systems, at least 1. Default `20`.
    pub max_steps: usize,
}

impl Default for NonlinearFlow {
    fn default() -> Self {
        Self {
            flow: ConvectionDiffusion::default(),
            nonlinearity: Nonlinearity::Reaction { lambda: 5.0 },
            tolerance: 1e-10,
            max_steps: 20,
        }
    }
}

impl NonlinearFlow {
    /// Sets grid, wind, Péclet number and difference scheme.
    #[must_use]
    pub fn with_flow(mut self, flow: ConvectionDiffusion) -> Self {
        self.flow = flow;
        self
    }

    /// Sets the nonlinear term.
    #[must_use]
    pub fn with_nonlinearity(mut self, nonlinearity: Nonlinearity) -> Self {
        self.nonlinearity = nonlinearity;
        self
    }

    /// Sets the relative residual at which the sequence ends.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the largest number of systems.
    #[must_use]
    pub fn with_max_steps(mut self, max_steps: usize) -> Self {
        self.max_steps = max_steps;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] for a grid that
    /// 32-bit indices cannot count.
    pub fn validate(&self) -> Result<(), ProblemError> {
        self.flow.validate()?;
        let range = |name, value: f64, top: f64, requirement| {
            require((0.0..=top).contains(&value), name, value, requirement)
        };
        match self.nonlinearity {
            Nonlinearity::Reaction { lambda } => range("lambda", lambda, 1e3, "in 0..=1e3")?,
            Nonlinearity::Diffusion { beta, source } => {
                range("beta", beta, 1e6, "in 0..=1e6")?;
                range("source", source, 1e6, "in 0..=1e6")?;
            }
        }
        let tolerance = (0.0..1.0).contains(&self.tolerance);
        require(tolerance, "tolerance", self.tolerance, "in 0..1")?;
        let steps = self.max_steps as f64;
        require(self.max_steps >= 1, "max_steps", steps, "at least 1")
    }

    /// Assembles the first system, at u = 0. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{ConvectionDiffusion, Grid, NonlinearFlow, SystemSequence};
    /// let flow = ConvectionDiffusion::default().with_grid(Grid::line(1)).with_peclet(0.0);
    /// let steps = NonlinearFlow::default().with_flow(flow).start()?;
    /// // 2 - h² λ and h² λ, with h = 1/2 and λ = 5
    /// assert_eq!((steps.system().matrix.data(), &steps.system().rhs[..]), (&[0.75][..], &[1.25][..]));
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn start(&self) -> Result<NewtonSteps, ProblemError> {
        self.validate()?;
        let matrix = self.flow.matrix()?;
        let diffusion = Poisson::new(self.flow.grid).matrix()?.data().to_vec();
        let pairs = matrix.data().iter().zip(&diffusion);
        let convection = pairs.map(|(a, p)| a - p).collect();
        let n = matrix.rows();
        let mut steps = NewtonSteps {
            options: self.clone(),
            diffusion,
            convection,
            system: LinearSystem::new(matrix, vec![0.0; n]),
            state: vec![0.0; n],
            next: vec![0.0; n],
            step: 0,
            first_residual: 0.0,
            residual: 0.0,
            ended: false,
        };
        steps.residual = steps.evaluate();
        steps.first_residual = steps.residual;
        steps.assemble();
        Ok(steps)
    }
}

/// The Newton steps of a [`NonlinearFlow`].
///
/// # Examples
/// See [`NonlinearFlow`] and [`SystemSequence`].
#[derive(Debug, Clone, PartialEq)]
pub struct NewtonSteps {
    options: NonlinearFlow,
    /// Entries of `P`.
    diffusion: Vec<f64>,
    /// Entries of `C`, in the same order.
    convection: Vec<f64>,
    system: LinearSystem,
    state: Vec<f64>,
    /// The iterate that is tried.
    next: Vec<f64>,
    step: usize,
    first_residual: f64,
    residual: f64,
    ended: bool,
}

impl NewtonSteps {
    /// `‖F(u)‖₂ / ‖F(0)‖₂` of the present state, dimensionless; 0 if `F(0) = 0`.
    #[must_use]
    pub fn relative_residual(&self) -> f64 {
        if self.first_residual == 0.0 {
            0.0
        } else {
            self.residual / self.first_residual
        }
    }

    /// h².
    fn area(&self) -> f64 {
        ((self.options.flow.grid.shape()[0] + 1) as f64).powi(-2)
    }

    /// k(u) and k'(u).
    fn conduction(&self, u: f64) -> (f64, f64) {
        match self.options.nonlinearity {
            Nonlinearity::Reaction { .. } => (u, 1.0),
            Nonlinearity::Diffusion { beta, .. } => (u + 0.5 * beta * u * u, 1.0 + beta * u),
        }
    }

    /// s(u) and s'(u).
    fn reaction(&self, u: f64) -> (f64, f64) {
        match self.options.nonlinearity {
            Nonlinearity::Reaction { lambda } => (lambda * u.exp(), lambda * u.exp()),
            Nonlinearity::Diffusion { source, .. } => (source, 0.0),
        }
    }

    /// Row `i` of `F` at `next`.
    fn equation(&self, i: usize) -> f64 {
        let entries = self.system.matrix.indptr().outer_inds_sz(i);
        let columns = &self.system.matrix.indices()[entries.clone()];
        let values = self.diffusion[entries.clone()]
            .iter()
            .zip(&self.convection[entries]);
        let mut sum = -self.area() * self.reaction(self.next[i]).0;
        for (&j, (p, c)) in columns.iter().zip(values) {
            let u = self.next[j as usize];
            sum += p * self.conduction(u).0 + c * u;
        }
        sum
    }

    /// `‖F‖₂` at `next`.
    fn evaluate(&self) -> f64 {
        let rows = 0..self.next.len();
        rows.map(|i| self.equation(i).powi(2)).sum::<f64>().sqrt()
    }

    /// Jacobian and right-hand side at `next`.
    fn assemble(&mut self) {
        let area = self.area();
        for i in 0..self.next.len() {
            self.system.rhs[i] = -self.equation(i);
            for e in self.system.matrix.indptr().outer_inds_sz(i) {
                let j = self.system.matrix.indices()[e] as usize;
                let u = self.next[j];
                let mut value = self.diffusion[e] * self.conduction(u).1 + self.convection[e];
                if i == j {
                    value -= area * self.reaction(u).1;
                }
                self.system.matrix.data_mut()[e] = value;
            }
        }
    }
}

impl SystemSequence for NewtonSteps {
    fn system(&self) -> &LinearSystem {
        &self.system
    }

    fn step(&self) -> usize {
        self.step
    }

    fn state(&self) -> &[f64] {
        &self.state
    }

    fn initial_guess(&self) -> Option<&[f64]> {
        None
    }

    fn advance(&mut self, solution: &[f64]) -> Result<bool, ProblemError> {
        require_vector("the solution", solution, self.state.len())?;
        if self.ended {
            return Ok(false);
        }
        for ((next, u), d) in self.next.iter_mut().zip(&self.state).zip(solution) {
            *next = u + d;
        }
        // Large steps may leave the range in which the exponential is finite.
        if let Some(index) = (0..self.next.len()).find(|&i| !self.equation(i).is_finite()) {
            return Err(ProblemError::NotFinite {
                what: "the equation of the next iterate",
                index,
            });
        }
        self.state.copy_from_slice(&self.next);
        self.residual = self.evaluate();
        self.ended = self.relative_residual() <= self.options.tolerance
            || self.step + 1 == self.options.max_steps;
        if !self.ended {
            self.step += 1;
            self.assemble();
        }
        Ok(!self.ended)
    }
}
