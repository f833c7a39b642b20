//! Two matrices that differ in one entry.

use super::factor::{Bidiagonal, SymmetricTridiagonal};
use crate::error::{ProblemError, require};

/// Tridiagonal matrices `A = L Lᵀ` and `A + raise · e₁e₁ᵀ` with their Cholesky factors.
///
/// What answers from entries near a row only (a message-passing network with few rounds) gives both the same answer on rows far from the
/// first, while the factors may differ there: [`ceiling`](Self::ceiling) is the mean cosine that no such answer can exceed.
///
/// # Examples
/// ```
/// use la_problems::FactorTwins;
/// let twins = FactorTwins::constant_ratio(60, 2.0)?;
/// assert!((twins.ceiling(30)? - 0.949).abs() < 1e-3);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// V. Trifonov, E. Muravleva, I. Oseledets, TMLR 2026, arXiv 2502.01397, theorem 2.1 (the matrices of [`theorem`](Self::theorem)). The ceiling
/// is ours.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FactorTwins {
    /// `A`.
    pub matrix: SymmetricTridiagonal,
    /// The Cholesky factor of `A`.
    pub factor: Bidiagonal,
    /// `A + raise · e₁e₁ᵀ`.
    pub raised_matrix: SymmetricTridiagonal,
    /// Its Cholesky factor.
    pub raised_factor: Bidiagonal,
}

impl FactorTwins {
    /// From the factor of the first matrix.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] unless `raise` is positive and finite.
    pub fn new(factor: Bidiagonal, raise: f64) -> Result<Self, ProblemError> {
        let range = "positive and finite";
        require(raise > 0.0 && raise.is_finite(), "raise", raise, range)?;
        let matrix = factor.gram();
        let mut raised_matrix = matrix.clone();
        raised_matrix.diagonal[0] += raise;
        let raised_factor = factor.raised(raise);
        Ok(Self {
            matrix,
            factor,
            raised_matrix,
            raised_factor,
        })
    }

    /// `L_ii = 1`, `L_{i,i-1} = −ratio`, first entry raised by 1. For a ratio above 1 the pivots of the twin tend to its square.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for n = 0 or a ratio that is not finite.
    pub fn constant_ratio(n: usize, ratio: f64) -> Result<Self, ProblemError> {
        require(n >= 1, "n", n as f64, "at least 1")?;
        Self::new(Bidiagonal::new(vec![1.0; n], vec![-ratio; n - 1])?, 1.0)
    }

    /// `L_ii = 1/i`, `L_{i,i-1} = 1`, first entry raised by 1: the published example of two matrices that differ in one entry and whose
    /// factors differ almost everywhere.
    ///
    /// Elimination of the first matrix from its entries is meaningless from n = 12 on (pivots follow the repelling branch), that of the
    /// second is accurate.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for n = 0.
    pub fn theorem(n: usize) -> Result<Self, ProblemError> {
        require(n >= 1, "n", n as f64, "at least 1")?;
        let diagonal = (1..=n).map(|i| 1.0 / i as f64).collect();
        Self::new(Bidiagonal::new(diagonal, vec![1.0; n - 1])?, 1.0)
    }

    /// The Laplacian of a path with fixed ends (2 on the diagonal, −1 beside it), first entry raised by 1: a change that fades,
    /// `d_i` by `1 / (i (2i − 1))`.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for n = 0.
    pub fn path(n: usize) -> Result<Self, ProblemError> {
        require(n >= 1, "n", n as f64, "at least 1")?;
        let pivots: Vec<f64> = (1..=n).map(|i| (i + 1) as f64 / i as f64).collect();
        Self::new(Bidiagonal::from_pivots(&pivots, &vec![-1.0; n - 1]), 1.0)
    }

    /// The largest mean cosine that one answer for both twins can have, rows from `first` on (counted from 0):
    /// `√((1 + x·x')/2)` with the unit vectors x, x' of the two factors there.
    ///
    /// For an answer that depends on entries within graph distance K, rows beyond K + 2 of 1, 2, ... see no difference.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] if there is no row `first`.
    pub fn ceiling(&self, first: usize) -> Result<f64, ProblemError> {
        let range = "the number of a row";
        require(first < self.factor.n(), "first", first as f64, range)?;
        let cosine = self.factor.cosine(&self.raised_factor, first)?;
        Ok(((1.0 + cosine) / 2.0).sqrt())
    }
}
