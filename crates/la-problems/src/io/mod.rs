//! Readers and writers of matrix files.
//!
//! [`read_matrix`] reads a file of any supported format, recognised by its content (not by its name), plain or
//! gzip-compressed. Reading is streaming, takes O(nnz) time and memory and never trusts a header: memory grows with
//! the entries that are really there. Every error names the line and, where there is one, the field
//! ([`ReadError`]).

mod assemble;
pub(crate) mod error;
mod harwell_boeing;
mod matrix_market;
pub(crate) mod number;
pub(crate) mod source;

use std::path::Path;

pub use error::{ReadError, ReadErrorKind, WriteError};
pub use harwell_boeing::read::read_harwell_boeing;
pub use matrix_market::read::{read_matrix_market, read_matrix_market_dense};
pub use matrix_market::write::{
    write_matrix_market, write_matrix_market_dense, write_matrix_market_file, write_vector_file,
};

use crate::system::CsrMatrix;
use source::Lines;

/// What the values of a file are declared to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// Floating point numbers.
    Real,
    /// Whole numbers.
    Integer,
    /// No values: every stored entry counts as 1.
    Pattern,
}

/// Which entries a file stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Symmetry {
    /// All entries.
    General,
    /// One triangle with the diagonal; `A = Aᵀ`.
    Symmetric,
    /// One triangle without the diagonal; `A = -Aᵀ`.
    SkewSymmetric,
    /// As symmetric, since only real data is read.
    Hermitian,
}

impl Symmetry {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Symmetric => "symmetric",
            Self::SkewSymmetric => "skew-symmetric",
            Self::Hermitian => "hermitian",
        }
    }
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileFormat {
    /// Matrix Market, one line per nonzero.
    MatrixMarketCoordinate,
    /// Matrix Market, all entries column by column.
    MatrixMarketArray,
    /// Harwell-Boeing.
    HarwellBoeing,
    /// Rutherford-Boeing.
    RutherfordBoeing,
}

/// What a file says about its matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MatrixInfo {
    /// The format that was recognised.
    pub format: FileFormat,
    /// The declared kind of values.
    pub field: Field,
    /// The declared symmetry. The matrix that is returned is always the full one.
    pub symmetry: Symmetry,
    /// Number of entries in the file (one triangle for symmetric ones).
    pub stored_entries: u64,
    /// Whether the file was gzip-compressed.
    pub compressed: bool,
    /// Title and key of a Harwell-Boeing or Rutherford-Boeing file.
    pub title: Option<String>,
}

/// A dense matrix, column by column: a right-hand side, or several.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DenseColumns {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Entry (i, j) at `i + j * rows`.
    pub values: Vec<f64>,
}

/// A matrix as read from a file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MatrixFile {
    /// The full matrix, both triangles of a symmetric one. Explicit zeros are kept for coordinate data.
    pub matrix: CsrMatrix,
    /// What the file declares.
    pub info: MatrixInfo,
    /// Right-hand sides stored beside the matrix (Harwell-Boeing only).
    pub rhs: Option<DenseColumns>,
}

/// What to do when a position occurs twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Duplicates {
    /// Refuse the file and name the line.
    #[default]
    Error,
    /// Add the values up, as finite element codes expect.
    Sum,
}

/// Options of every reader.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// What to do when a position occurs twice. Default [`Duplicates::Error`].
    pub duplicates: Duplicates,
    /// Number of rows or columns up to which a matrix may be as empty as it likes. Above, at least one
    /// entry per 16 rows must be there, so that a false header cannot ask for memory. Default `2²⁴`.
    pub max_dimension: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            duplicates: Duplicates::Error,
            max_dimension: 1 << 24,
        }
    }
}

impl ReadOptions {
    /// Sets what happens to repeated positions.
    #[must_use]
    pub fn with_duplicates(mut self, duplicates: Duplicates) -> Self {
        self.duplicates = duplicates;
        self
    }

    /// Sets the dimension up to which rows may be empty without limit.
    #[must_use]
    pub fn with_max_dimension(mut self, max_dimension: usize) -> Self {
        self.max_dimension = max_dimension;
        self
    }
}

/// Reads a matrix file of any supported format.
///
/// The format is recognised by content: Matrix Market (coordinate and array), Harwell-Boeing or Rutherford-Boeing,
/// gzip-compressed or not. Numbers of an `array` file that are zero are not stored.
///
/// # Errors
/// [`ReadError`], with the path and, where known, the line.
///
/// # Examples
/// ```no_run
/// use la_problems::io::{ReadOptions, read_matrix};
///
/// let file = read_matrix("bcsstk01.mtx.gz", &ReadOptions::default())?;
/// println!("{} rows, {} nonzeros, {:?}", file.matrix.rows(), file.matrix.nnz(), file.info.symmetry);
/// # Ok::<(), la_problems::io::ReadError>(())
/// ```
pub fn read_matrix(path: impl AsRef<Path>, options: &ReadOptions) -> Result<MatrixFile, ReadError> {
    let path = path.as_ref();
    let read = || {
        let lines = Lines::open(path)?;
        let head = lines.head();
        if head.is_empty() {
            Err(ReadError::new(ReadErrorKind::Empty))
        } else if head.starts_with(b"%") {
            matrix_market::read::matrix(lines, options)
        } else if harwell_boeing::header::recognise(head) {
            harwell_boeing::read::matrix(lines, options)
        } else {
            Err(ReadError::new(ReadErrorKind::UnknownFormat {
                start: error::excerpt(head),
            }))
        }
    };
    read().map_err(|e| e.with_path(path))
}

/// Reads a dense matrix (right-hand sides) from a Matrix Market file, plain or gzip-compressed.
///
/// Accepts the `array` and the `coordinate` format.
///
/// # Errors
/// [`ReadError`], with the path and, where known, the line.
///
/// # Examples
/// ```no_run
/// use la_problems::io::{ReadOptions, read_dense};
/// let b = read_dense("b.mtx", &ReadOptions::default())?;
/// println!("{} right-hand sides of length {}", b.cols, b.rows);
/// # Ok::<(), la_problems::io::ReadError>(())
/// ```
pub fn read_dense(
    path: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<DenseColumns, ReadError> {
    let path = path.as_ref();
    let read = || matrix_market::read::dense(Lines::open(path)?, options);
    read().map_err(|e| e.with_path(path))
}

/// Reads a vector (one column, or one row) from a Matrix Market file, plain or gzip-compressed.
///
/// # Errors
/// [`ReadError`]; [`ReadErrorKind::NotAVector`] for several columns.
///
/// # Examples
/// ```no_run
/// use la_problems::io::{ReadOptions, read_vector};
/// let b: Vec<f64> = read_vector("b.mtx", &ReadOptions::default())?;
/// # Ok::<(), la_problems::io::ReadError>(())
/// ```
pub fn read_vector(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Vec<f64>, ReadError> {
    let path = path.as_ref();
    let dense = read_dense(path, options)?;
    if dense.cols == 1 || dense.rows == 1 {
        Ok(dense.values)
    } else {
        let kind = ReadErrorKind::NotAVector {
            rows: dense.rows as u64,
            cols: dense.cols as u64,
        };
        Err(ReadError::new(kind).with_path(path))
    }
}
