//! Convex quadratic functions.

use super::LocalObjective;
use super::distance::{require_finite, require_length};
use super::eigen::Spectrum;
use crate::admm::{AdmmError, LocalFailure};

/// `f(x) = ½ xᵀ H x − cᵀ x + constant` with a symmetric positive semidefinite H, which is diagonalised once, and once more where proximal terms have scales.
#[derive(Debug, Clone, PartialEq)]
pub struct Quadratic {
    spectrum: Spectrum,
    linear: Vec<f64>,
    constant: f64,
    rhs: Vec<f64>,
    scaled: Option<Scaled>,
}

/// `D^(−½) H D^(−½)` for a proximal term `weight / 2 (x − v)ᵀ D (x − v)`.
#[derive(Debug, Clone, PartialEq)]
struct Scaled {
    scales: Vec<f64>,
    /// Diagonal of `D^(−½)`.
    roots: Vec<f64>,
    spectrum: Spectrum,
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
            scaled: None,
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
        let current = self.scaled.as_ref().map(|scaled| &scaled.scales[..]);
        if current != Some(scales) {
            let roots: Vec<f64> = scales.iter().map(|s| 1.0 / s.sqrt()).collect();
            let spectrum = self.spectrum.between(&roots);
            self.scaled = Some(Scaled {
                spectrum: spectrum.map_err(|error| LocalFailure::Other(error.to_string()))?,
                scales: scales.to_vec(),
                roots,
            });
        }
        let Some(scaled) = &self.scaled else {
            return Ok(());
        };
        for (j, r) in self.rhs.iter_mut().enumerate() {
            *r = scaled.roots[j] * (self.linear[j] + weight * scales[j] * centre[j]);
        }
        scaled.spectrum.solve_shifted(weight, &self.rhs, x);
        for (x, root) in x.iter_mut().zip(&scaled.roots) {
            *x *= root;
        }
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
