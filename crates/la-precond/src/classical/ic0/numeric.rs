//! The numbers of IC(0), row by row.

use std::cmp::Ordering;
use std::sync::Arc;

use la_krylov::Real;
use sprs::SpIndex;

use crate::IncompleteCholesky;
use crate::PrecondError;
use crate::classical::factor::{LowerPattern, dot};
use crate::classical::input::{Rows, hopeless};
use crate::classical::shift::AttemptError;

/// Rows with at most this many entries are merged instead of expanded into a dense row.
const SHORT_ROW: usize = 6;

/// One attempt at `A + shift · diag(A)`.
///
/// Up-looking, on `L = D L̂`: with row `j` of `L̂` finished for all `j < i`,
///
/// ```text
/// l_ij = a_ij / l_jj − Σ_{k<j} l_ik l̂_jk          (j in the pattern of row i, ascending)
/// d_i  = (1 + shift) a_ii − Σ_j l_ij²,   l_ii = √d_i,   l̂_ij = l_ij / l_ii
/// ```
///
/// Where the sum over `k` is empty, `l_ij² = a_ij² / d_j` keeps the square root off the chain from
/// one row to the next; on grids in their natural order that chain is what takes the time.
pub(in crate::classical) fn factor<T: Real, I: SpIndex>(
    pattern: &Arc<LowerPattern>,
    a: &Rows<'_, T, I>,
    shift: f64,
) -> Result<IncompleteCholesky<T>, AttemptError> {
    let n = pattern.indptr.len() - 1;
    let weight = T::from_f64(1.0 + shift);
    let mut scaled: Vec<T> = Vec::with_capacity(pattern.indices.len());
    let mut diagonal: Vec<T> = Vec::with_capacity(n);
    let mut inverse_pivot: Vec<T> = Vec::with_capacity(n);
    // Row i of L expanded, where rows are long enough for that to pay.
    let mut dense = vec![
        T::ZERO;
        if pattern.longest_row() > SHORT_ROW {
            n
        } else {
            0
        }
    ];
    let mut start = 0;
    for i in 0..n {
        let end = pattern.indptr[i + 1] as usize;
        let cols = &pattern.indices[start..end];
        let Some((entries, mut d)) = entries_of(a, i, cols) else {
            return Err(AttemptError::Fatal(PrecondError::PatternMismatch {
                row: i,
            }));
        };
        d *= weight;
        if cols.len() <= SHORT_ROW {
            for (p, (&j, &entry)) in cols.iter().zip(entries).enumerate() {
                let j = j as usize;
                let mut l = entry / diagonal[j];
                let mut square = entry * (entry * inverse_pivot[j]);
                if p > 0 {
                    let (cols_j, row_j) = finished(pattern, &scaled, j);
                    if let Some(sum) = merge(&cols[..p], &scaled[start..], cols_j, row_j) {
                        l -= sum;
                        square = l * l;
                    }
                }
                scaled.push(l);
                d -= square;
            }
        } else {
            for (p, (&j, &entry)) in cols.iter().zip(entries).enumerate() {
                let j = j as usize;
                let (cols_j, row_j) = finished(pattern, &scaled, j);
                // A row much longer than what is known of row i is searched, not read.
                let sum = if cols_j.len() > 16 * (p + 4) {
                    search(&cols[..p], &scaled[start..], cols_j, row_j)
                } else {
                    dot(cols_j, row_j, &dense)
                };
                let l = entry / diagonal[j] - sum;
                scaled.push(l);
                dense[j] = l;
                d -= l * l;
            }
            for &j in cols {
                dense[j as usize] = T::ZERO;
            }
        }
        let inverse = T::ONE / d;
        if !(d > T::ZERO && d.is_finite() && inverse.is_finite()) {
            return Err(hopeless(a, i).map_or(AttemptError::Pivot { row: i }, AttemptError::Fatal));
        }
        let root = d.sqrt();
        diagonal.push(root);
        inverse_pivot.push(inverse);
        let scale = root * inverse;
        for value in &mut scaled[start..] {
            *value *= scale;
        }
        start = end;
    }
    Ok(IncompleteCholesky::assemble(
        Arc::clone(pattern),
        scaled,
        diagonal,
    ))
}

/// Columns and values of the finished row `j` of `L̂`.
#[inline(always)]
fn finished<'a, T>(pattern: &'a LowerPattern, scaled: &'a [T], j: usize) -> (&'a [u32], &'a [T]) {
    let range = pattern.indptr[j] as usize..pattern.indptr[j + 1] as usize;
    (&pattern.indices[range.clone()], &scaled[range])
}

/// Values of `a` left of the diagonal in row `i`, and the diagonal entry, if they lie at `cols`.
#[inline(always)]
fn entries_of<'a, T: Real, I: SpIndex>(
    a: &Rows<'a, T, I>,
    i: usize,
    cols: &[u32],
) -> Option<(&'a [T], T)> {
    let (found, values) = a.row(i);
    let below = found.get(..cols.len())?;
    let same = below
        .iter()
        .zip(cols)
        .all(|(f, &c)| f.index() == c as usize);
    (same && found.get(cols.len())?.index() == i)
        .then(|| (&values[..cols.len()], values[cols.len()]))
}

/// Inner product of two short sparse rows; `None` where they do not meet.
#[inline(always)]
fn merge<T: Real>(cols_i: &[u32], row_i: &[T], cols_j: &[u32], row_j: &[T]) -> Option<T> {
    if cols_j.last()? < cols_i.first()? {
        return None;
    }
    if cols_j.len() > 64 {
        return Some(search(cols_i, row_i, cols_j, row_j));
    }
    let (mut p, mut q, mut met) = (0, 0, false);
    let mut sum = T::ZERO;
    while p < cols_i.len() && q < cols_j.len() {
        match cols_i[p].cmp(&cols_j[q]) {
            Ordering::Less => p += 1,
            Ordering::Greater => q += 1,
            Ordering::Equal => {
                sum += row_i[p] * row_j[q];
                met = true;
                p += 1;
                q += 1;
            }
        }
    }
    met.then_some(sum)
}

/// Inner product of a short sparse row with a long one, by binary search.
fn search<T: Real>(cols_i: &[u32], row_i: &[T], cols_j: &[u32], row_j: &[T]) -> T {
    let mut sum = T::ZERO;
    let mut from = 0;
    for (col, &value) in cols_i.iter().zip(row_i) {
        match cols_j[from..].binary_search(col) {
            Ok(k) => {
                sum += value * row_j[from + k];
                from += k + 1;
            }
            Err(k) => from += k,
        }
    }
    sum
}
