//! Diagonal scalings that do not move rows or columns.

use la_krylov::Real;
use sprs::SpIndex;

use crate::classical::input::Rows;

/// How rows and columns are scaled, and columns chosen for the diagonal, before a factorisation.
///
/// # References
/// D. Ruiz, report RAL-TR-2001-034, Rutherford Appleton Laboratory, 2001 (equilibration); for the
/// matching see [`Matching`](crate::classical::Matching).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scaling {
    /// Leave everything as it is.
    None,
    /// `a_ij / √(|a_ii a_jj|)`: ones on the diagonal, symmetry stays. Where a diagonal entry is zero the
    /// largest entry of its row stands for it. O(nnz).
    SymmetricDiagonal,
    /// Rows and columns are divided by the square roots of their largest entries, this many times at
    /// most, until all largest entries lie within 1 % of 1. O(nnz) each; symmetry stays.
    Equilibrate {
        /// Passes at most; ten are plenty.
        passes: usize,
    },
    /// Columns are permuted and everything is scaled by a maximum-product matching: ones on the
    /// diagonal, nothing larger elsewhere. Breaks symmetry, removes zeros from the diagonal.
    #[default]
    Matching,
}

/// The diagonals of `D_r` and `D_c`.
pub(super) type Diagonals = (Vec<f64>, Vec<f64>);

/// `1 / √(|a_ii|)`, twice.
pub(super) fn symmetric_diagonal<T: Real, I: SpIndex>(a: &Rows<'_, T, I>, n: usize) -> Diagonals {
    let of_row = |i: usize| {
        let (cols, values) = a.row(i);
        let at = cols.partition_point(|c| c.index() < i);
        let own = cols.get(at).filter(|c| c.index() == i);
        let own = own.map_or(0.0, |_| values[at].abs().to_f64());
        let top = || values.iter().fold(0.0_f64, |m, v| m.max(v.abs().to_f64()));
        reciprocal(if own > 0.0 { own } else { top() }.sqrt())
    };
    let scale: Vec<f64> = (0..n).map(of_row).collect();
    (scale.clone(), scale)
}

/// Ruiz's iteration in the maximum norm.
pub(super) fn equilibrate<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    n: usize,
    passes: usize,
) -> Diagonals {
    let (mut rows, mut cols) = (vec![1.0_f64; n], vec![1.0_f64; n]);
    let (mut row_top, mut col_top) = (vec![0.0_f64; n], vec![0.0_f64; n]);
    for _ in 0..passes {
        row_top.fill(0.0);
        col_top.fill(0.0);
        for i in 0..n {
            let (indices, values) = a.row(i);
            for (j, value) in indices.iter().zip(values) {
                let size = value.abs().to_f64() * rows[i] * cols[j.index()];
                row_top[i] = row_top[i].max(size);
                col_top[j.index()] = col_top[j.index()].max(size);
            }
        }
        let off = |top: &f64| *top != 0.0 && (top - 1.0).abs() > 0.01;
        if !row_top.iter().chain(&col_top).any(off) {
            break;
        }
        for (scale, top) in rows
            .iter_mut()
            .zip(&row_top)
            .chain(cols.iter_mut().zip(&col_top))
        {
            *scale *= reciprocal(top.sqrt());
        }
    }
    (rows, cols)
}

/// `1 / x`, or 1 where that is no finite positive number.
fn reciprocal(x: f64) -> f64 {
    let inverse = 1.0 / x;
    if inverse.is_finite() && inverse > 0.0 {
        inverse
    } else {
        1.0
    }
}
