//! Values of factors whose pattern is given.

use la_krylov::Real;
use sprs::SpIndex;

use super::super::pivot::PivotRule;
use super::super::relaxation::Relaxation;
use super::IncompleteLu;
use crate::PrecondError;
use crate::classical::input::Rows;

/// One entry of the row in work.
#[derive(Clone, Copy)]
pub(crate) struct Slot<T> {
    pub(crate) value: T,
    /// The row this value belongs to; stale if it is another one.
    pub(crate) row: u32,
}

/// Fills in the values of `factor` and counts replaced pivots.
pub(super) fn factor<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    pivot: PivotRule,
    relaxation: Relaxation<'_>,
    factor: &mut IncompleteLu<T>,
) -> Result<usize, PrecondError> {
    if relaxation.is_off() {
        eliminate::<T, I, false>(a, pivot, relaxation, factor)
    } else {
        eliminate::<T, I, true>(a, pivot, relaxation, factor)
    }
}

/// Row by row (the IKJ order of Saad's algorithm 10.4). With `û_kj = u_kj / u_kk` stored, the update
/// `w_j −= l_ik u_kj` is `w_j −= w_k û_kj`, and `l_ik = w_k / u_kk` is formed once at the end.
///
/// With `RELAX` the updates that have no place are summed up and go to the pivot.
fn eliminate<T: Real, I: SpIndex, const RELAX: bool>(
    a: &Rows<'_, T, I>,
    pivot: PivotRule,
    relaxation: Relaxation<'_>,
    factor: &mut IncompleteLu<T>,
) -> Result<usize, PrecondError> {
    let n = factor.inverse_diagonal.len();
    let (lower, upper) = (&*factor.lower, &*factor.upper);
    let empty = Slot {
        value: T::ZERO,
        row: EMPTY,
    };
    let mut work = vec![empty; n];
    let mut replaced = 0;
    let mut overall = None;
    let (mut lower_start, mut upper_start) = (0, 0);
    for i in 0..n {
        let row = i as u32;
        let (below, above) = (
            lower_start..lower.indptr[i + 1] as usize,
            upper_start..upper.indptr[i + 1] as usize,
        );
        (lower_start, upper_start) = (below.end, above.end);
        let (left, right) = (&lower.indices[below.clone()], &upper.indices[above.clone()]);
        for &j in left.iter().chain(right) {
            work[j as usize] = Slot {
                value: T::ZERO,
                row,
            };
        }
        work[i] = Slot {
            value: T::ZERO,
            row,
        };
        let (cols, values) = a.row(i);
        for (col, &value) in cols.iter().zip(values) {
            match work.get_mut(col.index()) {
                Some(slot) if slot.row == row => slot.value = value,
                _ => return Err(PrecondError::PatternMismatch { row: i }),
            }
        }
        let norm = row_norm(a, n, i, &mut overall)?;
        let lower_values = &mut factor.lower_values[below.clone()];
        let mut finite = true;
        let mut left_out = T::ZERO;
        for (&k, l) in left.iter().zip(lower_values) {
            let k = k as usize;
            let wk = work[k].value;
            *l = wk * factor.inverse_diagonal[k];
            finite &= l.is_finite();
            let range = upper.indptr[k] as usize..upper.indptr[k + 1] as usize;
            let (cols, values) = (&upper.indices[range.clone()], &factor.upper_values[range]);
            for (&j, &u) in cols.iter().zip(values) {
                let slot = &mut work[j as usize];
                if slot.row == row {
                    slot.value -= wk * u;
                } else if RELAX {
                    left_out -= wk * u;
                }
            }
        }
        if RELAX {
            work[i].value += relaxation.of_row::<T>(i) * left_out;
        }
        let (diagonal, mut other) = pivot.apply(work[i].value, norm);
        let inverse = T::ONE / diagonal;
        finite &= inverse.is_finite() && inverse != T::ZERO;
        factor.inverse_diagonal[i] = inverse;
        for (&j, u) in right.iter().zip(&mut factor.upper_values[above.clone()]) {
            *u = work[j as usize].value * inverse;
            finite &= u.is_finite();
        }
        if !finite {
            factor.lower_values[below].fill(T::ZERO);
            factor.upper_values[above].fill(T::ZERO);
            factor.inverse_diagonal[i] = overflown(i, norm)?;
            other = true;
        }
        replaced += usize::from(other);
    }
    Ok(replaced)
}

/// The reciprocal pivot of a row that overflowed in the elimination and keeps nothing else.
#[cold]
pub(crate) fn overflown<T: Real>(row: usize, norm: T) -> Result<T, PrecondError> {
    let inverse = T::ONE / norm;
    if inverse.is_finite() {
        Ok(inverse)
    } else {
        Err(PrecondError::NonFinite { row, col: row })
    }
}

/// No row.
pub(crate) const EMPTY: u32 = u32::MAX;

/// The largest entry of row `i` in absolute value; that of the matrix for a row of zeros, and 1 for a
/// matrix of zeros. Refuses entries that are not finite. `overall` keeps the norm of the matrix from
/// one such row to the next.
#[inline]
pub(crate) fn row_norm<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    n: usize,
    i: usize,
    overall: &mut Option<T>,
) -> Result<T, PrecondError> {
    let (cols, values) = a.row(i);
    let mut norm = T::ZERO;
    let mut probe = T::ZERO;
    for &value in values {
        norm = larger(norm, value.abs());
        probe += value * T::ZERO; // NaN unless all are finite
    }
    if probe != T::ZERO {
        let at = values.iter().position(|v| !v.is_finite()).unwrap_or(0);
        let col = cols[at].index();
        return Err(PrecondError::NonFinite { row: i, col });
    }
    if norm > T::ZERO {
        return Ok(norm);
    }
    let largest = match *overall {
        Some(largest) => largest,
        None => largest_entry(a, n)?,
    };
    *overall = Some(largest);
    Ok(largest)
}

/// The largest entry in absolute value, or 1 if there is none but zeros; refuses entries that are
/// not finite.
pub(crate) fn largest_entry<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    n: usize,
) -> Result<T, PrecondError> {
    let mut largest = T::ZERO;
    for row in 0..n {
        let (cols, values) = a.row(row);
        for (col, &value) in cols.iter().zip(values) {
            if !value.is_finite() {
                let col = col.index();
                return Err(PrecondError::NonFinite { row, col });
            }
            largest = larger(largest, value.abs());
        }
    }
    Ok(if largest > T::ZERO { largest } else { T::ONE })
}

#[inline(always)]
pub(crate) fn larger<T: Real>(x: T, y: T) -> T {
    if y > x { y } else { x }
}
