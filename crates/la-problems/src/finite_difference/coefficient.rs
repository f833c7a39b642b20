//! Diffusion coefficients that vary in space.

use std::f64::consts::TAU;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::grid::Grid;
use crate::error::{ProblemError, require};

/// A diffusion coefficient on the unit line, square or cube. Values lie in `1e-100..=1e100`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Coefficient {
    /// The same value everywhere.
    Constant(f64),
    /// Two values in turn on `cells` equal cells in each direction.
    Checkerboard {
        /// Cells in each direction, at least 1.
        cells: usize,
        /// Value of the cell at the origin.
        low: f64,
        /// The other value.
        high: f64,
    },
    /// Two values in turn on squares or cubes of `points` grid points in each direction, cut off at the far ends.
    Blocks {
        /// Points in each direction, at least 1.
        points: usize,
        /// Value of the block at the origin.
        low: f64,
        /// The other value.
        high: f64,
    },
    /// One value in the middle (each coordinate in [1/4, 3/4)), 1 elsewhere: a jump.
    Inclusion {
        /// Value inside.
        inside: f64,
    },
    /// exp(σ Z) with a stationary Gaussian field Z of covariance exp(-r² / (2 ℓ²)), approximated by 64 random cosines.
    LogNormal {
        /// Standard deviation σ of the logarithm, in `0..=10`.
        sigma: f64,
        /// Correlation length ℓ as a part of the domain.
        correlation_length: f64,
    },
    /// exp(σ Z) with independent Z from N(0, 1) at each point: the roughest field there is.
    WhiteLogNormal {
        /// Standard deviation σ of the logarithm, in `0..=10`.
        sigma: f64,
    },
}

impl Coefficient {
    pub(crate) fn validate(self) -> Result<(), ProblemError> {
        let positive = |name, value: f64| {
            require(
                (1e-100..=1e100).contains(&value),
                name,
                value,
                "in 1e-100..=1e100",
            )
        };
        match self {
            Self::Constant(value) => positive("coefficient", value),
            Self::Checkerboard { cells, low, high } => {
                require(cells >= 1, "coefficient.cells", cells as f64, "at least 1")?;
                positive("coefficient.low", low)?;
                positive("coefficient.high", high)
            }
            Self::Blocks { points, low, high } => {
                let count = points as f64;
                require(points >= 1, "coefficient.points", count, "at least 1")?;
                positive("coefficient.low", low)?;
                positive("coefficient.high", high)
            }
            Self::Inclusion { inside } => positive("coefficient.inside", inside),
            Self::WhiteLogNormal { sigma } => {
                let ok = (0.0..=10.0).contains(&sigma);
                require(ok, "coefficient.sigma", sigma, "in 0..=10")
            }
            Self::LogNormal {
                sigma,
                correlation_length,
            } => {
                // The field stays below 12, so exp(12 sigma) is finite with a wide margin.
                let ok = (0.0..=10.0).contains(&sigma);
                require(ok, "coefficient.sigma", sigma, "in 0..=10")?;
                positive("coefficient.correlation_length", correlation_length)
            }
        }
    }

    /// Values at the points of a grid. The seed matters for random fields only.
    pub(crate) fn values(self, grid: &Grid, seed: u64) -> Vec<f64> {
        let points = (0..grid.num_points()).map(|i| grid.coordinates(grid.cell(i)));
        match self {
            Self::Constant(value) => vec![value; grid.num_points()],
            Self::Checkerboard { cells, low, high } => {
                let parity = |x: [f64; 3]| {
                    x.iter()
                        .map(|x| (x * cells as f64) as usize)
                        .fold(0, |p, i| p ^ (i & 1))
                };
                points
                    .map(|x| if parity(x) == 0 { low } else { high })
                    .collect()
            }
            Self::Blocks { points, low, high } => (0..grid.num_points())
                .map(|i| grid.cell(i).iter().map(|x| x / points).sum::<usize>())
                .map(|block| if block % 2 == 0 { low } else { high })
                .collect(),
            Self::WhiteLogNormal { sigma } => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let mut value = || (sigma * rng.sample::<f64, _>(StandardNormal)).exp();
                (0..grid.num_points()).map(|_| value()).collect()
            }
            Self::Inclusion { inside } => {
                let d = grid.dimension();
                let is_inside = |x: [f64; 3]| x[..d].iter().all(|x| (0.25..0.75).contains(x));
                points
                    .map(|x| if is_inside(x) { inside } else { 1.0 })
                    .collect()
            }
            Self::LogNormal {
                sigma,
                correlation_length,
            } => {
                let waves = waves(correlation_length, seed);
                // Z(x) = √(2/m) Σ cos(w·x + φ) has variance 1.
                let scale = sigma * (2.0 / WAVES as f64).sqrt();
                let phase = |wave: &[f64; 4], x: [f64; 3]| {
                    wave[0] * x[0] + wave[1] * x[1] + wave[2] * x[2] + wave[3]
                };
                let field = |x| waves.iter().map(|wave| phase(wave, x).cos()).sum::<f64>();
                points.map(|x| (scale * field(x)).exp()).collect()
            }
        }
    }
}

/// Number of cosines of a random field.
const WAVES: usize = 64;

/// Wave vectors from N(0, 1/ℓ²), the spectrum of the Gaussian covariance, and phases from U(0, 2π).
fn waves(correlation_length: f64, seed: u64) -> Vec<[f64; 4]> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut wave = || {
        let mut number = || rng.sample::<f64, _>(StandardNormal) / correlation_length;
        let w = [number(), number(), number()];
        [w[0], w[1], w[2], TAU * rng.random::<f64>()]
    };
    (0..WAVES).map(|_| wave()).collect()
}
