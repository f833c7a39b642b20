//! Tridiagonal matrices whose factor has an inverse of products, `(L⁻¹)_ij = u_i v_j`.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::factor::{Bidiagonal, FactorSample, FactorTarget, SymmetricTridiagonal};
use crate::error::{ProblemError, require, require_u32, require_vector};

/// The law of the numbers u_i and v_i of [`SemiseparableFactors`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum GeneratorLaw {
    /// |Z| with Z from N(0, 1).
    HalfNormal,
    /// U(low, high).
    Uniform {
        /// Lower end, above 0.
        low: f64,
        /// Upper end, above `low`, at most `1e100`.
        high: f64,
    },
    /// exp(σ Z) with Z from N(0, 1).
    LogNormal {
        /// Standard deviation σ of the logarithm, in `0..=10`.
        sigma: f64,
    },
}

impl GeneratorLaw {
    /// U(0.5, 1.5).
    pub const UNIFORM: Self = Self::Uniform {
        low: 0.5,
        high: 1.5,
    };

    fn validate(self) -> Result<(), ProblemError> {
        match self {
            Self::HalfNormal => Ok(()),
            Self::Uniform { low, high } => {
                require(low > 0.0, "law.low", low, "above 0")?;
                let range = "above `law.low`, at most 1e100";
                require(high > low && high <= 1e100, "law.high", high, range)
            }
            Self::LogNormal { sigma } => require(
                (0.0..=10.0).contains(&sigma),
                "law.sigma",
                sigma,
                "in 0..=10",
            ),
        }
    }

    fn draw(self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::HalfNormal => loop {
                let z: f64 = rng.sample(StandardNormal);
                if z != 0.0 {
                    return z.abs();
                }
            },
            Self::Uniform { low, high } => rng.random_range(low..high),
            Self::LogNormal { sigma } => {
                let z: f64 = rng.sample(StandardNormal);
                (sigma * z).exp()
            }
        }
    }
}

/// Random tridiagonal matrices with their bidiagonal Cholesky factors: `(L⁻¹)_ij = u_i v_j` for i ≥ j, with independent u, v.
///
/// The synthetic set of the paper named below; it does not state the law of u and v nor n, and both decide how well a network does.
/// Everything is computed in closed form, O(n); no dense matrix is formed. With w_i = 1/u_i², w_0 = 0:
///
/// ```text
/// L_ii = 1/(u_i v_i),    L_{i,i-1} = −1/(v_i u_{i-1}),    A_ii = (w_i + w_{i-1})/v_i²,    A_{i,i-1} = −w_{i-1}/(v_i v_{i-1})
/// pivots of A + e₁e₁ᵀ:   d_i = (w_i + e_i)/v_i²,    e_i = 1/(1/v_1² + Σ_{k<i} u_k²)
/// ```
///
/// # Known facts
/// - λ ([`Bidiagonal::expansion`]) is `log(v_1/v_n)/(n−1)`, near 0 for any law: a change of one entry fades like 1/i.
/// - An M-matrix; its row of the last unknown leaks to ground, in resistors: a path with conductances w_i.
///
/// # Examples
/// ```
/// use la_problems::{GeneratorLaw, SemiseparableFactors, Split};
/// let set = SemiseparableFactors::default().with_n(64).with_law(GeneratorLaw::UNIFORM);
/// let sample = set.generate(Split::Train.seed(0))?;
/// let exact = sample.matrix.cholesky().unwrap();
/// assert!(sample.factor.cosine(&exact, 0)? > 1.0 - 1e-12);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// V. Trifonov, E. Muravleva, I. Oseledets, "Message-Passing GNNs Fail to Approximate Sparse Triangular Factorizations", TMLR 2026,
/// arXiv 2502.01397. Deviates: the printed index i ≤ j is that of the transpose.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SemiseparableFactors {
    /// Order, at least 1. Default `32`.
    pub n: usize,
    /// Law of u_i and v_i. Default [`GeneratorLaw::HalfNormal`].
    pub law: GeneratorLaw,
    /// Which pair is handed out. Default [`FactorTarget::Modified`], with κ = 1.
    pub target: FactorTarget,
}

impl Default for SemiseparableFactors {
    fn default() -> Self {
        Self {
            n: 32,
            law: GeneratorLaw::HalfNormal,
            target: FactorTarget::Modified,
        }
    }
}

impl SemiseparableFactors {
    /// Sets the order.
    #[must_use]
    pub fn with_n(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    /// Sets the law of u and v.
    #[must_use]
    pub fn with_law(mut self, law: GeneratorLaw) -> Self {
        self.law = law;
        self
    }

    /// Sets which pair is handed out.
    #[must_use]
    pub fn with_target(mut self, target: FactorTarget) -> Self {
        self.target = target;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do not
    /// suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        require(self.n >= 1, "n", self.n as f64, "at least 1")?;
        require_u32("nonzeros", self.n.saturating_mul(3))?;
        self.law.validate()
    }

    /// The sample of this seed: first u, then v are drawn.
    ///
    /// # Errors
    /// As [`validate`](Self::validate); [`ProblemError::NotFinite`] where a drawn number is so small that an entry overflows.
    pub fn generate(&self, seed: u64) -> Result<FactorSample, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || -> Vec<f64> { (0..self.n).map(|_| self.law.draw(&mut rng)).collect() };
        let (u, v) = (draw(), draw());
        Self::from_generators(&u, &v, self.target)
    }

    /// The sample of given u and v, with κ = 1.
    ///
    /// # Errors
    /// [`ProblemError::WrongLength`] if they differ in length, [`ProblemError::InvalidOption`] unless all u_i v_i are positive,
    /// [`ProblemError::NotFinite`] if an entry is.
    ///
    /// # Examples
    /// ```
    /// use la_problems::{FactorTarget, SemiseparableFactors};
    /// let (u, v) = ([1.0, 2.0, 0.5, 1.0], [1.0, 0.5, 2.0, 1.0]);
    /// let sample = SemiseparableFactors::from_generators(&u, &v, FactorTarget::Original)?;
    /// assert_eq!(sample.matrix.diagonal, [1.0, 5.0, 1.0625, 5.0]);
    /// assert_eq!(sample.factor.below, [-2.0, -0.25, -2.0]);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn from_generators(
        u: &[f64],
        v: &[f64],
        target: FactorTarget,
    ) -> Result<FactorSample, ProblemError> {
        let n = u.len();
        require_vector("v", v, n)?;
        for (x, y) in u.iter().zip(v) {
            require(x * y > 0.0, "u v", x * y, "positive everywhere")?;
        }
        let diagonal = u.iter().zip(v).map(|(u, v)| 1.0 / (u * v)).collect();
        let pairs = u.iter().zip(v.iter().skip(1));
        let below = pairs.map(|(u, v)| -1.0 / (v * u)).collect();
        let original = Bidiagonal::new(diagonal, below)?;
        let expansion = original.expansion();

        let w = |i: usize| 1.0 / (u[i] * u[i]);
        let entry = |i: usize| (w(i) + if i > 0 { w(i - 1) } else { 0.0 }) / (v[i] * v[i]);
        let diagonal: Vec<f64> = (0..n).map(entry).collect();
        let below = (1..n).map(|i| -w(i - 1) / (v[i] * v[i - 1])).collect();
        let mut matrix = SymmetricTridiagonal::new(diagonal, below)?;

        let factor = match target {
            FactorTarget::Modified => {
                let mut resistance = 1.0 / (v[0] * v[0]);
                let mut pivots = Vec::with_capacity(n);
                for i in 0..n {
                    pivots.push((w(i) + 1.0 / resistance) / (v[i] * v[i]));
                    resistance += u[i] * u[i];
                }
                Bidiagonal::from_pivots(&pivots, &matrix.below)
            }
            FactorTarget::Literal | FactorTarget::Original => original,
        };
        if target != FactorTarget::Original {
            matrix.diagonal[0] += 1.0;
        }
        Ok(FactorSample {
            matrix,
            factor,
            expansion,
        })
    }
}
