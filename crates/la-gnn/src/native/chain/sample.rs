//! A matrix to learn from.

use super::ratios;
use crate::GnnError;

/// What a chain model is trained on: the ratios of a tridiagonal matrix and the pivots that are to come out.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ChainSample {
    /// r_2, ..., r_n, see [`ratios`].
    pub ratios: Vec<f64>,
    /// ρ_1, ..., ρ_n.
    pub pivots: Vec<f64>,
}

impl ChainSample {
    /// A sample of the matrix with this diagonal and these entries below it, and the diagonal of its factor.
    ///
    /// # Errors
    /// As [`ratios`]; [`GnnError::Matrix`] if the factor's diagonal has another length or an entry that is not positive.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::native::chain::ChainSample;
    /// let sample = ChainSample::new(&[4.0, 5.0], &[2.0], &[2.0, 2.0])?;
    /// assert_eq!(sample.pivots, [1.0, 0.8]);
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn new(diagonal: &[f64], below: &[f64], factor: &[f64]) -> Result<Self, GnnError> {
        let ratios = ratios(diagonal, below)?;
        if factor.len() != diagonal.len() {
            let (n, m) = (diagonal.len(), factor.len());
            return Err(GnnError::Matrix {
                reason: format!("{n} rows and a factor of {m}"),
            });
        }
        let pair = factor.iter().zip(diagonal);
        let pivots: Vec<f64> = pair.map(|(l, a)| l * (l / a)).collect();
        if let Some(row) = pivots.iter().position(|p| !(*p > 0.0 && p.is_finite())) {
            return Err(GnnError::Matrix {
                reason: format!("row {row}: pivot of the factor is not positive"),
            });
        }
        Ok(Self { ratios, pivots })
    }
}
