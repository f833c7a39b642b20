//! What keeps the diagonal of L away from zero.

use serde::{Deserialize, Serialize};

/// Map from the network's output e to a diagonal entry of L (or, on top of ILU(0), from `1 + e` to its factor) that
/// is not zero.
///
/// Both are odd up to the value at 0. The smooth one is used in training, where its slope is needed.
///
/// # Examples
/// ```
/// use la_gnn::learned_lu::DiagonalActivation::{Hard, Smooth};
/// let eps = 1e-3;
/// assert_eq!(Hard.apply(0.0, eps), eps);
/// assert_eq!(Hard.apply(-1e-9, eps), -eps);
/// assert_eq!(Hard.apply(0.5, eps), 0.5);
/// assert_eq!(Smooth.apply(0.5, eps), 0.5); // the correction underflows
/// assert!(Smooth.apply(1e-4, eps) > 5e-4); // pushed away from 0
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DiagonalActivation {
    /// `x` where `|x| > ε`, otherwise ε with the sign of x (ε at 0): never zero.
    Hard,
    /// `x (1 + exp(2 − 4|x|/ε))`: smooth but for 0, zero only at 0; not monotone near 0.
    Smooth,
}

impl DiagonalActivation {
    /// The value at `x`; NaN stays NaN.
    #[must_use]
    pub fn apply(self, x: f64, eps: f64) -> f64 {
        match self {
            Self::Hard if x.abs() <= eps => {
                if x >= 0.0 {
                    eps
                } else {
                    -eps
                }
            }
            Self::Hard => x,
            Self::Smooth => x * (1.0 + (2.0 - 4.0 * x.abs() / eps).exp()),
        }
    }

    /// The slope at `x`: 0 of the hard one within ε, `1 + (1 − 4|x|/ε) exp(2 − 4|x|/ε)` of the smooth one.
    #[must_use]
    pub fn slope(self, x: f64, eps: f64) -> f64 {
        match self {
            Self::Hard => f64::from(x.abs() > eps),
            Self::Smooth => {
                let t = 4.0 * x.abs() / eps;
                1.0 + (1.0 - t) * (2.0 - t).exp()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DiagonalActivation::{Hard, Smooth};

    #[test]
    fn the_hard_one_leaves_a_gap_around_zero() {
        for (x, y) in [
            (0.1, 0.1),
            (0.099, 0.1),
            (0.0, 0.1),
            (-0.0, 0.1),
            (-0.05, -0.1),
            (-2.0, -2.0),
        ] {
            assert_eq!(Hard.apply(x, 0.1), y, "{x}");
        }
        assert!(Hard.apply(f64::NAN, 0.1).is_nan());
    }

    #[test]
    fn slopes_are_those_of_the_values() {
        let eps = 1e-1;
        for x in [-0.7, -0.09, -0.026, 0.024, 0.03, 0.11, 2.0] {
            let h = 1e-7;
            let difference = (Smooth.apply(x + h, eps) - Smooth.apply(x - h, eps)) / (2.0 * h);
            assert!((Smooth.slope(x, eps) - difference).abs() < 1e-6, "{x}");
        }
        assert_eq!((Hard.slope(0.05, eps), Hard.slope(-0.5, eps)), (0.0, 1.0));
    }
}
