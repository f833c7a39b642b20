//! Anisotropic diffusion with bilinear elements.

use crate::error::{ProblemError, require};
use crate::finite_difference::{Grid, Offset};
use crate::system::{CsrMatrix, LinearSystem};

/// -div(Q diag(1, ε) Qᵀ grad u) with bilinear (Q1) elements on squares; Q rotates by `angle`.
///
/// The right-hand side is 1 everywhere. Unlike [`AnisotropicDiffusion`](crate::AnisotropicDiffusion), nine points for
/// every angle, and stable for all of them.
///
/// # Known facts
/// - Symmetric positive definite; not an M-matrix for strong anisotropy.
/// - For angle 0 the eigenvalues are `t(k) m(l) + ε m(k) t(l)` with `t(k) = 2 − 2 cos a`, `m(k) = (2 + cos a) / 3`,
///   `a = k π / (nx + 1)`, and likewise for `l`.
///
/// # Examples
/// ```
/// use la_problems::{BilinearDiffusion, Grid};
///
/// let matrix = BilinearDiffusion::new(Grid::rectangle(5, 5)).with_epsilon(1.0).matrix()?;
/// assert!((matrix.get(12, 12).unwrap() - 8.0 / 3.0).abs() < 1e-14);
/// assert!((matrix.get(12, 13).unwrap() + 1.0 / 3.0).abs() < 1e-14);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BilinearDiffusion {
    /// The interior nodes, in two dimensions.
    pub grid: Grid,
    /// Diffusion ε across the preferred direction, in `1e-100..=1e100`. Default `1e-2`.
    pub epsilon: f64,
    /// Angle between the preferred direction and the x axis, radians, finite. Default `0`.
    pub angle: f64,
}

impl BilinearDiffusion {
    /// The problem on a grid, with ε = 0.01 along the axes.
    #[must_use]
    pub fn new(grid: Grid) -> Self {
        let (epsilon, angle) = (1e-2, 0.0);
        Self {
            grid,
            epsilon,
            angle,
        }
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
    /// As [`AnisotropicDiffusion::validate`](crate::AnisotropicDiffusion::validate).
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
    pub fn generate(&self) -> Result<LinearSystem, ProblemError> {
        let matrix = self.matrix()?;
        let rhs = vec![1.0; matrix.rows()];
        Ok(LinearSystem::new(matrix, rhs))
    }

    /// Assembles the matrix. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn matrix(&self) -> Result<CsrMatrix, ProblemError> {
        self.validate()?;
        let (sin, cos) = self.angle.sin_cos();
        let eps = self.epsilon;
        // K = Q diag(1, ε) Qᵀ
        let k_xx = cos * cos + eps * sin * sin;
        let k_yy = sin * sin + eps * cos * cos;
        let k_xy = (1.0 - eps) * cos * sin;
        // One-dimensional stiffness, mass and first derivative at the distances -1, 0, 1.
        let (t, m, c) = (
            [-1.0, 2.0, -1.0],
            [1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0],
            [-0.5, 0.0, 0.5],
        );
        let (mut offsets, mut values) = (Vec::new(), Vec::new());
        for y in 0..3 {
            for x in 0..3 {
                offsets.push(Offset([x as isize - 1, y as isize - 1, 0]));
                values.push(k_xx * t[x] * m[y] + k_yy * m[x] * t[y] - 2.0 * k_xy * c[x] * c[y]);
            }
        }
        Ok(self.grid.assemble(&offsets, |_, k| values[k]))
    }
}
