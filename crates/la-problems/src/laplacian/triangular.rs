//! Grids with one diagonal in every cell.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{Edge, laplacian};
use crate::error::{ProblemError, require, require_u32};
use crate::system::CsrMatrix;

/// Laplacian of a rectangular grid with one diagonal in every cell (7 points in 2-D), conductances exp(σ Z), plus a shift.
///
/// # Known facts
/// - Symmetric (bitwise) M-matrix, positive definite; every row sums to the shift, the smallest eigenvalue.
///
/// # Examples
/// ```
/// use la_problems::TriangularGrid;
/// let a = TriangularGrid::default().generate(1)?;
/// assert_eq!((a.rows(), a.nnz()), (64, 64 + 2 * (2 * 56 + 49)));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TriangularGrid {
    /// Points in either direction, at least 1. Default `(8, 8)`.
    pub points: (usize, usize),
    /// Standard deviation σ of the logarithm of a conductance, in `0..=10`. Default `1`.
    pub sigma: f64,
    /// Added to the diagonal, above 0, at most `1e100`. Default `1e-2`.
    pub shift: f64,
}

impl Default for TriangularGrid {
    fn default() -> Self {
        Self {
            points: (8, 8),
            sigma: 1.0,
            shift: 1e-2,
        }
    }
}

impl TriangularGrid {
    /// Sets the number of points in either direction; points of the first one are numbered in a row.
    #[must_use]
    pub fn with_points(mut self, first: usize, second: usize) -> Self {
        self.points = (first, second);
        self
    }

    /// Sets the standard deviation of the logarithm of a conductance.
    #[must_use]
    pub fn with_sigma(mut self, sigma: f64) -> Self {
        self.sigma = sigma;
        self
    }

    /// Sets what is added to the diagonal.
    #[must_use]
    pub fn with_shift(mut self, shift: f64) -> Self {
        self.shift = shift;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do not
    /// suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        let (nx, ny) = self.points;
        require(nx >= 1, "points.0", nx as f64, "at least 1")?;
        require(ny >= 1, "points.1", ny as f64, "at least 1")?;
        require_u32("nonzeros", nx.saturating_mul(ny).saturating_mul(7))?;
        let (sigma, shift) = (self.sigma, self.shift);
        require((0.0..=10.0).contains(&sigma), "sigma", sigma, "in 0..=10")?;
        let range = "above 0, at most 1e100";
        require(shift > 0.0 && shift <= 1e100, "shift", shift, range)
    }

    /// The matrix of this seed. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn generate(&self, seed: u64) -> Result<CsrMatrix, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (nx, ny) = self.points;
        let mut edges: Vec<Edge> = Vec::with_capacity(3 * nx * ny);
        for (x, y) in (0..ny).flat_map(|y| (0..nx).map(move |x| (x, y))) {
            for (dx, dy) in [(1, 0), (0, 1), (1, 1)] {
                if x + dx < nx && y + dy < ny {
                    let z: f64 = rng.sample(StandardNormal);
                    let (from, to) = (y * nx + x, (y + dy) * nx + x + dx);
                    edges.push((from as u32, to as u32, (self.sigma * z).exp()));
                }
            }
        }
        laplacian(nx * ny, &edges, self.shift)
    }
}
