//! ILU(0) by fixed-point sweeps.

use std::sync::Arc;
use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::super::input::{Rows, with_rows};
use super::super::lu::{IncompleteLuBuilder, Pattern, PivotRule, largest_entry};
use super::{fill_rows, merge};
use crate::{IncompleteLu, LuStats, PrecondError};

/// ILU(0), approximated by sweeps that update every entry from the values of the sweep before:
///
/// ```text
/// l_ij ← (a_ij − Σ_{k<j} l_ik u_kj) / u_jj,    u_ij ← a_ij − Σ_{k<i} l_ik u_kj,    start: l_ij = a_ij / a_jj, u_ij = a_ij
/// ```
///
/// Entries of one sweep do not depend on each other, so they are computed in parallel (feature `rayon`); on one core
/// [`Ilu`](crate::classical::Ilu) does the work of about a single sweep and is exact. After as many sweeps as there are levels of dependence the factors
/// are those of ILU(0); three to five are a usual compromise. Memory is twice that of the factors while it runs.
///
/// Small pivots are replaced in every sweep, see [`PivotRule`]; the statistics count those of the last one. Zeros on the diagonal
/// need [`Reordered`](crate::classical::Reordered) in front.
///
/// # Shapes
/// As for [`Ilu`](crate::classical::Ilu). A diagonal entry that is not stored counts as zero.
///
/// # Examples
/// ```
/// use la_precond::classical::FixedPointIlu0;
/// use la_precond::sprs::CsMat;
///
/// // A = [4 1; 8 7] = [1 0; 2 1] [4 1; 0 5]
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 1.0, 8.0, 7.0]);
/// let factor = FixedPointIlu0::default().with_sweeps(1).factor(a.view())?;
/// assert_eq!(factor.to_upper().data(), [4.0, 1.0, 5.0]);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// E. Chow, A. Patel, *SIAM J. Sci. Comput.* 37(2), C169–C193, 2015. Deviates: synchronous sweeps, so that the result does not
/// depend on timing; no scaling in front, which these updates do not notice.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct FixedPointIlu0 {
    /// Number of sweeps. Default `5`.
    pub sweeps: usize,
    /// What to do with small pivots.
    pub pivot: PivotRule,
}

impl Default for FixedPointIlu0 {
    fn default() -> Self {
        Self {
            sweeps: 5,
            pivot: PivotRule::default(),
        }
    }
}

impl FixedPointIlu0 {
    /// Sets the number of sweeps.
    #[must_use]
    pub fn with_sweeps(mut self, sweeps: usize) -> Self {
        self.sweeps = sweeps;
        self
    }

    /// Sets what to do with small pivots.
    #[must_use]
    pub fn with_pivot(mut self, pivot: PivotRule) -> Self {
        self.pivot = pivot;
        self
    }

    /// Factors `a`.
    ///
    /// # Errors
    /// As [`Ilu::factor`](crate::classical::Ilu::factor).
    ///
    /// # Examples
    /// See [`FixedPointIlu0`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteLu<T>, PrecondError> {
        self.pivot.validate()?;
        let start = Instant::now();
        with_rows(a, |rows, n| {
            let largest = largest_entry(&rows, n)?;
            let split = Split::of(&rows, n, largest)?;
            let (factors, replaced) = split.sweeps(self.sweeps, &self.pivot);
            let stats = LuStats::default()
                .with_fill_ratio((split.entries() + n) as f64 / rows.nnz().max(1) as f64)
                .with_replaced_pivots(replaced)
                .with_setup_seconds(start.elapsed().as_secs_f64());
            Ok(split.assemble(factors).with_stats(stats))
        })
    }
}

impl<T: Real> IncompleteLuBuilder<T> for FixedPointIlu0 {
    fn name(&self) -> &str {
        "ilu0-fixed-point"
    }

    fn build(&self, a: CsMatViewI<'_, T, u32>) -> Result<IncompleteLu<T>, PrecondError> {
        self.factor(a)
    }
}

/// A matrix in the parts that the updates read: strict lower triangle by rows, strict upper one by columns, diagonal.
struct Split<T> {
    lower: Pattern,
    lower_values: Vec<T>,
    upper: Pattern,
    upper_values: Vec<T>,
    diagonal: Vec<T>,
    /// Largest entry of every row, not zero.
    norms: Vec<T>,
}

/// `L` by rows, `U` by columns, its diagonal.
#[derive(Clone)]
struct Factors<T> {
    lower: Vec<T>,
    upper: Vec<T>,
    diagonal: Vec<T>,
}

impl<T: Real> Split<T> {
    fn of<I: SpIndex>(a: &Rows<'_, T, I>, n: usize, largest: T) -> Result<Self, PrecondError> {
        let mut lower = Pattern {
            indptr: vec![0],
            indices: Vec::new(),
        };
        let mut lower_values = Vec::new();
        let (mut diagonal, mut norms) = (vec![T::ZERO; n], Vec::with_capacity(n));
        let mut counts = vec![0u32; n + 1];
        for (i, pivot) in diagonal.iter_mut().enumerate() {
            let (cols, values) = a.row(i);
            if cols.windows(2).any(|w| w[0] >= w[1]) {
                return Err(PrecondError::UnsortedRow { row: i });
            }
            let mut norm = T::ZERO;
            for (j, &value) in cols.iter().map(|j| j.index()).zip(values) {
                if value.abs() > norm {
                    norm = value.abs();
                }
                if j < i {
                    lower.indices.push(j as u32);
                    lower_values.push(value);
                } else if j == i {
                    *pivot = value;
                } else {
                    counts[j + 1] += 1;
                }
            }
            lower.indptr.push(lower.indices.len() as u32);
            norms.push(if norm > T::ZERO { norm } else { largest });
        }
        // The upper triangle by columns: rows ascend in each.
        for j in 0..n {
            counts[j + 1] += counts[j];
        }
        let mut next = counts.clone();
        let total = counts[n] as usize;
        let (mut indices, mut upper_values) = (vec![0; total], vec![T::ZERO; total]);
        for i in 0..n {
            let (cols, values) = a.row(i);
            for (j, &value) in cols.iter().map(|j| j.index()).zip(values) {
                if j > i {
                    let at = next[j] as usize;
                    next[j] += 1;
                    (indices[at], upper_values[at]) = (i as u32, value);
                }
            }
        }
        let indptr = counts;
        let upper = Pattern { indptr, indices };
        Ok(Self {
            lower,
            lower_values,
            upper,
            upper_values,
            diagonal,
            norms,
        })
    }

    fn entries(&self) -> usize {
        self.lower_values.len() + self.upper_values.len()
    }

    /// Replaces small pivots of `diagonal`, and counts them.
    fn repair(&self, diagonal: &mut [T], rule: &PivotRule) -> usize {
        let mut replaced = 0;
        for (d, &norm) in diagonal.iter_mut().zip(&self.norms) {
            let value = if d.is_finite() { *d } else { norm };
            let (pivot, other) = rule.apply(value, norm);
            replaced += usize::from(other || !d.is_finite());
            *d = pivot;
        }
        replaced
    }

    fn sweeps(&self, count: usize, rule: &PivotRule) -> (Factors<T>, usize) {
        let n = self.diagonal.len();
        let mut old = Factors {
            lower: self.lower_values.clone(),
            upper: self.upper_values.clone(),
            diagonal: self.diagonal.clone(),
        };
        let mut replaced = self.repair(&mut old.diagonal, rule);
        for (l, &j) in old.lower.iter_mut().zip(&self.lower.indices) {
            *l = *l / old.diagonal[j as usize];
        }
        let mut new = old.clone();
        let mut nothing = vec![(); n];
        for _ in 0..count {
            let row_of_l = |i: usize, row: &mut [T], (): &mut ()| {
                let range = self.lower.range(i);
                let (cols, l) = (
                    &self.lower.indices[range.clone()],
                    &old.lower[range.clone()],
                );
                for (p, &j) in cols.iter().enumerate() {
                    let j = j as usize;
                    let column = self.upper.range(j);
                    let (rows, u) = (&self.upper.indices[column.clone()], &old.upper[column]);
                    let sum = merge(&cols[..p], l, rows, u);
                    row[p] = finite((self.lower_values[range.start + p] - sum) / old.diagonal[j]);
                }
                Ok::<(), ()>(())
            };
            let column_of_u = |j: usize, column: &mut [T], pivot: &mut T| {
                let range = self.upper.range(j);
                let (rows, u) = (
                    &self.upper.indices[range.clone()],
                    &old.upper[range.clone()],
                );
                let product = |i: usize, above: usize| {
                    let row = self.lower.range(i);
                    let (cols, l) = (&self.lower.indices[row.clone()], &old.lower[row]);
                    merge(cols, l, &rows[..above], u)
                };
                for (q, &i) in rows.iter().enumerate() {
                    let value = self.upper_values[range.start + q] - product(i as usize, q);
                    column[q] = finite(value);
                }
                *pivot = self.diagonal[j] - product(j, rows.len());
                Ok::<(), ()>(())
            };
            // Neither can fail: what overflows is left out.
            let _: Result<(), ()> = fill_rows(
                &self.lower.indptr,
                0..n,
                &mut new.lower,
                &mut nothing,
                &row_of_l,
            );
            let _: Result<(), ()> = fill_rows(
                &self.upper.indptr,
                0..n,
                &mut new.upper,
                &mut new.diagonal,
                &column_of_u,
            );
            replaced = self.repair(&mut new.diagonal, rule);
            std::mem::swap(&mut old, &mut new);
        }
        (old, replaced)
    }

    /// Turns `U` round to rows and divides it by its diagonal.
    fn assemble(self, factors: Factors<T>) -> IncompleteLu<T> {
        let n = self.diagonal.len();
        let inverse: Vec<T> = factors.diagonal.iter().map(|d| T::ONE / *d).collect();
        let mut indptr = vec![0u32; n + 1];
        for &i in &self.upper.indices {
            indptr[i as usize + 1] += 1;
        }
        for i in 0..n {
            indptr[i + 1] += indptr[i];
        }
        let mut next = indptr.clone();
        let total = self.upper.indices.len();
        let (mut indices, mut values) = (vec![0; total], vec![T::ZERO; total]);
        for j in 0..n {
            for k in self.upper.range(j) {
                let i = self.upper.indices[k] as usize;
                let at = next[i] as usize;
                next[i] += 1;
                indices[at] = j as u32;
                values[at] = finite(factors.upper[k] * inverse[i]);
            }
        }
        let upper = Pattern { indptr, indices };
        IncompleteLu::assemble(
            (Arc::new(self.lower), factors.lower),
            (Arc::new(upper), values),
            inverse,
        )
    }
}

/// The value, or zero where a diverging sweep has left the range of numbers.
fn finite<T: Real>(value: T) -> T {
    if value.is_finite() { value } else { T::ZERO }
}
