//! Symmetric matrices diagonalised once, so that a shifted system costs 2 n² for every shift.

use faer::{MatRef, Side};

use crate::admm::AdmmError;

/// `H = Q S Qᵀ`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spectrum {
    /// Eigenvectors, one after the other.
    vectors: Vec<f64>,
    values: Vec<f64>,
}

impl Spectrum {
    /// Of a symmetric positive semidefinite H (n × n, the lower triangle is read).
    pub(super) fn new(n: usize, h: &[f64]) -> Result<Self, AdmmError> {
        let spectrum = Self::signed(n, h)?;
        let values = &spectrum.values;
        let largest = values.iter().fold(0.0, |a: f64, s| a.max(s.abs()));
        // What rounding makes of a zero eigenvalue.
        let noise = n as f64 * f64::EPSILON * largest;
        match values.iter().find(|&&s| s < -noise) {
            Some(&eigenvalue) => Err(AdmmError::NotConvex { eigenvalue }),
            None => Ok(spectrum.without_signs()),
        }
    }

    /// Of `R H R` with a diagonal R, in n³ operations.
    pub(super) fn between(&self, r: &[f64]) -> Result<Self, AdmmError> {
        let n = self.dim();
        let mut product = vec![0.0; n * n];
        for (q, s) in self.vectors.chunks_exact(n.max(1)).zip(&self.values) {
            for (i, row) in product.chunks_exact_mut(n).enumerate() {
                for (j, entry) in row.iter_mut().enumerate() {
                    *entry += s * (r[i] * q[i]) * (r[j] * q[j]);
                }
            }
        }
        // What is negative is rounding, which R makes larger.
        Ok(Self::signed(n, &product)?.without_signs())
    }

    fn without_signs(mut self) -> Self {
        self.values.iter_mut().for_each(|s| *s = s.max(0.0));
        self
    }

    /// Of any symmetric matrix.
    fn signed(n: usize, h: &[f64]) -> Result<Self, AdmmError> {
        let eigen = MatRef::from_row_major_slice(h, n, n)
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| AdmmError::Eigenvalues)?;
        let vectors = (0..n)
            .flat_map(|j| (0..n).map(move |i| (i, j)))
            .map(|(i, j)| eigen.U()[(i, j)])
            .collect();
        Ok(Self {
            vectors,
            values: eigen.S().column_vector().iter().copied().collect(),
        })
    }

    pub(super) fn dim(&self) -> usize {
        self.values.len()
    }

    /// `x = (H + shift I)⁻¹ r`, for a positive shift.
    #[inline]
    pub(super) fn solve_shifted(&self, shift: f64, r: &[f64], x: &mut [f64]) {
        x.fill(0.0);
        for (vector, s) in self.vectors.chunks_exact(r.len().max(1)).zip(&self.values) {
            let along: f64 = vector.iter().zip(r).map(|(q, r)| q * r).sum();
            let along = along / (s + shift);
            for (x, q) in x.iter_mut().zip(vector) {
                *x += along * q;
            }
        }
    }

    /// `xᵀ H x`.
    pub(super) fn form(&self, x: &[f64]) -> f64 {
        self.vectors
            .chunks_exact(x.len().max(1))
            .zip(&self.values)
            .map(|(q, s)| s * q.iter().zip(x).map(|(q, x)| q * x).sum::<f64>().powi(2))
            .sum()
    }

    /// `g += H x`.
    pub(super) fn add_product(&self, x: &[f64], g: &mut [f64]) {
        for (q, s) in self.vectors.chunks_exact(x.len().max(1)).zip(&self.values) {
            let along = s * q.iter().zip(x).map(|(q, x)| q * x).sum::<f64>();
            for (g, q) in g.iter_mut().zip(q) {
                *g += along * q;
            }
        }
    }
}
