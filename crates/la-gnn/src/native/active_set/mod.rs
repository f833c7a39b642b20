//! Inference of networks that guess active sets. Nothing is allocated after construction.
//!
//! All networks say logits: a constraint is as likely active as not where its logit is 0. [`probability`] and [`logit`] translate.

mod gnn;
mod leaky;
mod least_distance;
mod messages;
mod mlp;
mod operators;

pub use gnn::ActiveSetGnn;
pub use least_distance::LeastDistanceGnn;
pub use mlp::ActiveSetMlp;
pub use operators::{RowOperators, fill_features};

use super::Element;
use crate::GnnError;

/// `1 / (1 + exp(−logit))`.
#[must_use]
pub fn probability(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// The logit of a probability: −∞ at 0, ∞ at 1.
///
/// # Examples
/// ```
/// use la_gnn::native::active_set::{logit, probability};
/// assert!((probability(logit(0.8)) - 0.8).abs() < 1e-15);
/// ```
#[must_use]
pub fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// Checks a length.
fn expect_len(what: &'static str, len: usize, expected: usize) -> Result<(), GnnError> {
    if len == expected {
        return Ok(());
    }
    Err(GnnError::Matrix {
        reason: format!("{what} has length {len}, expected {expected}"),
    })
}

/// Checks that all numbers are finite.
fn expect_finite<T: Element>(what: &str, values: &[T]) -> Result<(), GnnError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(position) => Err(GnnError::NonFinite {
            what: what.into(),
            position,
        }),
    }
}
