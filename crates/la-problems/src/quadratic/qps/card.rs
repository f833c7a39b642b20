//! Lines and their fields.

use super::QpsFormat;
use crate::io::error::{ReadErrorKind, excerpt};
use crate::io::number::fields;

/// A line of data: a code, a name, and up to two names with values. What is absent is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Card<'a> {
    pub(super) code: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) pairs: [Option<(&'a [u8], &'a [u8])>; 2],
}

/// What a line looks like, by section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `code name`
    Rows,
    /// `name name value [name value]`
    Entries,
    /// `[name] name value [name value]`
    Vector,
    /// `code [name] name [value]`
    Bounds,
}

impl Layout {
    fn expected(self) -> &'static str {
        match self {
            Self::Rows => "type row",
            Self::Entries => "column row value [row value]",
            Self::Vector => "[vector] row value [row value]",
            Self::Bounds => "type [vector] column [value]",
        }
    }
}

/// Bound types without a value.
fn has_no_value(code: &[u8]) -> bool {
    matches!(code, b"FR" | b"MI" | b"PL" | b"BV")
}

impl<'a> Card<'a> {
    /// Cuts a line into its fields. `known` says whether a name is that of a column.
    pub(super) fn new(
        line: &'a [u8],
        layout: Layout,
        format: QpsFormat,
        known: impl Fn(&[u8]) -> bool,
    ) -> Result<Self, ReadErrorKind> {
        if format == QpsFormat::Fixed {
            Self::fixed(line, layout)
        } else {
            Self::free(line, layout, known)
        }
    }

    fn fixed(line: &'a [u8], layout: Layout) -> Result<Self, ReadErrorKind> {
        let field = |from: usize, to: usize| {
            let line = &line[from.min(line.len())..to.min(line.len())];
            line.trim_ascii()
        };
        if let Some(&byte) = line.get(61..).and_then(|rest| rest.trim_ascii().first()) {
            return Err(ReadErrorKind::TrailingField {
                found: excerpt(&[byte]),
                expected: layout.expected(),
            });
        }
        let pair = |name: &'a [u8], value: &'a [u8]| {
            (!(name.is_empty() && value.is_empty())).then_some((name, value))
        };
        let card = Self {
            code: field(1, 3),
            name: field(4, 12),
            pairs: [
                pair(field(14, 22), field(24, 36)),
                pair(field(39, 47), field(49, 61)),
            ],
        };
        let complete = match layout {
            Layout::Rows => !card.code.is_empty() && !card.name.is_empty(),
            Layout::Entries | Layout::Vector => {
                let named = layout == Layout::Vector || !card.name.is_empty();
                let full = |pair: &Option<(&[u8], &[u8])>| {
                    pair.is_none_or(|(name, value)| !name.is_empty() && !value.is_empty())
                };
                named && card.pairs[0].is_some() && card.pairs.iter().all(full)
            }
            Layout::Bounds => {
                let (column, value) = card.pairs[0].unwrap_or_default();
                !column.is_empty() && (has_no_value(card.code) || !value.is_empty())
            }
        };
        if complete {
            return Ok(card);
        }
        Err(missing(layout))
    }

    fn free(
        line: &'a [u8],
        layout: Layout,
        known: impl Fn(&[u8]) -> bool,
    ) -> Result<Self, ReadErrorKind> {
        // More than six fields are too many in every layout.
        let mut buffer = [&[][..]; 7];
        let mut count = 0;
        for (slot, field) in buffer.iter_mut().zip(fields(line)) {
            *slot = field;
            count += 1;
        }
        let all = &buffer[..count];
        let too_many = |at: usize| ReadErrorKind::TrailingField {
            found: excerpt(all[at]),
            expected: layout.expected(),
        };
        let mut card = Self::default();
        match (layout, all) {
            (Layout::Rows, &[code, name]) => (card.code, card.name) = (code, name),
            (Layout::Rows, _) if count > 2 => return Err(too_many(2)),
            (Layout::Entries | Layout::Vector, &[name, ref rest @ ..])
                if rest.len() == 2 || rest.len() == 4 =>
            {
                card.name = name;
                card.pairs = pairs(rest);
            }
            (Layout::Vector, rest) if count == 2 || count == 4 => card.pairs = pairs(rest),
            (Layout::Entries | Layout::Vector, _) if count > 5 => return Err(too_many(5)),
            (Layout::Bounds, &[code, ref rest @ ..]) if !rest.is_empty() && rest.len() <= 3 => {
                card.code = code;
                let (name, pair) = match *rest {
                    [column] => (&[][..], (column, &[][..])),
                    [name, column] if has_no_value(code) && known(column) => {
                        (name, (column, &[][..]))
                    }
                    [column, value] => (&[][..], (column, value)),
                    [name, column, value] => (name, (column, value)),
                    _ => return Err(missing(layout)),
                };
                if pair.1.is_empty() && !has_no_value(code) {
                    return Err(missing(layout));
                }
                card.name = name;
                card.pairs[0] = Some(pair);
            }
            (Layout::Bounds, _) if count > 4 => return Err(too_many(4)),
            _ => return Err(missing(layout)),
        }
        Ok(card)
    }
}

fn missing(layout: Layout) -> ReadErrorKind {
    ReadErrorKind::MissingField {
        field: "a name or a value",
        expected: layout.expected(),
    }
}

fn pairs<'a>(rest: &[&'a [u8]]) -> [Option<(&'a [u8], &'a [u8])>; 2] {
    let mut pairs = rest.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    [pairs.next(), pairs.next()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(
        line: &str,
        layout: Layout,
        format: QpsFormat,
    ) -> Option<(String, String, Vec<String>)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let card = Card::new(line.as_bytes(), layout, format, |name| name == b"x1").ok()?;
        let pairs = card.pairs.iter().flatten();
        let pairs = pairs.flat_map(|&(a, b)| [text(a), text(b)]).collect();
        Some((text(card.code), text(card.name), pairs))
    }

    #[test]
    fn free_fields_with_and_without_a_vector() {
        let found = |line, layout| card(line, layout, QpsFormat::Free);
        let all = |code: &str, name: &str, pairs: &[&str]| {
            let pairs = pairs.iter().map(|s| (*s).to_owned()).collect();
            Some((code.to_owned(), name.to_owned(), pairs))
        };
        assert_eq!(found(" N obj", Layout::Rows), all("N", "obj", &[]));
        assert_eq!(found(" N obj x", Layout::Rows), None);
        assert_eq!(
            found(" x1 r 1 s 2", Layout::Entries),
            all("", "x1", &["r", "1", "s", "2"])
        );
        assert_eq!(found(" x1 r 1 s", Layout::Entries), None);
        assert_eq!(found(" r 1", Layout::Vector), all("", "", &["r", "1"]));
        assert_eq!(
            found(" RHS r 1", Layout::Vector),
            all("", "RHS", &["r", "1"])
        );
        assert_eq!(
            found(" UP x1 4", Layout::Bounds),
            all("UP", "", &["x1", "4"])
        );
        assert_eq!(
            found(" UP B x1 4", Layout::Bounds),
            all("UP", "B", &["x1", "4"])
        );
        assert_eq!(
            found(" FR B x1", Layout::Bounds),
            all("FR", "B", &["x1", ""])
        );
        assert_eq!(
            found(" FR x1 0", Layout::Bounds),
            all("FR", "", &["x1", "0"])
        );
        assert_eq!(found(" MI x1", Layout::Bounds), all("MI", "", &["x1", ""]));
        assert_eq!(found(" UP x1", Layout::Bounds), None);
        assert_eq!(found(" UP B x1 4 5", Layout::Bounds), None);
    }

    #[test]
    fn fixed_fields_hold_blanks() {
        let line = "    MY COL    ROW ONE            1.5   R 2                 -2";
        let found = card(line, Layout::Entries, QpsFormat::Fixed).unwrap();
        assert_eq!(found.1, "MY COL");
        assert_eq!(found.2, ["ROW ONE", "1.5", "R 2", "-2"]);
        let line = " FR BOUND     MY COL";
        let found = card(line, Layout::Bounds, QpsFormat::Fixed).unwrap();
        assert_eq!(
            (found.0.as_str(), found.1.as_str(), found.2[0].as_str()),
            ("FR", "BOUND", "MY COL")
        );
        assert_eq!(
            card("    MY COL    ROW ONE", Layout::Entries, QpsFormat::Fixed),
            None
        );
    }
}
