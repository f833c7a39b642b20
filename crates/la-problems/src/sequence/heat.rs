//! The heat equation in implicit time steps.

use std::f64::consts::{PI, TAU};

use super::SystemSequence;
use crate::error::{ProblemError, require, require_vector};
use crate::finite_difference::{Coefficient, Grid, diffusion_stencil};
use crate::system::LinearSystem;

/// u_t = div(κ grad u) + f with Dirichlet boundary 0, backward Euler in time, finite volumes in space.
///
/// Step m = 1, 2, ... solves `(I + Δt/h² K(m Δt)) uᵐ = uᵐ⁻¹ + Δt f`, with `K(t)` the matrix of
/// [`Diffusion`](crate::Diffusion) for `κ(x, t) = κ₀(x) (1 + a sin(2π (t / period - x₁)))`: the conductivity swings
/// in a wave that travels along the first axis. The mesh width is `h = 1 / (nx + 1)`; the field starts as `Π sin(π x_d)`.
///
/// # Known facts
/// - Symmetric positive definite M-matrices of one pattern, that of [`Poisson`](crate::Poisson); eigenvalues above 1.
/// - Without a source the largest value never grows and none becomes negative (discrete maximum principle).
/// - Constant κ₀, amplitude 0: eigenvalues `1 + Δt/h² κ₀ λ` with λ of `Poisson`, and without a source each step
///   multiplies the field by [`decay`](Self::decay).
/// - Amplitude 0, or a time step that is a multiple of the period: every matrix is the same, but for rounding.
///
/// # Examples
/// ```
/// use la_problems::{Coefficient, Grid, HeatEquation, SystemSequence};
///
/// let problem = HeatEquation::default()
///     .with_grid(Grid::rectangle(20, 20))
///     .with_coefficient(Coefficient::Inclusion { inside: 100.0 })
///     .with_amplitude(0.8);
/// let steps = problem.start(0)?;
/// assert_eq!(steps.system().n(), 400);
/// assert_eq!(steps.system().rhs, steps.state()); // no source: the right-hand side is the last field
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// K. W. Morton, D. F. Mayers, *Numerical Solution of Partial Differential Equations*, 2nd ed., 2005, sections 2.10
/// and 2.11 (the θ-method, here θ = 1, and its maximum principle).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HeatEquation {
    /// The grid. Default 32 by 32.
    pub grid: Grid,
    /// The coefficient κ₀ at the mean of its swing. Default constant 1.
    pub coefficient: Coefficient,
    /// Part a of κ₀ by which it swings, in `0..=0.99`. Default `0.5`.
    pub amplitude: f64,
    /// Period of the swing, in units of time, positive. Default `0.1`.
    pub period: f64,
    /// The time step Δt, in units of time (the slowest mode of κ = 1 decays with rate about π² d), positive. Default
    /// `0.01`.
    pub time_step: f64,
    /// Number of time steps, at least 1. Default `10`.
    pub steps: usize,
    /// The source f, the same everywhere and always, finite. Default `0`.
    pub source: f64,
}

impl Default for HeatEquation {
    fn default() -> Self {
        Self {
            grid: Grid::rectangle(32, 32),
            coefficient: Coefficient::Constant(1.0),
            amplitude: 0.5,
            period: 0.1,
            time_step: 0.01,
            steps: 10,
            source: 0.0,
        }
    }
}

impl HeatEquation {
    /// Sets the grid.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Sets the coefficient κ₀.
    #[must_use]
    pub fn with_coefficient(mut self, coefficient: Coefficient) -> Self {
        self.coefficient = coefficient;
        self
    }

    /// Sets how far the coefficient swings.
    #[must_use]
    pub fn with_amplitude(mut self, amplitude: f64) -> Self {
        self.amplitude = amplitude;
        self
    }

    /// Sets the period of the swing.
    #[must_use]
    pub fn with_period(mut self, period: f64) -> Self {
        self.period = period;
        self
    }

    /// Sets the time step.
    #[must_use]
    pub fn with_time_step(mut self, time_step: f64) -> Self {
        self.time_step = time_step;
        self
    }

    /// Sets the number of time steps.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Sets the source.
    #[must_use]
    pub fn with_source(mut self, source: f64) -> Self {
        self.source = source;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] for a grid that
    /// 32-bit indices cannot count.
    pub fn validate(&self) -> Result<(), ProblemError> {
        self.grid.validate()?;
        self.coefficient.validate()?;
        let positive = |name, value: f64| {
            let ok = (1e-100..=1e100).contains(&value);
            require(ok, name, value, "in 1e-100..=1e100")
        };
        let swing = (0.0..=0.99).contains(&self.amplitude);
        require(swing, "amplitude", self.amplitude, "in 0..=0.99")?;
        positive("period", self.period)?;
        positive("time_step", self.time_step)?;
        require(self.steps >= 1, "steps", self.steps as f64, "at least 1")?;
        let source = self.source.abs() <= 1e100;
        require(source, "source", self.source, "at most 1e100 in size")
    }

    /// Assembles the system of the first time step. O(n). The seed matters for random coefficients only.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{Grid, HeatEquation, SystemSequence};
    /// let steps = HeatEquation::default().with_grid(Grid::line(1)).with_amplitude(0.0).start(0)?;
    /// let matrix = &steps.system().matrix;
    /// assert!((matrix.data()[0] - (1.0 + 0.01 * 4.0 * 2.0)).abs() < 1e-15); // h = 1/2
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn start(&self, seed: u64) -> Result<HeatSteps, ProblemError> {
        self.validate()?;
        let grid = self.grid;
        let mean = self.coefficient.values(&grid, seed);
        let first_mode = |i| {
            let x = grid.coordinates(grid.cell(i));
            let along = x[..grid.dimension()].iter();
            along.map(|x| (PI * x).sin()).product()
        };
        let state: Vec<f64> = (0..grid.num_points()).map(first_mode).collect();
        let star = grid.star();
        let mut steps = HeatSteps {
            kappa: vec![0.0; mean.len()],
            system: LinearSystem::new(grid.assemble(&star, |_, _| 0.0), state.clone()),
            options: self.clone(),
            mean,
            state,
            step: 0,
            ended: false,
        };
        steps.assemble();
        Ok(steps)
    }

    /// The factor `1 / (1 + Δt/h² κ₀ λ)`, λ the smallest eigenvalue of `Poisson`, by which each step multiplies the
    /// field; `None` unless κ₀ is constant, the amplitude 0 and the source 0.
    ///
    /// # Examples
    /// ```
    /// use la_problems::HeatEquation;
    /// assert_eq!(HeatEquation::default().decay(), None);
    /// let decay = HeatEquation::default().with_amplitude(0.0).decay().unwrap();
    /// assert!((decay - 1.0 / (1.0 + 0.01 * 2.0 * 9.87)).abs() < 1e-3); // -Δ has 2 π²
    /// ```
    #[must_use]
    pub fn decay(&self) -> Option<f64> {
        let Coefficient::Constant(kappa) = self.coefficient else {
            return None;
        };
        let lambda = crate::Poisson::new(self.grid).eigenvalue([1, 1, 1]);
        (self.amplitude == 0.0 && self.source == 0.0)
            .then(|| 1.0 / (1.0 + self.ratio() * kappa * lambda))
    }

    /// Δt/h².
    fn ratio(&self) -> f64 {
        self.time_step * ((self.grid.shape()[0] + 1) as f64).powi(2)
    }
}

/// The time steps of a [`HeatEquation`].
///
/// # Examples
/// See [`HeatEquation`] and [`SystemSequence`].
#[derive(Debug, Clone, PartialEq)]
pub struct HeatSteps {
    options: HeatEquation,
    /// κ₀ at the points.
    mean: Vec<f64>,
    /// κ at the points at the present time.
    kappa: Vec<f64>,
    system: LinearSystem,
    state: Vec<f64>,
    step: usize,
    ended: bool,
}

impl HeatSteps {
    /// The time at the end of the present step, in units of time.
    #[must_use]
    pub fn time(&self) -> f64 {
        (self.step + 1) as f64 * self.options.time_step
    }

    /// Matrix and right-hand side of the present step.
    fn assemble(&mut self) {
        let options = &self.options;
        let phase = self.time() / options.period;
        // The first coordinate repeats in every line of the grid.
        let nx = options.grid.shape()[0];
        for (lines, mean) in self.kappa.chunks_mut(nx).zip(self.mean.chunks(nx)) {
            for (i, (kappa, mean)) in lines.iter_mut().zip(mean).enumerate() {
                let x = (i + 1) as f64 / (nx + 1) as f64;
                *kappa = mean * (1.0 + options.amplitude * (TAU * (phase - x)).sin());
            }
        }
        let star = options.grid.star();
        let stencil = diffusion_stencil(&options.grid, &star, &self.kappa);
        let ratio = options.ratio();
        let data = self.system.matrix.data_mut();
        options.grid.reassemble(&star, data, |cell, k| {
            let identity = if star[k].axis().is_none() { 1.0 } else { 0.0 };
            identity + ratio * stencil(cell, k)
        });
        let source = options.time_step * options.source;
        for (b, u) in self.system.rhs.iter_mut().zip(&self.state) {
            *b = u + source;
        }
    }
}

impl SystemSequence for HeatSteps {
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
        Some(&self.state)
    }

    fn advance(&mut self, solution: &[f64]) -> Result<bool, ProblemError> {
        require_vector("the solution", solution, self.state.len())?;
        if self.ended {
            return Ok(false);
        }
        self.state.copy_from_slice(solution);
        self.ended = self.step + 1 == self.options.steps;
        if !self.ended {
            self.step += 1;
            self.assemble();
        }
        Ok(!self.ended)
    }
}
