//! The four or five header lines.

use super::fortran::{Edit, Format};
use crate::io::error::{ReadError, ReadErrorKind, excerpt};
use crate::io::number::{fields, parse_index};
use crate::io::source::Lines;
use crate::io::{Field, Symmetry};

const KINDS: &str = "R, P or I, then S, U, H, Z or R, then A (such as RUA, RSA, PSA)";

/// What stands after the matrix.
pub(super) struct RhsHeader {
    pub(super) format: Format,
    pub(super) columns: u64,
}

/// Everything before the column pointers.
pub(super) struct Header {
    pub(super) title: String,
    pub(super) field: Field,
    pub(super) symmetry: Symmetry,
    pub(super) rutherford: bool,
    pub(super) rows: u64,
    pub(super) cols: u64,
    pub(super) entries: u64,
    pub(super) pointers: Format,
    pub(super) indices: Format,
    /// Absent for patterns and when the file has no value lines.
    pub(super) values: Option<Format>,
    pub(super) rhs: Option<RhsHeader>,
}

/// Whether the beginning of a file looks like one of these formats: a matrix type on the third line.
pub(crate) fn recognise(head: &[u8]) -> bool {
    let kind = head
        .split(|&b| b == b'\n')
        .nth(2)
        .and_then(|line| line.get(..3));
    let Some(&[value, shape, assembled]) = kind else {
        return false;
    };
    b"RCPIQ".contains(&value.to_ascii_uppercase())
        && b"SUHZR".contains(&shape.to_ascii_uppercase())
        && b"AE".contains(&assembled.to_ascii_uppercase())
}

pub(super) fn read_header(lines: &mut Lines<'_>) -> Result<Header, ReadError> {
    need(lines, "the title line")?;
    let title = String::from_utf8_lossy(lines.line()).trim().to_owned();

    need(lines, "the line of line counts")?;
    let mut counts = [0_u64; 5];
    const COUNTS: [&str; 5] = [
        "TOTCRD",
        "PTRCRD",
        "INDCRD",
        "number of value lines",
        "number of right-hand side lines",
    ];
    let line = lines.line();
    for (k, count) in counts.iter_mut().enumerate() {
        match column(line, k * 14, 14, k) {
            Some(text) => *count = parse_index(COUNTS[k], text).map_err(|e| lines.error(e))?,
            None if k < 4 => {
                let expected = "TOTCRD PTRCRD INDCRD VALCRD [RHSCRD]";
                return Err(lines.error(ReadErrorKind::MissingField {
                    field: COUNTS[k],
                    expected,
                }));
            }
            None => {}
        }
    }
    let [_, _, _, value_lines, rhs_lines] = counts;

    need(lines, "the line of the matrix type")?;
    let line = lines.line();
    let kind = line.get(..3).unwrap_or(line);
    let (field, symmetry) = parse_kind(kind).map_err(|e| lines.error(e))?;
    let lower_case = kind.first().is_some_and(u8::is_ascii_lowercase);
    let mut sizes = [0_u64; 3];
    const SIZES: [&str; 3] = ["number of rows", "number of columns", "number of entries"];
    for (k, size) in sizes.iter_mut().enumerate() {
        let text = column(line, (k + 1) * 14, 14, k + 1).ok_or_else(|| {
            let expected = "MXTYPE NROW NCOL NNZERO NELTVL";
            lines.error(ReadErrorKind::MissingField {
                field: SIZES[k],
                expected,
            })
        })?;
        *size = parse_index(SIZES[k], text).map_err(|e| lines.error(e))?;
    }
    let [rows, cols, entries] = sizes;
    if symmetry != Symmetry::General && rows != cols {
        return Err(lines.error(ReadErrorKind::NotSquare {
            symmetry: symmetry.name(),
            rows,
            cols,
        }));
    }

    need(lines, "the line of formats")?;
    let line = lines.line();
    let part = |start: usize, end: usize| line.get(start..end.min(line.len())).unwrap_or_default();
    let integer = |name, text| match Format::parse(name, text) {
        Ok(format) if format.edit == Edit::Integer => Ok(format),
        Ok(_) => Err(ReadErrorKind::BadFortranFormat {
            field: name,
            found: excerpt(text.trim_ascii()),
        }),
        Err(e) => Err(e),
    };
    let pointers = integer("the pointer format", part(0, 16)).map_err(|e| lines.error(e))?;
    let indices = integer("the index format", part(16, 32)).map_err(|e| lines.error(e))?;
    let values = if field == Field::Pattern || (value_lines == 0 && entries > 0) {
        None
    } else {
        Some(Format::parse("the value format", part(32, 52)).map_err(|e| lines.error(e))?)
    };
    if values.is_none() && field != Field::Pattern {
        let expected = "a number of value lines above 0 on line 2, since the matrix has values";
        return Err(ReadError::at(
            2,
            ReadErrorKind::MissingField {
                field: "VALCRD",
                expected,
            },
        ));
    }
    let rhs_text = part(52, 72).to_vec();
    let rutherford = lower_case && rhs_lines == 0;
    let rhs = if rhs_lines > 0 {
        Some(read_rhs_header(lines, &rhs_text)?)
    } else {
        None
    };
    Ok(Header {
        title,
        field,
        symmetry,
        rutherford,
        rows,
        cols,
        entries,
        pointers,
        indices,
        values,
        rhs,
    })
}

fn read_rhs_header(lines: &mut Lines<'_>, format: &[u8]) -> Result<RhsHeader, ReadError> {
    let format = Format::parse("the right-hand side format", format).map_err(|e| lines.error(e))?;
    need(lines, "the line of the right-hand side type")?;
    let line = lines.line();
    let kind = line.get(..3).unwrap_or(line);
    if !kind.first().is_some_and(|b| b.eq_ignore_ascii_case(&b'F')) {
        let found = excerpt(kind);
        let (what, supported) = ("right-hand side type", "F (full)");
        return Err(lines.error(ReadErrorKind::Unsupported {
            what,
            found,
            supported,
        }));
    }
    let field = "number of right-hand sides";
    let text = column(line, 14, 14, 1).ok_or_else(|| {
        lines.error(ReadErrorKind::MissingField {
            field,
            expected: "RHSTYP NRHS NRHSIX",
        })
    })?;
    let columns = parse_index(field, text).map_err(|e| lines.error(e))?;
    Ok(RhsHeader { format, columns })
}

fn need(lines: &mut Lines<'_>, what: &'static str) -> Result<(), ReadError> {
    if lines.advance()? {
        Ok(())
    } else {
        Err(lines.error(ReadErrorKind::UnexpectedEnd { what }))
    }
}

/// A number at its fixed columns or, for writers that did not keep to them, the k-th word of the line.
fn column(line: &[u8], start: usize, width: usize, k: usize) -> Option<&[u8]> {
    let fixed = line
        .get(start..(start + width).min(line.len()))
        .unwrap_or_default()
        .trim_ascii();
    if !fixed.is_empty() && fixed.iter().all(u8::is_ascii_digit) && at_boundary(line, start) {
        return Some(fixed);
    }
    fields(line).nth(k)
}

/// Whether no word runs across column `start`.
fn at_boundary(line: &[u8], start: usize) -> bool {
    start == 0
        || line.get(start).is_none_or(u8::is_ascii_whitespace)
        || line
            .get(start - 1)
            .is_none_or(|b| b.is_ascii_whitespace() || b.is_ascii_digit())
}

fn parse_kind(kind: &[u8]) -> Result<(Field, Symmetry), ReadErrorKind> {
    let unsupported = || ReadErrorKind::Unsupported {
        what: "matrix type",
        found: excerpt(kind),
        supported: KINDS,
    };
    let &[value, shape, assembled] = kind.to_ascii_uppercase().as_slice() else {
        return Err(unsupported());
    };
    let field = match value {
        b'R' => Field::Real,
        b'I' => Field::Integer,
        b'P' => Field::Pattern,
        _ => return Err(unsupported()),
    };
    let symmetry = match shape {
        b'S' => Symmetry::Symmetric,
        b'H' => Symmetry::Hermitian,
        b'Z' => Symmetry::SkewSymmetric,
        b'U' | b'R' => Symmetry::General,
        _ => return Err(unsupported()),
    };
    if assembled == b'A' {
        Ok((field, symmetry))
    } else {
        Err(unsupported())
    }
}
