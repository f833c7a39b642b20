//! Samples around a given matrix.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::error::{ProblemError, require};
use crate::finite_difference::Grid;
use crate::right_hand_side::RightHandSide;
use crate::system::{CsrMatrix, LinearSystem};

/// By what each value is multiplied, independently of the others; z is from N(0, 1).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ValueNoise {
    /// `1 + δ z`, with δ at least 0 and at most 100. A value may change its sign.
    Normal(f64),
    /// `exp(δ z)`, with δ at least 0 and at most 100. Signs are kept.
    LogNormal(f64),
}

/// Samples of a matrix whose values are known only roughly: the pattern of a given matrix, its values times random
/// factors.
///
/// For training and testing on one application, of which only a few matrices are at hand. The right-hand side is 1
/// everywhere by default. A sample costs O(nnz).
///
/// # Known facts
/// - Every sample has the pattern of the base, stored zeros included, which stay zeros; `δ = 0` gives the base itself.
/// - The base times a power of two gives the samples times that power, bit by bit.
///
/// # Examples
/// ```
/// use la_problems::{ConvectionDiffusion, PerturbedValues, Split, ValueNoise};
///
/// let base = ConvectionDiffusion::default().matrix()?;
/// let family = PerturbedValues::new(base.clone()).with_noise(ValueNoise::LogNormal(0.1));
/// let system = family.generate(Split::Train.seed(0))?;
/// assert_eq!(system.matrix.indices(), base.indices());
/// assert!(system.matrix.data().iter().zip(base.data()).all(|(a, b)| a * b >= 0.0));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PerturbedValues {
    /// The matrix in the middle.
    pub base: CsrMatrix,
    /// The factors. Default `ValueNoise::LogNormal(0.1)`.
    pub noise: ValueNoise,
    /// The right-hand side, as on a line of points. Default [`RightHandSide::Ones`].
    pub rhs: RightHandSide,
}

impl PerturbedValues {
    /// Samples around a matrix.
    #[must_use]
    pub fn new(base: CsrMatrix) -> Self {
        Self {
            base,
            noise: ValueNoise::LogNormal(0.1),
            rhs: RightHandSide::Ones,
        }
    }

    /// Sets the factors.
    #[must_use]
    pub fn with_noise(mut self, noise: ValueNoise) -> Self {
        self.noise = noise;
        self
    }

    /// Sets the right-hand side.
    #[must_use]
    pub fn with_rhs(mut self, rhs: RightHandSide) -> Self {
        self.rhs = rhs;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] if δ is out of range or the base not square, [`ProblemError::NotFinite`] if the base holds a value that is
    /// not finite.
    pub fn validate(&self) -> Result<(), ProblemError> {
        let (ValueNoise::Normal(delta) | ValueNoise::LogNormal(delta)) = self.noise;
        let range = 0.0..=100.0;
        require(range.contains(&delta), "noise", delta, "from 0 to 100")?;
        let (rows, cols) = self.base.shape();
        require(rows == cols, "base.cols", cols as f64, "the number of rows")?;
        match self.base.data().iter().position(|value| !value.is_finite()) {
            Some(index) => Err(ProblemError::NotFinite {
                what: "base",
                index,
            }),
            None => Ok(()),
        }
    }

    /// Draws a matrix and its right-hand side.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{CsrMatrix, PerturbedValues};
    /// let family = PerturbedValues::new(CsrMatrix::eye(3));
    /// assert_eq!(family.generate(1)?, family.generate(1)?);
    /// assert_ne!(family.generate(1)?, family.generate(2)?);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut matrix = self.base.clone();
        for value in matrix.data_mut() {
            let z: f64 = StandardNormal.sample(&mut rng);
            *value *= match self.noise {
                ValueNoise::Normal(delta) => 1.0 + delta * z,
                ValueNoise::LogNormal(delta) => (delta * z).exp(),
            };
        }
        let line = Grid::line(matrix.rows());
        Ok(LinearSystem::new(matrix, self.rhs.vector(&line, seed)))
    }
}
