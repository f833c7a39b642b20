//! Where the factors of ILU(k) have entries.

use la_krylov::Real;
use sprs::SpIndex;

use super::super::check::sorted;
use super::super::factor::Pattern;
use crate::PrecondError;
use crate::classical::input::Rows;

/// End of a linked list of columns.
const END: u32 = u32::MAX;

/// Level 0: the strict triangles of `A`.
pub(super) fn split<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    n: usize,
) -> Result<(Pattern, Pattern), PrecondError> {
    let (mut lower, mut upper) = (start(n), start(n));
    for i in 0..n {
        let (cols, _) = a.row(i);
        sorted(i, cols)?;
        let below = cols.partition_point(|c| c.index() < i);
        let above = below + usize::from(cols.get(below).is_some_and(|c| c.index() == i));
        let index = |c: &I| c.index() as u32;
        lower.indices.extend(cols[..below].iter().map(index));
        upper.indices.extend(cols[above..].iter().map(index));
        lower.indptr.push(lower.indices.len() as u32);
        upper.indptr.push(upper.indices.len() as u32);
    }
    Ok((lower, upper))
}

/// Level k: rows of `A`, into which the rows of `U` that eliminate them are merged.
pub(super) fn levels<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    n: usize,
    limit: usize,
) -> Result<(Pattern, Pattern), PrecondError> {
    // No path of fill is longer than n.
    let limit = limit.min(n) as u32;
    let (mut lower, mut upper) = (start(n), start(n));
    let mut upper_levels: Vec<u32> = Vec::new();
    // The row in work is a list of increasing columns that begins in `next[n]`.
    let mut next = vec![END; n + 1];
    let mut level = vec![0_u32; n];
    for i in 0..n {
        let (cols, _) = a.row(i);
        sorted(i, cols)?;
        let mut last = n;
        let mut diagonal_met = false;
        for col in cols.iter().map(|c| c.index()) {
            if col > i && !diagonal_met {
                next[last] = i as u32;
                level[i] = 0;
                last = i;
            }
            diagonal_met |= col >= i;
            next[last] = col as u32;
            level[col] = 0;
            last = col;
        }
        if !diagonal_met {
            next[last] = i as u32;
            level[i] = 0;
            last = i;
        }
        next[last] = END;

        let mut k = next[n] as usize;
        while k < i {
            lower.indices.push(k as u32);
            let mut at = k;
            let range = upper.range(k);
            for (&col, &lev) in upper.indices[range.clone()]
                .iter()
                .zip(&upper_levels[range])
            {
                let fill = level[k] + lev + 1;
                if fill > limit {
                    continue;
                }
                while next[at] < col {
                    at = next[at] as usize;
                }
                let col_at = col as usize;
                if next[at] == col {
                    level[col_at] = level[col_at].min(fill);
                } else {
                    next[col_at] = next[at];
                    next[at] = col;
                    level[col_at] = fill;
                }
                at = col_at;
            }
            k = next[k] as usize;
        }
        // Here k is the diagonal, which no step removes.
        let mut col = next[i];
        while col != END {
            upper.indices.push(col);
            upper_levels.push(level[col as usize]);
            col = next[col as usize];
        }
        let nnz = lower.indices.len().max(upper.indices.len());
        if u32::try_from(nnz).is_err() {
            return Err(PrecondError::TooLarge { rows: n, nnz });
        }
        lower.indptr.push(lower.indices.len() as u32);
        upper.indptr.push(upper.indices.len() as u32);
    }
    Ok((lower, upper))
}

fn start(n: usize) -> Pattern {
    let mut indptr = Vec::with_capacity(n + 1);
    indptr.push(0);
    let indices = Vec::new();
    Pattern { indptr, indices }
}
