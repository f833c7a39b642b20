//! What the lines of each section say.

use super::card::Card;
use super::read::{Entry, Reader, Row, infinite, text};
use crate::io::error::{ReadErrorKind, excerpt};
use crate::io::number::parse_real;

impl Reader {
    pub(super) fn row(&mut self, card: Card<'_>) -> Result<(), ReadErrorKind> {
        let row = match card.code {
            b"N" | b"n" if self.has_objective => Row::Ignored,
            b"N" | b"n" => Row::Objective,
            &[kind @ (b'E' | b'L' | b'G' | b'e' | b'l' | b'g')] => {
                self.kinds.push(kind.to_ascii_uppercase());
                self.row_names.push(text(card.name));
                self.rhs.push(None);
                self.ranges.push(None);
                Row::Constraint(self.kinds.len() - 1)
            }
            other => {
                return Err(ReadErrorKind::Unsupported {
                    what: "type of row",
                    found: excerpt(other),
                    supported: "N, E, L, G",
                });
            }
        };
        self.has_objective |= row == Row::Objective;
        if self.rows.insert(card.name.to_vec(), row).is_some() {
            return Err(ReadErrorKind::RepeatedName {
                field: "row",
                found: excerpt(card.name),
            });
        }
        Ok(())
    }

    fn find_row(&self, name: &[u8]) -> Result<Row, ReadErrorKind> {
        let unknown = || ReadErrorKind::UnknownName {
            field: "row",
            found: excerpt(name),
        };
        self.rows.get(name).copied().ok_or_else(unknown)
    }

    fn find_column(&self, name: &[u8]) -> Result<usize, ReadErrorKind> {
        let unknown = || ReadErrorKind::UnknownName {
            field: "column",
            found: excerpt(name),
        };
        self.columns.get(name).copied().ok_or_else(unknown)
    }

    pub(super) fn column(&mut self, card: Card<'_>, line: u64) -> Result<(), ReadErrorKind> {
        let marker = card.pairs[0].is_some_and(|(name, _)| name == b"'MARKER'");
        if marker {
            return Err(ReadErrorKind::Unsupported {
                what: "marker of integer variables in column",
                found: excerpt(card.name),
                supported: "continuous variables",
            });
        }
        let col = match self.columns.get(card.name) {
            Some(&col) => col,
            None => {
                let col = self.column_names.len();
                self.columns.insert(card.name.to_vec(), col);
                self.column_names.push(text(card.name));
                self.linear.push(None);
                self.lower.push(0.0);
                self.upper.push(f64::INFINITY);
                self.lower_given.push(false);
                col
            }
        };
        for (name, value) in card.pairs.into_iter().flatten() {
            let value = parse_real("value of an entry", value)?;
            match self.find_row(name)? {
                Row::Ignored => {}
                Row::Objective => {
                    if self.linear[col].replace(value).is_some() {
                        return Err(repeated("the entry", name, card.name));
                    }
                }
                Row::Constraint(row) => self.entries.push(Entry {
                    row,
                    col,
                    value,
                    line,
                }),
            }
        }
        Ok(())
    }

    pub(super) fn quadratic(&mut self, card: Card<'_>, line: u64) -> Result<(), ReadErrorKind> {
        let col = self.find_column(card.name)?;
        for (name, value) in card.pairs.into_iter().flatten() {
            let row = self.find_column(name)?;
            let value = parse_real("value of a quadratic entry", value)?;
            self.quadratic.push(Entry {
                row,
                col,
                value,
                line,
            });
            if self.full == Some(false) && row != col {
                self.quadratic.push(Entry {
                    row: col,
                    col: row,
                    value,
                    line,
                });
            }
        }
        Ok(())
    }

    /// There is one vector of each kind.
    fn vector(
        &mut self,
        which: usize,
        field: &'static str,
        name: &[u8],
    ) -> Result<(), ReadErrorKind> {
        let first = self.vectors[which].get_or_insert_with(|| name.to_vec());
        if first == name {
            return Ok(());
        }
        Err(ReadErrorKind::SecondVector {
            field,
            first: excerpt(first),
            found: excerpt(name),
        })
    }

    pub(super) fn right_hand_side(&mut self, card: Card<'_>) -> Result<(), ReadErrorKind> {
        self.vector(0, "right-hand side", card.name)?;
        for (name, value) in card.pairs.into_iter().flatten() {
            let value = parse_real("right-hand side", value)?;
            let before = match self.find_row(name)? {
                Row::Ignored => None,
                Row::Objective => self.constant.replace(-value),
                Row::Constraint(row) => self.rhs[row].replace(value),
            };
            if before.is_some() {
                return Err(repeated("the right-hand side", name, card.name));
            }
        }
        Ok(())
    }

    pub(super) fn range(&mut self, card: Card<'_>) -> Result<(), ReadErrorKind> {
        self.vector(1, "range", card.name)?;
        for (name, value) in card.pairs.into_iter().flatten() {
            let value = parse_real("range", value)?;
            let Row::Constraint(row) = self.find_row(name)? else {
                return Err(ReadErrorKind::Unsupported {
                    what: "range of a row of type N,",
                    found: excerpt(name),
                    supported: "ranges of rows of type E, L and G",
                });
            };
            if self.ranges[row].replace(value).is_some() {
                return Err(repeated("the range", name, card.name));
            }
        }
        Ok(())
    }

    pub(super) fn bound(&mut self, card: Card<'_>) -> Result<(), ReadErrorKind> {
        self.vector(2, "bound", card.name)?;
        let (name, value) = card.pairs[0].unwrap_or_default();
        let col = self.find_column(name)?;
        let code = card.code.to_ascii_uppercase();
        let number = || parse_real("bound", value).map(infinite);
        let (lower, upper) = match code.as_slice() {
            b"UP" => {
                let upper = number()?;
                let free_below = upper < 0.0 && !self.lower_given[col];
                (free_below.then_some(f64::NEG_INFINITY), Some(upper))
            }
            b"LO" => (Some(number()?), None),
            b"FX" => {
                let value = number()?;
                (Some(value), Some(value))
            }
            b"FR" => (Some(f64::NEG_INFINITY), Some(f64::INFINITY)),
            b"MI" => (Some(f64::NEG_INFINITY), None),
            b"PL" => (None, Some(f64::INFINITY)),
            _ => {
                return Err(ReadErrorKind::Unsupported {
                    what: "type of bound",
                    found: excerpt(card.code),
                    supported: "UP, LO, FX, FR, MI, PL",
                });
            }
        };
        if let Some(lower) = lower {
            self.lower[col] = lower;
            self.lower_given[col] = code != b"UP";
        }
        if let Some(upper) = upper {
            self.upper[col] = upper;
        }
        Ok(())
    }
}

fn repeated(what: &'static str, first: &[u8], second: &[u8]) -> ReadErrorKind {
    ReadErrorKind::RepeatedEntry {
        what,
        first: excerpt(first),
        second: excerpt(second),
    }
}
