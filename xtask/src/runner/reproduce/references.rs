//! The numbers of a paper beside our measurements.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
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

/// Only the first of two numbers for the same measurement would ever be compared.
pub(crate) fn check_distinct(rows: &[ReferenceRow]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for row in rows {
        for quantity in row.values.keys() {
            let (problem, method) = (&row.problem, &row.method);
            if !seen.insert((problem, method, quantity)) {
                bail!("two references for {quantity} of {method} on {problem}");
            }
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_number_for_one_measurement_is_named() {
        let row = |quantity: &str| ReferenceRow {
            problem: "poisson".into(),
            method: "cold".into(),
            values: [(quantity.to_owned(), 1.0)].into(),
            tolerance: ToleranceRow::AtMost,
            source: "table".into(),
        };
        check_distinct(&[row("iterations"), row("seconds")]).unwrap();
        let twice = [row("iterations"), row("seconds"), row("iterations")];
        let text = check_distinct(&twice).unwrap_err().to_string();
        assert_eq!(text, "two references for iterations of cold on poisson");
    }
}
