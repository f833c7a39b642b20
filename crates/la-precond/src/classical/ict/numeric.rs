//! The numbers of ICT, column by column.

use std::ops::Range;

use la_krylov::Real;
use sprs::SpIndex;

use super::Ict;
use super::select::Largest;
use crate::classical::columns::{Columns, by_rows};
use crate::classical::input::{Rows, hopeless};
use crate::classical::shift::AttemptError;
use crate::{IncompleteCholesky, PrecondError};

/// End of a linked list.
const NONE: u32 = u32::MAX;

/// One attempt at `A + shift · diag(A)`.
///
/// Left-looking. Column `j` is `u_i = a_ij − Σ_k l_ik l_jk`, `l_ij = u_i / √d_j`, where `k` runs over
/// the columns whose row `j` is stored. These are found through linked lists: each finished column
/// hangs in the list of the row that it will be needed for next. Pivots are updated as soon as a
/// column is finished, so that an attempt that must fail stops at the first sign of it.
pub(super) fn factor<T: Real, I: SpIndex>(
    a: &Columns<T>,
    original: &Rows<'_, T, I>,
    shift: f64,
    options: &Ict,
) -> Result<IncompleteCholesky<T>, AttemptError> {
    let n = a.diagonal.len();
    let failed = |row: usize| {
        hopeless(original, row).map_or(AttemptError::Pivot { row }, AttemptError::Fatal)
    };
    let weight = T::from_f64(1.0 + shift);
    let mut pivots: Vec<T> = a.diagonal.iter().map(|&d| d * weight).collect();
    if let Some(row) = pivots.iter().position(|&d| !usable(d)) {
        return Err(failed(row));
    }

    let mut starts: Vec<u32> = Vec::with_capacity(n + 1);
    starts.push(0);
    let mut rows: Vec<u32> = Vec::with_capacity(a.rows.len());
    let mut values: Vec<T> = Vec::with_capacity(a.rows.len());

    let mut first_in_row = vec![NONE; n];
    let mut next_column = vec![NONE; n];
    let mut cursor = vec![0_u32; n];
    // u, zero between columns
    let mut dense = vec![T::ZERO; n];
    let mut used: Vec<Range<usize>> = Vec::new();
    let mut kept = Largest::new(&a.diagonal);
    let drop_tol = T::from_f64(options.drop_tol);

    for j in 0..n {
        let root = pivots[j].sqrt();
        pivots[j] = root;
        let (rows_a, values_a) = a.column(j);
        let mut last = j;
        for (&i, &value) in rows_a.iter().zip(values_a) {
            dense[i as usize] = value;
            last = i as usize;
        }
        // u −= l_jk · (column k below row j)
        used.clear();
        let mut updates = 0;
        let mut k = first_in_row[j];
        while k != NONE {
            let column = k as usize;
            k = next_column[column];
            let (at, end) = (cursor[column] as usize, starts[column + 1] as usize);
            let below = at + 1..end;
            if !below.is_empty() {
                let factor = values[at];
                scatter(
                    &mut dense,
                    &rows[below.clone()],
                    &values[below.clone()],
                    factor,
                );
                updates += below.len();
                last = last.max(rows[end - 1] as usize);
                hang(
                    column,
                    at + 1,
                    &rows,
                    &mut cursor,
                    &mut first_in_row,
                    &mut next_column,
                );
                used.push(below);
            }
        }
        // |l_ij| = |u_i| / √d_j > drop_tol · √a_ii
        kept.start(drop_tol * root, options.fill.of_column(rows_a.len()));
        if updates > (last - j) / 8 {
            kept.scan(&mut dense, j + 1..last + 1);
        } else {
            kept.collect(&mut dense, rows_a);
            for range in &used {
                kept.collect(&mut dense, &rows[range.clone()]);
            }
        }
        let entries = kept.finish().map_err(failed)?;
        if u32::try_from(rows.len() + entries.len()).is_err() {
            let nnz = rows.len() + entries.len();
            return Err(AttemptError::Fatal(PrecondError::TooLarge { rows: n, nnz }));
        }
        for entry in entries {
            let pivot = &mut pivots[entry.row as usize];
            let value = entry.value / root;
            *pivot -= value * value;
            if !usable(*pivot) {
                return Err(failed(entry.row as usize));
            }
            rows.push(entry.row);
            values.push(value);
        }
        let start = starts[j] as usize;
        starts.push(rows.len() as u32);
        if start < rows.len() {
            hang(
                j,
                start,
                &rows,
                &mut cursor,
                &mut first_in_row,
                &mut next_column,
            );
        }
    }
    Ok(by_rows(&starts, &rows, &values, pivots))
}

/// `u_i −= l_ik · factor`; on its own, so that the loop keeps everything in registers.
#[inline(never)]
fn scatter<T: Real>(u: &mut [T], rows: &[u32], values: &[T], factor: T) {
    for (&i, &value) in rows.iter().zip(values) {
        u[i as usize] -= value * factor;
    }
}

/// Whether a pivot can be divided by.
fn usable<T: Real>(d: T) -> bool {
    d > T::ZERO && d.is_finite() && (T::ONE / d).is_finite()
}

/// Hangs a column into the list of the row of its entry `at`.
fn hang(
    column: usize,
    at: usize,
    rows: &[u32],
    cursor: &mut [u32],
    first_in_row: &mut [u32],
    next_column: &mut [u32],
) {
    cursor[column] = at as u32;
    let row = rows[at] as usize;
    next_column[column] = first_in_row[row];
    first_in_row[row] = column as u32;
}
