//! The next α.

use super::measure::Measure;
use super::options::Adapt;

/// The ratio to which the two estimates of spectral steps are trusted.
const FARTHEST: f64 = 1e6;
/// Changes of α by less than this factor are not worth the loss of what was gathered with the old one.
const WORTH: f64 = 1.25;
/// α changes by at most this factor at once.
const LEAP: f64 = 10.0;

impl Adapt {
    /// α after a look, `None` where it stays. `k` counts from 1.
    pub(super) fn next(&self, alpha: f64, measure: &Measure) -> Option<f64> {
        let next = match *self {
            Self::None => return None,
            Self::Balance {
                ratio,
                factor,
                relative,
            } => {
                let (mut primal, mut dual) = (measure.primal.sqrt(), measure.dual.sqrt());
                if relative {
                    primal /= measure.copies.sqrt().max(f64::MIN_POSITIVE);
                    dual /= measure.prices.sqrt().max(f64::MIN_POSITIVE);
                }
                if primal > ratio * dual {
                    alpha * factor
                } else if dual > ratio * primal {
                    alpha / factor
                } else {
                    return None;
                }
            }
            Self::Spectral { correlation } => {
                let [step, product, change, apart] = measure.steps;
                let certain = product > correlation * (step * change).sqrt();
                if !certain {
                    return None;
                }
                let (steepest, least) = (change / product, product / step);
                let single = if 2.0 * least > steepest {
                    least
                } else {
                    steepest - 0.5 * least
                };
                // Where agents move together, nothing is learned about how far they are apart.
                let joint = (product / apart).clamp(single, single * FARTHEST);
                let next = (single * joint).sqrt();
                if next <= alpha * WORTH && next * WORTH >= alpha {
                    return None;
                }
                next.clamp(alpha / LEAP, alpha * LEAP)
            }
        };
        (next.is_finite() && next > 0.0 && next != alpha).then(|| next.clamp(1e-8, 1e8))
    }
}
