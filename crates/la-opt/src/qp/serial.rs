//! Problems and options as they are written: JSON has no infinities, so that no bound is nothing.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::problem::{Hessian, QuadraticProgram};
use super::soft::SoftPrice;
use super::solution::Side;
use super::sparse::Rows;
use crate::{OptError, Real};

/// A problem that nobody has looked at.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[serde(bound(
    serialize = "T: Real + Serialize",
    deserialize = "T: Real + Deserialize<'de>"
))]
pub(super) struct Posed<T> {
    hessian: Hessian<T>,
    linear: Vec<T>,
    bounds: usize,
    rows: Rows<T>,
    lower: Vec<Option<T>>,
    upper: Vec<Option<T>>,
    #[serde(default)]
    soft: Vec<usize>,
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    soft_prices: Vec<(usize, Side, SoftPrice<T>)>,
}

impl<T: Real> From<QuadraticProgram<T>> for Posed<T> {
    fn from(problem: QuadraticProgram<T>) -> Self {
        let some = |bounds: Vec<T>| -> Vec<Option<T>> {
            bounds
                .into_iter()
                .map(|b| b.is_finite().then_some(b))
                .collect()
        };
        Self {
            hessian: problem.hessian,
            linear: problem.linear,
            bounds: problem.bounds,
            rows: problem.rows,
            lower: some(problem.lower),
            upper: some(problem.upper),
            soft: (0..problem.soft.len())
                .filter(|&j| problem.soft[j])
                .collect(),
            soft_prices: (0..problem.soft_prices.len())
                .flat_map(|j| [(j, Side::Lower), (j, Side::Upper)])
                .map(|(j, side)| {
                    let price = problem.soft_prices[j][usize::from(side == Side::Upper)];
                    (j, side, price)
                })
                .filter(|(_, _, price)| price.quadratic > T::ZERO)
                .collect(),
        }
    }
}

impl<T: Real> TryFrom<Posed<T>> for QuadraticProgram<T> {
    type Error = OptError;

    fn try_from(posed: Posed<T>) -> Result<Self, OptError> {
        let all = |bounds: Vec<Option<T>>, none: T| -> Vec<T> {
            bounds.into_iter().map(|b| b.unwrap_or(none)).collect()
        };
        let mut lower = all(posed.lower, -T::INFINITY);
        let mut upper = all(posed.upper, T::INFINITY);
        let split = posed.bounds.min(lower.len()).min(upper.len());
        let (lower_rows, upper_rows) = (lower.split_off(split), upper.split_off(split));
        let problem = Self::new(posed.hessian, posed.linear)?;
        super::problem::expect_length("lower bounds of the variables", split, posed.bounds)?;
        let problem = problem.with_bounds(lower, upper)?;
        match posed.rows {
            Rows::Dense(rows) => problem.with_rows(rows, lower_rows, upper_rows)?,
            Rows::Sparse(rows) => problem.with_sparse_rows(rows, lower_rows, upper_rows)?,
        }
        .with_soft(&posed.soft)?
        .with_soft_prices(&posed.soft_prices)
    }
}

/// A number that may be infinite, which is written as nothing.
pub(super) mod maybe_infinite {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(x: &f64, to: S) -> Result<S::Ok, S::Error> {
        x.is_finite().then_some(*x).serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::INFINITY))
    }
}
