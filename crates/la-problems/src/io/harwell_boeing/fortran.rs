//! Fixed-width Fortran formats: `(16I5)`, `(1P5E16.8)`, `(5D20.12)`, `(1P,4(E25.16E3))`.

use crate::io::error::{ReadError, ReadErrorKind, excerpt};
use crate::io::number::{parse_index, parse_real};
use crate::io::source::Lines;

/// What one field of a format holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    Integer,
    Real,
}

/// A repeated field of fixed width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) edit: Edit,
    /// Fields per line, at least 1.
    pub(super) per_line: u32,
    /// Columns per field, at least 1.
    pub(super) width: u32,
    /// Digits after an implied decimal point.
    digits: u32,
    /// The scale factor `kP`, which applies to fields without exponent.
    scale: i32,
}

impl Format {
    /// Parses a format; `field` is its name for messages.
    pub(super) fn parse(field: &'static str, text: &[u8]) -> Result<Self, ReadErrorKind> {
        let bad = || ReadErrorKind::BadFortranFormat {
            field,
            found: excerpt(text.trim_ascii()),
        };
        let compact: Vec<u8> = text
            .iter()
            .filter(|b| !b.is_ascii_whitespace())
            .map(u8::to_ascii_uppercase)
            .collect();
        let inner = compact
            .strip_prefix(b"(")
            .and_then(|t| t.strip_suffix(b")"))
            .ok_or_else(bad)?;
        let format = Self::parse_inner(inner).ok_or_else(bad)?;
        let fits = format
            .per_line
            .checked_mul(format.width)
            .is_some_and(|total| total <= 1 << 20);
        let sane = format.scale.abs() <= 300 && format.digits <= 300;
        if fits && sane && format.per_line >= 1 && format.width >= 1 {
            Ok(format)
        } else {
            Err(bad())
        }
    }

    fn parse_inner(text: &[u8]) -> Option<Self> {
        let mut rest = text;
        let mut scale = 0;
        // Scale factor: `1P`, `-2P`, with or without a comma after it.
        if let Some(p) = rest.iter().position(|&b| b == b'P') {
            let number = std::str::from_utf8(&rest[..p]).ok()?;
            if let Ok(k) = number.parse::<i32>() {
                scale = k;
                rest = &rest[p + 1..];
                rest = rest.strip_prefix(b",").unwrap_or(rest);
            }
        }
        let per_line = take_number(&mut rest)?.unwrap_or(1);
        if let Some(group) = rest.strip_prefix(b"(").and_then(|t| t.strip_suffix(b")")) {
            // `4(E25.16)`: a repeated group of one field; the scale factor may stand inside.
            let inner = Self::parse_inner(group)?;
            let per_line = per_line.checked_mul(inner.per_line)?;
            let scale = if inner.scale != 0 { inner.scale } else { scale };
            return Some(Self {
                per_line,
                scale,
                ..inner
            });
        }
        let (&letter, tail) = rest.split_first()?;
        rest = tail;
        let edit = match letter {
            b'I' => Edit::Integer,
            b'E' | b'D' | b'F' | b'G' => Edit::Real,
            _ => return None,
        };
        let width = take_number(&mut rest)??;
        let mut digits = 0;
        if let Some(tail) = rest.strip_prefix(b".") {
            rest = tail;
            digits = take_number(&mut rest)??;
            if let Some(tail) = rest.strip_prefix(b"E").or_else(|| rest.strip_prefix(b"D")) {
                rest = tail;
                take_number(&mut rest)??;
            }
        }
        // For integers `.m` only sets the least number of digits written.
        let digits = if edit == Edit::Integer { 0 } else { digits };
        rest.is_empty().then_some(Self {
            edit,
            per_line,
            width,
            digits,
            scale,
        })
    }

    /// A real field as Fortran reads it: implied decimal point and scale factor included.
    fn parse_value(&self, field: &'static str, text: &[u8]) -> Result<f64, ReadErrorKind> {
        let value = parse_real(field, text)?;
        let has_point = text.contains(&b'.');
        let body = text.get(1..).unwrap_or_default();
        let has_exponent = body
            .iter()
            .any(|b| matches!(b, b'E' | b'e' | b'D' | b'd' | b'Q' | b'q' | b'+' | b'-'));
        let shift = if has_exponent { 0 } else { self.scale }
            + if has_point { 0 } else { self.digits as i32 };
        Ok(if shift == 0 {
            value
        } else {
            value * 10_f64.powi(-shift)
        })
    }
}

/// Leading digits: `None` on overflow, `Some(None)` when there are none.
fn take_number(text: &mut &[u8]) -> Option<Option<u32>> {
    let len = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(len);
    *text = rest;
    if len == 0 {
        return Some(None);
    }
    std::str::from_utf8(digits).ok()?.parse().ok().map(Some)
}

/// Takes fields of one section, line after line.
pub(super) struct Section<'s, 'l> {
    lines: &'s mut Lines<'l>,
    format: Format,
    /// Name of the section, for a file that ends early.
    name: &'static str,
    /// Name of one field.
    field: &'static str,
    position: u32,
}

impl<'s, 'l> Section<'s, 'l> {
    pub(super) fn new(
        lines: &'s mut Lines<'l>,
        format: Format,
        name: &'static str,
        field: &'static str,
    ) -> Self {
        Self {
            lines,
            position: format.per_line,
            format,
            name,
            field,
        }
    }

    pub(super) fn line(&self) -> u64 {
        self.lines.number()
    }

    pub(super) fn error(&self, kind: ReadErrorKind) -> ReadError {
        self.lines.error(kind)
    }

    pub(super) fn index(&mut self) -> Result<u64, ReadError> {
        let (format, field) = (self.format, self.field);
        let text = self.next_text()?;
        let parsed = parse_index(field, text);
        debug_assert_eq!(format.edit, Edit::Integer);
        parsed.map_err(|kind| self.lines.error(kind))
    }

    pub(super) fn value(&mut self) -> Result<f64, ReadError> {
        let (format, field) = (self.format, self.field);
        let text = self.next_text()?;
        let parsed = format.parse_value(field, text);
        parsed.map_err(|kind| self.lines.error(kind))
    }

    fn next_text(&mut self) -> Result<&[u8], ReadError> {
        if self.position == self.format.per_line {
            if !self.lines.advance()? {
                return Err(self
                    .lines
                    .error(ReadErrorKind::UnexpectedEnd { what: self.name }));
            }
            self.position = 0;
        }
        let start = (self.position * self.format.width) as usize;
        self.position += 1;
        let line = self.lines.line();
        let end = (start + self.format.width as usize).min(line.len());
        let text = line.get(start..end).unwrap_or_default().trim_ascii();
        if text.is_empty() {
            let expected = "as many fields on each line as the format says";
            return Err(self.lines.error(ReadErrorKind::MissingField {
                field: self.field,
                expected,
            }));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> Option<(Edit, u32, u32, u32, i32)> {
        let f = Format::parse("format", text.as_bytes()).ok()?;
        Some((f.edit, f.per_line, f.width, f.digits, f.scale))
    }

    #[test]
    fn formats_in_use() {
        assert_eq!(format("(16I5)"), Some((Edit::Integer, 16, 5, 0, 0)));
        assert_eq!(format("( 10i8 )  "), Some((Edit::Integer, 10, 8, 0, 0)));
        assert_eq!(format("(1P5E16.8)"), Some((Edit::Real, 5, 16, 8, 1)));
        assert_eq!(format("(1P,5E16.8)"), Some((Edit::Real, 5, 16, 8, 1)));
        assert_eq!(format("(5D20.12)"), Some((Edit::Real, 5, 20, 12, 0)));
        assert_eq!(format("(3E26.18E3)"), Some((Edit::Real, 3, 26, 18, 0)));
        assert_eq!(format("(10F7.1)"), Some((Edit::Real, 10, 7, 1, 0)));
        assert_eq!(format("(4(1P,E20.12))"), Some((Edit::Real, 4, 20, 12, 1)));
        assert_eq!(format("(1P4(E20.12))"), Some((Edit::Real, 4, 20, 12, 1)));
        assert_eq!(format("(E20.12)"), Some((Edit::Real, 1, 20, 12, 0)));
    }

    #[test]
    fn formats_refused() {
        for text in [
            "",
            "()",
            "16I5",
            "(16I)",
            "(0I5)",
            "(16I0)",
            "(5A8)",
            "(99999999999I5)",
            "(4I5,2I3)",
            "(65536I65536)",
            "(((((",
            "(1P)",
        ] {
            assert_eq!(format(text), None, "{text}");
        }
    }

    #[test]
    fn values_as_fortran_reads_them() {
        let plain = Format::parse("format", b"(5F10.3)").unwrap();
        assert_eq!(plain.parse_value("value", b"1.5").unwrap(), 1.5);
        assert_eq!(plain.parse_value("value", b"-1500").unwrap(), -1.5);
        let scaled = Format::parse("format", b"(1P5E16.8)").unwrap();
        assert_eq!(scaled.parse_value("value", b"1.5E+02").unwrap(), 150.0);
        assert_eq!(scaled.parse_value("value", b"15.0").unwrap(), 1.5);
    }
}
