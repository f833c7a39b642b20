//! Systems that solvers must recognise: almost singular, singular and inconsistent, diagonal.

use std::f64::consts::PI;

use crate::error::{ProblemError, require, require_u32};
use crate::system::{CsrMatrix, LinearSystem, csr};

/// The Laplacian of a path with n nodes (Neumann boundary) plus a small shift, with a consistent right-hand side.
///
/// The right-hand side is `A x*` with the ramp `x*_i = i / n`, i = 0, ..., n-1, so that a solution is known also for
/// shift 0.
///
/// # Known facts
/// - Symmetric, row sums equal to the shift; `3 n - 2` nonzeros.
/// - Eigenvalues `shift + 4 sin²(k π / (2 n))`, k = 0, ..., n-1; the smallest is the shift, with eigenvector (1, ..., 1).
/// - Shift 0: singular, positive semidefinite. Shift below 0 (small): indefinite with one negative eigenvalue.
///
/// # Examples
/// ```
/// use la_problems::NearlySingular;
/// let problem = NearlySingular::default().with_n(10).with_shift(1e-12);
/// assert_eq!(problem.eigenvalue(0), 1e-12);
/// assert_eq!(problem.generate()?.n(), 10);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NearlySingular {
    /// Order, at least 2. Default `100`.
    pub n: usize,
    /// The smallest eigenvalue, finite. Default `1e-10`.
    pub shift: f64,
    /// Size of the part of the right-hand side along (1, ..., 1)/√n, finite. With shift 0 the system is inconsistent
    /// unless this is 0, and every least-squares solution leaves a residual of this size. Default `0`.
    pub inconsistency: f64,
}

impl Default for NearlySingular {
    fn default() -> Self {
        Self {
            n: 100,
            shift: 1e-10,
            inconsistency: 0.0,
        }
    }
}

impl NearlySingular {
    /// The singular, inconsistent system: shift 0, inconsistency 1.
    ///
    /// # Examples
    /// ```
    /// let system = la_problems::NearlySingular::inconsistent().with_n(4).generate()?;
    /// let along_kernel: f64 = system.rhs.iter().sum::<f64>() / 2.0;
    /// assert!((along_kernel - 1.0).abs() < 1e-14);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    #[must_use]
    pub fn inconsistent() -> Self {
        Self {
            shift: 0.0,
            inconsistency: 1.0,
            ..Self::default()
        }
    }

    /// Sets the order.
    #[must_use]
    pub fn with_n(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    /// Sets the smallest eigenvalue.
    #[must_use]
    pub fn with_shift(mut self, shift: f64) -> Self {
        self.shift = shift;
        self
    }

    /// Sets the part of the right-hand side along (1, ..., 1)/√n.
    #[must_use]
    pub fn with_inconsistency(mut self, inconsistency: f64) -> Self {
        self.inconsistency = inconsistency;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do
    /// not suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        require(self.n >= 2, "n", self.n as f64, "at least 2")?;
        require_u32("nonzeros", self.n.saturating_mul(3))?;
        require(self.shift.is_finite(), "shift", self.shift, "finite")?;
        require(
            self.inconsistency.is_finite(),
            "inconsistency",
            self.inconsistency,
            "finite",
        )
    }

    /// Assembles the system. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let singular = la_problems::NearlySingular::default().with_n(2).with_shift(0.0);
    /// assert_eq!(singular.generate()?.matrix.data(), &[1.0, -1.0, -1.0, 1.0]);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self) -> Result<LinearSystem, ProblemError> {
        self.validate()?;
        let n = self.n;
        let (mut pointers, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
        let mut rhs = Vec::with_capacity(n);
        let along_kernel = self.inconsistency / (n as f64).sqrt();
        for i in 0..n {
            let neighbours = usize::from(i > 0) + usize::from(i + 1 < n);
            let entries = [
                (i.wrapping_sub(1), -1.0),
                (i, neighbours as f64 + self.shift),
                (i + 1, -1.0),
            ];
            for (j, value) in entries.into_iter().filter(|&(j, _)| j < n) {
                indices.push(j as u32);
                data.push(value);
            }
            pointers.push(indices.len() as u32);
            // The path Laplacian of the ramp vanishes but for its ends.
            let ends = f64::from(i + 1 == n) - f64::from(i == 0);
            rhs.push((ends + self.shift * i as f64) / n as f64 + along_kernel);
        }
        Ok(LinearSystem::new(csr(n, n, pointers, indices, data), rhs))
    }

    /// The known solution `x*` of the system without its inconsistent part.
    #[must_use]
    pub fn solution(&self) -> Vec<f64> {
        (0..self.n).map(|i| i as f64 / self.n as f64).collect()
    }

    /// Eigenvalue number `k` of 0, ..., n-1, in increasing order.
    #[must_use]
    pub fn eigenvalue(&self, k: usize) -> f64 {
        self.shift + 4.0 * (k as f64 * PI / (2.0 * self.n as f64)).sin().powi(2)
    }
}

/// A diagonal matrix; every entry is stored, also zeros. One entry makes the 1 × 1 case, none the empty one.
///
/// # Errors
/// [`ProblemError::InvalidOption`] for an entry that is not finite, [`ProblemError::TooLarge`] if 32-bit indices do not
/// suffice.
///
/// # Examples
/// ```
/// let a = la_problems::diagonal(&[3.0, 0.0])?;
/// assert_eq!((a.nnz(), a.get(1, 1)), (2, Some(&0.0)));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
pub fn diagonal(values: &[f64]) -> Result<CsrMatrix, ProblemError> {
    let n = values.len();
    require_u32("rows", n)?;
    values
        .iter()
        .try_for_each(|&v| require(v.is_finite(), "values", v, "finite"))?;
    Ok(csr(
        n,
        n,
        (0..=n as u32).collect(),
        (0..n as u32).collect(),
        values.to_vec(),
    ))
}
