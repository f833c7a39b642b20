//! One number of an experiment.
use serde::{Deserialize, Serialize};

use super::{Centre, Reference, ReportError, Summary, Tolerance, Verdict, judge};

/// What a number counts or measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// Iterations of a solver, from 0.
    Iterations,
    /// Seconds of wall time, from 0.
    Seconds,
    /// Ours over theirs, dimensionless, from 0.
    Ratio,
    /// Things counted (parameters, nonzeros, successes), from 0.
    Count,
    /// Bytes, from 0.
    Bytes,
    /// Hundredths of a whole.
    Percent,
    /// A number without a unit: an error, a loss, a residual, an eigenvalue.
    Dimensionless,
}

impl Unit {
    /// The word used in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iterations => "iterations",
            Self::Seconds => "seconds",
            Self::Ratio => "ratio",
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Percent => "percent",
            Self::Dimensionless => "dimensionless",
        }
    }

    /// The symbol put after a number in tables; empty where the name of the quantity says it all.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Ratio => "×",
            Self::Bytes => "B",
            Self::Percent => "%",
            Self::Iterations | Self::Count | Self::Dimensionless => "",
        }
    }

    /// The unit that the name of a quantity implies, if it implies one: names that end in `ratio`, that start with
    /// `iterations`, or that end in `seconds` or `time`.
    fn implied(quantity: &str) -> Option<Self> {
        let name = quantity.split('@').next().unwrap_or(quantity);
        if quantity.ends_with("ratio") || name.ends_with("ratio") {
            Some(Self::Ratio)
        } else if name == "iterations" || name.ends_with("-iterations") {
            Some(Self::Iterations)
        } else if ["seconds", "time"]
            .iter()
            .any(|w| name == *w || name.ends_with(&format!("-{w}")))
        {
            Some(Self::Seconds)
        } else {
            None
        }
    }
}

/// What a measurement is about; the three names together are unique within a [`super::Results`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// Test problem or family, `"synthetic-n10000"`.
    pub problem: String,
    /// Method, `"ic0"`; a peer's name when the quantity is a ratio to it.
    pub method: String,
    /// Quantity, `"iterations@1e-3"`.
    pub quantity: String,
}

impl Key {
    /// The measurement of `quantity` for `method` on `problem`.
    pub fn new(
        problem: impl Into<String>,
        method: impl Into<String>,
        quantity: impl Into<String>,
    ) -> Self {
        Self {
            problem: problem.into(),
            method: method.into(),
            quantity: quantity.into(),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} / {} / {}", self.problem, self.method, self.quantity)
    }
}

/// One number of an experiment, with its spread, the paper's number and the verdict: a row of the table and an entry of
/// `results.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Measurement {
    /// Test problem or family.
    pub problem: String,
    /// Method, or the peer compared with.
    pub method: String,
    /// What was measured.
    pub quantity: String,
    /// Centre of the samples; `None` (null) when the experiment yields no number, as after a breakdown.
    pub value: Option<f64>,
    /// Unit of `value`, `low`, `high`, `paper` and of one-sided limits.
    pub unit: Unit,
    /// Number of samples behind `value`.
    pub samples: usize,
    /// First quartile of the samples.
    pub low: Option<f64>,
    /// Third quartile of the samples.
    pub high: Option<f64>,
    /// The paper's number.
    pub paper: Option<f64>,
    /// Table, figure or section of the paper's number.
    pub source: Option<String>,
    /// How close ours must come.
    pub tolerance: Option<Tolerance>,
    /// What the comparison says.
    pub verdict: Verdict,
}

impl Measurement {
    /// Centre and quartiles of repeated measurements.
    ///
    /// Iteration counts, which papers state as means, take [`Centre::Mean`]; times take [`Centre::Median`].
    ///
    /// # Errors
    /// [`ReportError::EmptyName`], [`ReportError::NoSamples`], [`ReportError::NotFinite`], [`ReportError::Negative`],
    /// or [`ReportError::UnitMismatch`] if the name of the quantity implies another unit.
    ///
    /// # Examples
    /// ```
    /// use xtask::report::{Centre, Key, Measurement, Unit};
    /// let key = Key::new("poisson", "jacobi", "total-seconds");
    /// let m = Measurement::from_samples(key, Unit::Seconds, &[1.5, 1.0, 2.0], Centre::Median)?;
    /// assert_eq!((m.value, m.low, m.high), (Some(1.5), Some(1.25), Some(1.75)));
    /// # Ok::<(), xtask::report::ReportError>(())
    /// ```
    pub fn from_samples(
        key: Key,
        unit: Unit,
        samples: &[f64],
        centre: Centre,
    ) -> Result<Self, ReportError> {
        let summary = Summary::of(&key.to_string(), samples)?;
        let mut measurement = Self::empty(key, unit);
        measurement.value = Some(summary.centre(centre));
        measurement.samples = summary.samples;
        measurement.low = Some(summary.low);
        measurement.high = Some(summary.high);
        if summary.min < 0.0 && unit.is_nonnegative() {
            return Err(measurement.negative(summary.min));
        }
        measurement.validate()?;
        Ok(measurement)
    }

    /// A number that has no spread: a parameter count, a ratio of two centres.
    ///
    /// # Errors
    /// As [`Measurement::from_samples`].
    pub fn from_value(key: Key, unit: Unit, value: f64) -> Result<Self, ReportError> {
        let mut measurement = Self::from_samples(key, unit, &[value], Centre::Mean)?;
        (measurement.low, measurement.high) = (None, None);
        Ok(measurement)
    }

    /// A measurement that yields no number because the method failed. It never meets a reference.
    ///
    /// # Errors
    /// [`ReportError::EmptyName`] or [`ReportError::UnitMismatch`].
    pub fn failed(key: Key, unit: Unit) -> Result<Self, ReportError> {
        let measurement = Self::empty(key, unit);
        measurement.validate()?;
        Ok(measurement)
    }

    fn empty(key: Key, unit: Unit) -> Self {
        Self {
            problem: key.problem,
            method: key.method,
            quantity: key.quantity,
            value: None,
            unit,
            samples: 0,
            low: None,
            high: None,
            paper: None,
            source: None,
            tolerance: None,
            verdict: Verdict::NoReference,
        }
    }

    /// Sets the paper's number beside ours and decides the verdict.
    #[must_use]
    pub fn compare(mut self, reference: Reference) -> Self {
        self.verdict = judge(self.value, Some(&reference));
        self.paper = Some(reference.paper);
        self.tolerance = Some(reference.tolerance);
        self.source = Some(reference.source);
        self
    }

    /// Problem, method and quantity.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::new(&self.problem, &self.method, &self.quantity)
    }

    /// Checks names, unit, range, and that the verdict follows from the other fields.
    ///
    /// # Errors
    /// As [`Measurement::from_samples`], and [`ReportError::WrongVerdict`] or [`ReportError::BadReference`].
    pub fn validate(&self) -> Result<(), ReportError> {
        let what = || self.key().to_string();
        for (field, name) in [
            ("problem", &self.problem),
            ("method", &self.method),
            ("quantity", &self.quantity),
        ] {
            if name.trim().is_empty() {
                return Err(ReportError::EmptyName { field });
            }
        }
        if let Some(expected) = Unit::implied(&self.quantity).filter(|&unit| unit != self.unit) {
            let (unit, expected) = (self.unit.as_str(), expected.as_str());
            return Err(ReportError::UnitMismatch {
                what: what(),
                unit,
                expected,
            });
        }
        for (index, value) in [self.value, self.low, self.high]
            .into_iter()
            .flatten()
            .enumerate()
        {
            if !value.is_finite() {
                return Err(ReportError::NotFinite {
                    what: what(),
                    index,
                    value,
                });
            }
            if value < 0.0 && self.unit.is_nonnegative() {
                return Err(self.negative(value));
            }
        }
        let reference = match (self.paper, &self.source, self.tolerance) {
            (Some(paper), Some(source), Some(tolerance)) => {
                Some(Reference::new(paper, source, tolerance)?)
            }
            (None, None, None) => None,
            (None, ..) => return Err(ReportError::EmptyName { field: "paper" }),
            (_, None, _) => return Err(ReportError::EmptyName { field: "source" }),
            (.., None) => return Err(ReportError::EmptyName { field: "tolerance" }),
        };
        let expected = judge(self.value, reference.as_ref());
        if expected != self.verdict {
            let (stored, expected) = (self.verdict.as_str(), expected.as_str());
            return Err(ReportError::WrongVerdict {
                what: what(),
                stored,
                expected,
            });
        }
        Ok(())
    }

    fn negative(&self, value: f64) -> ReportError {
        ReportError::Negative {
            what: self.key().to_string(),
            value,
            unit: self.unit.as_str(),
        }
    }
}

impl Unit {
    fn is_nonnegative(self) -> bool {
        !matches!(self, Self::Percent | Self::Dimensionless)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(quantity: &str, unit: Unit, samples: &[f64]) -> String {
        let key = Key::new("p", "m", quantity);
        Measurement::from_samples(key, unit, samples, Centre::Mean)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn units_follow_names() {
        assert_eq!(
            error("iterations@1e-3", Unit::Seconds, &[1.0]),
            "p / m / iterations@1e-3: unit is seconds but must be iterations"
        );
        assert_eq!(
            error("total-time-ratio", Unit::Seconds, &[1.0]),
            "p / m / total-time-ratio: unit is seconds but must be ratio"
        );
        assert_eq!(
            error("setup-seconds", Unit::Count, &[1.0]),
            "p / m / setup-seconds: unit is count but must be seconds"
        );
        let free = Measurement::from_value(
            Key::new("p", "m", "relative-error"),
            Unit::Dimensionless,
            -0.5,
        );
        assert_eq!(free.unwrap().value, Some(-0.5));
    }

    #[test]
    fn bad_values_are_refused() {
        assert_eq!(
            error("seconds", Unit::Seconds, &[1.0, -2.0]),
            "p / m / seconds: -2 seconds is negative"
        );
        assert_eq!(
            error("seconds", Unit::Seconds, &[f64::NAN]),
            "p / m / seconds: entry 0 is NaN, which is not finite"
        );
        assert_eq!(error("", Unit::Seconds, &[1.0]), "quantity is empty");
        assert_eq!(
            error("seconds", Unit::Seconds, &[]),
            "p / m / seconds: no samples"
        );
    }

    #[test]
    fn failure_does_not_meet_a_reference() {
        let failed =
            Measurement::failed(Key::new("p", "ict", "iterations"), Unit::Iterations).unwrap();
        assert_eq!(failed.verdict, Verdict::NoReference);
        let reference = Reference::new(10.0, "Table 1", Tolerance::AtMost(1e9)).unwrap();
        let failed = failed.compare(reference);
        assert_eq!(failed.verdict, Verdict::NotMet);
        assert!(failed.validate().is_ok());
    }

    #[test]
    fn altered_verdict_is_found() {
        let mut m =
            Measurement::from_value(Key::new("p", "m", "iterations"), Unit::Iterations, 10.0)
                .unwrap()
                .compare(Reference::new(5.0, "Table 1", Tolerance::Relative(0.1)).unwrap());
        assert_eq!(m.verdict, Verdict::NotMet);
        m.verdict = Verdict::Met;
        assert_eq!(
            m.validate().unwrap_err().to_string(),
            "p / m / iterations: verdict is \"met\" but value and reference give \"not met\""
        );
        m.source = None;
        assert_eq!(m.validate().unwrap_err().to_string(), "source is empty");
    }
}
