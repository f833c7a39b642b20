//! Errors: the call was wrong. Not converging is a [`Status`], not an error.

use crate::{Definiteness, PreconditionerKind, Status};

/// Why a solver could not start, or why [`Solution::require_converged`](crate::Solution::require_converged) failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KrylovError {
    /// The operator is not square.
    #[error("operator is {rows}x{cols} but the method needs a square one")]
    NotSquare {
        /// Rows of the operator.
        rows: usize,
        /// Columns of the operator.
        cols: usize,
    },
    /// Something does not have the dimension of the operator.
    #[error("operator is {rows}x{cols} but {what} has length {len}")]
    DimensionMismatch {
        /// Rows of the operator.
        rows: usize,
        /// Columns of the operator.
        cols: usize,
        /// What does not fit: `"right-hand side"`, `"preconditioner"`, ...
        what: &'static str,
        /// Its length.
        len: usize,
    },
    /// A matrix does not fit indices of 32 bits.
    #[error("{what} is {value} but 32-bit indices end at {}", u32::MAX)]
    TooLarge {
        /// What is too large: `"column count"`, `"number of nonzeros"`, ...
        what: &'static str,
        /// How large it is.
        value: usize,
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
    /// An input vector contains infinities or NaN (or its norm overflows).
    #[error("{what} is not finite")]
    NonFiniteInput {
        /// Which vector.
        what: &'static str,
    },
    /// The preconditioner is of a kind that breaks the method.
    #[error(
        "{method} needs a fixed, symmetric preconditioner but this one is {kind:?} and {definiteness:?}; try {instead}"
    )]
    UnsuitablePreconditioner {
        /// The method that was called.
        method: &'static str,
        /// Fixed or variable, as the preconditioner says.
        kind: PreconditionerKind,
        /// Its definiteness, as the preconditioner says.
        definiteness: Definiteness,
        /// What to try instead.
        instead: &'static str,
    },
    /// The preconditioner may change from call to call, and the method cannot bear that.
    #[error(
        "{method} needs a preconditioner that stays the same from call to call but this one is variable; try {instead}"
    )]
    VariablePreconditioner {
        /// The method that was called.
        method: &'static str,
        /// What to try instead.
        instead: &'static str,
    },
    /// Something distributed could not be set up.
    #[cfg(feature = "mpi")]
    #[error(transparent)]
    Mpi(#[from] la_mpi::MpiError),
    /// The solve ended without convergence.
    #[error(
        "not converged after {iterations} iterations: residual norm {residual_norm:.6e}, needed {target:.6e}; {status}"
    )]
    NotConverged {
        /// Why it ended.
        status: Status,
        /// Iterations done.
        iterations: usize,
        /// True residual norm of the best iterate.
        residual_norm: f64,
        /// The residual norm that was asked for.
        target: f64,
    },
}
