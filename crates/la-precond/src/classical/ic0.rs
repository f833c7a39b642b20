//! Incomplete Cholesky factorisation without fill-in.

mod numeric;

pub(super) use numeric::factor as attempt;

use std::sync::Arc;
use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::factor::LowerPattern;
use super::input::{Rows, lower_pattern, with_rows};
use super::{ShiftStrategy, SymmetryCheck};
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

/// IC(0): `A ≈ L Lᵀ`, with `L` on the pattern of the lower triangle of `A` and
/// `(L Lᵀ)_ij = a_ij` there.
///
/// The first preconditioner to try for a symmetric positive definite matrix. Costs one pass over
/// the triangle and, for each stored `l_ij`, a sparse inner product of rows `i` and `j`; memory 12
/// bytes per entry of the triangle. On breakdown it starts again with a shifted diagonal, see
/// [`ShiftStrategy`].
///
/// # Shapes
/// - `a`: n × n, the whole symmetric matrix or its lower triangle, every diagonal entry stored,
///   columns sorted in each row. Values above the diagonal are not read, unless
///   [`SymmetryCheck::Full`] asks for it. A matrix stored by columns is converted first.
///
/// # Examples
/// ```
/// use la_precond::classical::Ic0;
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let factor = Ic0::default().factor(a.view())?;
/// assert_eq!(factor.diagonal(), [2.0, 3.0]);
/// assert_eq!(factor.row(1).collect::<Vec<_>>(), [(0, 1.0)]);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// J. A. Meijerink, H. A. van der Vorst, *Math. Comp.* 31(137), 148–162, 1977; Y. Saad, *Iterative
/// Methods for Sparse Linear Systems*, 2nd ed., 2003, section 10.3. Deviates: computed row by row,
/// and rows are kept divided by their diagonal entry.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Ic0 {
    /// What to do on breakdown. Default: shift the diagonal.
    pub shift: ShiftStrategy,
    /// How much of the symmetry is checked. Default: the number of entries.
    pub symmetry: SymmetryCheck,
    /// Off-diagonal entries of at most this size are removed from the finished factor, in the units
    /// of `√A`. Default: none are removed. See [`IncompleteCholesky::dropped`].
    pub drop_tol: Option<f64>,
}

impl Ic0 {
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

    /// Removes off-diagonal entries of at most this size from the finished factor.
    #[must_use]
    pub fn with_drop_tol(mut self, drop_tol: f64) -> Self {
        self.drop_tol = Some(drop_tol);
        self
    }

    /// Checks the ranges; every factorisation starts with it.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] names the first field out of range.
    pub fn validate(&self) -> Result<(), PrecondError> {
        if let Some(value) = self.drop_tol.filter(|tau| tau.is_nan() || *tau < 0.0) {
            let expected = "a number that is not negative";
            return Err(PrecondError::InvalidOption {
                option: "drop_tol",
                value,
                expected,
            });
        }
        self.shift.validate()
    }

    /// Factors `a`.
    ///
    /// For many matrices of one pattern, [`Ic0Symbolic`] keeps the analysis.
    ///
    /// # Errors
    /// Names the row: [`PrecondError::MissingDiagonal`], [`PrecondError::NonFinite`],
    /// [`PrecondError::NonPositiveDiagonal`], [`PrecondError::UnsortedRow`],
    /// [`PrecondError::NotSymmetric`], [`PrecondError::Breakdown`] when the shifts are used up.
    /// Also [`PrecondError::NotSquare`], [`PrecondError::UpperTriangleOnly`],
    /// [`PrecondError::TooLarge`], [`PrecondError::InvalidOption`].
    ///
    /// # Examples
    /// See [`Ic0`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteCholesky<T>, PrecondError> {
        self.validate()?;
        let start = Instant::now();
        with_rows(a, |rows, n| {
            let pattern = Arc::new(lower_pattern(&rows, n, self.symmetry)?);
            self.finish(&pattern, &rows, start)
        })
    }

    fn finish<T: Real, I: SpIndex>(
        &self,
        pattern: &Arc<LowerPattern>,
        rows: &Rows<'_, T, I>,
        start: Instant,
    ) -> Result<IncompleteCholesky<T>, PrecondError> {
        let (factor, shift, attempts) = self
            .shift
            .run(|shift| numeric::factor(pattern, rows, shift))?;
        let stats = FactorStats::default()
            .with_fill_ratio(1.0)
            .with_shift(shift, attempts);
        let mut factor = factor.with_stats(stats);
        if let Some(tau) = self.drop_tol {
            factor = factor.dropped(tau)?;
        }
        let stats = factor
            .stats()
            .with_setup_seconds(start.elapsed().as_secs_f64());
        Ok(factor.with_stats(stats))
    }
}

impl IncompleteCholeskyBuilder for Ic0 {
    fn name(&self) -> &str {
        if self.drop_tol.is_some() {
            "ic0-sp"
        } else {
            "ic0"
        }
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.factor(a)
    }
}

/// The analysis of a pattern for IC(0), for any number of factorisations of matrices that have it.
///
/// All factors share the index arrays of the analysis.
///
/// # Examples
/// ```
/// use la_precond::classical::{Ic0, Ic0Symbolic};
/// use la_precond::sprs::CsMat;
///
/// let mut a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let symbolic = Ic0Symbolic::new(a.view())?;
/// for scale in [1.0, 4.0] {
///     a.map_inplace(|x| x * scale);
///     let factor = symbolic.factor(a.view(), &Ic0::default())?;
///     assert_eq!(factor.nnz(), 3);
/// }
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ic0Symbolic {
    pattern: Arc<LowerPattern>,
}

impl Ic0Symbolic {
    /// Analyses the pattern of `a`; its values are not used.
    ///
    /// # Errors
    /// Those of [`Ic0::factor`] that concern the pattern.
    pub fn new<T: Real, I: SpIndex>(a: CsMatViewI<'_, T, I>) -> Result<Self, PrecondError> {
        with_rows(a, |rows, n| {
            let pattern = lower_pattern(&rows, n, SymmetryCheck::Count)?;
            Ok(Self {
                pattern: Arc::new(pattern),
            })
        })
    }

    /// Order of the matrices.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.pattern.indptr.len() - 1
    }

    /// Entries of the factor, diagonal included.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.pattern.indices.len() + self.dimension()
    }

    /// Factors a matrix of the analysed pattern. Checks on the fly that it has that pattern; the
    /// symmetry option is not looked at.
    ///
    /// # Errors
    /// [`PrecondError::PatternMismatch`] names the first row with another pattern below the
    /// diagonal; else as [`Ic0::factor`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
        options: &Ic0,
    ) -> Result<IncompleteCholesky<T>, PrecondError> {
        options.validate()?;
        let start = Instant::now();
        with_rows(a, |rows, n| {
            if n != self.dimension() {
                let (what, expected) = ("matrix", self.dimension());
                return Err(PrecondError::DimensionMismatch {
                    what,
                    found: n,
                    expected,
                });
            }
            options.finish(&self.pattern, &rows, start)
        })
    }
}
