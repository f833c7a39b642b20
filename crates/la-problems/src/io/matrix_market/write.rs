//! Writing coordinate and array files.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sprs::CsMatViewI;

use crate::io::Symmetry;
use crate::io::error::WriteError;

/// Writes a sparse matrix in Matrix Market coordinate format.
///
/// Values are written in their shortest form that reads back exactly. With [`Symmetry::Symmetric`] (or
/// [`Symmetry::Hermitian`]) only the lower triangle is written, with [`Symmetry::SkewSymmetric`] only the part below
/// the diagonal; the matrix must have that symmetry exactly, values and pattern. Costs O(nnz log nnz per row).
///
/// # Errors
/// [`WriteError::NotSquare`], [`WriteError::NotSymmetric`] or [`WriteError::NonFinite`], and then nothing is written;
/// [`WriteError::Io`].
///
/// # Examples
/// ```
/// use la_problems::CsrMatrix;
/// use la_problems::io::{Symmetry, write_matrix_market};
///
/// let mut text = Vec::new();
/// write_matrix_market(&mut text, CsrMatrix::eye(2).view(), Symmetry::Symmetric)?;
/// assert_eq!(text, b"%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n1 1 1.0\n2 2 1.0\n");
/// # Ok::<(), la_problems::io::WriteError>(())
/// ```
pub fn write_matrix_market(
    writer: impl Write,
    matrix: CsMatViewI<'_, f64, u32>,
    symmetry: Symmetry,
) -> Result<(), WriteError> {
    let entries = checked_entries(matrix, symmetry)?;
    coordinates(writer, matrix, symmetry, entries)
        .map_err(|source| WriteError::Io { path: None, source })
}

/// Writes a sparse matrix to a Matrix Market file, compressed if the name ends in `.gz`.
///
/// As [`write_matrix_market`]. The file appears under its name only when it is complete: a temporary file beside it
/// is written first and then renamed.
///
/// # Errors
/// As [`write_matrix_market`]; an existing file is left untouched.
///
/// # Examples
/// ```no_run
/// use la_problems::CsrMatrix;
/// use la_problems::io::{Symmetry, write_matrix_market_file};
/// write_matrix_market_file("identity.mtx.gz", CsrMatrix::eye(5).view(), Symmetry::General)?;
/// # Ok::<(), la_problems::io::WriteError>(())
/// ```
pub fn write_matrix_market_file(
    path: impl AsRef<Path>,
    matrix: CsMatViewI<'_, f64, u32>,
    symmetry: Symmetry,
) -> Result<(), WriteError> {
    let entries = checked_entries(matrix, symmetry)?;
    write_atomically(path.as_ref(), |out| {
        coordinates(out, matrix, symmetry, entries)
    })
}

/// Writes vectors (the columns of `values`, one after the other) in Matrix Market array format.
///
/// # Errors
/// [`WriteError::BadShape`], [`WriteError::NonFinite`] or [`WriteError::Io`].
///
/// # Examples
/// ```
/// use la_problems::io::write_matrix_market_dense;
///
/// let mut text = Vec::new();
/// write_matrix_market_dense(&mut text, &[0.1, -2.0], 1)?;
/// assert_eq!(text, b"%%MatrixMarket matrix array real general\n2 1\n0.1\n-2.0\n");
/// # Ok::<(), la_problems::io::WriteError>(())
/// ```
pub fn write_matrix_market_dense(
    writer: impl Write,
    values: &[f64],
    cols: usize,
) -> Result<(), WriteError> {
    let rows = checked_shape(values, cols)?;
    array(writer, values, rows, cols).map_err(|source| WriteError::Io { path: None, source })
}

/// Writes one vector to a Matrix Market array file, compressed if the name ends in `.gz`, atomically.
///
/// # Errors
/// As [`write_matrix_market_dense`].
///
/// # Examples
/// ```no_run
/// use la_problems::io::write_vector_file;
/// write_vector_file("solution.mtx", &[1.0, 2.0])?;
/// # Ok::<(), la_problems::io::WriteError>(())
/// ```
pub fn write_vector_file(path: impl AsRef<Path>, values: &[f64]) -> Result<(), WriteError> {
    let rows = checked_shape(values, 1)?;
    write_atomically(path.as_ref(), |out| array(out, values, rows, 1))
}

fn checked_shape(values: &[f64], cols: usize) -> Result<usize, WriteError> {
    let len = values.len();
    if cols == 0 || !len.is_multiple_of(cols) {
        return Err(WriteError::BadShape { len, cols });
    }
    let rows = len / cols;
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(rows),
        Some(k) => Err(WriteError::NonFinite {
            row: k % rows + 1,
            col: k / rows + 1,
            value: values[k],
        }),
    }
}

fn is_written(symmetry: Symmetry, row: usize, col: usize) -> bool {
    match symmetry {
        Symmetry::General => true,
        Symmetry::Symmetric | Symmetry::Hermitian => row >= col,
        Symmetry::SkewSymmetric => row > col,
    }
}

/// Checks values and symmetry; returns how many entries will be written.
fn checked_entries(
    matrix: CsMatViewI<'_, f64, u32>,
    symmetry: Symmetry,
) -> Result<usize, WriteError> {
    let (rows, cols) = matrix.shape();
    if symmetry != Symmetry::General && rows != cols {
        return Err(WriteError::NotSquare {
            symmetry: symmetry.name(),
            rows,
            cols,
        });
    }
    let sign = if symmetry == Symmetry::SkewSymmetric {
        -1.0
    } else {
        1.0
    };
    let mut count = 0;
    for (&value, (row, col)) in matrix {
        let (row, col) = (row as usize, col as usize);
        if !value.is_finite() {
            return Err(WriteError::NonFinite {
                row: row + 1,
                col: col + 1,
                value,
            });
        }
        if symmetry != Symmetry::General {
            let partner = matrix.shape().0 == matrix.shape().1
                && matrix
                    .get(col, row)
                    .is_some_and(|&other| other == sign * value);
            let zero_diagonal = row == col && sign < 0.0 && value == 0.0;
            if !partner && !zero_diagonal {
                let symmetry = symmetry.name();
                return Err(WriteError::NotSymmetric {
                    symmetry,
                    row: row + 1,
                    col: col + 1,
                });
            }
        }
        count += usize::from(is_written(symmetry, row, col));
    }
    Ok(count)
}

fn coordinates(
    writer: impl Write,
    matrix: CsMatViewI<'_, f64, u32>,
    symmetry: Symmetry,
    entries: usize,
) -> io::Result<()> {
    let mut out = BufWriter::new(writer);
    writeln!(
        out,
        "%%MatrixMarket matrix coordinate real {}",
        symmetry.name()
    )?;
    writeln!(out, "{} {} {entries}", matrix.rows(), matrix.cols())?;
    for (value, (row, col)) in matrix {
        if is_written(symmetry, row as usize, col as usize) {
            // `{:?}` is the shortest text that parses to the same f64.
            writeln!(
                out,
                "{} {} {value:?}",
                u64::from(row) + 1,
                u64::from(col) + 1
            )?;
        }
    }
    out.flush()
}

fn array(writer: impl Write, values: &[f64], rows: usize, cols: usize) -> io::Result<()> {
    let mut out = BufWriter::new(writer);
    writeln!(
        out,
        "%%MatrixMarket matrix array real general\n{rows} {cols}"
    )?;
    for value in values {
        writeln!(out, "{value:?}")?;
    }
    out.flush()
}

/// Writes a temporary file beside `path` and renames it; removes it again after an error.
fn write_atomically(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let write = || -> io::Result<()> {
        let (mut file, temporary) = create_beside(path)?;
        let written =
            fill(path, &mut file, content).and_then(|()| std::fs::rename(&temporary, path));
        if written.is_err() {
            // The first error is the one worth reporting; the leftover is removed as far as possible.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    };
    write().map_err(|source| WriteError::Io {
        path: Some(path.to_owned()),
        source,
    })
}

fn fill(
    path: &Path,
    file: &mut File,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut encoder = GzEncoder::new(&mut *file, Compression::default());
        content(&mut encoder)?;
        encoder.finish()?;
    } else {
        content(file)?;
    }
    file.sync_all()
}

/// Creates a new file in the folder of `path` under a name nobody uses.
fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    for attempt in 0_u32.. {
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}-{attempt}.tmp", std::process::id()));
        let temporary = path.with_file_name(temporary);
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
        {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {}
            opened => return opened.map(|file| (file, temporary)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
