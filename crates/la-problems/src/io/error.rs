//! Errors of the readers and writers: where, what, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A matrix file could not be read: the file and line where known, and the reason.
///
/// `Display` prints `path: line 12: reason`; the reason says what to do.
#[derive(Debug, Error)]
pub struct ReadError {
    path: Option<PathBuf>,
    line: Option<u64>,
    kind: Box<ReadErrorKind>,
}

impl ReadError {
    /// The file, when the data came from one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The line, counted from 1, at which the problem shows.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    /// The reason.
    #[must_use]
    pub fn kind(&self) -> &ReadErrorKind {
        &self.kind
    }

    pub(crate) fn new(kind: ReadErrorKind) -> Self {
        Self {
            path: None,
            line: None,
            kind: Box::new(kind),
        }
    }

    pub(crate) fn at(line: u64, kind: ReadErrorKind) -> Self {
        Self {
            path: None,
            line: Some(line),
            kind: Box::new(kind),
        }
    }

    pub(crate) fn with_path(mut self, path: &Path) -> Self {
        self.path = Some(path.to_owned());
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}", self.kind)
    }
}

/// Why a matrix file could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The file could not be opened.
    #[error("cannot open the file: {0}")]
    Open(std::io::Error),
    /// The operating system reported an error while reading.
    #[error("cannot read on: {0}")]
    Io(std::io::Error),
    /// The gzip stream ends early or fails its check.
    #[error("the gzip stream is cut short or damaged ({0}); fetch or compress the file again")]
    DamagedGzip(std::io::Error),
    /// There is nothing in the file.
    #[error("the file is empty")]
    Empty,
    /// A line is too long to belong to a matrix file.
    #[error(
        "the line is longer than {limit} bytes; this is not a text file of one of the supported formats"
    )]
    LineTooLong {
        /// The longest line that is accepted, in bytes.
        limit: usize,
    },
    /// The content matches no supported format.
    #[error(
        "unknown file format, starts with `{start}`; expected `%%MatrixMarket` or a Harwell-Boeing or Rutherford-Boeing header"
    )]
    UnknownFormat {
        /// The first bytes, shortened and made printable.
        start: String,
    },
    /// The first line is no Matrix Market banner.
    #[error("expected `%%MatrixMarket matrix <format> <field> <symmetry>`, found `{found}`")]
    BadBanner {
        /// The line, shortened and made printable.
        found: String,
    },
    /// A header asks for something that is valid, or nearly, but not supported.
    #[error("unsupported {what} `{found}`; supported: {supported}")]
    Unsupported {
        /// What part of the header.
        what: &'static str,
        /// The word found.
        found: String,
        /// What is supported.
        supported: &'static str,
    },
    /// The file ends before a part that must be there.
    #[error("the file ends before {what}; it is cut short")]
    UnexpectedEnd {
        /// The missing part.
        what: &'static str,
    },
    /// A field is missing on a line.
    #[error("{field} is missing; expected `{expected}`")]
    MissingField {
        /// The missing field.
        field: &'static str,
        /// What the whole line should hold.
        expected: &'static str,
    },
    /// A line has more fields than it may have.
    #[error("unexpected `{found}` at the end of the line; expected `{expected}`")]
    TrailingField {
        /// The first field too many.
        found: String,
        /// What the whole line should hold.
        expected: &'static str,
    },
    /// A field is not the whole number it should be.
    #[error("{field} is `{found}`, not a whole number in range")]
    BadInteger {
        /// The field.
        field: &'static str,
        /// Its text.
        found: String,
    },
    /// A field is not a number.
    #[error("{field} is `{found}`, not a number")]
    BadReal {
        /// The field.
        field: &'static str,
        /// Its text.
        found: String,
    },
    /// A number is NaN or infinite, or too large for `f64`.
    #[error("{field} is `{found}`, which is not a finite number; remove or replace the entry")]
    NonFinite {
        /// The field.
        field: &'static str,
        /// Its text.
        found: String,
    },
    /// An index is zero or larger than the matrix.
    #[error(
        "{field} {index} is outside 1..={limit}; indices count from 1 up to the size that the header declares"
    )]
    IndexOutOfRange {
        /// `row index` or `column index`.
        field: &'static str,
        /// The index found.
        index: u64,
        /// The largest index allowed.
        limit: u64,
    },
    /// The size is too large for 32-bit indices, or far too large for the number of entries.
    #[error(
        "{field} is {value}, but at most {limit} are accepted for {entries} entries; correct the header or raise `max_dimension`"
    )]
    DimensionTooLarge {
        /// The dimension.
        field: &'static str,
        /// Its value.
        value: u64,
        /// The largest value that is accepted.
        limit: u64,
        /// Number of entries in the file.
        entries: u64,
    },
    /// The matrix has more nonzeros than 32-bit row pointers can count.
    #[error("the matrix has {count} nonzeros, more than 32-bit indices can count")]
    TooManyNonzeros {
        /// Number of nonzeros, both triangles counted.
        count: u64,
    },
    /// A symmetric matrix must be square.
    #[error("a {symmetry} matrix must be square, but this one is {rows}x{cols}")]
    NotSquare {
        /// The symmetry declared.
        symmetry: &'static str,
        /// Rows declared.
        rows: u64,
        /// Columns declared.
        cols: u64,
    },
    /// Fewer entries than declared.
    #[error(
        "the file ends after {found} of {declared} entries; it is cut short or its size line is wrong"
    )]
    TooFewEntries {
        /// Entries that the header declares.
        declared: u64,
        /// Entries in the file.
        found: u64,
    },
    /// More entries than declared.
    #[error(
        "more entries than the {declared} that the header declares; correct the header or remove the extra lines"
    )]
    TooManyEntries {
        /// Entries that the header declares.
        declared: u64,
    },
    /// The same position occurs twice.
    #[error(
        "entry ({row}, {col}) was given before; remove one of the two or read with `Duplicates::Sum` to add them up"
    )]
    Duplicate {
        /// Row, from 1.
        row: u64,
        /// Column, from 1.
        col: u64,
    },
    /// A skew-symmetric matrix has no diagonal.
    #[error(
        "entry ({index}, {index}) lies on the diagonal of a skew-symmetric matrix, which is zero and not stored"
    )]
    SkewDiagonal {
        /// Row and column, from 1.
        index: u64,
    },
    /// A vector was expected.
    #[error("expected a vector (one column), found a {rows}x{cols} matrix")]
    NotAVector {
        /// Rows found.
        rows: u64,
        /// Columns found.
        cols: u64,
    },
    /// A Fortran format is not understood.
    #[error("{field} is `{found}`; expected a Fortran format such as `(16I5)` or `(1P5E16.8)`")]
    BadFortranFormat {
        /// Which of the header's formats.
        field: &'static str,
        /// Its text.
        found: String,
    },
    /// The column pointers are inconsistent.
    #[error(
        "column pointer {position} is {value}; pointers must start at 1, never decrease and end at {end}"
    )]
    BadPointer {
        /// Which pointer, from 1.
        position: u64,
        /// Its value.
        value: u64,
        /// What the last one must be.
        end: u64,
    },
    /// A section that the format does not have, or a line before the first one.
    #[error("`{found}` is no section of a quadratic program; there are {expected}")]
    UnknownSection {
        /// The first word of the line.
        found: String,
        /// The sections that there are.
        expected: &'static str,
    },
    /// A name that was not declared.
    #[error("{field} `{found}` was not declared before")]
    UnknownName {
        /// What the name should be the name of.
        field: &'static str,
        /// The name.
        found: String,
    },
    /// A name that was declared twice.
    #[error("{field} `{found}` was declared before; names have to differ")]
    RepeatedName {
        /// What it is the name of.
        field: &'static str,
        /// The name.
        found: String,
    },
    /// An entry of a quadratic program that was given before.
    #[error("{what} of `{first}` and `{second}` was given before; remove one of the two")]
    RepeatedEntry {
        /// Which entry.
        what: &'static str,
        /// First name.
        first: String,
        /// Second name.
        second: String,
    },
    /// A file with several vectors of the same kind.
    #[error(
        "{field} belongs to vector `{found}`, but those before to `{first}`; leave one vector in the file"
    )]
    SecondVector {
        /// The section.
        field: &'static str,
        /// Name of the first vector.
        first: String,
        /// Name found here.
        found: String,
    },
    /// A full matrix that should be symmetric and is not.
    #[error("the entry of `{first}` and `{second}` differs from its mirror image")]
    Unsymmetric {
        /// First name.
        first: String,
        /// Second name.
        second: String,
    },
}

/// A matrix could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The operating system reported an error.
    #[error("cannot write{}: {source}", path.as_ref().map(|p| format!(" {}", p.display())).unwrap_or_default())]
    Io {
        /// The file, when writing to one.
        path: Option<PathBuf>,
        /// The cause.
        source: std::io::Error,
    },
    /// The matrix does not have the symmetry that was asked for.
    #[error("entry ({row}, {col}) has no {symmetry} partner; write the matrix as general")]
    NotSymmetric {
        /// The symmetry asked for.
        symmetry: &'static str,
        /// Row, from 1.
        row: usize,
        /// Column, from 1.
        col: usize,
    },
    /// Only a square matrix can have the symmetry that was asked for.
    #[error("a {rows}x{cols} matrix cannot be written as {symmetry}; write it as general")]
    NotSquare {
        /// The symmetry asked for.
        symmetry: &'static str,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        cols: usize,
    },
    /// A value is NaN or infinite, which the format cannot hold.
    #[error("entry ({row}, {col}) is {value}, which Matrix Market files cannot hold")]
    NonFinite {
        /// Row, from 1.
        row: usize,
        /// Column, from 1.
        col: usize,
        /// The value.
        value: f64,
    },
    /// A row whose lower limit is above its upper one, which MPS files cannot hold.
    #[error("row {row} has a lower limit above its upper one, which MPS files cannot hold")]
    CrossedLimits {
        /// The row, from 1.
        row: usize,
    },
    /// The number of values does not fit the declared shape.
    #[error("{len} values do not form {cols} columns of equal length")]
    BadShape {
        /// Number of values.
        len: usize,
        /// Number of columns.
        cols: usize,
    },
}

/// Makes bytes of unknown origin fit for a message: printable, at most 40 characters.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const LIMIT: usize = 40;
    let text: String = bytes
        .iter()
        .take(LIMIT)
        .map(|&b| {
            if (32..127).contains(&b) {
                b as char
            } else {
                '?'
            }
        })
        .collect();
    if bytes.len() > LIMIT {
        format!("{text}...")
    } else {
        text
    }
}
