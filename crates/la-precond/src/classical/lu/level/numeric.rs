//! Values of factors whose pattern is given.

use std::ops::Range;

use la_krylov::Real;
use sprs::SpIndex;

use super::super::pivot::PivotRule;
use super::IncompleteLu;
use crate::PrecondError;
use crate::classical::input::Rows;

/// Fills in the values of `factor` and counts replaced pivots.
///
/// Row by row (the IKJ order of Saad's algorithm 10.4). With `û_kj = u_kj / u_kk` stored, the update
/// `w_j −= l_ik u_kj` is `w_j −= w_k û_kj`, and `l_ik = w_k / u_kk` is formed once at the end.
pub(super) fn factor<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    pivot: PivotRule,
    factor: &mut IncompleteLu<T>,
) -> Result<usize, PrecondError> {
    let n = factor.inverse_diagonal.len();
    let (lower, upper) = (&*factor.lower, &*factor.upper);
    let largest = largest_entry(a, n)?;
    let mut w = vec![T::ZERO; n];
    // mark[j] == i: column j belongs to the pattern of row i.
    let mut mark = vec![u32::MAX; n];
    let mut replaced = 0;
    for i in 0..n {
        let (below, above) = (lower.range(i), upper.range(i));
        let pattern = [
            &lower.indices[below.clone()],
            &[i as u32],
            &upper.indices[above.clone()],
        ];
        for &j in pattern.into_iter().flatten() {
            w[j as usize] = T::ZERO;
            mark[j as usize] = i as u32;
        }
        let (cols, values) = a.row(i);
        let mut norm = T::ZERO;
        for (col, &value) in cols.iter().zip(values) {
            let j = col.index();
            if mark.get(j) != Some(&(i as u32)) {
                return Err(PrecondError::PatternMismatch { row: i });
            }
            w[j] = value;
            norm = larger(norm, value.abs());
        }
        for t in below.clone() {
            let k = lower.indices[t] as usize;
            let wk = w[k];
            factor.lower_values[t] = wk * factor.inverse_diagonal[k];
            let row: Range<usize> = upper.range(k);
            for (&j, &u) in upper.indices[row.clone()]
                .iter()
                .zip(&factor.upper_values[row])
            {
                if mark[j as usize] == i as u32 {
                    w[j as usize] -= wk * u;
                }
            }
        }
        let norm = if norm > T::ZERO { norm } else { largest };
        let (diagonal, other) = pivot.apply(w[i], norm);
        replaced += usize::from(other);
        let inverse = T::ONE / diagonal;
        let mut finite = inverse.is_finite() && inverse != T::ZERO;
        factor.inverse_diagonal[i] = inverse;
        for t in above {
            let scaled = w[upper.indices[t] as usize] * inverse;
            factor.upper_values[t] = scaled;
            finite &= scaled.is_finite();
        }
        finite &= factor.lower_values[below].iter().all(|l| l.is_finite());
        if !finite {
            return Err(PrecondError::NonFinite { row: i, col: i });
        }
    }
    Ok(replaced)
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
