//! Convex quadratic functions.

use super::LocalObjective;
use super::distance::{require_finite, require_length};
use super::eigen::Spectrum;
use crate::admm::{AdmmError, LocalFailure};

/// `f(x) = ½ xᵀ H x − cᵀ x + constant` with a symmetric positive semidefinite H, which is diagonalised once.
#[derive(Debug, Clone, PartialEq)]
pub struct Quadratic {
    spectrum: Spectrum,
    linear: Vec<f64>,
    constant: f64,
    rhs: Vec<f64>,
}

impl Quadratic {
    /// From H (n × n, row-major; the lower triangle is read), c (n) and the constant. Costs O(n³), a proximal step 4 n².
    ///
    /// # Errors
    /// [`AdmmError::Length`], [`AdmmError::NonFinite`], [`AdmmError::NotConvex`].
    pub fn new(hessian: &[f64], linear: Vec<f64>, constant: f64) -> Result<Self, AdmmError> {
        let n = linear.len();
        require_length("Hessian", hessian.len(), n * n)?;
        require_finite("Hessian", hessian)?;
        require_finite("linear term", &linear)?;
        require_finite("constant", &[constant])?;
        Ok(Self {
            spectrum: Spectrum::new(n, hessian)?,
            rhs: vec![0.0; n],
            linear,
            constant,
        })
    }

    /// Puts another c and constant in place, and keeps what was computed of H.
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
}

impl LocalObjective for Quadratic {
    fn dim(&self) -> usize {
        self.spectrum.dim()
    }

    fn value(&self, x: &[f64]) -> f64 {
        let linear: f64 = x.iter().zip(&self.linear).map(|(x, c)| x * c).sum();
        0.5 * self.spectrum.form(x) - linear + self.constant
    }

    #[inline]
    fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
        for ((r, c), v) in self.rhs.iter_mut().zip(&self.linear).zip(centre) {
            *r = c + weight * v;
        }
        self.spectrum.solve_shifted(weight, &self.rhs, x);
        Ok(())
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> bool {
        for (g, c) in gradient.iter_mut().zip(&self.linear) {
            *g = -c;
        }
        self.spectrum.add_product(x, gradient);
        true
    }
}
