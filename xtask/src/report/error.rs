//! What can go wrong when results are recorded or written.
use std::path::PathBuf;

use thiserror::Error;

/// An error of the reporting library; every variant names the measurement, field or file it is about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A sample or value is NaN or infinite.
    #[error("{what}: entry {index} is {value}, which is not finite")]
    NotFinite {
        /// The measurement or field.
        what: String,
        /// Position of the first offending entry, from 0.
        index: usize,
        /// The entry.
        value: f64,
    },
    /// A statistic of no samples was asked for.
    #[error("{what}: no samples")]
    NoSamples {
        /// The measurement or field.
        what: String,
    },
    /// A count, a time, a size or a ratio is negative.
    #[error("{what}: {value} {unit} is negative")]
    Negative {
        /// The measurement.
        what: String,
        /// The value.
        value: f64,
        /// Its unit.
        unit: &'static str,
    },
    /// The unit contradicts the name of the quantity or an earlier measurement of the same quantity.
    #[error("{what}: unit is {unit} but must be {expected}")]
    UnitMismatch {
        /// The measurement.
        what: String,
        /// The unit given.
        unit: &'static str,
        /// The unit that the quantity has.
        expected: &'static str,
    },
    /// A name is empty.
    #[error("{field} is empty")]
    EmptyName {
        /// The field.
        field: &'static str,
    },
    /// The same problem, method and quantity was recorded before.
    #[error("{what}: recorded twice")]
    Duplicate {
        /// The measurement.
        what: String,
    },
    /// A reference cannot be compared with.
    #[error("reference {origin:?}: {field} is {value}, {reason}")]
    BadReference {
        /// Where the reference comes from.
        origin: String,
        /// The field.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The stored verdict is not the one that value and reference give.
    #[error("{what}: verdict is {stored:?} but value and reference give {expected:?}")]
    WrongVerdict {
        /// The measurement.
        what: String,
        /// The verdict in the file.
        stored: &'static str,
        /// The verdict that follows from the other fields.
        expected: &'static str,
    },
    /// A results file of another version.
    #[error("{path}: schema {found} is not {expected}", path = path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The version this program reads.
        expected: u32,
    },
    /// A results file that is not valid JSON or lacks a field.
    #[error("{path}: not a results file", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The cause, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// A picture that is not one well-formed SVG element, or one that carries script.
    #[error("{what}: not a self-contained SVG picture: {reason}")]
    Svg {
        /// The figure.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// A name that cannot be a file name.
    #[error("{name:?} cannot be a file name: use ASCII letters, digits, `-` and `_`")]
    FileName {
        /// The name.
        name: String,
    },
    /// The drawing backend failed.
    #[error("figure {what}: {message}")]
    Drawing {
        /// The figure.
        what: String,
        /// The message of the backend.
        message: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// "read", "create", "write" or "rename".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}
