//! Column pointers, row indices, values and right-hand sides.

use std::io::Read;

use super::fortran::Section;
use super::header::{Header, RhsHeader, read_header};
use crate::io::assemble::{Entries, check_dimension};
use crate::io::error::{ReadError, ReadErrorKind};
use crate::io::source::Lines;
use crate::io::{DenseColumns, FileFormat, MatrixFile, MatrixInfo, ReadOptions, Symmetry};

/// Reads a Harwell-Boeing or Rutherford-Boeing matrix from any reader, plain or gzip-compressed.
///
/// Assembled real, integer and pattern matrices of every symmetry (`RUA`, `RSA`, `RZA`, `PUA`, `PSA`, `rra`, `iua`,
/// ...), with or without full right-hand sides; starting guesses and solutions after them are passed over. Fields are
/// cut at the fixed widths of the Fortran formats in the header. The full matrix is returned.
///
/// # Errors
/// [`ReadError`] with the line; complex (`C..`) and elemental (`..E`) matrices are
/// [`Unsupported`](ReadErrorKind::Unsupported).
///
/// # Examples
/// ```
/// use la_problems::io::{ReadOptions, read_harwell_boeing};
///
/// let text = "\
/// A small example                                                         EXAMPLE
///              3             1             1             1             0
/// RSA                        2             2             3             0
/// (16I5)          (16I5)          (5E16.8)
///     1    3    4
///     1    2    2
///   2.00000000E+00 -1.00000000E+00  2.00000000E+00
/// ";
/// let file = read_harwell_boeing(text.as_bytes(), &ReadOptions::default())?;
/// assert_eq!(file.matrix.get(0, 1), Some(&-1.0));
/// # Ok::<(), la_problems::io::ReadError>(())
/// ```
///
/// # References
/// I. S. Duff, R. G. Grimes, J. G. Lewis, "Users' guide for the Harwell-Boeing sparse matrix collection", 1992.
pub fn read_harwell_boeing(
    reader: impl Read,
    options: &ReadOptions,
) -> Result<MatrixFile, ReadError> {
    matrix(Lines::new(reader)?, options)
}

pub(crate) fn matrix(mut lines: Lines<'_>, options: &ReadOptions) -> Result<MatrixFile, ReadError> {
    let header = read_header(&mut lines)?;
    let header_line = 3;
    if header.entries > u64::from(u32::MAX) {
        let kind = ReadErrorKind::TooManyNonzeros {
            count: header.entries,
        };
        return Err(ReadError::at(header_line, kind));
    }
    let pointers = read_pointers(&mut lines, &header)?;
    let mut entries = read_indices(&mut lines, &header, &pointers)?;
    drop(pointers);
    if let Some(format) = header.values {
        let mut section = Section::new(&mut lines, format, "the last value", "value");
        for entry in 0..entries.len() {
            let value = section.value()?;
            entries.set_value(entry, value);
        }
    }
    let at_header = |kind| ReadError::at(header_line, kind);
    let dimension =
        |field, value| check_dimension(field, value, header.entries, options.max_dimension);
    let rows = dimension("number of rows", header.rows).map_err(at_header)?;
    // The pointers are in the file, one for each column: no limit of their own is needed.
    let cols = check_dimension(
        "number of columns",
        header.cols,
        header.cols,
        options.max_dimension,
    )
    .map_err(at_header)?;
    let rhs = match &header.rhs {
        Some(rhs) => Some(read_rhs(&mut lines, rhs, header.rows)?),
        None => None,
    };
    let matrix = entries.assemble((rows, cols), header.symmetry, options.duplicates)?;
    let info = MatrixInfo {
        format: if header.rutherford {
            FileFormat::RutherfordBoeing
        } else {
            FileFormat::HarwellBoeing
        },
        field: header.field,
        symmetry: header.symmetry,
        stored_entries: header.entries,
        compressed: lines.compressed(),
        title: Some(header.title),
    };
    Ok(MatrixFile { matrix, info, rhs })
}

fn read_pointers(lines: &mut Lines<'_>, header: &Header) -> Result<Vec<u64>, ReadError> {
    let end = header.entries + 1;
    let mut pointers = Vec::new();
    let mut section = Section::new(
        lines,
        header.pointers,
        "the last column pointer",
        "column pointer",
    );
    let count = header.cols.saturating_add(1);
    for position in 1..=count {
        let value = section.index()?;
        let first_ok = position != 1 || value == 1;
        let last_ok = position != count || value == end;
        let previous = pointers.last().copied().unwrap_or(1);
        if !first_ok || !last_ok || value < previous || value > end {
            return Err(section.error(ReadErrorKind::BadPointer {
                position,
                value,
                end,
            }));
        }
        pointers.push(value);
    }
    Ok(pointers)
}

/// Reads the row indices; values are 1 until read.
fn read_indices(
    lines: &mut Lines<'_>,
    header: &Header,
    pointers: &[u64],
) -> Result<Entries, ReadError> {
    let mut entries = Entries::with_declared(header.entries, 0);
    let mut section = Section::new(lines, header.indices, "the last row index", "row index");
    for (col, bounds) in pointers.windows(2).enumerate() {
        for _ in bounds[0]..bounds[1] {
            let index = section.index()?;
            let kind = |limit| ReadErrorKind::IndexOutOfRange {
                field: "row index",
                index,
                limit,
            };
            let row = index.checked_sub(1).filter(|_| index <= header.rows);
            let (Some(row), Ok(col)) = (row, u32::try_from(col)) else {
                return Err(section.error(kind(header.rows)));
            };
            let Ok(row) = u32::try_from(row) else {
                return Err(section.error(kind(u64::from(u32::MAX))));
            };
            if header.symmetry == Symmetry::SkewSymmetric && row == col {
                return Err(section.error(ReadErrorKind::SkewDiagonal { index }));
            }
            entries.push(row, col, 1.0, section.line());
        }
    }
    Ok(entries)
}

fn read_rhs(lines: &mut Lines<'_>, rhs: &RhsHeader, rows: u64) -> Result<DenseColumns, ReadError> {
    let mut section = Section::new(
        lines,
        rhs.format,
        "the last right-hand side value",
        "right-hand side value",
    );
    let mut values = Vec::new();
    // A matrix without rows has no right-hand side, however many the header declares.
    let cols = if rows == 0 { 0 } else { rhs.columns };
    for _ in 0..cols {
        for _ in 0..rows {
            values.push(section.value()?);
        }
    }
    let cols = cols as usize;
    Ok(DenseColumns {
        rows: rows as usize,
        cols,
        values,
    })
}
