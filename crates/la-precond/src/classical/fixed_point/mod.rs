//! Incomplete factorisations by fixed-point sweeps.

mod ic0;
mod ilu0;

use std::ops::Range;

use la_krylov::Real;

pub use ic0::FixedPointIc0;
pub use ilu0::FixedPointIlu0;

/// Stored entries below which a piece of a sweep is not divided among threads.
#[cfg(feature = "rayon")]
const GRAIN: usize = 16_384;

/// Calls `fill(row, values of the row, item of the row)` for all `rows`, in parallel where there are many entries. Rows do not see
/// each other, so the division changes nothing; of several errors the one of the first row comes back.
fn fill_rows<T: Send, D: Send, E: Send>(
    indptr: &[u32],
    rows: Range<usize>,
    values: &mut [T],
    items: &mut [D],
    fill: &(impl Fn(usize, &mut [T], &mut D) -> Result<(), E> + Sync),
) -> Result<(), E> {
    let at = |row: usize| (indptr[row] - indptr[rows.start]) as usize;
    #[cfg(feature = "rayon")]
    if values.len() > GRAIN && rows.len() > 1 {
        // Half of the entries on either side.
        let half = indptr[rows.start] + (values.len() / 2) as u32;
        let middle = rows.start + indptr[rows.start..=rows.end].partition_point(|&p| p <= half);
        let middle = middle.clamp(rows.start + 1, rows.end - 1);
        let (left, right) = values.split_at_mut(at(middle));
        let (left_items, right_items) = items.split_at_mut(middle - rows.start);
        let (first, second) = rayon::join(
            || fill_rows(indptr, rows.start..middle, left, left_items, fill),
            || fill_rows(indptr, middle..rows.end, right, right_items, fill),
        );
        return first.and(second);
    }
    for (row, item) in rows.clone().zip(items) {
        fill(row, &mut values[at(row)..at(row + 1)], item)?;
    }
    Ok(())
}

/// Inner product of two sparse vectors with increasing indices.
fn merge<T: Real>(indices_x: &[u32], x: &[T], indices_y: &[u32], y: &[T]) -> T {
    let (mut p, mut q) = (0, 0);
    let mut sum = T::ZERO;
    while p < indices_x.len() && q < indices_y.len() {
        let (i, j) = (indices_x[p], indices_y[q]);
        if i == j {
            sum += x[p] * y[q];
        }
        p += usize::from(i <= j);
        q += usize::from(j <= i);
    }
    sum
}
