//! Incomplete Cholesky factorisation with a threshold.

mod numeric;
mod select;

use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::columns::Columns;
use super::input::{lower_pattern, with_rows};
use super::{ShiftStrategy, SymmetryCheck};
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

/// How many entries below the diagonal a column of the factor may keep.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FillLimit {
    /// As many as pass the threshold.
    Unlimited,
    /// This many times those of the column of `A`, rounded up; dimensionless, not negative.
    Factor(f64),
    /// This many more than the column of `A` has (Lin and Moré's `p`).
    Extra(usize),
}

impl FillLimit {
    fn of_column(self, entries: usize) -> usize {
        match self {
            Self::Unlimited => usize::MAX,
            Self::Factor(factor) => (factor * entries as f64).ceil() as usize,
            Self::Extra(extra) => entries.saturating_add(extra),
        }
    }
}

/// ICT: `A ≈ L Lᵀ`, keeping entries of `L` by size instead of by position.
///
/// Column `j` of `L` keeps entry `l_ij` if `|l_ij| > drop_tol · √a_ii`, and of those the largest, up
/// to the [fill limit](FillLimit). Since row `i` of the complete factor has norm `√a_ii`, the rule is
/// a relative one and does not change when `A` is scaled to `S A S`. More set-up time and memory
/// than [`Ic0`](crate::classical::Ic0), fewer iterations; worth it when one factor serves several
/// right-hand sides or when IC(0) converges slowly. On breakdown it starts again with a shifted
/// diagonal, see [`ShiftStrategy`].
///
/// Costs O(Σ_k c_k²) for columns of `c_k` entries, never O(n²).
///
/// # Shapes
/// As for [`Ic0`](crate::classical::Ic0).
///
/// # Examples
/// ```
/// use la_precond::classical::{FillLimit, Ict};
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let factor = Ict::default().with_drop_tol(0.1).with_fill(FillLimit::Factor(1.5)).factor(a.view())?;
/// assert_eq!(factor.diagonal(), [2.0, 3.0]);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// M. T. Jones, P. E. Plassmann, *ACM Trans. Math. Software* 21(1), 5–17, 1995 (columns, the largest
/// entries stay); C.-J. Lin, J. J. Moré, *SIAM J. Sci. Comput.* 21(1), 24–45, 1999 (extra fill,
/// shifts). Deviates: both the threshold and the limit, and sizes relative to `√a_ii`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Ict {
    /// Entries of at most this size, relative to `√a_ii`, are dropped; dimensionless, not negative.
    /// Default `1e-2`.
    pub drop_tol: f64,
    /// Entries per column at most. Default: twice those of `A`.
    pub fill: FillLimit,
    /// What to do on breakdown. Default: shift the diagonal.
    pub shift: ShiftStrategy,
    /// How much of the symmetry is checked. Default: the number of entries.
    pub symmetry: SymmetryCheck,
}

impl Default for Ict {
    fn default() -> Self {
        Self {
            drop_tol: 1e-2,
            fill: FillLimit::Factor(2.0),
            shift: ShiftStrategy::default(),
            symmetry: SymmetryCheck::default(),
        }
    }
}

impl Ict {
    /// Sets the threshold.
    #[must_use]
    pub fn with_drop_tol(mut self, drop_tol: f64) -> Self {
        self.drop_tol = drop_tol;
        self
    }

    /// Sets the limit of entries per column.
    #[must_use]
    pub fn with_fill(mut self, fill: FillLimit) -> Self {
        self.fill = fill;
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

    /// Checks the ranges; every factorisation starts with it.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] names the first field out of range.
    pub fn validate(&self) -> Result<(), PrecondError> {
        let expected = "a finite number that is not negative";
        let check = |option, value: f64| {
            if value.is_finite() && value >= 0.0 {
                Ok(())
            } else {
                Err(PrecondError::InvalidOption {
                    option,
                    value,
                    expected,
                })
            }
        };
        check("drop_tol", self.drop_tol)?;
        if let FillLimit::Factor(factor) = self.fill {
            check("fill", factor)?;
        }
        self.shift.validate()
    }

    /// Factors `a`.
    ///
    /// # Errors
    /// As [`Ic0::factor`](crate::classical::Ic0::factor).
    ///
    /// # Examples
    /// See [`Ict`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteCholesky<T>, PrecondError> {
        self.validate()?;
        let start = Instant::now();
        with_rows(a, |rows, n| {
            let pattern = lower_pattern(&rows, n, self.symmetry)?;
            let columns = Columns::new(&rows, &pattern);
            let nnz = pattern.indices.len() + n;
            drop(pattern);
            let (factor, shift, attempts) = self
                .shift
                .run(|shift| numeric::factor(&columns, &rows, shift, self))?;
            let stats = FactorStats::default()
                .with_fill_ratio(factor.nnz() as f64 / nnz.max(1) as f64)
                .with_shift(shift, attempts)
                .with_setup_seconds(start.elapsed().as_secs_f64());
            Ok(factor.with_stats(stats))
        })
    }
}

impl IncompleteCholeskyBuilder for Ict {
    fn name(&self) -> &str {
        "ict"
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.factor(a)
    }
}
