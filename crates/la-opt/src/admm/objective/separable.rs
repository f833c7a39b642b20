//! A quadratic function and a function of each coordinate: lasso, box constraints, nonnegative least squares.

use super::LocalObjective;
use super::distance::{require_finite, require_length};
use super::eigen::Spectrum;
use super::scales::Weights;
use crate::admm::{AdmmError, LocalFailure};

/// A convex function of each coordinate whose proximal step is known.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Separable {
    /// `μ Σ |x_j|`.
    L1 {
        /// μ, at least 0.
        weight: f64,
    },
    /// `lower ≤ x ≤ upper`, infinite where there is no bound.
    Box {
        /// Lower bounds (n).
        lower: Vec<f64>,
        /// Upper bounds (n).
        upper: Vec<f64>,
    },
}

impl Separable {
    /// `x ≥ 0` in n dimensions.
    #[must_use]
    pub fn nonnegative(n: usize) -> Self {
        Self::Box {
            lower: vec![0.0; n],
            upper: vec![f64::INFINITY; n],
        }
    }

    fn value(&self, x: &[f64]) -> f64 {
        match self {
            Self::L1 { weight } => weight * x.iter().map(|x| x.abs()).sum::<f64>(),
            Self::Box { lower, upper } => {
                let inside = x
                    .iter()
                    .zip(lower.iter().zip(upper))
                    .all(|(x, (l, u))| l <= x && x <= u);
                if inside { 0.0 } else { f64::INFINITY }
            }
        }
    }

    /// The minimiser of `h(x) + curvature / 2 (x − at)²` in coordinate j.
    #[inline]
    fn prox(&self, j: usize, curvature: f64, at: f64) -> f64 {
        match self {
            Self::L1 { weight } => at.signum() * (at.abs() - weight / curvature).max(0.0),
            Self::Box { lower, upper } => at.max(lower[j]).min(upper[j]),
        }
    }

    fn check(&self, n: usize) -> Result<(), AdmmError> {
        match self {
            Self::L1 { weight } if *weight >= 0.0 && weight.is_finite() => Ok(()),
            Self::L1 { weight } => Err(AdmmError::InvalidOption {
                option: "weight",
                value: *weight,
                requirement: "finite and at least 0",
            }),
            Self::Box { lower, upper } => {
                require_length("lower bounds", lower.len(), n)?;
                require_length("upper bounds", upper.len(), n)?;
                // Bounds at +∞ below or −∞ above leave nothing, as crossed ones do.
                let empty = |j: usize| {
                    lower[j].is_nan()
                        || upper[j].is_nan()
                        || lower[j] > upper[j]
                        || lower[j] == f64::INFINITY
                        || upper[j] == f64::NEG_INFINITY
                };
                match (0..n).find(|&j| empty(j)) {
                    None => Ok(()),
                    Some(coordinate) => Err(AdmmError::Bounds {
                        coordinate,
                        lower: lower[coordinate],
                        upper: upper[coordinate],
                    }),
                }
            }
        }
    }
}

/// `f(x) = ½ xᵀ H x − cᵀ x + constant + Σ_j h_j(x_j)`.
///
/// A proximal step is coordinate descent from the last x, until a sweep moves no coordinate by more than the tolerance, 2 n² operations for each sweep that changes all.
///
/// # Examples
/// The lasso `‖B x − b‖² + μ ‖x‖₁`:
/// ```
/// use la_opt::admm::{LocalObjective, SeparableQuadratic};
///
/// let mut f = SeparableQuadratic::lasso(2, &[1.0, 0.0, 0.0, 1.0], &[3.0, 0.1], 1.0)?;
/// let mut x = [0.0; 2];
/// f.prox(1e-12, &[0.0, 0.0], &mut x)?;
/// assert!((x[0] - 2.5).abs() < 1e-9 && x[1] == 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SeparableQuadratic {
    hessian: Vec<f64>,
    linear: Vec<f64>,
    constant: f64,
    separable: Separable,
    tolerance: f64,
    /// H x + weight x − (c + weight centre) during a step.
    slope: Vec<f64>,
}

/// Sweeps after which a step gives up.
const SWEEPS: usize = 100_000;

impl SeparableQuadratic {
    /// From H (n × n, row-major, symmetric positive semidefinite), c (n), the constant and the functions of the coordinates.
    ///
    /// # Errors
    /// [`AdmmError::Length`], [`AdmmError::NonFinite`], [`AdmmError::NotConvex`], [`AdmmError::Bounds`].
    pub fn new(
        hessian: Vec<f64>,
        linear: Vec<f64>,
        constant: f64,
        separable: Separable,
    ) -> Result<Self, AdmmError> {
        let n = linear.len();
        require_length("Hessian", hessian.len(), n * n)?;
        require_finite("Hessian", &hessian)?;
        require_finite("linear term", &linear)?;
        require_finite("constant", &[constant])?;
        separable.check(n)?;
        Spectrum::new(n, &hessian)?;
        Ok(Self {
            slope: vec![0.0; n],
            hessian,
            linear,
            constant,
            separable,
            tolerance: 1e-13,
        })
    }

    /// `‖B x − b‖² + μ ‖x‖₁` from B (p × n, row-major) and b (p).
    ///
    /// # Errors
    /// As [`SeparableQuadratic::new`].
    pub fn lasso(n: usize, matrix: &[f64], rhs: &[f64], weight: f64) -> Result<Self, AdmmError> {
        Self::least_squares(n, matrix, rhs, Separable::L1 { weight })
    }

    /// `‖B x − b‖² + Σ_j h_j(x_j)` from B (p × n, row-major) and b (p).
    ///
    /// # Errors
    /// As [`SeparableQuadratic::new`].
    pub fn least_squares(
        n: usize,
        matrix: &[f64],
        rhs: &[f64],
        separable: Separable,
    ) -> Result<Self, AdmmError> {
        require_length("matrix", matrix.len(), n * rhs.len())?;
        require_finite("matrix", matrix)?;
        require_finite("right-hand side", rhs)?;
        let mut hessian = vec![0.0; n * n];
        let mut linear = vec![0.0; n];
        for (row, b) in matrix.chunks_exact(n.max(1)).zip(rhs) {
            for i in 0..n {
                linear[i] += 2.0 * row[i] * b;
                for j in 0..n {
                    hessian[i * n + j] += 2.0 * row[i] * row[j];
                }
            }
        }
        Self::new(hessian, linear, rhs.iter().map(|b| b * b).sum(), separable)
    }

    /// Puts another c and constant in place.
    ///
    /// # Errors
    /// [`AdmmError::Length`] or [`AdmmError::NonFinite`]; the old ones stay.
    pub fn set_linear(&mut self, linear: &[f64], constant: f64) -> Result<(), AdmmError> {
        require_length("linear term", linear.len(), self.linear.len())?;
        require_finite("linear term", linear)?;
        require_finite("constant", &[constant])?;
        self.linear.copy_from_slice(linear);
        self.constant = constant;
        Ok(())
    }

    /// Coordinate descent.
    fn descend(
        &mut self,
        weights: Weights<'_>,
        centre: &[f64],
        x: &mut [f64],
    ) -> Result<(), LocalFailure> {
        let n = x.len();
        for (j, x) in x.iter_mut().enumerate() {
            *x = self.separable.prox(j, 1.0, *x);
        }
        for i in 0..n {
            let row = &self.hessian[i * n..(i + 1) * n];
            let product: f64 = row.iter().zip(&*x).map(|(h, x)| h * x).sum();
            self.slope[i] = product + weights.of(i) * (x[i] - centre[i]) - self.linear[i];
        }
        for _ in 0..SWEEPS {
            let (mut moved, mut size) = (0.0_f64, 0.0_f64);
            for (j, x) in x.iter_mut().enumerate() {
                let weight = weights.of(j);
                let curvature = self.hessian[j * n + j] + weight;
                let new = self
                    .separable
                    .prox(j, curvature, *x - self.slope[j] / curvature);
                let change = new - *x;
                size = size.max(new.abs());
                if change == 0.0 {
                    continue;
                }
                *x = new;
                moved = moved.max(change.abs());
                let column = &self.hessian[j * n..(j + 1) * n];
                for (s, h) in self.slope.iter_mut().zip(column) {
                    *s += change * h;
                }
                self.slope[j] += change * weight;
            }
            if !(moved + size).is_finite() {
                return Err(LocalFailure::NonFinite);
            }
            if moved <= self.tolerance * size {
                return Ok(());
            }
        }
        Err(LocalFailure::NotConverged { iterations: SWEEPS })
    }

    /// Sets the change of a coordinate, relative to the largest one, at which a step ends. Default `1e-13`.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }
}

impl LocalObjective for SeparableQuadratic {
    fn dim(&self) -> usize {
        self.linear.len()
    }

    fn value(&self, x: &[f64]) -> f64 {
        let n = x.len();
        let smooth: f64 = (0..n)
            .map(|i| {
                let row = &self.hessian[i * n..(i + 1) * n];
                let product: f64 = row.iter().zip(x).map(|(h, x)| h * x).sum();
                x[i] * (0.5 * product - self.linear[i])
            })
            .sum();
        smooth + self.constant + self.separable.value(x)
    }

    fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
        self.descend(Weights::equal(weight), centre, x)
    }

    fn takes_scales(&self) -> bool {
        true
    }

    fn prox_scaled(
        &mut self,
        weight: f64,
        scales: &[f64],
        centre: &[f64],
        x: &mut [f64],
    ) -> Result<(), LocalFailure> {
        self.descend(Weights::scaled(weight, scales), centre, x)
    }
}
