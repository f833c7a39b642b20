//! Soft constraints: what violations cost.

use super::least_distance::LeastDistance;
use super::problem::QuadraticProgram;
use super::solution::Side;
use super::working_set::Flags;
use crate::{OptError, Real};

/// What it costs to violate one side of a constraint by `v ≥ 0`, in the units of its bounds: `linear · v + ½ quadratic · v²`.
///
/// With a linear part the constraint is met exactly as long as its multiplier is at most that (an exact penalty), and gives way beyond. It is the same as a slack
/// variable of weight `quadratic` that is at least `linear / quadratic`, beside a bound that is as much tighter.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SoftPrice<T> {
    /// Price of the first violation, at least 0 and finite.
    pub linear: T,
    /// Curvature, positive and finite.
    pub quadratic: T,
}

impl<T: Real> SoftPrice<T> {
    fn validate(self) -> Result<(), OptError> {
        let refuse = |option, value: T, requirement| {
            Err(OptError::InvalidOption {
                option,
                value: value.to_f64(),
                requirement,
            })
        };
        if !(self.quadratic > T::ZERO && self.quadratic.is_finite()) {
            return refuse("soft weight", self.quadratic, "positive and finite");
        }
        if !(self.linear >= T::ZERO && self.linear.is_finite()) {
            return refuse("linear soft price", self.linear, "at least 0 and finite");
        }
        Ok(())
    }
}

impl<T: Real> QuadraticProgram<T> {
    /// Lets these constraints be violated at a common price: see [`QpOptions::rho_soft`](super::QpOptions::rho_soft).
    ///
    /// # Errors
    /// [`OptError::NoSuchConstraint`].
    pub fn with_soft(mut self, constraints: &[usize]) -> Result<Self, OptError> {
        for &index in constraints {
            let constraints = self.soft.len();
            *self
                .soft
                .get_mut(index)
                .ok_or(OptError::NoSuchConstraint { index, constraints })? = true;
        }
        Ok(self)
    }

    /// As [`QuadraticProgram::with_soft`] for constraints with prices of their own: `(j, w)` lets constraint j be violated by v, in the units of its bounds, for `½ w v²`. That price
    /// does not depend on P, as the common one does.
    ///
    /// # Errors
    /// [`OptError::NoSuchConstraint`]; [`OptError::InvalidOption`] for a weight that is not positive and finite.
    ///
    /// # Examples
    /// The least of `½ x² + ½ · 4 (1 − x)²`:
    /// ```
    /// use la_opt::qp::{Hessian, QpOptions, QuadraticProgram, solve};
    /// let problem = QuadraticProgram::new(Hessian::Identity, vec![0.0])?
    ///     .with_bounds(vec![1.0], vec![f64::INFINITY])?
    ///     .with_soft_weights(&[(0, 4.0)])?;
    /// assert!((solve(&problem, &QpOptions::default())?.x[0] - 0.8_f64).abs() < 1e-12);
    /// # Ok::<(), la_opt::OptError>(())
    /// ```
    pub fn with_soft_weights(mut self, weights: &[(usize, T)]) -> Result<Self, OptError> {
        for &(j, quadratic) in weights {
            let price = SoftPrice {
                linear: T::ZERO,
                quadratic,
            };
            self = self.with_soft_prices(&[(j, Side::Lower, price), (j, Side::Upper, price)])?;
        }
        Ok(self)
    }

    /// The same with a price for each side, which may have a linear part. A side that is not named keeps its price, at first the common one.
    ///
    /// # Errors
    /// [`OptError::NoSuchConstraint`]; [`OptError::InvalidOption`] for a price that is out of its range.
    ///
    /// # Examples
    /// The least of `½ x²` and 0.25 (1 − x) + ½ · 4 (1 − x)² for x below 1, then for a price that no violation is worth:
    /// ```
    /// use la_opt::qp::{Hessian, QpOptions, QuadraticProgram, Side, SoftPrice, solve};
    /// for (linear, x) in [(0.25, 0.85), (2.0, 1.0)] {
    ///     let price = SoftPrice { linear, quadratic: 4.0 };
    ///     let problem = QuadraticProgram::new(Hessian::Identity, vec![0.0])?
    ///         .with_bounds(vec![1.0], vec![f64::INFINITY])?
    ///         .with_soft_prices(&[(0, Side::Lower, price)])?;
    ///     assert!((solve(&problem, &QpOptions::default())?.x[0] - x).abs() < 1e-12_f64);
    /// }
    /// # Ok::<(), la_opt::OptError>(())
    /// ```
    pub fn with_soft_prices(
        mut self,
        prices: &[(usize, Side, SoftPrice<T>)],
    ) -> Result<Self, OptError> {
        for &(j, side, price) in prices {
            price.validate()?;
            self = self.with_soft(&[j])?;
            let common = SoftPrice {
                linear: T::ZERO,
                quadratic: T::ZERO,
            };
            self.soft_prices.resize(self.soft.len(), [common; 2]);
            self.soft_prices[j][usize::from(side == Side::Upper)] = price;
        }
        Ok(self)
    }
}

impl<T: Real> LeastDistance<T> {
    fn soft_price(&self, j: usize, lower: bool) -> Option<SoftPrice<T>> {
        let price = self.soft_prices.get(j)?[usize::from(!lower)];
        (price.quadratic > T::ZERO).then_some(price)
    }

    /// ρ of a soft constraint that gives way: a violation by ε in the units of M costs `ε² / (2 ρ)` and what its linear price is.
    pub(super) fn softness(&self, j: usize, flag: Flags, common: T) -> T {
        match self.soft_price(j, flag.lower) {
            Some(price) => self.scale[j] * self.scale[j] / price.quadratic,
            None => common,
        }
    }

    /// The multiplier, in the units of M, up to which a soft constraint is met exactly; at the side that its flag says, and with its sign.
    pub(super) fn threshold(&self, j: usize, flag: Flags) -> T {
        match self.soft_price(j, flag.lower) {
            Some(price) if flag.lower => -(price.linear / self.scale[j]),
            Some(price) => price.linear / self.scale[j],
            None => T::ZERO,
        }
    }

    /// Whether a soft constraint that enters is met exactly at first, and its first multiplier.
    pub(super) fn first_multiplier(&self, j: usize, flag: Flags) -> (bool, T) {
        if flag.soft && self.threshold(j, flag) != T::ZERO {
            return (true, T::ZERO);
        }
        (false, if flag.lower { -T::ONE } else { T::ONE })
    }
}
