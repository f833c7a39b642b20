//! The step map as a series, and its least squares.

use super::ChainSample;
use super::least_squares::least_squares;
use super::train::pairs;
use crate::GnnError;
use crate::chain::{ChainConfig, ChainModel, Parameters};

/// Parameters before the coefficients: the ends of the range of s, the coefficients of z and of log z.
const HEAD: usize = 4;

/// Weight of the error of a logit where the pivot is 1; see [`super::refine`].
const LEAST_WEIGHT: f64 = 1e-3;

/// `(z − 2)/(z + 2)`, from (0, ∞) to (−1, 1): smooth at z = 0, where pivots are small, and level where they are 1 anyway.
fn compressed(z: f64) -> f64 {
    (z - 2.0) / (z + 2.0)
}

/// `φ(z) = w₁ z + w₂ log z + Σ_k c_k T_k(t)`, t from −1 to 1 over the range of s; constant outside of it, but for the first two terms.
pub(super) fn logit(values: &[f64], z: f64) -> f64 {
    let z = z.min(100.0);
    let t = (2.0 * (compressed(z) - values[0]) / (values[1] - values[0]) - 1.0).clamp(-1.0, 1.0);
    // Clenshaw's recurrence.
    let (mut b1, mut b2) = (0.0, 0.0);
    for &c in values[HEAD + 1..].iter().rev() {
        (b1, b2) = (2.0 * t * b1 - b2 + c, b1);
    }
    values[2] * z + values[3] * z.ln() + values[HEAD] + t * b1 - b2
}

/// Learns the series from single steps (the true pivot of the row before is the input), by linear least squares weighted with what an error does to log ρ.
///
/// Nothing of elimination is known but that it is a function of z (scale invariance) whose logit may contain z and log z; the rest is a polynomial. No
/// starting values, no learning rate; O(pairs · terms²).
///
/// # Errors
/// [`GnnError::Config`] if the configuration is not one of [`ChainModel::Series`] or out of range, or the samples hold too few different pairs.
///
/// # Examples
/// ```
/// use la_gnn::chain::{ChainConfig, ChainModel};
/// use la_gnn::native::chain::{ChainNetwork, ChainSample, exact_pivots, fit_series};
///
/// let chain = |a: f64| {
///     let r: Vec<f64> = (0..200).map(|i| 0.24 * (a * f64::from(i)).sin().abs()).collect();
///     let factor: Vec<f64> = exact_pivots(&r, 1e-12).values.iter().map(|p| p.sqrt()).collect();
///     ChainSample::new(&[1.0; 201], &r.iter().map(|r| r.sqrt()).collect::<Vec<_>>(), &factor)
/// };
/// let learned = fit_series(&ChainConfig::new(ChainModel::Series).with_hidden(20), &[chain(0.7)?, chain(1.9)?])?;
/// let pivots = ChainNetwork::new(&learned)?.pivots(&[0.2; 100])?;
/// assert!((pivots.values[100] / exact_pivots(&[0.2; 100], 1e-12).values[100] - 1.0).abs() < 1e-6);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
pub fn fit_series(config: &ChainConfig, samples: &[ChainSample]) -> Result<Parameters, GnnError> {
    config.validate()?;
    if config.model != ChainModel::Series {
        return Err(GnnError::Config {
            field: "model",
            reason: "must be series".into(),
        });
    }
    let few = || GnnError::Config {
        field: "samples",
        reason: "hold too few different pairs of rows".into(),
    };
    let data = pairs(samples);
    let low = data.iter().fold(1.0_f64, |m, p| m.min(compressed(p.0)));
    let high = data.iter().fold(-1.0_f64, |m, p| m.max(compressed(p.0)));
    if low >= high {
        return Err(few());
    }
    let terms = config.hidden;
    let rows = data.iter().map(|&(z, logit)| {
        let weight = (1.0 / (1.0 + logit.exp())).max(LEAST_WEIGHT);
        let z = z.min(100.0);
        let t = 2.0 * (compressed(z) - low) / (high - low) - 1.0;
        let mut row = vec![weight * z, weight * z.ln()];
        let (mut before, mut now) = (t, 1.0);
        for _ in 0..terms {
            row.push(weight * now);
            (before, now) = (now, 2.0 * t * now - before);
        }
        row.push(weight * logit);
        row
    });
    let coefficients = least_squares(terms + 2, rows).ok_or_else(few)?;
    let mut values = vec![low, high];
    values.extend(coefficients);
    let config = config.clone();
    Ok(Parameters { config, values })
}
