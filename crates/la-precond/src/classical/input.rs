//! Reading the lower triangle out of a symmetric matrix.

use la_krylov::{PreconditionerError, Real};
use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::factor::{LowerPattern, square};
use crate::PrecondError;

/// Whether a factorisation looks at the upper triangle at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SymmetryCheck {
    /// Only the lower triangle is read; the number of entries above the diagonal must be zero or
    /// that below.
    #[default]
    Count,
    /// Every entry must have a partner of equal value (to 1e-12, relative). One more pass, O(nnz).
    Full,
}

/// Rows of a CSR matrix as plain slices.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T, I> {
    indptr: &'a [I],
    indices: &'a [I],
    values: &'a [T],
}

impl<'a, T, I: SpIndex> Rows<'a, T, I> {
    /// Number of stored entries.
    pub(crate) fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// Columns and values of row `i`.
    #[inline(always)]
    pub(crate) fn row(&self, i: usize) -> (&'a [I], &'a [T]) {
        let base = self.indptr[0].index();
        let range = self.indptr[i].index() - base..self.indptr[i + 1].index() - base;
        (&self.indices[range.clone()], &self.values[range])
    }
}

/// Calls `f` with the rows of `a`, which is converted first when it is stored by columns.
pub(crate) fn with_rows<T: Real, I: SpIndex, R>(
    a: CsMatViewI<'_, T, I>,
    f: impl FnOnce(Rows<'_, T, I>, usize) -> Result<R, PrecondError>,
) -> Result<R, PrecondError> {
    let n = square(a.rows(), a.cols(), a.nnz())?;
    let converted: CsMatI<T, I>;
    let view = if a.is_csr() {
        a.view()
    } else {
        converted = a.to_other_storage();
        converted.view()
    };
    // Without rows there may be no index array to speak of.
    let start = [I::zero()];
    let indptr = view.indptr();
    let indptr = indptr.as_slice().unwrap_or(&start);
    if indptr.len() != n + 1 {
        let (what, found) = ("indptr", indptr.len());
        return Err(PrecondError::DimensionMismatch {
            what,
            found,
            expected: n + 1,
        });
    }
    f(
        Rows {
            indptr,
            indices: view.indices(),
            values: view.data(),
        },
        n,
    )
}

/// The strict lower pattern of a matrix that is symmetric or lower triangular.
pub(crate) fn lower_pattern<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    n: usize,
    check: SymmetryCheck,
) -> Result<LowerPattern, PrecondError> {
    let mut indptr = Vec::with_capacity(n + 1);
    let mut indices = Vec::with_capacity(a.indices.len().saturating_sub(n) / 2);
    indptr.push(0);
    let mut upper = 0;
    let mut missing = None;
    for i in 0..n {
        let (cols, _) = a.row(i);
        let mut below = 0;
        let mut previous = None;
        for &col in cols {
            let col = col.index();
            if previous >= Some(col) {
                return Err(PrecondError::UnsortedRow { row: i });
            }
            previous = Some(col);
            if col >= i {
                break;
            }
            indices.push(col as u32);
            below += 1;
        }
        let stored = cols.get(below).is_some_and(|c| c.index() == i);
        if !stored && missing.is_none() {
            missing = Some(i);
        }
        upper += cols.len() - below - usize::from(stored);
        indptr.push(indices.len() as u32);
    }
    if upper > 0 && indices.is_empty() {
        return Err(PrecondError::UpperTriangleOnly);
    }
    if let Some(row) = missing {
        return Err(PrecondError::MissingDiagonal { row });
    }
    if upper > 0 && (upper != indices.len() || check == SymmetryCheck::Full) {
        check_symmetry(a, n)?;
    }
    Ok(LowerPattern { indptr, indices })
}

/// Whether `pattern` is the strict lower pattern of `a`, whose diagonal is stored too. Of the upper triangle only the number of entries is
/// looked at.
#[cfg(feature = "learned")]
pub(crate) fn has_pattern<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    n: usize,
    pattern: &LowerPattern,
) -> bool {
    let below = pattern.indices.len();
    let row = |i: usize| {
        let wanted = &pattern.indices[pattern.range(i)];
        let found = a.row(i).0;
        found.get(wanted.len()).is_some_and(|c| c.index() == i)
            && found
                .iter()
                .zip(wanted)
                .all(|(f, w)| f.index() == *w as usize)
    };
    pattern.indptr.len() == n + 1
        && [below + n, 2 * below + n].contains(&a.nnz())
        && (0..n).all(row)
}

/// Refuses a matrix that is not symmetric or not stored whole; its rows are sorted and have their
/// diagonal.
pub(crate) fn require_whole<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    n: usize,
    check: SymmetryCheck,
) -> Result<(), PrecondError> {
    let lower = |i: usize| a.row(i).0.partition_point(|c| c.index() < i);
    let lower: usize = (0..n).map(lower).sum();
    if check == SymmetryCheck::Full || 2 * lower + n != a.nnz() {
        check_symmetry(a, n)?;
    }
    Ok(())
}

/// Walks through the lower triangle by rows and, with one cursor per row, through the upper one by
/// columns; both visit mirrored entries at the same time.
fn check_symmetry<T: Real, I: SpIndex>(a: &Rows<'_, T, I>, n: usize) -> Result<(), PrecondError> {
    let mut cursor: Vec<usize> = (0..n)
        .map(|i| a.row(i).0.partition_point(|c| c.index() <= i))
        .collect();
    for i in 0..n {
        let (cols, values) = a.row(i);
        for (col, &value) in cols.iter().zip(values).take_while(|(c, _)| c.index() < i) {
            let j = col.index();
            let (mirror_cols, mirror_values) = a.row(j);
            let k = cursor[j];
            match mirror_cols.get(k).map(|c| c.index()) {
                Some(c) if c == i && close(value, mirror_values[k]) => cursor[j] += 1,
                Some(c) if c < i => return Err(PrecondError::NotSymmetric { row: j, col: c }),
                _ => return Err(PrecondError::NotSymmetric { row: i, col: j }),
            }
        }
    }
    for (i, &k) in cursor.iter().enumerate() {
        if let Some(col) = a.row(i).0.get(k) {
            return Err(PrecondError::NotSymmetric {
                row: i,
                col: col.index(),
            });
        }
    }
    Ok(())
}

fn close<T: Real>(x: T, y: T) -> bool {
    let (x, y) = (x.to_f64(), y.to_f64());
    x == y || (x - y).abs() <= 1e-12 * x.abs().max(y.abs())
}

/// After a breakdown in row `i`: what in the matrix forbids any shift to help, if something does.
pub(crate) fn hopeless<T: Real, I: SpIndex>(a: &Rows<'_, T, I>, i: usize) -> Option<PrecondError> {
    let (cols, values) = a.row(i);
    for (col, &value) in cols.iter().zip(values) {
        let col = col.index();
        if col > i {
            break;
        }
        if !value.is_finite() {
            return Some(PrecondError::NonFinite { row: i, col });
        }
        if col == i && value <= T::ZERO {
            return Some(PrecondError::NonPositiveDiagonal {
                row: i,
                value: value.to_f64(),
            });
        }
    }
    None
}

/// Refuses vectors that do not have the order of the preconditioner.
pub(crate) fn check_lengths(n: usize, r: usize, z: usize) -> Result<(), PreconditionerError> {
    if r == n && z == n {
        return Ok(());
    }
    let message = format!("preconditioner has order {n}, vectors have length {r} and {z}");
    Err(PreconditionerError { message })
}
