//! Banner and size line.

use crate::io::error::{ReadError, ReadErrorKind, excerpt};
use crate::io::number::{fields, parse_index};
use crate::io::source::Lines;
use crate::io::{Field, Symmetry};

const FIELDS: &str = "real, double, integer, unsigned-integer, pattern";
const SYMMETRIES: &str = "general, symmetric, skew-symmetric, hermitian (as symmetric)";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Coordinate,
    Array,
}

/// Everything before the first entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) layout: Layout,
    pub(crate) field: Field,
    pub(crate) symmetry: Symmetry,
    pub(crate) rows: u64,
    pub(crate) cols: u64,
    /// Declared entries of a coordinate file; 0 for an array.
    pub(crate) entries: u64,
}

/// Reads banner, comments and size line; leaves `lines` on the size line.
pub(crate) fn read_header(lines: &mut Lines<'_>) -> Result<Header, ReadError> {
    if !lines.advance()? {
        return Err(ReadError::new(ReadErrorKind::Empty));
    }
    let (layout, field, symmetry) = parse_banner(lines.line()).map_err(|kind| lines.error(kind))?;
    loop {
        if !lines.advance()? {
            return Err(lines.error(ReadErrorKind::UnexpectedEnd {
                what: "the size line",
            }));
        }
        if !is_skipped(lines.line()) {
            break;
        }
    }
    let (rows, cols, entries) =
        parse_size(lines.line(), layout).map_err(|kind| lines.error(kind))?;
    if symmetry != Symmetry::General && rows != cols {
        return Err(lines.error(ReadErrorKind::NotSquare {
            symmetry: symmetry.name(),
            rows,
            cols,
        }));
    }
    Ok(Header {
        layout,
        field,
        symmetry,
        rows,
        cols,
        entries,
    })
}

/// Blank lines and comments.
pub(crate) fn is_skipped(line: &[u8]) -> bool {
    line.iter()
        .find(|b| !b.is_ascii_whitespace())
        .is_none_or(|&b| b == b'%')
}

fn parse_banner(line: &[u8]) -> Result<(Layout, Field, Symmetry), ReadErrorKind> {
    let bad = || ReadErrorKind::BadBanner {
        found: excerpt(line),
    };
    let line_text = std::str::from_utf8(line)
        .map_err(|_| bad())?
        .to_ascii_lowercase();
    let words: Vec<&str> = line_text
        .trim_start_matches('\u{feff}')
        .split_ascii_whitespace()
        .collect();
    let &["%%matrixmarket", object, layout, field, symmetry] = words.as_slice() else {
        return Err(bad());
    };
    let unsupported = |what, found: &str, supported| ReadErrorKind::Unsupported {
        what,
        found: excerpt(found.as_bytes()),
        supported,
    };
    if object != "matrix" {
        return Err(unsupported("object", object, "matrix"));
    }
    let layout = match layout {
        "coordinate" => Layout::Coordinate,
        "array" => Layout::Array,
        _ => return Err(unsupported("format", layout, "coordinate, array")),
    };
    let field = match field {
        "real" | "double" => Field::Real,
        "integer" | "unsigned-integer" => Field::Integer,
        "pattern" if layout == Layout::Coordinate => Field::Pattern,
        "pattern" => {
            return Err(unsupported(
                "field of an array",
                field,
                "real, double, integer, unsigned-integer",
            ));
        }
        _ => return Err(unsupported("field", field, FIELDS)),
    };
    let symmetry = match symmetry {
        "general" => Symmetry::General,
        "symmetric" => Symmetry::Symmetric,
        "skew-symmetric" => Symmetry::SkewSymmetric,
        "hermitian" => Symmetry::Hermitian,
        _ => return Err(unsupported("symmetry", symmetry, SYMMETRIES)),
    };
    Ok((layout, field, symmetry))
}

fn parse_size(line: &[u8], layout: Layout) -> Result<(u64, u64, u64), ReadErrorKind> {
    let expected = match layout {
        Layout::Coordinate => "rows columns entries",
        Layout::Array => "rows columns",
    };
    let mut words = fields(line);
    let mut number = |field| match words.next() {
        Some(text) => parse_index(field, text),
        None => Err(ReadErrorKind::MissingField { field, expected }),
    };
    let rows = number("number of rows")?;
    let cols = number("number of columns")?;
    let entries = if layout == Layout::Coordinate {
        number("number of entries")?
    } else {
        0
    };
    match words.next() {
        None => Ok((rows, cols, entries)),
        Some(extra) => Err(ReadErrorKind::TrailingField {
            found: excerpt(extra),
            expected,
        }),
    }
}
