//! Reading.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use super::card::{Card, Layout};
use super::{QpsFile, QpsFormat};
use crate::io::ReadError;
use crate::io::error::{ReadErrorKind, excerpt};
use crate::io::number::fields;
use crate::io::source::Lines;

/// Values of bounds and right-hand sides from here on are infinite.
const INFINITE: f64 = 1e30;

const SECTIONS: &str =
    "NAME, OBJSENSE, ROWS, COLUMNS, RHS, RANGES, BOUNDS, QUADOBJ, QMATRIX, QSECTION, ENDATA";

/// Reads a quadratic program from a file, plain or gzip-compressed.
///
/// Sections are `NAME`, `OBJSENSE`, `ROWS`, `COLUMNS`, `RHS`, `RANGES`, `BOUNDS`, `QUADOBJ` or `QSECTION` (one triangle of P, either of them), `QMATRIX` (all of P), `ENDATA`.
/// The objective is `½ xᵀ P x + qᵀ x + r`, r minus the right-hand side of the objective row. Variables are at least 0 unless a bound says otherwise; a
/// negative upper bound of a variable whose lower bound was not given makes that one −∞, as most programs have it. Values of bounds and right-hand sides
/// from 1e30 on are infinite. `OBJSENSE MAX` changes all signs of the objective. The first row of type `N` is the objective, others are left out.
///
/// Integer variables, semicontinuous ones, quadratic constraints and several vectors of right-hand sides, ranges or bounds are refused.
///
/// # Errors
/// [`ReadError`], which names the line and the field.
///
/// # Examples
/// ```no_run
/// use la_problems::quadratic::{QpsFormat, read_qps};
///
/// let file = read_qps("HS118.QPS", QpsFormat::Automatic)?;
/// println!("{} variables, {} rows", file.column_names.len(), file.row_names.len());
/// # Ok::<(), la_problems::io::ReadError>(())
/// ```
pub fn read_qps(path: impl AsRef<Path>, format: QpsFormat) -> Result<QpsFile, ReadError> {
    let path = path.as_ref();
    let read = || parse(Lines::open(path)?, format);
    read().map_err(|e| e.with_path(path))
}

/// Reads a quadratic program from a stream, plain or gzip-compressed. See [`read_qps`].
///
/// # Errors
/// As [`read_qps`].
///
/// # Examples
/// ```
/// use la_problems::quadratic::{QpsFormat, read_qps_from};
///
/// let text = "\
/// NAME nearest
/// ROWS
///  N obj
///  L sum
/// COLUMNS
///  x1 obj -1 sum 1
///  x2 obj -2 sum 1
/// RHS
///  rhs sum 1
/// QUADOBJ
///  x1 x1 1
///  x2 x2 1
/// ENDATA
/// ";
/// let file = read_qps_from(text.as_bytes(), QpsFormat::Automatic)?;
/// assert_eq!(file.problem.linear, [-1.0, -2.0]);
/// assert_eq!(file.problem.upper, [1.0]);
/// assert_eq!(file.problem.lower_bounds, [0.0, 0.0]);
/// # Ok::<(), la_problems::io::ReadError>(())
/// ```
pub fn read_qps_from(reader: impl Read, format: QpsFormat) -> Result<QpsFile, ReadError> {
    parse(Lines::new(reader)?, format)
}

fn parse(mut lines: Lines<'_>, format: QpsFormat) -> Result<QpsFile, ReadError> {
    let mut text = Vec::new();
    while lines.advance()? {
        text.extend_from_slice(lines.line());
        text.push(b'\n');
    }
    if text.is_empty() {
        return Err(ReadError::new(ReadErrorKind::Empty));
    }
    match format {
        QpsFormat::Automatic => Reader::new(QpsFormat::Free)
            .read(&text)
            .or_else(|error| Reader::new(QpsFormat::Fixed).read(&text).map_err(|_| error)),
        format => Reader::new(format).read(&text),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    Sense,
    Rows,
    Columns,
    Rhs,
    Ranges,
    Bounds,
    Quadratic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    Objective,
    Ignored,
    Constraint(usize),
}

/// An entry of a matrix, and the line it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) row: usize,
    pub(super) col: usize,
    pub(super) value: f64,
    pub(super) line: u64,
}

pub(super) struct Reader {
    format: QpsFormat,
    section: Section,
    pub(super) name: String,
    pub(super) maximise: bool,
    pub(super) rows: HashMap<Vec<u8>, Row>,
    pub(super) row_names: Vec<String>,
    /// `E`, `L` or `G`.
    pub(super) kinds: Vec<u8>,
    pub(super) has_objective: bool,
    pub(super) columns: HashMap<Vec<u8>, usize>,
    pub(super) column_names: Vec<String>,
    pub(super) linear: Vec<Option<f64>>,
    pub(super) entries: Vec<Entry>,
    /// Of the right-hand side, ranges and bounds.
    pub(super) vectors: [Option<Vec<u8>>; 3],
    pub(super) constant: Option<f64>,
    pub(super) rhs: Vec<Option<f64>>,
    pub(super) ranges: Vec<Option<f64>>,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) lower_given: Vec<bool>,
    /// Whether the quadratic part is a full matrix, once it is there.
    pub(super) full: Option<bool>,
    pub(super) quadratic: Vec<Entry>,
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) fn infinite(value: f64) -> f64 {
    if value >= INFINITE {
        f64::INFINITY
    } else if value <= -INFINITE {
        f64::NEG_INFINITY
    } else {
        value
    }
}

impl Reader {
    fn new(format: QpsFormat) -> Self {
        Self {
            format,
            section: Section::None,
            name: String::new(),
            maximise: false,
            rows: HashMap::new(),
            row_names: Vec::new(),
            kinds: Vec::new(),
            has_objective: false,
            columns: HashMap::new(),
            column_names: Vec::new(),
            linear: Vec::new(),
            entries: Vec::new(),
            vectors: [const { None }; 3],
            constant: None,
            rhs: Vec::new(),
            ranges: Vec::new(),
            lower: Vec::new(),
            upper: Vec::new(),
            lower_given: Vec::new(),
            full: None,
            quadratic: Vec::new(),
        }
    }

    fn read(mut self, text: &[u8]) -> Result<QpsFile, ReadError> {
        for (line, number) in text.split(|&b| b == b'\n').zip(1..) {
            let at = |kind| ReadError::at(number, kind);
            if line.first() == Some(&b'*') || line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if line[0].is_ascii_whitespace() {
                self.data(line, number).map_err(at)?;
            } else if self.header(line).map_err(at)? {
                return self.finish();
            }
        }
        Err(ReadError::new(ReadErrorKind::UnexpectedEnd {
            what: "ENDATA",
        }))
    }

    /// Begins a section; true at the end of the problem.
    fn header(&mut self, line: &[u8]) -> Result<bool, ReadErrorKind> {
        let mut words = fields(line);
        let word = words.next().unwrap_or_default();
        self.section = match word.to_ascii_uppercase().as_slice() {
            b"NAME" => {
                self.name = text(line[4..].trim_ascii());
                Section::None
            }
            b"OBJSENSE" => {
                if let Some(sense) = words.next() {
                    self.sense(sense)?;
                }
                Section::Sense
            }
            b"ROWS" => Section::Rows,
            b"COLUMNS" => Section::Columns,
            b"RHS" => Section::Rhs,
            b"RANGES" => Section::Ranges,
            b"BOUNDS" => Section::Bounds,
            section @ (b"QUADOBJ" | b"QSECTION" | b"QMATRIX") => {
                let full = section == b"QMATRIX";
                if self.full.is_some_and(|before| before != full) {
                    return Err(ReadErrorKind::Unsupported {
                        what: "second quadratic section",
                        found: excerpt(word),
                        supported: "one of QUADOBJ, QSECTION and QMATRIX",
                    });
                }
                if let Some(name) = words.next()
                    && self.rows.get(name) != Some(&Row::Objective)
                {
                    return Err(ReadErrorKind::Unsupported {
                        what: "quadratic part of row",
                        found: excerpt(name),
                        supported: "a quadratic objective and linear constraints",
                    });
                }
                self.full = Some(full);
                Section::Quadratic
            }
            b"ENDATA" => return Ok(true),
            _ => {
                return Err(ReadErrorKind::UnknownSection {
                    found: excerpt(word),
                    expected: SECTIONS,
                });
            }
        };
        Ok(false)
    }

    fn sense(&mut self, word: &[u8]) -> Result<(), ReadErrorKind> {
        self.maximise = match word.to_ascii_uppercase().as_slice() {
            b"MAX" | b"MAXIMIZE" | b"MAXIMISE" => true,
            b"MIN" | b"MINIMIZE" | b"MINIMISE" => false,
            _ => {
                return Err(ReadErrorKind::Unsupported {
                    what: "sense of the objective",
                    found: excerpt(word),
                    supported: "MIN, MAX",
                });
            }
        };
        Ok(())
    }

    fn data(&mut self, line: &[u8], number: u64) -> Result<(), ReadErrorKind> {
        let layout = match self.section {
            Section::None => {
                let word = fields(line).next().unwrap_or_default();
                return Err(ReadErrorKind::UnknownSection {
                    found: excerpt(word),
                    expected: SECTIONS,
                });
            }
            Section::Sense => return self.sense(line.trim_ascii()),
            Section::Rows => Layout::Rows,
            Section::Columns | Section::Quadratic => Layout::Entries,
            Section::Rhs | Section::Ranges => Layout::Vector,
            Section::Bounds => Layout::Bounds,
        };
        let known = |name: &[u8]| self.columns.contains_key(name);
        let card = Card::new(line, layout, self.format, known)?;
        match self.section {
            Section::Rows => self.row(card),
            Section::Columns => self.column(card, number),
            Section::Quadratic => self.quadratic(card, number),
            Section::Rhs => self.right_hand_side(card),
            Section::Ranges => self.range(card),
            _ => self.bound(card),
        }
    }
}
