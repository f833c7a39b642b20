//! Right-hand sides that do not belong to one family.

use std::f64::consts::PI;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::finite_difference::Grid;

/// A right-hand side on a grid.
///
/// A matrix without a grid takes [`Grid::line`] of its order.
///
/// # Examples
/// ```
/// use la_problems::{Grid, RightHandSide};
///
/// let b = RightHandSide::Smooth.vector(&Grid::rectangle(3, 3), 0);
/// assert!((b[4] - 1.0).abs() < 1e-15, "1 in the middle of the square");
/// assert!((b[0] - 0.5).abs() < 1e-15, "sin(π/4)² in the corner");
/// assert_eq!(RightHandSide::Ones.vector(&Grid::line(2), 0), [1.0, 1.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RightHandSide {
    /// `sin(π x)`, `sin(π x) sin(π y)` or `sin(π x) sin(π y) sin(π z)` at the grid points, the same for every seed.
    #[default]
    Smooth,
    /// Independent entries from N(0, 1).
    Gaussian,
    /// 1 everywhere.
    Ones,
}

impl RightHandSide {
    /// The vector, of length `grid.num_points()`. `seed` counts for [`Gaussian`](Self::Gaussian) only, whose numbers are
    /// not those of a matrix that was drawn with the same seed. O(n).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{Grid, RightHandSide};
    /// let b = RightHandSide::Gaussian.vector(&Grid::line(100), 7);
    /// assert_eq!(b, RightHandSide::Gaussian.vector(&Grid::line(100), 7));
    /// assert_ne!(b, RightHandSide::Gaussian.vector(&Grid::line(100), 8));
    /// ```
    #[must_use]
    pub fn vector(self, grid: &Grid, seed: u64) -> Vec<f64> {
        let n = grid.num_points();
        match self {
            Self::Smooth => {
                let waves = |p| {
                    let x = grid.coordinates(grid.cell(p));
                    x[..grid.dimension()]
                        .iter()
                        .map(|x| (PI * x).sin())
                        .product()
                };
                (0..n).map(waves).collect()
            }
            Self::Gaussian => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(1);
                (0..n).map(|_| StandardNormal.sample(&mut rng)).collect()
            }
            Self::Ones => vec![1.0; n],
        }
    }
}
