//! The synthetic family of the NeuralIF paper: `A = M Mᵀ + α I` with a random sparse `M`.

mod factor;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{ProblemError, require, require_u32};
use crate::system::LinearSystem;
use factor::SparseRows;

/// The three disjoint parts of the published data set, as offsets of the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Split {
    /// Seeds `0 + i`; the paper uses 1000 matrices.
    Train,
    /// Seeds `10 000 + i`; the paper uses 10 matrices.
    Validation,
    /// Seeds `103 600 + i`; the paper uses 100 matrices.
    Test,
}

impl Split {
    /// The seed of sample `index` of this split.
    ///
    /// # Examples
    /// ```
    /// use la_problems::Split;
    /// assert_eq!(Split::Test.seed(3), 103_603);
    /// ```
    #[must_use]
    pub fn seed(self, index: u64) -> u64 {
        let offset = match self {
            Self::Train => 0,
            Self::Validation => 10_000,
            Self::Test => 103_600,
        };
        offset + index
    }
}

/// The diagonal shift `α` of [`NeuralIfSynthetic`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Shift {
    /// The same shift for every sample, at least 0. The paper uses `1e-3`.
    Fixed(f64),
    /// A shift drawn uniformly from `[low, high)` for each sample. The paper's variant is `[1e-4, 1e-2)`.
    Uniform {
        /// Lower end, at least 0.
        low: f64,
        /// Upper end, above `low`.
        high: f64,
    },
}

/// How many entries `M` gets.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Density {
    /// `nonzeros_per_row` as given.
    Nominal,
    /// `nonzeros_per_row` times a factor drawn from U(0.22, 2.2) for each sample: the paper's out-of-distribution set.
    OutOfDistribution,
}

/// Random symmetric positive definite systems `A = M Mᵀ + α I`, the synthetic data set of NeuralIF.
///
/// `M` is n × n with about [`nonzeros_per_row`](Self::nonzeros_per_row) entries from N(0, 1) in each row at
/// independent uniform positions (positions drawn twice count once); `b` has entries from U(0, 1).
/// Building costs O(nnz(A)): about 50 ms for n = 10 000.
///
/// # Known facts
/// - `A` is symmetric (bitwise) and positive definite; its smallest eigenvalue is at least `α`.
/// - The expected number of nonzeros is about `n (q + q²)` for q entries per row and large n:
///   1.005e6 (1 % of n²) for the defaults.
/// - Every diagonal entry is stored, also in rows where `M` is empty (there it equals `α`).
/// - IC(0) without a shift breaks down for small n at 10 entries per row: use 5 below n = 1000.
///
/// # Examples
/// ```
/// use la_problems::{NeuralIfSynthetic, Split};
///
/// let system = NeuralIfSynthetic::default().with_n(500).generate(Split::Train.seed(0))?;
/// assert_eq!(system.matrix.shape(), (500, 500));
/// assert_eq!(system.rhs.len(), 500);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// P. Häusner, O. Öktem, J. Sjölund, "Neural incomplete factorization: learning preconditioners for the conjugate
/// gradient method", *TMLR*, 2024, synthetic data set. Deviates: ChaCha8 instead of the Mersenne Twister (same
/// distribution, other numbers), positions sorted before the values are drawn, double precision.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NeuralIfSynthetic {
    /// Order of the matrix, at least 1. Default `10 000`.
    pub n: usize,
    /// Entries drawn per row of `M`, finite and above 0 (the paper's density is this divided by n). Default `10`.
    pub nonzeros_per_row: f64,
    /// The diagonal shift. Default `Shift::Fixed(1e-3)`.
    pub shift: Shift,
    /// Nominal or out-of-distribution density. Default [`Density::Nominal`].
    pub density: Density,
}

impl Default for NeuralIfSynthetic {
    fn default() -> Self {
        Self {
            n: 10_000,
            nonzeros_per_row: 10.0,
            shift: Shift::Fixed(1e-3),
            density: Density::Nominal,
        }
    }
}

impl NeuralIfSynthetic {
    /// Sets the order.
    #[must_use]
    pub fn with_n(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    /// Sets the number of entries drawn per row of `M`.
    #[must_use]
    pub fn with_nonzeros_per_row(mut self, nonzeros_per_row: f64) -> Self {
        self.nonzeros_per_row = nonzeros_per_row;
        self
    }

    /// Sets the diagonal shift.
    #[must_use]
    pub fn with_shift(mut self, shift: Shift) -> Self {
        self.shift = shift;
        self
    }

    /// Sets nominal or out-of-distribution density.
    #[must_use]
    pub fn with_density(mut self, density: Density) -> Self {
        self.density = density;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if the result
    /// could not be indexed with 32 bits.
    pub fn validate(&self) -> Result<(), ProblemError> {
        require(self.n >= 1, "n", self.n as f64, "at least 1")?;
        require_u32("rows", self.n)?;
        let q = self.nonzeros_per_row;
        require(
            q > 0.0 && q.is_finite(),
            "nonzeros_per_row",
            q,
            "finite and above 0",
        )?;
        match self.shift {
            Shift::Fixed(alpha) => {
                require(
                    alpha >= 0.0 && alpha.is_finite(),
                    "shift",
                    alpha,
                    "finite and at least 0",
                )?;
            }
            Shift::Uniform { low, high } => {
                require(
                    low >= 0.0 && low.is_finite(),
                    "shift.low",
                    low,
                    "finite and at least 0",
                )?;
                require(
                    high > low && high.is_finite(),
                    "shift.high",
                    high,
                    "finite and above `shift.low`",
                )?;
            }
        }
        let factor = match self.density {
            Density::Nominal => 1.0,
            Density::OutOfDistribution => OOD_FACTOR.1,
        };
        let q = (q * factor).min(self.n as f64);
        require_u32(
            "nonzeros",
            ((self.n as f64) * (q + q * q).min(self.n as f64)) as usize,
        )
    }

    /// Generates the matrix and the right-hand side of one sample.
    ///
    /// The same options and seed give the same system. See [`Split`] for the seeds of the published splits.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{Density, NeuralIfSynthetic};
    ///
    /// let options = NeuralIfSynthetic::default().with_n(200).with_density(Density::OutOfDistribution);
    /// assert_eq!(options.generate(7)?, options.generate(7)?);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let factor = match self.density {
            Density::Nominal => 1.0,
            Density::OutOfDistribution => rng.random_range(OOD_FACTOR.0..OOD_FACTOR.1),
        };
        let alpha = match self.shift {
            Shift::Fixed(alpha) => alpha,
            Shift::Uniform { low, high } => rng.random_range(low..high),
        };
        let draws = (self.nonzeros_per_row * factor * self.n as f64) as usize;
        require_u32("drawn positions", draws)?;
        let factor = SparseRows::draw(self.n, draws, &mut rng);
        let matrix = factor.gram(alpha);
        let rhs = (0..self.n).map(|_| rng.random::<f64>()).collect();
        Ok(LinearSystem::new(matrix, rhs))
    }
}

/// Range of the out-of-distribution density factor.
const OOD_FACTOR: (f64, f64) = (0.22, 2.2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_sample_has_the_published_density() {
        let a = NeuralIfSynthetic::default()
            .generate(Split::Test.seed(0))
            .unwrap()
            .matrix;
        let nnz = a.nnz() as f64;
        assert!((0.99e6..1.02e6).contains(&nnz), "nnz = {nnz}");
    }

    #[test]
    fn matrix_is_symmetric_with_a_full_diagonal() {
        for seed in 0..5 {
            let options = NeuralIfSynthetic::default()
                .with_n(60)
                .with_nonzeros_per_row(1.0);
            let a = options.generate(seed).unwrap().matrix;
            assert_eq!(a, a.transpose_view().to_csr());
            assert!((0..60).all(|i| a.get(i, i).is_some_and(|&d| d >= 1e-3)));
        }
    }

    #[test]
    fn one_by_one() {
        let system = NeuralIfSynthetic::default().with_n(1).generate(0).unwrap();
        assert_eq!(system.matrix.nnz(), 1);
        assert!(system.matrix.data()[0] > 1e-3);
    }

    #[test]
    fn options_are_checked() {
        let good = NeuralIfSynthetic::default();
        let bad = [
            good.clone().with_n(0),
            good.clone().with_nonzeros_per_row(f64::NAN),
            good.clone().with_nonzeros_per_row(0.0),
            good.clone().with_shift(Shift::Fixed(-1.0)),
            good.clone().with_shift(Shift::Uniform {
                low: 0.2,
                high: 0.1,
            }),
        ];
        for options in bad {
            assert!(
                matches!(options.generate(0), Err(ProblemError::InvalidOption { .. })),
                "{options:?}"
            );
        }
        let huge = good.with_n(200_000).with_nonzeros_per_row(200_000.0);
        assert!(matches!(
            huge.generate(0),
            Err(ProblemError::TooLarge { .. })
        ));
    }

    #[test]
    fn out_of_distribution_density_varies() {
        let options = NeuralIfSynthetic::default()
            .with_n(1000)
            .with_density(Density::OutOfDistribution);
        let nnz: Vec<usize> = (0..10)
            .map(|seed| options.generate(seed).unwrap().matrix.nnz())
            .collect();
        let (min, max) = (nnz.iter().min().unwrap(), nnz.iter().max().unwrap());
        assert!(max > &(2 * min), "{nnz:?}");
    }
}
