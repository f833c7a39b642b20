//! From entries in file order to compressed rows.

use super::error::{ReadError, ReadErrorKind};
use super::{Duplicates, Symmetry};
use crate::system::{CsrMatrix, counts_to_pointers, csr};

/// Dimension up to which a matrix may have any number of empty rows; above, entries must keep pace.
pub(crate) const ROWS_PER_ENTRY: u64 = 16;
/// Entries for which room is made before any was seen.
const FIRST_ROOM: u64 = 1 << 16;

/// Stored entries of a file in file order, indices from 0, with the line of each.
pub(crate) struct Entries {
    rows: Vec<u32>,
    cols: Vec<u32>,
    values: Vec<f64>,
    /// Entry number and line wherever lines do not simply count on.
    breaks: Vec<(usize, u64)>,
    /// 1 where each entry has a line of its own, 0 where several stand on one.
    lines_per_entry: u64,
}

impl Entries {
    pub(crate) fn with_declared(count: u64, lines_per_entry: u64) -> Self {
        let room = count.min(FIRST_ROOM) as usize;
        Self {
            rows: Vec::with_capacity(room),
            cols: Vec::with_capacity(room),
            values: Vec::with_capacity(room),
            breaks: Vec::new(),
            lines_per_entry,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, row: u32, col: u32, value: f64, line: u64) {
        let k = self.rows.len();
        if self
            .breaks
            .last()
            .is_none_or(|&(entry, first)| first + self.lines_per_entry * (k - entry) as u64 != line)
        {
            self.breaks.push((k, line));
        }
        self.rows.push(row);
        self.cols.push(col);
        self.values.push(value);
    }

    pub(crate) fn set_value(&mut self, entry: usize, value: f64) {
        self.values[entry] = value;
    }

    fn line_of(&self, entry: usize) -> u64 {
        let after = self.breaks.partition_point(|&(first, _)| first <= entry);
        self.breaks
            .get(after.wrapping_sub(1))
            .map_or(0, |&(first, line)| {
                line + self.lines_per_entry * (entry - first) as u64
            })
    }

    /// Builds the full matrix; mirrors the entries of a symmetric one. O(nnz) when each row's columns come in order.
    pub(crate) fn assemble(
        self,
        (rows, cols): (u32, u32),
        symmetry: Symmetry,
        duplicates: Duplicates,
    ) -> Result<CsrMatrix, ReadError> {
        let mirror = match symmetry {
            Symmetry::General => None,
            Symmetry::Symmetric | Symmetry::Hermitian => Some(1.0),
            Symmetry::SkewSymmetric => Some(-1.0),
        };
        let off_diagonal = self
            .rows
            .iter()
            .zip(&self.cols)
            .filter(|(r, c)| r != c)
            .count();
        let count = (self.len() + if mirror.is_some() { off_diagonal } else { 0 }) as u64;
        if u32::try_from(count).is_err() {
            return Err(ReadError::new(ReadErrorKind::TooManyNonzeros { count }));
        }
        let mut next = vec![0_u32; rows as usize + 1];
        for (&row, &col) in self.rows.iter().zip(&self.cols) {
            next[row as usize + 1] += 1;
            if mirror.is_some() && row != col {
                next[col as usize + 1] += 1;
            }
        }
        counts_to_pointers(&mut next);
        let pointers = next.clone();
        let mut indices = vec![0_u32; count as usize];
        let mut data = vec![0.0; count as usize];
        let mut put = |row: u32, col: u32, value: f64| {
            let slot = &mut next[row as usize];
            indices[*slot as usize] = col;
            data[*slot as usize] = value;
            *slot += 1;
        };
        for ((&row, &col), &value) in self.rows.iter().zip(&self.cols).zip(&self.values) {
            put(row, col, value);
            if let Some(sign) = mirror
                && row != col
            {
                put(col, row, sign * value);
            }
        }
        let repeated = sort_rows(&pointers, &mut indices, &mut data);
        if repeated && duplicates == Duplicates::Error {
            return Err(self.first_duplicate(mirror.is_some()));
        }
        let (pointers, indices, data) = if repeated {
            sum_repeated(&pointers, &indices, &data)
        } else {
            (pointers, indices, data)
        };
        if let Some(sum) = data.iter().find(|value| !value.is_finite()) {
            let field = "the sum of repeated entries";
            let found = sum.to_string();
            return Err(ReadError::new(ReadErrorKind::NonFinite { field, found }));
        }
        Ok(csr(rows as usize, cols as usize, pointers, indices, data))
    }

    /// The first entry in file order whose position an earlier one has. Only called when there is one.
    fn first_duplicate(&self, symmetric: bool) -> ReadError {
        let key = |entry: &u32| {
            let (row, col) = (self.rows[*entry as usize], self.cols[*entry as usize]);
            if symmetric {
                (row.max(col), row.min(col))
            } else {
                (row, col)
            }
        };
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_by_key(key);
        let entry = order
            .windows(2)
            .filter(|pair| key(&pair[0]) == key(&pair[1]))
            .map(|pair| pair[1])
            .min();
        let entry = entry.unwrap_or_default() as usize;
        let (row, col) = (
            u64::from(self.rows[entry]) + 1,
            u64::from(self.cols[entry]) + 1,
        );
        ReadError::at(self.line_of(entry), ReadErrorKind::Duplicate { row, col })
    }
}

/// Sorts each row by column, keeping file order among equals; true if some column occurs twice in a row.
fn sort_rows(pointers: &[u32], indices: &mut [u32], data: &mut [f64]) -> bool {
    let mut repeated = false;
    let mut scratch: Vec<(u32, f64)> = Vec::new();
    for bounds in pointers.windows(2) {
        let range = bounds[0] as usize..bounds[1] as usize;
        let (columns, values) = (&mut indices[range.clone()], &mut data[range]);
        if columns.windows(2).all(|pair| pair[0] < pair[1]) {
            continue;
        }
        scratch.clear();
        scratch.extend(columns.iter().copied().zip(values.iter().copied()));
        scratch.sort_by_key(|&(column, _)| column);
        for ((column, value), entry) in columns.iter_mut().zip(values.iter_mut()).zip(&scratch) {
            (*column, *value) = *entry;
        }
        repeated |= columns.windows(2).any(|pair| pair[0] == pair[1]);
    }
    repeated
}

/// Adds up entries of equal position in sorted rows.
fn sum_repeated(pointers: &[u32], indices: &[u32], data: &[f64]) -> (Vec<u32>, Vec<u32>, Vec<f64>) {
    let (mut new_pointers, mut new_indices, mut new_data) =
        (vec![0_u32], Vec::new(), Vec::<f64>::new());
    for bounds in pointers.windows(2) {
        let start = new_indices.len();
        for k in bounds[0] as usize..bounds[1] as usize {
            if new_indices[start..].last() == Some(&indices[k])
                && let Some(last) = new_data.last_mut()
            {
                *last += data[k];
            } else {
                new_indices.push(indices[k]);
                new_data.push(data[k]);
            }
        }
        new_pointers.push(new_indices.len() as u32);
    }
    (new_pointers, new_indices, new_data)
}

/// Checks a dimension against 32-bit indices and against the number of entries actually read.
pub(crate) fn check_dimension(
    field: &'static str,
    value: u64,
    entries: u64,
    max_dimension: usize,
) -> Result<u32, ReadErrorKind> {
    let limit = (max_dimension as u64)
        .max(entries.saturating_mul(ROWS_PER_ENTRY))
        .min(u64::from(u32::MAX) - 1);
    match u32::try_from(value) {
        Ok(dimension) if value <= limit => Ok(dimension),
        _ => Err(ReadErrorKind::DimensionTooLarge {
            field,
            value,
            limit,
            entries,
        }),
    }
}
