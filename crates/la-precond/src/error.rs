//! Errors of this crate.

/// A preconditioner could not be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PrecondError {
    /// The matrix is not square.
    #[error("matrix is {rows}x{cols}, a preconditioner needs a square one")]
    NotSquare {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        cols: usize,
    },
    /// Something has another length than the matrix asks for.
    #[error("{what} has length {found}, expected {expected}")]
    DimensionMismatch {
        /// What has the wrong length.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
    },
    /// Rows or nonzeros do not fit the 32-bit indices of the factors.
    #[error("matrix has {rows} rows and {nnz} nonzeros, more than 32-bit indices can hold")]
    TooLarge {
        /// Rows of the matrix.
        rows: usize,
        /// Stored entries of the matrix.
        nnz: usize,
    },
    /// Column indices of a row are not strictly increasing.
    #[error("row {row}: column indices are not strictly increasing")]
    UnsortedRow {
        /// The row.
        row: usize,
    },
    /// An off-diagonal entry of a factor does not lie below the diagonal.
    #[error("row {row}: entry in column {col} does not lie below the diagonal")]
    NotLowerTriangular {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        col: usize,
    },
    /// A tridiagonal matrix was expected.
    #[error("row {row}: entry in column {col}, matrix is not tridiagonal")]
    NotTridiagonal {
        /// Row of the first entry that is too far from the diagonal.
        row: usize,
        /// Column of that entry.
        col: usize,
    },
    /// A diagonal entry of a unit triangular factor is not 1.
    #[error("row {row}: diagonal entry {value} of a unit triangular factor is not 1")]
    NotUnitDiagonal {
        /// The row.
        row: usize,
        /// The entry.
        value: f64,
    },
    /// A symmetric matrix was expected, given whole or by its lower triangle.
    #[error(
        "row {row}: matrix is not symmetric (entry in column {col} differs from its mirror image)"
    )]
    NotSymmetric {
        /// Row of the first entry without an equal partner.
        row: usize,
        /// Column of that entry.
        col: usize,
    },
    /// Only the upper triangle is stored.
    #[error("matrix holds only its upper triangle; give the whole matrix or its lower triangle")]
    UpperTriangleOnly,
    /// No diagonal entry is stored in a row.
    #[error("row {row}: no diagonal entry is stored")]
    MissingDiagonal {
        /// The row.
        row: usize,
    },
    /// An entry is infinite or NaN.
    #[error("row {row}, column {col}: entry is not finite")]
    NonFinite {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        col: usize,
    },
    /// A diagonal entry that has to be positive is not.
    #[error("row {row}: diagonal entry {value} is not positive")]
    NonPositiveDiagonal {
        /// The row.
        row: usize,
        /// The entry.
        value: f64,
    },
    /// The factorisation met a pivot that is not positive.
    #[error("row {row}: pivot is not positive (diagonal shift {shift}, attempt {attempts})")]
    Breakdown {
        /// Row of the pivot in the last attempt.
        row: usize,
        /// Shift of the last attempt, relative to the diagonal of the matrix.
        shift: f64,
        /// Number of factorisations that were tried.
        attempts: usize,
    },
    /// A matrix of a multigrid hierarchy is not positive semidefinite, so neither is the given one.
    #[error("level {level}, row {row}: matrix is not positive semidefinite")]
    Indefinite {
        /// The level, 0 for the given matrix.
        level: usize,
        /// First row of the diagonal block that showed it; 0 for the coarsest level, solved as a whole.
        row: usize,
    },
    /// A complete factorisation finds no pivot in a column: the matrix is singular.
    #[error("no pivot at step {index}: matrix is singular")]
    Singular {
        /// Step of the elimination.
        index: usize,
    },
    /// The factors would take more memory than allowed.
    #[error("factors take about {bytes} bytes, more than the limit of {limit}")]
    TooMuchMemory {
        /// Estimate.
        bytes: usize,
        /// Limit that was given.
        limit: usize,
    },
    /// A factorisation would take more operations than the caller allows.
    #[error(
        "factorisation takes about {operations:.1e} operations, more than the limit of {limit:.1e}"
    )]
    TooMuchWork {
        /// Multiplications that would be needed.
        operations: f64,
        /// The limit.
        limit: f64,
    },
    /// The matrix does not have the pattern that was analysed, or a factor not the one asked for.
    #[error("row {row}: pattern differs from the expected one")]
    PatternMismatch {
        /// First row that differs.
        row: usize,
    },
    /// No entry of the matrix differs from zero.
    #[error("matrix has no entry that is not zero")]
    ZeroMatrix,
    /// An option is out of range.
    #[error("option `{option}` is {value}, expected {expected}")]
    InvalidOption {
        /// Name of the option.
        option: &'static str,
        /// Value that was given.
        value: f64,
        /// The range that is accepted.
        expected: &'static str,
    },
    /// Something distributed could not be set up.
    #[cfg(feature = "mpi")]
    #[error(transparent)]
    Mpi(#[from] la_krylov::la_mpi::MpiError),
    /// A builder of another kind failed, for example a learned one.
    #[error("{builder}: {message}")]
    Builder {
        /// Name of the builder.
        builder: String,
        /// What went wrong.
        message: String,
    },
}
