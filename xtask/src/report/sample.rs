//! Centre and quartiles of a sample.
use super::ReportError;

/// Which centre of a sample is reported.
///
/// The papers state means of iteration counts, so those are compared with means; times are reported as medians, which
/// a single disturbed repetition does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Centre {
    /// Arithmetic mean.
    Mean,
    /// Middle value; the mean of the two middle values of an even number of samples.
    Median,
}

/// Five-number summary and mean of a sample, in the units of the sample.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// Number of samples, at least 1.
    pub samples: usize,
    /// Smallest sample.
    pub min: f64,
    /// First quartile.
    pub low: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub high: f64,
    /// Largest sample.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
}

impl Summary {
    /// Summarises finite samples; `what` names them in errors.
    ///
    /// Quartiles interpolate linearly between order statistics at position `p (n − 1)`; one sample is its own quartiles.
    ///
    /// # Errors
    /// [`ReportError::NoSamples`] for an empty slice, [`ReportError::NotFinite`] for NaN or an infinity.
    ///
    /// # Examples
    /// ```
    /// let summary = xtask::report::Summary::of("time", &[4.0, 1.0, 2.0, 3.0])?;
    /// assert_eq!((summary.low, summary.median, summary.high), (1.75, 2.5, 3.25));
    /// # Ok::<(), xtask::report::ReportError>(())
    /// ```
    ///
    /// # References
    /// R. J. Hyndman, Y. Fan, *The American Statistician* 50(4), 361–365, 1996, definition 7.
    pub fn of(what: &str, samples: &[f64]) -> Result<Self, ReportError> {
        if let Some(index) = samples.iter().position(|v| !v.is_finite()) {
            let value = samples[index];
            return Err(ReportError::NotFinite {
                what: what.to_owned(),
                index,
                value,
            });
        }
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Err(ReportError::NoSamples {
                what: what.to_owned(),
            });
        };
        // The running mean cannot overflow, and rounding cannot carry it out of the range of the samples.
        let mean = samples.iter().enumerate().fold(0.0, |mean, (i, &v)| {
            let k = (i + 1) as f64;
            mean * (1.0 - 1.0 / k) + v / k
        });
        let count = samples.len() as f64;
        let plain = samples.iter().sum::<f64>() / count;
        let mean = if plain.is_finite() { plain } else { mean }.clamp(min, max);
        Ok(Self {
            samples: sorted.len(),
            min,
            low: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            high: quantile(&sorted, 0.75),
            max,
            mean,
        })
    }

    /// The centre asked for.
    #[must_use]
    pub fn centre(&self, centre: Centre) -> f64 {
        match centre {
            Centre::Mean => self.mean,
            Centre::Median => self.median,
        }
    }
}

/// Quantile `p` in [0, 1] of a sorted, non-empty slice.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let position = p * (sorted.len() - 1) as f64;
    let below = sorted[position.floor() as usize];
    let above = sorted[position.ceil() as usize];
    let weight = position.fract();
    // Two products instead of a difference: the difference of two large values may overflow.
    (below * (1.0 - weight) + above * weight).clamp(below, above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hand_worked_quartiles() -> Result<(), ReportError> {
        let s = Summary::of("x", &[1.0, 3.0, 2.0, 5.0, 4.0])?;
        assert_eq!(
            (s.min, s.low, s.median, s.high, s.max, s.mean),
            (1.0, 2.0, 3.0, 4.0, 5.0, 3.0)
        );
        assert_eq!(s.centre(Centre::Mean), 3.0);
        let one = Summary::of("x", &[7.5])?;
        assert_eq!(
            (one.low, one.median, one.high, one.mean, one.samples),
            (7.5, 7.5, 7.5, 7.5, 1)
        );
        Ok(())
    }

    #[test]
    fn bad_samples_are_named() {
        let e = Summary::of("iterations", &[1.0, f64::NAN]).unwrap_err();
        assert_eq!(
            e.to_string(),
            "iterations: entry 1 is NaN, which is not finite"
        );
        assert_eq!(
            Summary::of("t", &[]).unwrap_err().to_string(),
            "t: no samples"
        );
    }

    #[test]
    fn huge_values_do_not_overflow() -> Result<(), ReportError> {
        let s = Summary::of("x", &[f64::MAX, f64::MAX, -f64::MAX])?;
        assert!(s.mean.is_finite() && s.low.is_finite() && s.high.is_finite());
        Ok(())
    }

    proptest! {
        #[test]
        fn order_is_kept(samples in prop::collection::vec(-1e9..1e9_f64, 1..40)) {
            let s = Summary::of("x", &samples).unwrap();
            prop_assert!(s.min <= s.low && s.low <= s.median && s.median <= s.high && s.high <= s.max);
            prop_assert!(s.min <= s.mean && s.mean <= s.max);
        }
    }
}
