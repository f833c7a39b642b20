//! ‖B x − b‖².

use super::distance::{require_finite, require_length};
use super::{LocalObjective, Quadratic};
use crate::admm::{AdmmError, LocalFailure};

/// `f(x) = ‖B x − b‖²`, without a factor ½. `2 Bᵀ B` is diagonalised once; a new b keeps it.
///
/// # Examples
/// ```
/// use la_opt::admm::{LeastSquares, LocalObjective};
///
/// let mut f = LeastSquares::new(2, vec![1.0, 0.0, 0.0, 2.0], vec![1.0, 4.0])?;
/// let mut x = [0.0; 2];
/// f.prox(1e-9, &[0.0, 0.0], &mut x)?;
/// assert!((x[0] - 1.0).abs() < 1e-8 && (x[1] - 2.0).abs() < 1e-8);
/// f.set_rhs(&[2.0, 4.0])?;
/// assert_eq!(f.value(&[1.0, 2.0]), 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LeastSquares {
    columns: usize,
    matrix: Vec<f64>,
    rhs: Vec<f64>,
    quadratic: Quadratic,
}

impl LeastSquares {
    /// From B (p × n, row-major, with n `columns`) and b (p).
    ///
    /// # Errors
    /// [`AdmmError::Length`] or [`AdmmError::NonFinite`].
    pub fn new(columns: usize, matrix: Vec<f64>, rhs: Vec<f64>) -> Result<Self, AdmmError> {
        require_length("matrix", matrix.len(), columns * rhs.len())?;
        require_finite("matrix", &matrix)?;
        require_finite("right-hand side", &rhs)?;
        let mut hessian = vec![0.0; columns * columns];
        for row in matrix.chunks_exact(columns.max(1)) {
            for (h, &bi) in hessian.chunks_exact_mut(columns).zip(row) {
                for (h, &bj) in h.iter_mut().zip(row) {
                    *h += 2.0 * bi * bj;
                }
            }
        }
        let (linear, constant) = normal_terms(columns, &matrix, &rhs);
        Ok(Self {
            quadratic: Quadratic::new(&hessian, linear, constant)?,
            columns,
            matrix,
            rhs,
        })
    }

    /// Puts another b in its place, and keeps what was computed of B.
    ///
    /// # Errors
    /// [`AdmmError::Length`] or [`AdmmError::NonFinite`]; the old one stays.
    pub fn set_rhs(&mut self, rhs: &[f64]) -> Result<(), AdmmError> {
        require_length("right-hand side", rhs.len(), self.rhs.len())?;
        require_finite("right-hand side", rhs)?;
        let (linear, constant) = normal_terms(self.columns, &self.matrix, rhs);
        self.quadratic.set_linear(&linear, constant)?;
        self.rhs.copy_from_slice(rhs);
        Ok(())
    }
}

/// `2 Bᵀ b` and `‖b‖²`.
fn normal_terms(columns: usize, matrix: &[f64], rhs: &[f64]) -> (Vec<f64>, f64) {
    let mut linear = vec![0.0; columns];
    for (row, b) in matrix.chunks_exact(columns.max(1)).zip(rhs) {
        for (c, a) in linear.iter_mut().zip(row) {
            *c += 2.0 * a * b;
        }
    }
    (linear, rhs.iter().map(|b| b * b).sum())
}

impl LocalObjective for LeastSquares {
    fn dim(&self) -> usize {
        self.columns
    }

    /// From the residuals, not from the expanded square, so that it is right where it is small.
    fn value(&self, x: &[f64]) -> f64 {
        self.matrix
            .chunks_exact(self.columns.max(1))
            .zip(&self.rhs)
            .map(|(row, b)| (row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>() - b).powi(2))
            .sum()
    }

    #[inline]
    fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
        self.quadratic.prox(weight, centre, x)
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
        self.quadratic.prox_scaled(weight, scales, centre, x)
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> bool {
        self.quadratic.gradient(x, gradient)
    }
}
