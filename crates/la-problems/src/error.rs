//! What can go wrong while a problem is generated.

use thiserror::Error;

use crate::io::{ReadError, WriteError};

/// Errors of the problem generators, and the common parent of this crate's errors.
///
/// The readers return [`ReadError`] and the writers [`WriteError`]; both convert into this type with `?`.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// An option is outside its documented range.
    #[error("option `{option}` is {value}, but must be {requirement}")]
    InvalidOption {
        /// Name of the field.
        option: &'static str,
        /// The value found.
        value: f64,
        /// The range that is accepted.
        requirement: &'static str,
    },
    /// The matrix would have more rows or nonzeros than 32-bit indices can count.
    #[error("the problem needs {count} {what}, more than 32-bit indices can count")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many there would be.
        count: usize,
    },
    /// No random sample passed the acceptance checks.
    #[error(
        "no acceptable {what} in {attempts} attempts; the last one was rejected because {reason}"
    )]
    NoAcceptableSample {
        /// What was drawn.
        what: &'static str,
        /// Number of samples drawn.
        attempts: usize,
        /// Why the last one was rejected.
        reason: String,
    },
    /// Vertices and triangles do not form a mesh.
    #[error("not a usable triangle mesh: {reason}")]
    InvalidMesh {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A vector that the caller gave has another length than the problem has unknowns.
    #[error("{what} has length {found}, but the problem has {expected} unknowns")]
    WrongLength {
        /// Which vector.
        what: &'static str,
        /// Number of unknowns.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// A vector holds a value that is NaN or infinite.
    #[error("{what} is not finite at position {index}")]
    NotFinite {
        /// Which vector.
        what: &'static str,
        /// Position of the first such value, from 0.
        index: usize,
    },
    /// A matrix file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A matrix file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Refuses `value` unless `ok`; NaN must make `ok` false.
pub(crate) fn require(
    ok: bool,
    option: &'static str,
    value: f64,
    requirement: &'static str,
) -> Result<(), ProblemError> {
    if ok {
        Ok(())
    } else {
        Err(ProblemError::InvalidOption {
            option,
            value,
            requirement,
        })
    }
}

/// Refuses counts that do not fit 32-bit indices.
pub(crate) fn require_u32(what: &'static str, count: usize) -> Result<(), ProblemError> {
    if u32::try_from(count).is_ok() {
        Ok(())
    } else {
        Err(ProblemError::TooLarge { what, count })
    }
}

/// Refuses vectors of another length than `expected`, and values that are not finite.
pub(crate) fn require_vector(
    what: &'static str,
    vector: &[f64],
    expected: usize,
) -> Result<(), ProblemError> {
    let found = vector.len();
    if found != expected {
        return Err(ProblemError::WrongLength {
            what,
            expected,
            found,
        });
    }
    match vector.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(ProblemError::NotFinite { what, index }),
        None => Ok(()),
    }
}
