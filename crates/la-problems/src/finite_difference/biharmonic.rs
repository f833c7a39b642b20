//! The biharmonic operator.

use super::grid::Grid;
use super::poisson::Poisson;
use crate::error::ProblemError;
use crate::system::{CsrMatrix, LinearSystem};

/// Δ² on a grid, with u = Δu = 0 on the boundary (a simply supported plate): the square of the [`Poisson`] matrix.
///
/// Thirteen points in two dimensions. The matrix is h⁴ times the operator; the right-hand side is 1 everywhere.
///
/// # Known facts
/// - Symmetric positive definite with eigenvalues λ² for the eigenvalues λ of [`Poisson`]; condition number O(h⁻⁴).
/// - Has positive off-diagonal entries and is far from an M-matrix: IC(0) breaks down.
///
/// # Examples
/// ```
/// use la_problems::{Biharmonic, Grid};
///
/// let system = Biharmonic::new(Grid::rectangle(9, 9)).generate()?;
/// assert_eq!(system.matrix.get(40, 40), Some(&20.0));
/// assert_eq!(system.matrix.get(40, 41), Some(&-8.0));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Biharmonic {
    /// The grid.
    pub grid: Grid,
}

impl Biharmonic {
    /// The problem on a grid.
    #[must_use]
    pub fn new(grid: Grid) -> Self {
        Self { grid }
    }

    /// Assembles the system. O(n).
    ///
    /// # Errors
    /// As [`Poisson::generate`].
    pub fn generate(&self) -> Result<LinearSystem, ProblemError> {
        let matrix = self.matrix()?;
        let rhs = vec![1.0; matrix.rows()];
        Ok(LinearSystem::new(matrix, rhs))
    }

    /// Assembles the matrix. O(n).
    ///
    /// # Errors
    /// As [`Poisson::generate`].
    pub fn matrix(&self) -> Result<CsrMatrix, ProblemError> {
        let laplacian = Poisson::new(self.grid).matrix()?;
        Ok(&laplacian * &laplacian)
    }

    /// The eigenvalue of mode `k`, counted from 1 in each direction.
    #[must_use]
    pub fn eigenvalue(&self, k: [usize; 3]) -> f64 {
        Poisson::new(self.grid).eigenvalue(k).powi(2)
    }
}
