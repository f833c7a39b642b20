//! The numbers of a paper beside our measurements.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;
use xtask::report::{Measurement, Reference, Tolerance};

/// Numbers of one method on one problem set, as they stand in an experiment's file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReferenceRow {
    problem: String,
    method: String,
    values: BTreeMap<String, f64>,
    tolerance: ToleranceRow,
    source: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToleranceRow {
    Relative(f64),
    /// The number itself is the limit.
    AtMost,
    /// Likewise.
    AtLeast,
}

/// Puts the number to compare with, if there is one, beside a measurement.
pub(crate) fn compare(rows: &[ReferenceRow], measurement: Measurement) -> Result<Measurement> {
    let found = rows.iter().find_map(|row| {
        let fits = row.problem == measurement.problem && row.method == measurement.method;
        let value = row.values.get(&measurement.quantity).filter(|_| fits)?;
        Some((row, *value))
    });
    let Some((row, value)) = found else {
        return Ok(measurement);
    };
    let tolerance = match row.tolerance {
        ToleranceRow::Relative(relative) => Tolerance::Relative(relative),
        ToleranceRow::AtMost => Tolerance::AtMost(value),
        ToleranceRow::AtLeast => Tolerance::AtLeast(value),
    };
    Ok(measurement.compare(Reference::new(value, row.source.clone(), tolerance)?))
}
