//! Tridiagonal Toeplitz matrices.

use std::f64::consts::PI;

use crate::error::{ProblemError, require, require_u32};
use crate::system::{CsrMatrix, csr};

/// The tridiagonal matrix with constant diagonals (lower, diagonal, upper).
///
/// # Known facts
/// - `3 n - 2` nonzeros.
/// - For `lower · upper ≥ 0`: eigenvalues `d + 2 √(lower · upper) cos(k π / (n + 1))`, k = 1, ..., n; eigenvector entries
///   `(lower / upper)^{j/2} sin(j k π / (n + 1))`.
/// - Far from normal when lower and upper differ much: eigenvalues then say little about convergence.
///
/// # Examples
/// ```
/// use la_problems::TridiagonalToeplitz;
/// let a = TridiagonalToeplitz::default().with_n(3).matrix()?;
/// assert_eq!(a.data(), &[2.0, -1.0, -1.0, 2.0, -1.0, -1.0, 2.0]);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// S. Noschese, L. Pasquini, L. Reichel, "Tridiagonal Toeplitz matrices: properties and novel applications", *Numer.
/// Linear Algebra Appl.* 20, 2013.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TridiagonalToeplitz {
    /// Order, at least 1. Default `100`.
    pub n: usize,
    /// Entries below the diagonal, finite. Default `-1`.
    pub lower: f64,
    /// Diagonal entries, finite. Default `2`.
    pub diagonal: f64,
    /// Entries above the diagonal, finite. Default `-1`.
    pub upper: f64,
}

impl Default for TridiagonalToeplitz {
    fn default() -> Self {
        Self {
            n: 100,
            lower: -1.0,
            diagonal: 2.0,
            upper: -1.0,
        }
    }
}

impl TridiagonalToeplitz {
    /// Sets the order.
    #[must_use]
    pub fn with_n(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    /// Sets the three values: below, on and above the diagonal.
    #[must_use]
    pub fn with_values(mut self, lower: f64, diagonal: f64, upper: f64) -> Self {
        (self.lower, self.diagonal, self.upper) = (lower, diagonal, upper);
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do
    /// not suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        require(self.n >= 1, "n", self.n as f64, "at least 1")?;
        require_u32("nonzeros", self.n.saturating_mul(3))?;
        let values = [
            ("lower", self.lower),
            ("diagonal", self.diagonal),
            ("upper", self.upper),
        ];
        values
            .into_iter()
            .try_for_each(|(name, v)| require(v.is_finite(), name, v, "finite"))
    }

    /// Assembles the matrix. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::TridiagonalToeplitz;
    /// let skew = TridiagonalToeplitz::default().with_n(2).with_values(-1.0, 0.0, 1.0).matrix()?;
    /// assert_eq!(skew.data(), &[0.0, 1.0, -1.0, 0.0]);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn matrix(&self) -> Result<CsrMatrix, ProblemError> {
        self.validate()?;
        let n = self.n;
        let (mut pointers, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
        for i in 0..n {
            let row = [
                (i.wrapping_sub(1), self.lower),
                (i, self.diagonal),
                (i + 1, self.upper),
            ];
            for (j, value) in row.into_iter().filter(|&(j, _)| j < n) {
                indices.push(j as u32);
                data.push(value);
            }
            pointers.push(indices.len() as u32);
        }
        Ok(csr(n, n, pointers, indices, data))
    }

    /// Eigenvalue number `k` of 1, ..., n; `None` where it is complex.
    ///
    /// # Examples
    /// ```
    /// use la_problems::TridiagonalToeplitz;
    /// let a = TridiagonalToeplitz::default().with_n(1).with_values(-1.0, 5.0, -1.0);
    /// assert!((a.eigenvalue(1).unwrap() - 5.0).abs() < 1e-14);
    /// ```
    #[must_use]
    pub fn eigenvalue(&self, k: usize) -> Option<f64> {
        let product = self.lower * self.upper;
        let angle = k as f64 * PI / (self.n + 1) as f64;
        (product >= 0.0).then(|| self.diagonal + 2.0 * product.sqrt() * angle.cos())
    }
}
