//! Errors: the call was wrong. Not having a solution is a [`QpStatus`](crate::qp::QpStatus), not an error.

use crate::qp::QpStatus;

/// Why a problem could not be posed, or why [`QpSolution::require_optimal`](crate::qp::QpSolution::require_optimal) failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptError {
    /// A part of the problem has the wrong length.
    #[error("{what} has length {len} but must have {expected}")]
    Length {
        /// Which part: `"linear term"`, `"upper bounds of the rows"`, ...
        what: &'static str,
        /// Its length.
        len: usize,
        /// The length that fits the rest.
        expected: usize,
    },
    /// An entry is NaN, or infinite where it may not be.
    #[error("entry {index} of the {what} is {value}")]
    NonFinite {
        /// Which part.
        what: &'static str,
        /// Position in it.
        index: usize,
        /// The entry.
        value: f64,
    },
    /// The pattern of a sparse matrix is none.
    #[error(
        "row {row} of a sparse matrix has pointers that fall, or columns that do not rise or do not exist"
    )]
    Pattern {
        /// The row.
        row: usize,
    },
    /// A constraint that does not exist.
    #[error("constraint {index} does not exist, there are {constraints}")]
    NoSuchConstraint {
        /// The index.
        index: usize,
        /// How many constraints there are.
        constraints: usize,
    },
    /// An option is outside its range.
    #[error("option `{option}` is {value} but must be {requirement}")]
    InvalidOption {
        /// Name of the field.
        option: &'static str,
        /// Its value.
        value: f64,
        /// The range it must be in.
        requirement: &'static str,
    },
    /// The Hessian is not positive definite, and the proximal iteration that could help is switched off or does not help.
    #[error("pivot {row} of the Hessian is {pivot:e}: it is not positive definite")]
    NotPositiveDefinite {
        /// Row of the first pivot that is too small.
        row: usize,
        /// The pivot.
        pivot: f64,
    },
    /// An entry of a matrix that must be nonnegative is negative, infinite or NaN.
    #[error("entry ({row}, {column}) of the {what} is {value}, but must be finite and at least 0")]
    Entry {
        /// Which matrix.
        what: &'static str,
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// The entry.
        value: f64,
    },
    /// A matrix has no entries, or none that is known.
    #[error("the data have {rows} rows and {columns} columns, and no entry that is known")]
    Empty {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        columns: usize,
    },
    /// A factorisation of this rank does not exist.
    #[error("rank {rank} is not between 1 and {limit}")]
    Rank {
        /// The rank.
        rank: usize,
        /// The largest one.
        limit: usize,
    },
    /// The singular value decomposition of a starting point failed.
    #[error("the singular value decomposition did not converge")]
    SingularValues,
    /// A network for nonnegative factorisations does not fit the data, or its numbers are not finite.
    #[error("network for factorisations: {reason}")]
    Network {
        /// What is wrong.
        reason: String,
    },
    /// A predictor of active sets does not fit the problem, or refuses it.
    #[error("predictor of active sets: {reason}")]
    Predictor {
        /// Why.
        reason: String,
    },
    /// The solve ended without an optimum.
    #[error("no optimum after {iterations} iterations: {status}")]
    NotOptimal {
        /// How it ended.
        status: QpStatus,
        /// Changes of the working set.
        iterations: usize,
    },
}
