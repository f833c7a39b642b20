//! The next α.

use super::measure::Measure;
use super::options::Adapt;

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
                let [step, product, change] = measure.steps;
                if !(product > correlation * (step * change).sqrt()) {
                    return None;
                }
                let (steepest, least) = (change / product, product / step);
                if 2.0 * least > steepest {
                    least
                } else {
                    steepest - 0.5 * least
                }
            }
        };
        (next.is_finite() && next > 0.0 && next != alpha).then(|| next.clamp(1e-8, 1e8))
    }
}
