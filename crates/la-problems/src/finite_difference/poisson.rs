//! The model problem.

use std::f64::consts::PI;

use super::grid::Grid;
use crate::error::ProblemError;
use crate::system::{CsrMatrix, LinearSystem};

/// Poisson's equation with Dirichlet boundary: the stencils [-1 2 -1], five points and seven points.
///
/// The matrix is that of -h² Δ with equal mesh widths h in all directions; the right-hand side is 1 everywhere.
///
/// # Known facts
/// - Symmetric positive definite M-matrix; `(2 d + 1) n - 2 Σ_d n / n_d` nonzeros.
/// - Eigenvalues `Σ_d 4 sin²(k_d π / (2 (n_d + 1)))`, `k_d = 1, ..., n_d` ([`eigenvalue`](Self::eigenvalue)).
/// - Condition number about `4 (n + 1)² / π²` for n points in each direction.
///
/// # Examples
/// ```
/// use la_problems::{Grid, Poisson};
///
/// let system = Poisson::new(Grid::line(3)).generate()?;
/// assert_eq!(system.matrix.data(), &[2.0, -1.0, -1.0, 2.0, -1.0, -1.0, 2.0]);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Poisson {
    /// The grid. Default 32 by 32.
    pub grid: Grid,
}

impl Default for Poisson {
    fn default() -> Self {
        Self::new(Grid::rectangle(32, 32))
    }
}

impl Poisson {
    /// The problem on a grid.
    #[must_use]
    pub fn new(grid: Grid) -> Self {
        Self { grid }
    }

    /// Sets the grid.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for an empty grid, [`ProblemError::TooLarge`] for one that 32-bit indices cannot
    /// count.
    pub fn validate(&self) -> Result<(), ProblemError> {
        self.grid.validate()
    }

    /// Assembles the system. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let system = la_problems::Poisson::default().generate()?;
    /// assert_eq!(system.rhs, vec![1.0; 1024]);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self) -> Result<LinearSystem, ProblemError> {
        let matrix = self.matrix()?;
        let rhs = vec![1.0; matrix.rows()];
        Ok(LinearSystem::new(matrix, rhs))
    }

    /// Assembles the matrix. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let matrix = la_problems::Poisson::new(la_problems::Grid::cuboid(2, 2, 2)).matrix()?;
    /// assert_eq!(matrix.nnz(), 8 * 7 - 24);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn matrix(&self) -> Result<CsrMatrix, ProblemError> {
        self.validate()?;
        let star = self.grid.star();
        let centre = 2.0 * self.grid.dimension() as f64;
        Ok(self.grid.assemble(&star, |_, k| {
            if star[k].axis().is_none() {
                centre
            } else {
                -1.0
            }
        }))
    }

    /// The eigenvalue of mode `k`, counted from 1 in each direction; entries past the dimension are ignored.
    ///
    /// # Examples
    /// ```
    /// use la_problems::{Grid, Poisson};
    /// let smallest = Poisson::new(Grid::line(1)).eigenvalue([1, 1, 1]);
    /// assert!((smallest - 2.0).abs() < 1e-14);
    /// ```
    #[must_use]
    pub fn eigenvalue(&self, k: [usize; 3]) -> f64 {
        let along =
            |(&n, k): (&usize, usize)| 4.0 * (k as f64 * PI / (2.0 * (n + 1) as f64)).sin().powi(2);
        self.grid.shape().iter().zip(k).map(along).sum()
    }
}
