//! Reading coordinate and array files.

use std::io::Read;

use super::header::{Header, Layout, is_skipped, read_header};
use crate::io::assemble::{Entries, check_dimension};
use crate::io::error::{ReadError, ReadErrorKind, excerpt};
use crate::io::number::{fields, parse_index, parse_integer_value, parse_real};
use crate::io::source::Lines;
use crate::io::{DenseColumns, Field, FileFormat, MatrixFile, MatrixInfo, ReadOptions, Symmetry};

/// Reads a sparse matrix in Matrix Market format from any reader, plain or gzip-compressed.
///
/// Coordinate and array formats; real, integer and pattern fields; all symmetries (`hermitian` counts as symmetric,
/// since the data is real). Symmetric files may store either triangle. The full matrix is returned. Costs O(nnz)
/// time, and memory in proportion to what is really in the file.
///
/// # Errors
/// [`ReadError`] with the line; [`ReadErrorKind`] lists every reason.
///
/// # Examples
/// ```
/// use la_problems::io::{ReadOptions, Symmetry, read_matrix_market};
///
/// let text = "%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 2.0\n2 1 -1.0\n2 2 2.0\n";
/// let file = read_matrix_market(text.as_bytes(), &ReadOptions::default())?;
/// assert_eq!(file.matrix.nnz(), 4);
/// assert_eq!(file.info.symmetry, Symmetry::Symmetric);
///
/// let broken = "%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 2.0\n";
/// let error = read_matrix_market(broken.as_bytes(), &ReadOptions::default()).unwrap_err();
/// assert_eq!(error.line(), Some(3));
/// # Ok::<(), la_problems::io::ReadError>(())
/// ```
///
/// # References
/// R. F. Boisvert, R. Pozo, K. A. Remington, "The Matrix Market exchange formats", NISTIR 5935, 1996.
pub fn read_matrix_market(
    reader: impl Read,
    options: &ReadOptions,
) -> Result<MatrixFile, ReadError> {
    matrix(Lines::new(reader)?, options)
}

/// Reads a dense matrix (right-hand sides) in Matrix Market format from any reader, plain or gzip-compressed.
///
/// # Errors
/// [`ReadError`] with the line.
///
/// # Examples
/// ```
/// use la_problems::io::{ReadOptions, read_matrix_market_dense};
///
/// let text = "%%MatrixMarket matrix array real general\n3 1\n1.0\n2.5\n-3.0\n";
/// let b = read_matrix_market_dense(text.as_bytes(), &ReadOptions::default())?;
/// assert_eq!(b.values, [1.0, 2.5, -3.0]);
/// # Ok::<(), la_problems::io::ReadError>(())
/// ```
pub fn read_matrix_market_dense(
    reader: impl Read,
    options: &ReadOptions,
) -> Result<DenseColumns, ReadError> {
    dense(Lines::new(reader)?, options)
}

pub(crate) fn matrix(mut lines: Lines<'_>, options: &ReadOptions) -> Result<MatrixFile, ReadError> {
    let header = read_header(&mut lines)?;
    let size_line = lines.number();
    let entries = match header.layout {
        Layout::Coordinate => read_coordinates(&mut lines, &header)?,
        Layout::Array => read_array(&mut lines, &header)?,
    };
    let at_size = |kind| ReadError::at(size_line, kind);
    let count = entries.stored;
    let rows = check_dimension("number of rows", header.rows, count, options.max_dimension)
        .map_err(at_size)?;
    let cols = check_dimension(
        "number of columns",
        header.cols,
        count,
        options.max_dimension,
    )
    .map_err(at_size)?;
    let matrix = entries
        .entries
        .assemble((rows, cols), header.symmetry, options.duplicates)?;
    let info = MatrixInfo {
        format: match header.layout {
            Layout::Coordinate => FileFormat::MatrixMarketCoordinate,
            Layout::Array => FileFormat::MatrixMarketArray,
        },
        field: header.field,
        symmetry: header.symmetry,
        stored_entries: count,
        compressed: lines.compressed(),
        title: None,
    };
    Ok(MatrixFile {
        matrix,
        info,
        rhs: None,
    })
}

pub(crate) fn dense(lines: Lines<'_>, options: &ReadOptions) -> Result<DenseColumns, ReadError> {
    let file = matrix(lines, options)?;
    let (rows, cols) = file.matrix.shape();
    // A dense copy may be larger than the file by this factor and no more.
    let room = (file.info.stored_entries as usize)
        .saturating_mul(64)
        .max(options.max_dimension);
    let count = rows
        .checked_mul(cols)
        .filter(|&count| count <= room)
        .ok_or_else(|| {
            ReadError::new(ReadErrorKind::DimensionTooLarge {
                field: "number of dense values",
                value: (rows as u64).saturating_mul(cols as u64),
                limit: room as u64,
                entries: file.info.stored_entries,
            })
        })?;
    let mut values = vec![0.0; count];
    for (&value, (i, j)) in &file.matrix {
        values[i as usize + j as usize * rows] = value;
    }
    Ok(DenseColumns { rows, cols, values })
}

/// Entries to be stored, and how many the file has (an array has zeros that are not stored).
struct Body {
    entries: Entries,
    stored: u64,
}

fn read_coordinates(lines: &mut Lines<'_>, header: &Header) -> Result<Body, ReadError> {
    let mut entries = Entries::with_declared(header.entries, 1);
    while lines.advance()? {
        let line = lines.line();
        if is_skipped(line) {
            continue;
        }
        if entries.len() as u64 == header.entries {
            return Err(lines.error(ReadErrorKind::TooManyEntries {
                declared: header.entries,
            }));
        }
        let (row, col, value) = parse_entry(line, header).map_err(|kind| lines.error(kind))?;
        entries.push(row, col, value, lines.number());
    }
    let found = entries.len() as u64;
    if found < header.entries {
        return Err(lines.error(ReadErrorKind::TooFewEntries {
            declared: header.entries,
            found,
        }));
    }
    Ok(Body {
        entries,
        stored: found,
    })
}

#[inline]
fn parse_entry(line: &[u8], header: &Header) -> Result<(u32, u32, f64), ReadErrorKind> {
    let expected = if header.field == Field::Pattern {
        "row column"
    } else {
        "row column value"
    };
    let mut words = fields(line);
    let mut word = |field| {
        words
            .next()
            .ok_or(ReadErrorKind::MissingField { field, expected })
    };
    let row = index("row index", word("row index")?, header.rows)?;
    let col = index("column index", word("column index")?, header.cols)?;
    let value = match header.field {
        Field::Real => parse_real("value", word("value")?)?,
        Field::Integer => parse_integer_value("value", word("value")?)?,
        Field::Pattern => 1.0,
    };
    if let Some(extra) = words.next() {
        return Err(ReadErrorKind::TrailingField {
            found: excerpt(extra),
            expected,
        });
    }
    if header.symmetry == Symmetry::SkewSymmetric && row == col {
        return Err(ReadErrorKind::SkewDiagonal {
            index: u64::from(row) + 1,
        });
    }
    Ok((row, col, value))
}

/// An index from 0.
#[inline]
fn index(field: &'static str, text: &[u8], limit: u64) -> Result<u32, ReadErrorKind> {
    let index = parse_index(field, text)?;
    let out_of_range = ReadErrorKind::IndexOutOfRange {
        field,
        index,
        limit,
    };
    match index.checked_sub(1) {
        Some(from_zero) if index <= limit => u32::try_from(from_zero).map_err(|_| out_of_range),
        _ => Err(out_of_range),
    }
}

/// Reads the columns of an array; of a symmetric one the lower triangle is stored.
fn read_array(lines: &mut Lines<'_>, header: &Header) -> Result<Body, ReadError> {
    let (rows, cols) = (u128::from(header.rows), u128::from(header.cols));
    let declared = match header.symmetry {
        Symmetry::General => rows * cols,
        Symmetry::Symmetric | Symmetry::Hermitian => rows * (rows + 1) / 2,
        Symmetry::SkewSymmetric => rows * rows.saturating_sub(1) / 2,
    };
    let declared = u64::try_from(declared).unwrap_or(u64::MAX);
    let first_row = |col: u64| match header.symmetry {
        Symmetry::General => 0,
        Symmetry::Symmetric | Symmetry::Hermitian => col,
        Symmetry::SkewSymmetric => col + 1,
    };
    let mut entries = Entries::with_declared(declared, 1);
    let (mut row, mut col, mut found) = (first_row(0), 0, 0_u64);
    while lines.advance()? {
        if is_skipped(lines.line()) {
            continue;
        }
        for word in fields(lines.line()) {
            if found == declared {
                return Err(lines.error(ReadErrorKind::TooManyEntries { declared }));
            }
            let value = match header.field {
                Field::Integer => parse_integer_value("value", word),
                Field::Real | Field::Pattern => parse_real("value", word),
            };
            let value = value.map_err(|kind| lines.error(kind))?;
            let (Ok(i), Ok(j)) = (u32::try_from(row), u32::try_from(col)) else {
                let kind = ReadErrorKind::IndexOutOfRange {
                    field: "row index",
                    index: row,
                    limit: u64::from(u32::MAX),
                };
                return Err(lines.error(kind));
            };
            if value != 0.0 {
                entries.push(i, j, value, lines.number());
            }
            found += 1;
            row += 1;
            if row == header.rows {
                col += 1;
                row = first_row(col);
            }
        }
    }
    if found < declared {
        return Err(lines.error(ReadErrorKind::TooFewEntries { declared, found }));
    }
    Ok(Body {
        entries,
        stored: found,
    })
}
