//! Points in the unit square, joined when near.

use std::f64::consts::PI;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{Edge, laplacian, validate_common};
use crate::error::{ProblemError, require, require_u32};
use crate::system::LinearSystem;

/// Weights of the edges of a [`RandomGeometricGraph`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum EdgeWeights {
    /// 1 for every edge.
    Unit,
    /// Radius over distance, at most 1000.
    InverseDistance,
    /// Drawn from U(low, high).
    Uniform {
        /// Lower end, above 0.
        low: f64,
        /// Upper end, above `low`, at most `1e100`.
        high: f64,
    },
    /// exp(σ Z) with independent Z from N(0, 1).
    LogNormal {
        /// Standard deviation σ of the logarithm, in `0..=10`.
        sigma: f64,
    },
}

/// Laplacian of a random geometric graph plus a shift: n uniform points in the unit square, joined within a radius.
///
/// The right-hand side has entries from U(-1, 1). Expected cost O(n · mean degree).
///
/// # Known facts
/// - Symmetric (bitwise) M-matrix, positive definite for a shift above 0; every row sums to the shift.
/// - The smallest eigenvalue is the shift, with eigenvector (1, ..., 1), once for each connected component.
/// - About `n (1 + mean_degree)` nonzeros (somewhat fewer: points near the border have fewer neighbours).
///
/// # Examples
/// ```
/// use la_problems::RandomGeometricGraph;
/// let system = RandomGeometricGraph::default().with_n(300).generate(1)?;
/// assert_eq!(system.n(), 300);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// M. Penrose, *Random Geometric Graphs*, 2003.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RandomGeometricGraph {
    /// Number of nodes, at least 1. Default `1000`.
    pub n: usize,
    /// Expected neighbours of a node away from the border, above 0. Default `10`.
    pub mean_degree: f64,
    /// Weights of the edges. Default [`EdgeWeights::Unit`].
    pub weights: EdgeWeights,
    /// Added to the diagonal, at least 0 (0: singular). Default `1e-2`.
    pub shift: f64,
}

impl Default for RandomGeometricGraph {
    fn default() -> Self {
        Self {
            n: 1000,
            mean_degree: 10.0,
            weights: EdgeWeights::Unit,
            shift: 1e-2,
        }
    }
}

impl RandomGeometricGraph {
    /// Sets the number of nodes.
    #[must_use]
    pub fn with_n(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    /// Sets the expected number of neighbours.
    #[must_use]
    pub fn with_mean_degree(mut self, mean_degree: f64) -> Self {
        self.mean_degree = mean_degree;
        self
    }

    /// Sets the weights of the edges.
    #[must_use]
    pub fn with_weights(mut self, weights: EdgeWeights) -> Self {
        self.weights = weights;
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
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do
    /// not suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        validate_common(self.n, self.shift)?;
        let degree = self.mean_degree;
        require(
            degree > 0.0 && degree.is_finite(),
            "mean_degree",
            degree,
            "finite and above 0",
        )?;
        if let EdgeWeights::Uniform { low, high } = self.weights {
            require(low > 0.0, "weights.low", low, "above 0")?;
            let ok = high > low && high <= 1e100;
            require(
                ok,
                "weights.high",
                high,
                "above `weights.low` and at most 1e100",
            )?;
        }
        if let EdgeWeights::LogNormal { sigma } = self.weights {
            let ok = (0.0..=10.0).contains(&sigma);
            require(ok, "weights.sigma", sigma, "in 0..=10")?;
        }
        let n = self.n as f64;
        require_u32("nonzeros", (n * (1.0 + degree.min(n))) as usize)
    }

    /// Generates one sample.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{EdgeWeights, RandomGeometricGraph};
    /// let options = RandomGeometricGraph::default().with_weights(EdgeWeights::InverseDistance);
    /// assert_eq!(options.generate(2)?, options.generate(2)?);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let points: Vec<[f64; 2]> = (0..self.n).map(|_| [rng.random(), rng.random()]).collect();
        // n π r² = mean degree; beyond the diagonal of the square nothing changes
        let radius = (self.mean_degree / (PI * self.n as f64)).sqrt().min(2.0);
        let edges: Vec<Edge> = near_pairs(&points, radius)
            .into_iter()
            .map(|(a, b, distance)| match self.weights {
                EdgeWeights::Unit => (a, b, 1.0),
                EdgeWeights::InverseDistance => (a, b, (radius / distance).min(1000.0)),
                EdgeWeights::Uniform { low, high } => (a, b, rng.random_range(low..high)),
                EdgeWeights::LogNormal { sigma } => {
                    let z: f64 = rng.sample(StandardNormal);
                    (a, b, (sigma * z).exp())
                }
            })
            .collect();
        let matrix = laplacian(self.n, &edges, self.shift)?;
        let rhs = (0..self.n).map(|_| rng.random_range(-1.0..1.0)).collect();
        Ok(LinearSystem::new(matrix, rhs))
    }
}

/// All pairs nearer than `radius`, found through square bins of that size.
fn near_pairs(points: &[[f64; 2]], radius: f64) -> Vec<Edge> {
    let side = ((1.0 / radius) as usize).clamp(1, 1 + (points.len() as f64).sqrt() as usize);
    let bin = |p: &[f64; 2]| {
        let along = |x: f64| ((x * side as f64) as usize).min(side - 1);
        (along(p[0]), along(p[1]))
    };
    let mut bins = vec![Vec::new(); side * side];
    for (i, p) in points.iter().enumerate() {
        let (x, y) = bin(p);
        bins[x + side * y].push(i as u32);
    }
    let mut pairs = Vec::new();
    for (i, p) in points.iter().enumerate() {
        let (x, y) = bin(p);
        for v in y.saturating_sub(1)..(y + 2).min(side) {
            for u in x.saturating_sub(1)..(x + 2).min(side) {
                for &j in bins[u + side * v].iter().filter(|&&j| (j as usize) < i) {
                    let q = points[j as usize];
                    let distance = (p[0] - q[0]).hypot(p[1] - q[1]);
                    if distance < radius {
                        pairs.push((i as u32, j, distance));
                    }
                }
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_find_the_same_pairs_as_a_full_search() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let points: Vec<[f64; 2]> = (0..150).map(|_| [rng.random(), rng.random()]).collect();
        for radius in [0.01, 0.13, 0.34, 0.6, 2.0] {
            let mut found: Vec<_> = near_pairs(&points, radius)
                .iter()
                .map(|e| (e.0, e.1))
                .collect();
            found.sort_unstable();
            let near = |i: usize, j: usize| {
                (points[i][0] - points[j][0]).hypot(points[i][1] - points[j][1]) < radius
            };
            let all = (0..150).flat_map(|i| (0..i).map(move |j| (i, j)));
            let expected: Vec<_> = all
                .filter(|&(i, j)| near(i, j))
                .map(|(i, j)| (i as u32, j as u32))
                .collect();
            assert_eq!(found, expected, "radius {radius}");
        }
    }
}
