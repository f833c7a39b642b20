//! IC(0) by fixed-point sweeps.

use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::super::factor::LowerPattern;
use super::super::input::{hopeless, lower_pattern, with_rows};
use super::super::shift::AttemptError;
use super::super::{ShiftStrategy, SymmetryCheck};
use super::{fill_rows, merge};
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

/// IC(0), approximated by sweeps that update every entry from the values of the sweep before:
///
/// ```text
/// l_ij ← (a_ij − Σ_{k<j} l_ik l_jk) / l_jj,    l_ii ← √(a_ii − Σ_{k<i} l_ik²),    start: the lower triangle of A, scaled to a unit diagonal
/// ```
///
/// Entries of one sweep do not depend on each other, so they are computed in parallel (feature `rayon`), which is what machines with very
/// many cores need; on one core
/// [`Ic0`](crate::classical::Ic0) does the work of a single sweep and is exact. After as many sweeps as there are levels of
/// dependence the factor is that of IC(0); three to five are a usual compromise. A sweep costs what IC(0) costs; memory is twice that of
/// the factor while it runs. A pivot that is not positive, in any sweep, is a breakdown, see [`ShiftStrategy`].
///
/// # Shapes
/// As for [`Ic0`](crate::classical::Ic0).
///
/// # Examples
/// ```
/// use la_precond::classical::FixedPointIc0;
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let factor = FixedPointIc0::default().with_sweeps(3).factor(a.view())?;
/// assert!((factor.diagonal()[1] - 3.0_f64).abs() < 1e-15);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// E. Chow, A. Patel, *SIAM J. Sci. Comput.* 37(2), C169–C193, 2015. Deviates: synchronous sweeps, so that the result does not
/// depend on timing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FixedPointIc0 {
    /// Number of sweeps. Default `5`.
    pub sweeps: usize,
    /// What to do on breakdown. Default: shift the diagonal.
    pub shift: ShiftStrategy,
    /// How much of the symmetry is checked. Default: the number of entries.
    pub symmetry: SymmetryCheck,
}

impl Default for FixedPointIc0 {
    fn default() -> Self {
        Self {
            sweeps: 5,
            shift: ShiftStrategy::default(),
            symmetry: SymmetryCheck::default(),
        }
    }
}

impl FixedPointIc0 {
    /// Sets the number of sweeps.
    #[must_use]
    pub fn with_sweeps(mut self, sweeps: usize) -> Self {
        self.sweeps = sweeps;
        self
    }

    /// Sets what to do on breakdown.
    #[must_use]
    pub fn with_shift(mut self, shift: ShiftStrategy) -> Self {
        self.shift = shift;
        self
    }

    /// Sets how much of the symmetry is checked.
    #[must_use]
    pub fn with_symmetry(mut self, symmetry: SymmetryCheck) -> Self {
        self.symmetry = symmetry;
        self
    }

    /// Factors `a`.
    ///
    /// # Errors
    /// As [`Ic0::factor`](crate::classical::Ic0::factor).
    ///
    /// # Examples
    /// See [`FixedPointIc0`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteCholesky<T>, PrecondError> {
        self.shift.validate()?;
        let start = Instant::now();
        with_rows(a, |rows, n| {
            let pattern = lower_pattern(&rows, n, self.symmetry)?;
            // Â = S A S with a unit diagonal.
            let mut scale = Vec::with_capacity(n);
            let mut lower = Vec::with_capacity(pattern.indices.len());
            for i in 0..n {
                let (_, values) = rows.row(i);
                let d = values[pattern.range(i).len()];
                let inverse = T::ONE / d.sqrt();
                if !(d > T::ZERO && inverse.is_finite()) {
                    let value = d.to_f64();
                    let failed = PrecondError::NonPositiveDiagonal { row: i, value };
                    return Err(hopeless(&rows, i).unwrap_or(failed));
                }
                scale.push(inverse);
                for (k, &value) in pattern.range(i).zip(values) {
                    lower.push(value * inverse * scale[pattern.indices[k] as usize]);
                }
            }
            let (factor, shift, attempts) = self.shift.run(|shift| {
                sweeps(&pattern, &lower, shift, self.sweeps).map_err(|row| {
                    (0..n)
                        .find_map(|i| hopeless(&rows, i))
                        .map_or(AttemptError::Pivot { row }, AttemptError::Fatal)
                })
            })?;
            let (mut values, mut diagonal) = factor;
            // L = S⁻¹ L̂
            for i in 0..n {
                diagonal[i] = diagonal[i] / scale[i];
                for value in &mut values[pattern.range(i)] {
                    *value = *value / scale[i];
                }
            }
            let stats = FactorStats::default()
                .with_fill_ratio(1.0)
                .with_shift(shift, attempts)
                .with_setup_seconds(start.elapsed().as_secs_f64());
            let LowerPattern { indptr, indices } = pattern;
            let factor = IncompleteCholesky::from_parts(indptr, indices, values, diagonal)?;
            Ok(factor.with_stats(stats))
        })
    }
}

/// Off-diagonal entries and diagonal after the sweeps, or the row of a pivot that is not positive.
fn sweeps<T: Real>(
    pattern: &LowerPattern,
    a: &[T],
    shift: f64,
    count: usize,
) -> Result<(Vec<T>, Vec<T>), usize> {
    let n = pattern.indptr.len() - 1;
    let pivot = T::from_f64(1.0 + shift);
    let (mut old, mut old_diagonal) = (a.to_vec(), vec![pivot.sqrt(); n]);
    let (mut new, mut new_diagonal) = (old.clone(), old_diagonal.clone());
    for _ in 0..count {
        let fill = |i: usize, new_row: &mut [T], new_pivot: &mut T| {
            let range = pattern.range(i);
            let (cols, row) = (&pattern.indices[range.clone()], &old[range.clone()]);
            let mut d = pivot;
            for (p, &j) in cols.iter().enumerate() {
                let other = pattern.range(j as usize);
                let (other_cols, other_row) = (&pattern.indices[other.clone()], &old[other]);
                let sum = merge(&cols[..p], row, other_cols, other_row);
                new_row[p] = (a[range.start + p] - sum) / old_diagonal[j as usize];
                d -= row[p] * row[p];
            }
            *new_pivot = d.sqrt();
            if d > T::ZERO && d.is_finite() {
                Ok(())
            } else {
                Err(i)
            }
        };
        fill_rows(&pattern.indptr, 0..n, &mut new, &mut new_diagonal, &fill)?;
        std::mem::swap(&mut old, &mut new);
        std::mem::swap(&mut old_diagonal, &mut new_diagonal);
    }
    Ok((old, old_diagonal))
}

impl IncompleteCholeskyBuilder for FixedPointIc0 {
    fn name(&self) -> &str {
        "ic0-fixed-point"
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.factor(a)
    }
}
