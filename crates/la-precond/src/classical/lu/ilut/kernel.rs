//! The elimination.

use std::sync::Arc;

use la_krylov::Real;
use sprs::SpIndex;

use super::super::check::sorted;
use super::super::factor::Pattern;
use super::super::frame::Frame;
use super::super::level::{larger, largest_entry};
use super::bits::BitTree;
use super::select::Largest;
use super::{Ilut, IncompleteLu, LuFill};
use crate::PrecondError;
use crate::classical::input::Rows;

/// What the elimination did.
pub(super) struct Counts {
    pub(super) matrix_nnz: usize,
    pub(super) replaced: usize,
    pub(super) swaps: usize,
}

/// One entry of the row in work.
#[derive(Clone, Copy)]
struct Slot<T> {
    value: T,
    /// The row this value belongs to; stale if it is another one.
    row: u32,
}

/// A finished row of one factor, growing.
struct Triangle<T> {
    pattern: Pattern,
    values: Vec<T>,
}

impl<T: Real> Triangle<T> {
    fn new(n: usize, capacity: usize) -> Self {
        let mut indptr = Vec::with_capacity(n + 1);
        indptr.push(0);
        Self {
            pattern: Pattern {
                indptr,
                indices: Vec::with_capacity(capacity),
            },
            values: Vec::with_capacity(capacity),
        }
    }

    #[inline]
    fn push(&mut self, col: u32, value: T) {
        self.pattern.indices.push(col);
        self.values.push(value);
    }

    fn end_row(&mut self, n: usize) -> Result<(), PrecondError> {
        let nnz = self.values.len();
        let end = u32::try_from(nnz).map_err(|_| PrecondError::TooLarge { rows: n, nnz })?;
        self.pattern.indptr.push(end);
        Ok(())
    }
}

/// Places of columns while they are exchanged; empty without pivoting.
struct Places {
    /// Position of each column.
    position: Vec<u32>,
    /// Column at each position.
    column: Vec<u32>,
}

/// Saad's ILUT, with column pivoting if `PIVOTING`. `û_kj = u_kj / u_kk` is stored, so that the update
/// `w_j −= l_ik u_kj` becomes `w_j −= w_k û_kj`.
pub(super) fn factor<T: Real, I: SpIndex, const PIVOTING: bool>(
    a: &Rows<'_, T, I>,
    n: usize,
    options: &Ilut,
) -> Result<(IncompleteLu<T>, Counts), PrecondError> {
    let largest = largest_entry(a, n)?;
    let drop_tol = T::from_f64(options.drop_tol);
    let pivot_tolerance = T::from_f64(options.pivot_tolerance);
    let mut lower = Triangle::new(n, 0);
    let mut upper = Triangle::new(n, 0);
    let mut inverse: Vec<T> = Vec::with_capacity(n);
    // max_j |u_kj| of the finished rows.
    let mut height: Vec<T> = Vec::with_capacity(n);
    let mut places = Places {
        position: if PIVOTING {
            (0..n as u32).collect()
        } else {
            vec![]
        },
        column: if PIVOTING {
            (0..n as u32).collect()
        } else {
            vec![]
        },
    };
    let mut work = vec![
        Slot {
            value: T::ZERO,
            row: u32::MAX
        };
        n
    ];
    let mut pending = BitTree::new(n);
    let mut left: Vec<(u32, T, T)> = Vec::new();
    let mut right: Vec<u32> = Vec::new();
    let mut sizes: Vec<T> = Vec::new();
    let mut counts = Counts {
        matrix_nnz: 0,
        replaced: 0,
        swaps: 0,
    };

    for i in 0..n {
        let row = i as u32;
        let (cols, values) = a.row(i);
        sorted(i, cols)?;
        counts.matrix_nnz += cols.len();
        let mut own = if PIVOTING { places.column[i] } else { row };
        work[own as usize] = Slot {
            value: T::ZERO,
            row,
        };
        left.clear();
        right.clear();
        let (mut norm, mut mean) = (T::ZERO, T::ZERO);
        let share = T::ONE / T::from_f64(cols.len().max(1) as f64);
        for (col, &value) in cols.iter().zip(values) {
            let col = col.index();
            norm = larger(norm, value.abs());
            mean += value.abs() * share;
            work[col] = Slot { value, row };
            let at = if PIVOTING {
                places.position[col]
            } else {
                col as u32
            };
            if at < row {
                pending.insert(at as usize);
            } else if at > row {
                right.push(col as u32);
            }
        }
        let tau = drop_tol * mean;

        while let Some(k) = pending.pop() {
            let col = if PIVOTING {
                places.column[k] as usize
            } else {
                k
            };
            let wk = work[col].value;
            let l = wk * inverse[k];
            let size = l.abs() * height[k];
            if size <= tau {
                continue;
            }
            left.push((k as u32, l, size));
            let range = upper.pattern.range(k);
            for (&j, &u) in upper.pattern.indices[range.clone()]
                .iter()
                .zip(&upper.values[range])
            {
                let slot = &mut work[j as usize];
                if slot.row == row {
                    slot.value -= wk * u;
                    continue;
                }
                *slot = Slot {
                    value: -(wk * u),
                    row,
                };
                let at = if PIVOTING {
                    places.position[j as usize]
                } else {
                    j
                };
                if at < row {
                    pending.insert(at as usize);
                } else {
                    right.push(j);
                }
            }
        }

        if PIVOTING {
            let size = |c: u32| work[c as usize].value.abs();
            let mut best = usize::MAX;
            let mut top = size(own);
            for (k, &c) in right.iter().enumerate() {
                let better = size(c) * pivot_tolerance > size(own) && size(c) > top;
                // Of equal candidates the one that stands first, whatever the order of the list.
                let first = best != usize::MAX
                    && size(c) == top
                    && places.position[c as usize] < places.position[right[best] as usize];
                if better || first {
                    (best, top) = (k, size(c));
                }
            }
            if best != usize::MAX {
                let chosen = right[best];
                right[best] = own;
                let at = places.position[chosen as usize];
                places.column.swap(i, at as usize);
                places.position[own as usize] = at;
                places.position[chosen as usize] = row;
                own = chosen;
                counts.swaps += 1;
            }
        }
        right.retain(|&j| {
            let size = work[j as usize].value.abs();
            size > tau || !size.is_finite()
        });
        if !PIVOTING {
            right.sort_unstable();
        }
        let norm = if norm > T::ZERO { norm } else { largest };
        let (pivot, other) = options.pivot.apply(work[own as usize].value, norm);
        counts.replaced += usize::from(other);
        let inv = T::ONE / pivot;

        // Which entries may stay.
        let allowed = match options.fill {
            LuFill::Total(ratio) => {
                let used = lower.values.len() + upper.values.len() + i;
                let total = (ratio * counts.matrix_nnz as f64) as usize;
                Some(total.saturating_sub(used + 1))
            }
            _ => None,
        };
        let mut keep_left = Largest::of(&mut [], 0);
        let mut keep_right = Largest::of(&mut [], 0);
        let mut joint = false;
        match (options.fill, allowed) {
            (LuFill::PerRow(p), _) => {
                if left.len() > p {
                    sizes.clear();
                    sizes.extend(left.iter().map(|e| e.2));
                    keep_left = Largest::of(&mut sizes, p);
                }
                if right.len() > p {
                    sizes.clear();
                    sizes.extend(right.iter().map(|&j| work[j as usize].value.abs()));
                    keep_right = Largest::of(&mut sizes, p);
                }
            }
            (_, Some(count)) if left.len() + right.len() > count => {
                sizes.clear();
                sizes.extend(left.iter().map(|e| e.2));
                sizes.extend(right.iter().map(|&j| work[j as usize].value.abs()));
                keep_left = Largest::of(&mut sizes, count);
                joint = true;
            }
            _ => {}
        }
        let mut finite = inv.is_finite() && inv != T::ZERO;
        let mut top = pivot.abs();
        for &(k, l, size) in &left {
            if keep_left.keeps(size) {
                lower.push(k, l);
                finite &= l.is_finite();
            }
        }
        let keep_right = if joint {
            &mut keep_left
        } else {
            &mut keep_right
        };
        for &j in &right {
            let value = work[j as usize].value;
            if keep_right.keeps(value.abs()) {
                let scaled = value * inv;
                upper.push(j, scaled);
                top = larger(top, value.abs());
                finite &= scaled.is_finite();
            }
        }
        if !finite {
            return Err(PrecondError::NonFinite { row: i, col: i });
        }
        lower.end_row(n)?;
        upper.end_row(n)?;
        inverse.push(inv);
        height.push(top);
    }
    if PIVOTING {
        renumber(&mut upper, &places.position);
    }
    for triangle in [&mut lower, &mut upper] {
        triangle.pattern.indices.shrink_to_fit();
        triangle.values.shrink_to_fit();
    }
    let factor = IncompleteLu::assemble(
        (Arc::new(lower.pattern), lower.values),
        (Arc::new(upper.pattern), upper.values),
        inverse,
    );
    let cols = if counts.swaps > 0 {
        places.column
    } else {
        vec![]
    };
    let factor = factor.framed(Frame {
        cols,
        ..Frame::default()
    });
    Ok((factor, counts))
}

/// Columns become positions, increasing in each row.
fn renumber<T: Real>(upper: &mut Triangle<T>, position: &[u32]) {
    let mut row: Vec<(u32, T)> = Vec::new();
    for i in 0..upper.pattern.indptr.len() - 1 {
        let range = upper.pattern.range(i);
        let (cols, values) = (
            &mut upper.pattern.indices[range.clone()],
            &mut upper.values[range],
        );
        row.clear();
        row.extend(
            cols.iter()
                .zip(&*values)
                .map(|(&c, &v)| (position[c as usize], v)),
        );
        row.sort_unstable_by_key(|e| e.0);
        for (k, &(col, value)) in row.iter().enumerate() {
            (cols[k], values[k]) = (col, value);
        }
    }
}
