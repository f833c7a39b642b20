//! Tridiagonal matrices where one entry decides where the factor changes its branch.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::factor::{Bidiagonal, FactorSample, FactorTarget};
use crate::error::{ProblemError, require, require_u32};

/// Random tridiagonal matrices that *expand*: `A = L Lᵀ + c L_11² e₁e₁ᵀ` with `L_ii = exp(σ Z_i)`, `L_{i,i-1} = −γ_i L_{i-1,i-1}`,
/// γ_i from U(low, high) and c log-uniform.
///
/// The pivots stay near those of `L`, the repelling branch of elimination, until the change has grown to their size; the row where they
/// leave moves with log c. Without the change the matrix would be singular to working precision. Factors come from
/// [`Bidiagonal::raised`]; nothing is eliminated.
///
/// # Known facts
/// - λ ([`Bidiagonal::expansion`]) is the mean of log γ: 0.68 for the default range.
///
/// # Examples
/// ```
/// use la_problems::SwitchFactors;
/// let sample = SwitchFactors::default().generate(3)?;
/// assert!((0.5..0.85).contains(&sample.expansion));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SwitchFactors {
    /// Order, at least 1. Default `32`.
    pub n: usize,
    /// Range of the ratios γ_i, positive. Default `(1.5, 2.5)`.
    pub ratio: (f64, f64),
    /// Standard deviation σ of log L_ii, in `0..=10`. Default `0.3`.
    pub sigma: f64,
    /// Range of c, positive. Default `(1e-6, 1.0)`.
    pub raise: (f64, f64),
    /// Which pair is handed out. Default [`FactorTarget::Modified`].
    pub target: FactorTarget,
}

impl Default for SwitchFactors {
    fn default() -> Self {
        Self {
            n: 32,
            ratio: (1.5, 2.5),
            sigma: 0.3,
            raise: (1e-6, 1.0),
            target: FactorTarget::Modified,
        }
    }
}

impl SwitchFactors {
    /// Sets the order.
    #[must_use]
    pub fn with_n(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    /// Sets the range of the ratios.
    #[must_use]
    pub fn with_ratio(mut self, low: f64, high: f64) -> Self {
        self.ratio = (low, high);
        self
    }

    /// Sets the range of c.
    #[must_use]
    pub fn with_raise(mut self, low: f64, high: f64) -> Self {
        self.raise = (low, high);
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
        let range = "finite and above the lower end";
        for (names, (low, high)) in [
            (["ratio.low", "ratio.high"], self.ratio),
            (["raise.low", "raise.high"], self.raise),
        ] {
            require(low > 0.0, names[0], low, "above 0")?;
            require(high > low && high.is_finite(), names[1], high, range)?;
        }
        let sigma = self.sigma;
        require((0.0..=10.0).contains(&sigma), "sigma", sigma, "in 0..=10")
    }

    /// The sample of this seed.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn generate(&self, seed: u64) -> Result<FactorSample, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let diagonal: Vec<f64> = (0..self.n)
            .map(|_| {
                let z: f64 = rng.sample(StandardNormal);
                (self.sigma * z).exp()
            })
            .collect();
        let below = diagonal[1..]
            .iter()
            .zip(&diagonal)
            .map(|(_, l)| -rng.random_range(self.ratio.0..self.ratio.1) * l)
            .collect();
        let c = rng.random_range(self.raise.0.ln()..self.raise.1.ln()).exp();
        let original = Bidiagonal::new(diagonal, below)?;
        let raise = c * original.diagonal[0] * original.diagonal[0];
        let expansion = original.expansion();
        let mut matrix = original.gram();
        if self.target != FactorTarget::Original {
            matrix.diagonal[0] += raise;
        }
        let factor = match self.target {
            FactorTarget::Modified => original.raised(raise),
            FactorTarget::Literal | FactorTarget::Original => original,
        };
        Ok(FactorSample {
            matrix,
            factor,
            expansion,
        })
    }
}
