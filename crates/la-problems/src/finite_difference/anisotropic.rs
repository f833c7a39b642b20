//! Anisotropic diffusion, aligned with the grid or rotated.

use super::grid::{Grid, Offset};
use crate::error::{ProblemError, require};
use crate::system::{CsrMatrix, LinearSystem};

/// -div(Q diag(1, ε) Qᵀ grad u) in two dimensions with nine-point finite differences; Q rotates by `angle`.
///
/// The matrix is h² times the operator; the right-hand side is 1 everywhere.
///
/// # Known facts
/// - Symmetric positive definite for every angle and every ε > 0.
/// - Five points when the angle is 0 exactly. Then it is an M-matrix with eigenvalues
///   `4 sin²(k π / (2 (nx + 1))) + 4 ε sin²(l π / (2 (ny + 1)))`.
/// - Rotated by other angles than multiples of 90° it has positive off-diagonal entries and is no M-matrix.
///
/// # Examples
/// ```
/// use la_problems::{AnisotropicDiffusion, Grid};
///
/// let rotated = AnisotropicDiffusion::default().with_angle(std::f64::consts::FRAC_PI_4);
/// let system = rotated.with_grid(Grid::rectangle(10, 10)).generate()?;
/// assert_eq!(system.n(), 100);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// U. Trottenberg, C. Oosterlee, A. Schüller, *Multigrid*, 2001.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AnisotropicDiffusion {
    /// The grid, with two dimensions. Default 32 by 32.
    pub grid: Grid,
    /// Diffusion ε across the preferred direction, in `1e-100..=1e100`. Default `1e-3`.
    pub epsilon: f64,
    /// Angle between the preferred direction and the x axis, radians, finite. Default `0`.
    pub angle: f64,
}

impl Default for AnisotropicDiffusion {
    fn default() -> Self {
        Self {
            grid: Grid::rectangle(32, 32),
            epsilon: 1e-3,
            angle: 0.0,
        }
    }
}

impl AnisotropicDiffusion {
    /// Sets the grid.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Sets the diffusion across the preferred direction.
    #[must_use]
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Sets the angle of the preferred direction.
    #[must_use]
    pub fn with_angle(mut self, angle: f64) -> Self {
        self.angle = angle;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] for a grid that
    /// 32-bit indices cannot count.
    pub fn validate(&self) -> Result<(), ProblemError> {
        self.grid.require_dimension(2)?;
        self.grid.validate()?;
        let in_range = (1e-100..=1e100).contains(&self.epsilon);
        require(in_range, "epsilon", self.epsilon, "in 1e-100..=1e100")?;
        require(self.angle.is_finite(), "angle", self.angle, "finite")
    }

    /// Assembles the system. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let system = la_problems::AnisotropicDiffusion::default().generate()?;
    /// assert_eq!(system.rhs.len(), 1024);
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
    /// let aligned = la_problems::AnisotropicDiffusion::default().with_epsilon(0.5).matrix()?;
    /// assert_eq!(aligned.get(0, 0), Some(&3.0));
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn matrix(&self) -> Result<CsrMatrix, ProblemError> {
        self.validate()?;
        let (sin, cos) = self.angle.sin_cos();
        let eps = self.epsilon;
        // K = Q diag(1, ε) Qᵀ
        let k_xx = cos * cos + eps * sin * sin;
        let k_yy = sin * sin + eps * cos * cos;
        let k_xy = (1.0 - eps) * cos * sin;
        // -2 K_xy ∂_xy with the four corners: ∓ 2 K_xy / 4
        let corner = 0.5 * k_xy;
        let stencil = [
            ([-1, -1], -corner),
            ([0, -1], -k_yy),
            ([1, -1], corner),
            ([-1, 0], -k_xx),
            ([0, 0], 2.0 * (k_xx + k_yy)),
            ([1, 0], -k_xx),
            ([-1, 1], corner),
            ([0, 1], -k_yy),
            ([1, 1], -corner),
        ];
        let used = stencil.iter().filter(|(_, value)| *value != 0.0);
        let (offsets, values): (Vec<_>, Vec<_>) = used
            .map(|&([x, y], value)| (Offset([x, y, 0]), value))
            .unzip();
        Ok(self.grid.assemble(&offsets, |_, k| values[k]))
    }
}
