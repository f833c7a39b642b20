//! Diffusion with a coefficient that varies in space.

use super::coefficient::Coefficient;
use super::grid::{Grid, Offset};
use crate::error::ProblemError;
use crate::system::{CsrMatrix, LinearSystem};

/// -div(κ grad u) with finite volumes in one, two or three dimensions.
///
/// The coefficient of a face is the harmonic mean of its two sides (the value of the point itself at the boundary), so
/// that fluxes are right across jumps. The matrix is h² times the operator; the right-hand side is 1 everywhere.
///
/// # Known facts
/// - Symmetric positive definite M-matrix with the pattern of [`Poisson`](crate::Poisson); equal to it for κ = 1.
/// - With eigenvalues λ of the Poisson matrix: `κ_min λ_min ≤ λ(A) ≤ κ_max λ_max`.
///
/// # Examples
/// ```
/// use la_problems::{Coefficient, Diffusion, Grid};
///
/// let field = Coefficient::LogNormal { sigma: 2.0, correlation_length: 0.1 };
/// let options = Diffusion::default().with_grid(Grid::cuboid(8, 8, 8)).with_coefficient(field);
/// let system = options.generate(0)?;
/// assert_eq!(system.n(), 512);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Diffusion {
    /// The grid. Default 32 by 32.
    pub grid: Grid,
    /// The coefficient κ. Default checkerboard of 4 by 4 cells with the values 1 and 1000.
    pub coefficient: Coefficient,
}

impl Default for Diffusion {
    fn default() -> Self {
        Self {
            grid: Grid::rectangle(32, 32),
            coefficient: Coefficient::Checkerboard {
                cells: 4,
                low: 1.0,
                high: 1000.0,
            },
        }
    }
}

impl Diffusion {
    /// Sets the grid.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Sets the coefficient.
    #[must_use]
    pub fn with_coefficient(mut self, coefficient: Coefficient) -> Self {
        self.coefficient = coefficient;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] for a grid that
    /// 32-bit indices cannot count.
    pub fn validate(&self) -> Result<(), ProblemError> {
        self.grid.validate()?;
        self.coefficient.validate()
    }

    /// Assembles the system. O(n). The seed matters for random coefficients only.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let system = la_problems::Diffusion::default().generate(0)?;
    /// assert_eq!(system.rhs.len(), 1024);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        let matrix = self.matrix(seed)?;
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
    /// use la_problems::{Coefficient, Diffusion};
    /// let jump = Coefficient::Inclusion { inside: 1e6 };
    /// let matrix = Diffusion::default().with_coefficient(jump).matrix(0)?;
    /// assert_eq!(matrix.get(0, 0), Some(&4.0));
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn matrix(&self, seed: u64) -> Result<CsrMatrix, ProblemError> {
        self.validate()?;
        let grid = &self.grid;
        let kappa = self.coefficient.values(grid, seed);
        let star = grid.star();
        let stencil = diffusion_stencil(grid, &star, &kappa);
        Ok(grid.assemble(&star, stencil))
    }
}

/// The coefficients of the star for the values of κ at the points of the grid.
pub(crate) fn diffusion_stencil<'a>(
    grid: &'a Grid,
    star: &'a [Offset],
    kappa: &'a [f64],
) -> impl Fn([usize; 3], usize) -> f64 + 'a {
    let (nx, ny) = (grid.shape()[0], grid.shape().get(1).copied().unwrap_or(1));
    let at = move |[x, y, z]: [usize; 3]| kappa[x + nx * (y + ny * z)];
    // 2 / (1/a + 1/b), written so that equal sides give exactly their value
    let harmonic = |a: f64, b: f64| if a == b { a } else { 2.0 / (1.0 / a + 1.0 / b) };
    let face = move |cell, k: usize| {
        let own = at(cell);
        grid.shifted(cell, star[k])
            .map_or(own, |other| harmonic(own, at(other)))
    };
    move |cell, k| match star[k].axis() {
        Some(_) => -face(cell, k),
        None => (0..star.len())
            .filter(|&other| other != k)
            .map(|other| face(cell, other))
            .sum(),
    }
}
