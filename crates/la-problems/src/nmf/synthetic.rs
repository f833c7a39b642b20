//! Products of random factors.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal, StandardUniform};

use crate::ProblemError;
use crate::error::require;

/// What the entries of the factors are. Their mean is `1 / √r`, so that those of the product have mean 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FactorLaw {
    /// Exponential: the product has variance 3 / r.
    #[default]
    Exponential,
    /// Uniform in (0, 2 / √r): what does not carry over to pictures, by the authors of the paper.
    Uniform,
}

/// `V = max(0, W Hᵀ + N)` with independent entries of W and H, and normal N.
///
/// # References
/// J. Sjölund, M. Bånkestad, arXiv 2202.00264, section 4.1. Deviates: the paper calls `1 / √r` the rate of the exponential law, but means its mean; entries below 0, which noise can make, are 0.
///
/// # Examples
/// ```
/// use la_problems::nmf::SyntheticFactors;
///
/// let sample = SyntheticFactors::default().with_rank(3).generate(20, 15, 7)?;
/// assert_eq!((sample.values.len(), sample.w.len(), sample.h.len()), (300, 60, 45));
/// let fit: f64 = (0..3).map(|c| sample.w[c] * sample.h[c]).sum();
/// assert!((sample.values[0] - fit).abs() < 1e-14);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SyntheticFactors {
    /// r, at least 1. Default `10`.
    pub rank: usize,
    /// Standard deviation of N, at least 0. Default `0`.
    pub sigma: f64,
    /// Law of the entries of the factors.
    pub law: FactorLaw,
}

impl Default for SyntheticFactors {
    fn default() -> Self {
        Self {
            rank: 10,
            sigma: 0.0,
            law: FactorLaw::default(),
        }
    }
}

/// One matrix and what it was made of, all row-major.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NonnegativeSample {
    /// m.
    pub rows: usize,
    /// n.
    pub columns: usize,
    /// r.
    pub rank: usize,
    /// V, m × n.
    pub values: Vec<f64>,
    /// W, m × r.
    pub w: Vec<f64>,
    /// H, n × r.
    pub h: Vec<f64>,
}

impl SyntheticFactors {
    /// The law of training: rank 10, σ = 0.01.
    #[must_use]
    pub fn training() -> Self {
        Self::default().with_sigma(0.01)
    }

    /// Sets the rank.
    #[must_use]
    pub fn with_rank(mut self, rank: usize) -> Self {
        self.rank = rank;
        self
    }

    /// Sets the noise.
    #[must_use]
    pub fn with_sigma(mut self, sigma: f64) -> Self {
        self.sigma = sigma;
        self
    }

    /// Sets the law of the factors.
    #[must_use]
    pub fn with_law(mut self, law: FactorLaw) -> Self {
        self.law = law;
        self
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`].
    pub fn validate(&self) -> Result<(), ProblemError> {
        require(self.rank > 0, "rank", self.rank as f64, "at least 1")?;
        let fine = self.sigma >= 0.0 && self.sigma.is_finite();
        require(fine, "sigma", self.sigma, "finite and at least 0")
    }

    /// The matrix of a seed.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`], also for no rows or no columns.
    pub fn generate(
        &self,
        rows: usize,
        columns: usize,
        seed: u64,
    ) -> Result<NonnegativeSample, ProblemError> {
        self.stream(rows, columns, seed, 0)
    }

    pub(super) fn stream(
        &self,
        rows: usize,
        columns: usize,
        seed: u64,
        stream: u64,
    ) -> Result<NonnegativeSample, ProblemError> {
        self.validate()?;
        require(rows > 0, "rows", rows as f64, "at least 1")?;
        require(columns > 0, "columns", columns as f64, "at least 1")?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let mean = 1.0 / (self.rank as f64).sqrt();
        let mut factor = |len: usize| -> Vec<f64> {
            let entry = |_| -> f64 {
                match self.law {
                    FactorLaw::Exponential => {
                        let x: f64 = Exp1.sample(&mut rng);
                        mean * x
                    }
                    FactorLaw::Uniform => {
                        let x: f64 = StandardUniform.sample(&mut rng);
                        2.0 * mean * x
                    }
                }
            };
            (0..len).map(entry).collect()
        };
        let w = factor(rows * self.rank);
        let h = factor(columns * self.rank);
        let mut values = Vec::with_capacity(rows * columns);
        for w in w.chunks_exact(self.rank) {
            for h in h.chunks_exact(self.rank) {
                values.push(w.iter().zip(h).map(|(a, b)| a * b).sum());
            }
        }
        if self.sigma > 0.0 {
            for value in &mut values {
                let noise: f64 = StandardNormal.sample(&mut rng);
                *value = f64::max(0.0, *value + self.sigma * noise);
            }
        }
        Ok(NonnegativeSample {
            rows,
            columns,
            rank: self.rank,
            values,
            w,
            h,
        })
    }
}
