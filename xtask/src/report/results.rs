//! `results.json`.
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Environment, Measurement, ReportError, Verdict, write_atomic};

/// Version of the layout of `results.json`.
pub const SCHEMA: u32 = 1;

/// Everything an experiment measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Results {
    /// Version of the layout, [`SCHEMA`].
    pub schema: u32,
    /// Paper, or the area of a benchmark.
    pub paper: String,
    /// Profile.
    pub profile: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Device, `"cpu"` or `"cuda:0"`.
    pub device: String,
    /// Machine, commit and time.
    pub environment: Environment,
    /// The measurements in the order they were recorded.
    pub measurements: Vec<Measurement>,
}

impl Results {
    /// Results without measurements yet.
    pub fn new(
        paper: impl Into<String>,
        profile: impl Into<String>,
        seed: u64,
        device: impl Into<String>,
        environment: Environment,
    ) -> Self {
        Self {
            schema: SCHEMA,
            paper: paper.into(),
            profile: profile.into(),
            seed,
            device: device.into(),
            environment,
            measurements: Vec::new(),
        }
    }

    /// Adds a measurement.
    ///
    /// # Errors
    /// What [`Measurement::validate`] finds, [`ReportError::Duplicate`] for a key recorded before, and
    /// [`ReportError::UnitMismatch`] if the quantity was recorded in another unit.
    pub fn push(&mut self, measurement: Measurement) -> Result<(), ReportError> {
        measurement.validate()?;
        let key = measurement.key();
        for earlier in &self.measurements {
            if earlier.quantity == measurement.quantity && earlier.unit != measurement.unit {
                let (unit, expected) = (measurement.unit.as_str(), earlier.unit.as_str());
                return Err(ReportError::UnitMismatch {
                    what: key.to_string(),
                    unit,
                    expected,
                });
            }
            if earlier.key() == key {
                return Err(ReportError::Duplicate {
                    what: key.to_string(),
                });
            }
        }
        self.measurements.push(measurement);
        Ok(())
    }

    /// How many measurements have the verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.measurements
            .iter()
            .filter(|m| m.verdict == verdict)
            .count()
    }

    /// Whether a measurement is not met: what `--strict` turns into an exit code.
    #[must_use]
    pub fn has_unmet(&self) -> bool {
        self.count(Verdict::NotMet) > 0
    }

    /// The contents of `results.json`: indented, floats exact, a line feed at the end.
    ///
    /// # Errors
    /// [`ReportError::NotFinite`] if the elapsed time or a measurement is not finite (JSON would lose it).
    pub fn to_json(&self) -> Result<String, ReportError> {
        let seconds = self.environment.seconds;
        if !seconds.is_finite() {
            return Err(ReportError::NotFinite {
                what: "environment.seconds".to_owned(),
                index: 0,
                value: seconds,
            });
        }
        self.measurements
            .iter()
            .try_for_each(Measurement::validate)?;
        let json = serde_json::to_string_pretty(self).map_err(|source| ReportError::Json {
            path: "results.json".into(),
            source,
        })?;
        Ok(json + "\n")
    }

    /// Writes `results.json` whole or not at all.
    ///
    /// # Errors
    /// As [`Results::to_json`] and [`write_atomic`].
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        write_atomic(path, self.to_json()?.as_bytes())
    }

    /// Reads a `results.json` and checks it as [`Results::push`] does.
    ///
    /// # Errors
    /// [`ReportError::Io`], [`ReportError::Json`], [`ReportError::Schema`], or what a measurement fails.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let json = |source| ReportError::Json {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(|source| ReportError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        // The version first: a newer layout should be called newer, not malformed.
        let found = serde_json::from_str::<Version>(&text).map_err(json)?.schema;
        if found != SCHEMA {
            return Err(ReportError::Schema {
                path: path.to_owned(),
                found,
                expected: SCHEMA,
            });
        }
        let mut results: Self = serde_json::from_str(&text).map_err(json)?;
        for measurement in std::mem::take(&mut results.measurements) {
            results.push(measurement)?;
        }
        Ok(results)
    }
}
