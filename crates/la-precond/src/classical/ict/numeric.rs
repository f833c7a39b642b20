//! The numbers of ICT, column by column.

use std::sync::Arc;

use la_krylov::Real;
use sprs::SpIndex;

use super::Ict;
use crate::classical::factor::LowerPattern;
use crate::classical::input::{Rows, hopeless};
use crate::classical::shift::AttemptError;
use crate::{IncompleteCholesky, PrecondError};

/// End of a linked list.
const NONE: u32 = u32::MAX;

/// A lower triangle by columns.
pub(super) struct Columns<T> {
    starts: Vec<u32>,
    rows: Vec<u32>,
    values: Vec<T>,
    diagonal: Vec<T>,
}

impl<T: Real> Columns<T> {
    /// The lower triangle of `a`, whose strict pattern is `pattern`.
    pub(super) fn new<I: SpIndex>(a: &Rows<'_, T, I>, pattern: &LowerPattern) -> Self {
        let n = pattern.indptr.len() - 1;
        let (starts, rows, mut values) = transposed_pattern::<T>(&pattern.indptr, &pattern.indices);
        let mut next = starts.clone();
        let mut diagonal = Vec::with_capacity(n);
        for i in 0..n {
            let (cols, entries) = a.row(i);
            let below = pattern.range(i).len();
            for (col, &value) in cols[..below].iter().zip(entries) {
                let slot = &mut next[col.index()];
                values[*slot as usize] = value;
                *slot += 1;
            }
            diagonal.push(entries[below]);
        }
        Self {
            starts,
            rows,
            values,
            diagonal,
        }
    }

    fn column(&self, j: usize) -> (&[u32], &[T]) {
        let range = self.starts[j] as usize..self.starts[j + 1] as usize;
        (&self.rows[range.clone()], &self.values[range])
    }
}

/// Pattern of the transpose, by a counting sort, and room for its values.
fn transposed_pattern<T: Real>(indptr: &[u32], indices: &[u32]) -> (Vec<u32>, Vec<u32>, Vec<T>) {
    let n = indptr.len() - 1;
    let mut starts = vec![0_u32; n + 1];
    for &j in indices {
        starts[j as usize + 1] += 1;
    }
    for j in 0..n {
        starts[j + 1] += starts[j];
    }
    let mut next = starts.clone();
    let mut outer = vec![0_u32; indices.len()];
    for i in 0..n {
        for &j in &indices[indptr[i] as usize..indptr[i + 1] as usize] {
            let slot = &mut next[j as usize];
            outer[*slot as usize] = i as u32;
            *slot += 1;
        }
    }
    (starts, outer, vec![T::ZERO; indices.len()])
}

/// One attempt at `A + shift · diag(A)`.
///
/// Left-looking. Column `j` is `u_i = a_ij − Σ_k l_ik l_jk`, `l_ij = u_i / √d_j`, where `k` runs over
/// the columns whose row `j` is stored. These are found through linked lists: each finished column
/// hangs in the list of the row that it will be needed for next.
pub(super) fn factor<T: Real, I: SpIndex>(
    a: &Columns<T>,
    original: &Rows<'_, T, I>,
    shift: f64,
    options: &Ict,
) -> Result<IncompleteCholesky<T>, AttemptError> {
    let n = a.diagonal.len();
    let weight = T::from_f64(1.0 + shift);
    // Sizes of l_ij are compared after division by √a_ii.
    let inverse_norm: Vec<T> = a.diagonal.iter().map(|&d| T::ONE / d.sqrt()).collect();
    let threshold = T::from_f64(options.drop_tol);
    let mut pivots: Vec<T> = a.diagonal.iter().map(|&d| d * weight).collect();

    let mut starts: Vec<u32> = Vec::with_capacity(n + 1);
    starts.push(0);
    let mut rows: Vec<u32> = Vec::with_capacity(a.rows.len());
    let mut values: Vec<T> = Vec::with_capacity(a.rows.len());

    let mut first_in_row = vec![NONE; n];
    let mut next_column = vec![NONE; n];
    let mut cursor = vec![0_u32; n];
    let mut dense = vec![T::ZERO; n];
    let mut seen = vec![NONE; n];
    let mut touched: Vec<u32> = Vec::new();

    for j in 0..n {
        let d = pivots[j];
        if !(d > T::ZERO && d.is_finite() && (T::ONE / d).is_finite()) {
            return Err(
                hopeless(original, j).map_or(AttemptError::Pivot { row: j }, AttemptError::Fatal)
            );
        }
        let root = d.sqrt();
        pivots[j] = root;
        let (rows_a, values_a) = a.column(j);
        touched.clear();
        for (&i, &value) in rows_a.iter().zip(values_a) {
            dense[i as usize] = value;
            seen[i as usize] = j as u32;
            touched.push(i);
        }
        // u −= l_jk · (column k below row j)
        let mut k = first_in_row[j];
        while k != NONE {
            let column = k as usize;
            k = next_column[column];
            let (at, end) = (cursor[column] as usize, starts[column + 1] as usize);
            let factor = values[at];
            for (&i, &value) in rows[at + 1..end].iter().zip(&values[at + 1..end]) {
                let row = i as usize;
                if seen[row] != j as u32 {
                    seen[row] = j as u32;
                    dense[row] = T::ZERO;
                    touched.push(i);
                }
                dense[row] -= value * factor;
            }
            advance(
                column,
                at + 1,
                end,
                &rows,
                &mut cursor,
                &mut first_in_row,
                &mut next_column,
            );
        }
        // l_ij = u_i / √d_j, the small ones dropped
        let size = |i: u32, dense: &[T]| (dense[i as usize] * inverse_norm[i as usize]).abs();
        for &i in &touched {
            let l = dense[i as usize] / root;
            if !l.is_finite() {
                let row = i as usize;
                let fatal = hopeless(original, row)
                    .map_or(AttemptError::Pivot { row }, AttemptError::Fatal);
                return Err(fatal);
            }
            dense[i as usize] = l;
        }
        touched.retain(|&i| size(i, &dense) > threshold);
        let limit = options.fill.of_column(rows_a.len());
        if touched.len() > limit {
            if limit > 0 {
                touched.select_nth_unstable_by(limit - 1, |&p, &q| {
                    let (size_p, size_q) = (size(p, &dense), size(q, &dense));
                    size_q.to_f64().total_cmp(&size_p.to_f64()).then(p.cmp(&q))
                });
            }
            touched.truncate(limit);
        }
        touched.sort_unstable();
        if u32::try_from(rows.len() + touched.len()).is_err() {
            let nnz = rows.len() + touched.len();
            return Err(AttemptError::Fatal(PrecondError::TooLarge { rows: n, nnz }));
        }
        for &i in &touched {
            let l = dense[i as usize];
            rows.push(i);
            values.push(l);
            pivots[i as usize] -= l * l;
        }
        starts.push(rows.len() as u32);
        advance(
            j,
            starts[j] as usize,
            rows.len(),
            &rows,
            &mut cursor,
            &mut first_in_row,
            &mut next_column,
        );
    }
    Ok(by_rows(&starts, &rows, &values, pivots))
}

/// Hangs a column into the list of the row of its entry `at`, if it has one.
fn advance(
    column: usize,
    at: usize,
    end: usize,
    rows: &[u32],
    cursor: &mut [u32],
    first_in_row: &mut [u32],
    next_column: &mut [u32],
) {
    if at < end {
        cursor[column] = at as u32;
        let row = rows[at] as usize;
        next_column[column] = first_in_row[row];
        first_in_row[row] = column as u32;
    }
}

/// The factor by rows, each divided by its diagonal entry.
fn by_rows<T: Real>(
    starts: &[u32],
    rows: &[u32],
    values: &[T],
    diagonal: Vec<T>,
) -> IncompleteCholesky<T> {
    let (indptr, indices, mut scaled) = transposed_pattern::<T>(starts, rows);
    let mut next = indptr.clone();
    for (&i, &value) in rows.iter().zip(values) {
        let slot = &mut next[i as usize];
        scaled[*slot as usize] = value / diagonal[i as usize];
        *slot += 1;
    }
    IncompleteCholesky::assemble(Arc::new(LowerPattern { indptr, indices }), scaled, diagonal)
}
