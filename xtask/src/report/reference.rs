//! The paper's number, how close ours must come, and the verdict.
use serde::{Deserialize, Serialize};

use super::ReportError;

/// How a measured value is compared with the paper's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tolerance {
    /// `|value − paper| ≤ band · |paper|`; the band is dimensionless, 0.02 is two percent.
    Relative(f64),
    /// `value ≤ limit`, the limit in the units of the value.
    AtMost(f64),
    /// `value ≥ limit`, the limit in the units of the value.
    AtLeast(f64),
}

impl Tolerance {
    /// Whether `value` is within this tolerance of `paper`. NaN never is.
    ///
    /// # Examples
    /// ```
    /// use xtask::report::Tolerance;
    /// assert!(Tolerance::Relative(0.02).admits(102.0, 100.0));
    /// assert!(!Tolerance::AtMost(1.05).admits(1.06, 0.85));
    /// ```
    #[must_use]
    pub fn admits(self, value: f64, paper: f64) -> bool {
        match self {
            Self::Relative(band) => value == paper || (value - paper).abs() <= band * paper.abs(),
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }

    /// The band or limit.
    #[must_use]
    pub fn bound(self) -> f64 {
        match self {
            Self::Relative(bound) | Self::AtMost(bound) | Self::AtLeast(bound) => bound,
        }
    }
}

/// A number to compare with, and where it stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reference {
    /// The paper's value, finite, in the units of the measurement.
    pub paper: f64,
    /// Table, figure or section.
    pub source: String,
    /// How close ours must come.
    pub tolerance: Tolerance,
}

impl Reference {
    /// A reference value.
    ///
    /// # Errors
    /// [`ReportError::EmptyName`] without a source, [`ReportError::BadReference`] if the value or the bound is not
    /// finite, or a relative band is negative.
    ///
    /// # Examples
    /// ```
    /// use xtask::report::{Reference, Tolerance};
    /// assert!(Reference::new(0.85, "poster, strip plot", Tolerance::AtMost(1.0)).is_ok());
    /// assert!(Reference::new(f64::NAN, "Table 1", Tolerance::Relative(0.1)).is_err());
    /// ```
    pub fn new(
        paper: f64,
        source: impl Into<String>,
        tolerance: Tolerance,
    ) -> Result<Self, ReportError> {
        let source = source.into();
        if source.trim().is_empty() {
            return Err(ReportError::EmptyName { field: "source" });
        }
        let bad = |field, value, reason| ReportError::BadReference {
            origin: source.clone(),
            field,
            value,
            reason,
        };
        if !paper.is_finite() {
            return Err(bad("paper", paper, "which is not finite"));
        }
        match tolerance {
            Tolerance::Relative(band) if !(band >= 0.0 && band.is_finite()) => Err(bad(
                "relative band",
                band,
                "which is not a number from 0 up",
            )),
            Tolerance::AtMost(limit) | Tolerance::AtLeast(limit) if !limit.is_finite() => {
                Err(bad("limit", limit, "which is not finite"))
            }
            _ => Ok(Self {
                paper,
                source,
                tolerance,
            }),
        }
    }
}

/// What the comparison with the paper says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Within the tolerance.
    #[serde(rename = "met")]
    Met,
    /// Outside the tolerance, or there is no value although there is one to compare with.
    #[serde(rename = "not met")]
    NotMet,
    /// Nothing to compare with.
    #[serde(rename = "no reference")]
    NoReference,
}

impl Verdict {
    /// The words used in files, tables and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::NoReference => "no reference",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The verdict on a value: the only place where one is decided.
///
/// A missing, NaN or infinite value against a reference is [`Verdict::NotMet`]: an experiment that yields no number has
/// not reproduced one.
///
/// # Examples
/// ```
/// use xtask::report::{Reference, Tolerance, Verdict, judge};
/// let reference = Reference::new(258.0, "Table 2", Tolerance::Relative(0.02))?;
/// assert_eq!(judge(Some(260.0), Some(&reference)), Verdict::Met);
/// assert_eq!(judge(None, Some(&reference)), Verdict::NotMet);
/// assert_eq!(judge(Some(260.0), None), Verdict::NoReference);
/// # Ok::<(), xtask::report::ReportError>(())
/// ```
#[must_use]
pub fn judge(value: Option<f64>, reference: Option<&Reference>) -> Verdict {
    match (value, reference) {
        (_, None) => Verdict::NoReference,
        (Some(value), Some(reference))
            if value.is_finite() && reference.tolerance.admits(value, reference.paper) =>
        {
            Verdict::Met
        }
        (_, Some(_)) => Verdict::NotMet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(paper: f64, tolerance: Tolerance) -> Reference {
        Reference::new(paper, "Table 1", tolerance).unwrap()
    }

    #[test]
    fn band_includes_its_ends() {
        let r = reference(100.0, Tolerance::Relative(0.25));
        for (value, verdict) in [
            (75.0, Verdict::Met),
            (125.0, Verdict::Met),
            (74.9, Verdict::NotMet),
        ] {
            assert_eq!(judge(Some(value), Some(&r)), verdict, "{value}");
        }
        let negative = reference(-4.0, Tolerance::Relative(0.25));
        assert_eq!(judge(Some(-5.0), Some(&negative)), Verdict::Met);
        assert_eq!(judge(Some(4.0), Some(&negative)), Verdict::NotMet);
    }

    #[test]
    fn zero_band_wants_the_exact_number() {
        let r = reference(1870.0, Tolerance::Relative(0.0));
        assert_eq!(judge(Some(1870.0), Some(&r)), Verdict::Met);
        assert_eq!(judge(Some(1846.0), Some(&r)), Verdict::NotMet);
        assert_eq!(
            judge(Some(0.0), Some(&reference(0.0, Tolerance::Relative(0.1)))),
            Verdict::Met
        );
    }

    #[test]
    fn limits_are_one_sided() {
        let most = reference(0.85, Tolerance::AtMost(1.05));
        assert_eq!(judge(Some(1.05), Some(&most)), Verdict::Met);
        assert_eq!(judge(Some(1.0501), Some(&most)), Verdict::NotMet);
        assert_eq!(judge(Some(0.0), Some(&most)), Verdict::Met);
        let least = reference(2.2, Tolerance::AtLeast(1.0));
        assert_eq!(judge(Some(1.0), Some(&least)), Verdict::Met);
        assert_eq!(judge(Some(0.99), Some(&least)), Verdict::NotMet);
    }

    #[test]
    fn no_number_never_meets_a_reference() {
        for tolerance in [
            Tolerance::Relative(1e300),
            Tolerance::AtMost(1e300),
            Tolerance::AtLeast(-1e300),
        ] {
            let r = reference(1.0, tolerance);
            for value in [
                None,
                Some(f64::NAN),
                Some(f64::INFINITY),
                Some(f64::NEG_INFINITY),
            ] {
                assert_eq!(
                    judge(value, Some(&r)),
                    Verdict::NotMet,
                    "{tolerance:?} {value:?}"
                );
            }
        }
        assert_eq!(judge(Some(f64::NAN), None), Verdict::NoReference);
    }

    #[test]
    fn bad_references_are_refused() {
        let error = |paper, source, tolerance| {
            Reference::new(paper, source, tolerance)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(error(1.0, " ", Tolerance::AtMost(1.0)), "source is empty");
        assert_eq!(
            error(f64::INFINITY, "Table 1", Tolerance::AtMost(1.0)),
            "reference \"Table 1\": paper is inf, which is not finite"
        );
        assert_eq!(
            error(1.0, "Table 1", Tolerance::Relative(-0.1)),
            "reference \"Table 1\": relative band is -0.1, which is not a number from 0 up"
        );
        assert_eq!(
            error(1.0, "Table 1", Tolerance::AtLeast(f64::NAN)),
            "reference \"Table 1\": limit is NaN, which is not finite"
        );
    }
}
