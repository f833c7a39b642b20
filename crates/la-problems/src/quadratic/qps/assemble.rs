//! The problem that has been read.

use sprs::CsMatI;

use super::QpsFile;
use super::read::{Entry, Reader, infinite};
use crate::io::ReadError;
use crate::io::error::ReadErrorKind;
use crate::quadratic::QuadraticFile;

impl Reader {
    /// Puts the matrices and limits together.
    pub(super) fn finish(self) -> Result<QpsFile, ReadError> {
        let n = self.column_names.len();
        let m = self.kinds.len();
        let (mut lower, mut upper) = (Vec::with_capacity(m), Vec::with_capacity(m));
        for ((&kind, &rhs), &range) in self.kinds.iter().zip(&self.rhs).zip(&self.ranges) {
            let rhs = infinite(rhs.unwrap_or(0.0));
            let (low, high) = match (kind, range) {
                (b'E', None) => (rhs, rhs),
                (b'E', Some(range)) if range < 0.0 => (rhs + range, rhs),
                (b'E', Some(range)) => (rhs, rhs + range),
                (b'L', None) => (f64::NEG_INFINITY, rhs),
                (b'L', Some(range)) => (rhs - range.abs(), rhs),
                (_, None) => (rhs, f64::INFINITY),
                (_, Some(range)) => (rhs, rhs + range.abs()),
            };
            lower.push(low);
            upper.push(high);
        }
        let of_column = |row: usize| self.row_names[row].clone();
        let rows = compress(m, n, self.entries, |entry| {
            let kind = ReadErrorKind::RepeatedEntry {
                what: "the entry",
                first: of_column(entry.row),
                second: self.column_names[entry.col].clone(),
            };
            ReadError::at(entry.line, kind)
        })?;
        let names = |entry: &Entry| {
            let name = |j: usize| self.column_names[j].clone();
            (name(entry.col), name(entry.row))
        };
        let entries = self.quadratic.clone();
        let mut hessian = compress(n, n, self.quadratic, |entry| {
            let (first, second) = names(entry);
            let what = "the quadratic entry";
            ReadError::at(
                entry.line,
                ReadErrorKind::RepeatedEntry {
                    what,
                    first,
                    second,
                },
            )
        })?;
        for entry in &entries {
            if hessian.get(entry.col, entry.row) != Some(&entry.value) {
                let (first, second) = names(entry);
                let kind = ReadErrorKind::Unsymmetric { first, second };
                return Err(ReadError::at(entry.line, kind));
            }
        }
        let mut linear: Vec<f64> = self.linear.iter().map(|q| q.unwrap_or(0.0)).collect();
        let mut constant = self.constant.unwrap_or(0.0);
        if self.maximise {
            hessian.data_mut().iter_mut().for_each(|p| *p = -*p);
            linear.iter_mut().for_each(|q| *q = -*q);
            constant = -constant;
        }
        Ok(QpsFile {
            name: self.name,
            row_names: self.row_names,
            column_names: self.column_names,
            maximise: self.maximise,
            problem: QuadraticFile {
                hessian,
                linear,
                constant,
                rows,
                lower,
                upper,
                lower_bounds: self.lower,
                upper_bounds: self.upper,
            },
        })
    }
}

/// A matrix by columns; the second of two entries at the same place is an error.
fn compress(
    rows: usize,
    cols: usize,
    mut entries: Vec<Entry>,
    error: impl Fn(&Entry) -> ReadError,
) -> Result<CsMatI<f64, usize>, ReadError> {
    entries.sort_by_key(|entry| (entry.col, entry.row));
    let mut starts = vec![0; cols + 1];
    for pair in entries.windows(2) {
        if (pair[0].col, pair[0].row) == (pair[1].col, pair[1].row) {
            return Err(error(&pair[1]));
        }
    }
    for entry in &entries {
        starts[entry.col + 1] += 1;
    }
    for col in 0..cols {
        starts[col + 1] += starts[col];
    }
    let indices = entries.iter().map(|entry| entry.row).collect();
    let values = entries.iter().map(|entry| entry.value).collect();
    Ok(CsMatI::new_csc((rows, cols), starts, indices, values))
}
