//! Incomplete LU factorisation with a threshold, with and without column pivoting.

mod bits;
mod kernel;
mod select;

use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::{IncompleteLu, IncompleteLuBuilder, PivotRule};
use crate::classical::input::with_rows;
use crate::{LuStats, PrecondError};

/// How many entries the factors of a threshold factorisation may keep.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum LuFill {
    /// As many as pass the threshold.
    Unlimited,
    /// This many in each row of `L` and in each row of `U`, diagonals not counted (Saad's `p`).
    PerRow(usize),
    /// This many times those of `A` altogether; dimensionless, positive. What the first rows of the
    /// factors leave of their share is there for later rows, which fill more.
    Total(f64),
}

/// ILUT and ILUTP: `A ≈ L U`, keeping entries by size instead of by position.
///
/// Row `i` is computed completely; an entry of `U` stays if `|u_ij| > drop_tol · ‖a_i‖`, where `‖a_i‖`
/// is the mean size of the entries of row `i` of `A`; a multiplier `l_ik` stays if
/// `|l_ik| · max_j |u_kj| > drop_tol · ‖a_i‖`, since that is what leaving it out changes in the row. Of
/// those the largest stay, up to the [fill limit](LuFill). With `pivot_tolerance > 0` (ILUTP) the
/// largest entry of the row right of the diagonal, if it is larger than the diagonal entry divided
/// by `pivot_tolerance`, becomes the pivot by an exchange of columns.
///
/// The preconditioner to try first for nonsymmetric systems without structure. More set-up time and
/// memory than [`Ilu`](crate::classical::Ilu), fewer iterations. Alone it wants a matrix whose diagonal
/// means something; for zeros on the diagonal, rows of very different size, or orderings with much fill
/// put [`Reordered`](crate::classical::Reordered) around it. Symmetric positive definite matrices are
/// better served by [`Ict`](crate::classical::Ict), at half the cost.
///
/// Costs one sparse row update per entry of `L`; the columns of a row in work are held in a set of bits
/// with O(log₆₄ n) per insertion, so that no row costs O(n). Memory 12 bytes per entry of the factors,
/// and about 24 bytes per row of workspace (32 with pivoting).
///
/// # Shapes
/// As for [`Ilu`](crate::classical::Ilu).
///
/// # Examples
/// ```
/// use la_precond::classical::{Ilut, LuFill};
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![1.0, 4.0, 8.0, 7.0]);
/// let options = Ilut::default().with_drop_tol(0.1).with_fill(LuFill::Total(2.0));
/// assert_eq!(options.factor(a.view())?.inverse_diagonal(), [1.0, -0.04]);
/// let pivoted = options.with_pivot_tolerance(1.0).factor(a.view())?;
/// assert_eq!(pivoted.column_order(), Some(&[1, 0][..]));
/// assert_eq!(pivoted.inverse_diagonal(), [0.25, 0.16]);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// Y. Saad, *Numer. Linear Algebra Appl.* 1(4), 387–402, 1994; Y. Saad, *Iterative Methods for Sparse
/// Linear Systems*, 2nd ed., 2003, algorithm 10.6 and section 10.4.3. Deviates: the rule for `L`
/// measures the multiplier times the row it multiplies, which makes it independent of how rows are
/// scaled; the fill may be limited in total.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Ilut {
    /// Relative size up to which entries are dropped; dimensionless, not negative. Default `1e-3`.
    pub drop_tol: f64,
    /// Entries at most. Default: ten times those of `A`.
    pub fill: LuFill,
    /// Columns are exchanged when the diagonal entry is smaller than this times the largest entry right
    /// of it; in [0, 1]. Default `0`: never. Usual values are 0.01 to 0.5, and 1 is partial pivoting.
    pub pivot_tolerance: f64,
    /// What to do with pivots that are small all the same.
    pub pivot: PivotRule,
}

impl Default for Ilut {
    fn default() -> Self {
        Self {
            drop_tol: 1e-3,
            fill: LuFill::Total(10.0),
            pivot_tolerance: 0.0,
            pivot: PivotRule::default(),
        }
    }
}

impl Ilut {
    /// Sets the threshold.
    #[must_use]
    pub fn with_drop_tol(mut self, drop_tol: f64) -> Self {
        self.drop_tol = drop_tol;
        self
    }

    /// Sets the limit of entries.
    #[must_use]
    pub fn with_fill(mut self, fill: LuFill) -> Self {
        self.fill = fill;
        self
    }

    /// Sets when columns are exchanged.
    #[must_use]
    pub fn with_pivot_tolerance(mut self, tolerance: f64) -> Self {
        self.pivot_tolerance = tolerance;
        self
    }

    /// Sets what to do with small pivots.
    #[must_use]
    pub fn with_pivot(mut self, pivot: PivotRule) -> Self {
        self.pivot = pivot;
        self
    }

    /// Checks the ranges; every factorisation starts with it.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] names the first field out of range.
    pub fn validate(&self) -> Result<(), PrecondError> {
        let check = |good: bool, option, value, expected| {
            if good {
                Ok(())
            } else {
                Err(PrecondError::InvalidOption {
                    option,
                    value,
                    expected,
                })
            }
        };
        let tau = self.drop_tol;
        let expected = "a finite number that is not negative";
        check(tau.is_finite() && tau >= 0.0, "drop_tol", tau, expected)?;
        if let LuFill::Total(ratio) = self.fill {
            let expected = "a finite positive number";
            check(ratio.is_finite() && ratio > 0.0, "fill", ratio, expected)?;
        }
        let tolerance = self.pivot_tolerance;
        let good = (0.0..=1.0).contains(&tolerance);
        check(good, "pivot_tolerance", tolerance, "a number in [0, 1]")?;
        self.pivot.validate()
    }

    /// Factors `a`.
    ///
    /// # Errors
    /// As [`Ilu::factor`](crate::classical::Ilu::factor).
    ///
    /// # Examples
    /// See [`Ilut`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteLu<T>, PrecondError> {
        self.validate()?;
        let start = Instant::now();
        with_rows(a, |rows, n| {
            let (factor, counts) = if self.pivot_tolerance > 0.0 {
                kernel::factor::<T, I, true>(&rows, n, self)?
            } else {
                kernel::factor::<T, I, false>(&rows, n, self)?
            };
            let stats = LuStats::default()
                .with_fill_ratio(factor.nnz() as f64 / counts.matrix_nnz.max(1) as f64)
                .with_replaced_pivots(counts.replaced)
                .with_column_swaps(counts.swaps)
                .with_setup_seconds(start.elapsed().as_secs_f64());
            Ok(factor.with_stats(stats))
        })
    }
}

impl<T: Real> IncompleteLuBuilder<T> for Ilut {
    fn name(&self) -> &str {
        if self.pivot_tolerance > 0.0 {
            "ilutp"
        } else {
            "ilut"
        }
    }

    fn build(&self, a: CsMatViewI<'_, T, u32>) -> Result<IncompleteLu<T>, PrecondError> {
        self.factor(a)
    }
}
