//! Lower triangles by columns.

use std::sync::Arc;

use la_krylov::Real;
use sprs::SpIndex;

use super::factor::LowerPattern;
use super::input::Rows;
use crate::IncompleteCholesky;

/// The lower triangle of a matrix by columns.
pub(crate) struct Columns<T> {
    /// Start of each column in `rows` and `values`, length `n + 1`.
    pub(crate) starts: Vec<u32>,
    /// Rows below the diagonal, increasing in each column.
    pub(crate) rows: Vec<u32>,
    pub(crate) values: Vec<T>,
    pub(crate) diagonal: Vec<T>,
}

impl<T: Real> Columns<T> {
    /// The lower triangle of `a`, whose strict pattern is `pattern`.
    pub(crate) fn new<I: SpIndex>(a: &Rows<'_, T, I>, pattern: &LowerPattern) -> Self {
        let n = pattern.indptr.len() - 1;
        let starts = column_starts(n, &pattern.indices);
        let mut rows = vec![0; pattern.indices.len()];
        let mut values = vec![T::ZERO; rows.len()];
        let mut next = starts.clone();
        let mut diagonal = Vec::with_capacity(n);
        for i in 0..n {
            let (cols, entries) = a.row(i);
            let below = pattern.range(i).len();
            for (col, &value) in cols[..below].iter().zip(entries) {
                let slot = &mut next[col.index()];
                rows[*slot as usize] = i as u32;
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

    /// Rows and values of column `j` below the diagonal.
    pub(crate) fn column(&self, j: usize) -> (&[u32], &[T]) {
        let range = self.starts[j] as usize..self.starts[j + 1] as usize;
        (&self.rows[range.clone()], &self.values[range])
    }
}

/// Where the columns start, of rows with these indices.
fn column_starts(n: usize, indices: &[u32]) -> Vec<u32> {
    let mut starts = vec![0_u32; n + 1];
    for &j in indices {
        starts[j as usize + 1] += 1;
    }
    for j in 0..n {
        starts[j + 1] += starts[j];
    }
    starts
}

/// Pattern of the transpose, by a counting sort.
pub(crate) fn transposed_pattern(indptr: &[u32], indices: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let n = indptr.len() - 1;
    let starts = column_starts(n, indices);
    let mut next = starts.clone();
    let mut outer = vec![0_u32; indices.len()];
    for i in 0..n {
        for &j in &indices[indptr[i] as usize..indptr[i + 1] as usize] {
            let slot = &mut next[j as usize];
            outer[*slot as usize] = i as u32;
            *slot += 1;
        }
    }
    (starts, outer)
}

/// The factor of the columns `l_ij`, `i > j`, and the diagonal `l_ii`: by rows, each divided by its
/// diagonal entry.
pub(crate) fn by_rows<T: Real>(
    starts: &[u32],
    rows: &[u32],
    values: &[T],
    diagonal: Vec<T>,
) -> IncompleteCholesky<T> {
    let (indptr, indices) = transposed_pattern(starts, rows);
    let pattern = Arc::new(LowerPattern { indptr, indices });
    by_rows_of(pattern, rows, values, diagonal)
}

/// The same where the pattern by rows is known.
pub(crate) fn by_rows_of<T: Real>(
    pattern: Arc<LowerPattern>,
    rows: &[u32],
    values: &[T],
    diagonal: Vec<T>,
) -> IncompleteCholesky<T> {
    let mut scaled = vec![T::ZERO; values.len()];
    let mut next = pattern.indptr.clone();
    for (&i, &value) in rows.iter().zip(values) {
        let slot = &mut next[i as usize];
        scaled[*slot as usize] = value / diagonal[i as usize];
        *slot += 1;
    }
    IncompleteCholesky::assemble(pattern, scaled, diagonal)
}
