//! Incomplete LU factorisation by level of fill.

mod numeric;
mod symbolic;

use std::sync::Arc;
use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::factor::Pattern;
use super::{IncompleteLu, IncompleteLuBuilder, PivotRule, Relaxation};
use crate::classical::input::{Rows, with_rows};
use crate::{LuStats, PrecondError};
pub(crate) use numeric::largest_entry;
pub(super) use numeric::{EMPTY, Slot, larger, overflown, row_norm};

/// ILU(k): `A ≈ L U` on a pattern that depends on the pattern of `A` alone.
///
/// With level 0 the factors have the pattern of `A` (plus the diagonal) and `(L U)_ij = a_ij` there.
/// An entry of higher level is fill: it gets the level `min_k (lev_ik + lev_kj + 1)`, and is kept up to
/// `level`.
///
/// Use it where the pattern carries the physics (discretised equations, M-matrices, several unknowns
/// per node) and where many matrices of one pattern follow each other ([`IluSymbolic`]). Not for
/// matrices with zeros on the diagonal or rows of very different size: put
/// [`Reordered`](crate::classical::Reordered) around it, or use [`Ilut`](crate::classical::Ilut).
///
/// With [`relaxation`](Self::relaxation) above 0 the fill that is left out goes to the diagonal ([`Relaxation`]): on grids of
/// diffusion and convection that halves the iterations at no cost but the choice of ω.
///
/// Costs one sparse row update per entry of `L`; the analysis for level k > 0 costs about as much.
/// Memory 12 bytes per entry; a 5-point grid takes 1, 1.4 and 1.8 times the entries of `A` at levels 0, 1
/// and 2.
///
/// # Shapes
/// - `a`: n × n, columns sorted in each row. Diagonal entries may be missing. A matrix stored by
///   columns is converted first.
///
/// # Examples
/// ```
/// use la_precond::classical::Ilu;
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 1.0, 8.0, 7.0]);
/// let factor = Ilu::default().factor(a.view())?;
/// assert_eq!(factor.lower_row(1).collect::<Vec<_>>(), [(0, 2.0)]);
/// assert_eq!(factor.inverse_diagonal(), [0.25, 0.2]);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// J. A. Meijerink, H. A. van der Vorst, *Math. Comp.* 31(137), 148–162, 1977; Y. Saad, *Iterative
/// Methods for Sparse Linear Systems*, 2nd ed., 2003, algorithms 10.4 and 10.5.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Ilu {
    /// Level up to which fill is kept. Default 0: none.
    pub level: usize,
    /// What to do with small pivots.
    pub pivot: PivotRule,
    /// The factor ω of [`Relaxation::Uniform`], from 0 to 1. Default 0: plain ILU(k).
    pub relaxation: f64,
}

impl Ilu {
    /// Sets the level of fill.
    #[must_use]
    pub fn with_level(mut self, level: usize) -> Self {
        self.level = level;
        self
    }

    /// Sets what to do with small pivots.
    #[must_use]
    pub fn with_pivot(mut self, pivot: PivotRule) -> Self {
        self.pivot = pivot;
        self
    }

    /// Sets how much of the fill that is left out goes to the diagonal.
    #[must_use]
    pub fn with_relaxation(mut self, omega: f64) -> Self {
        self.relaxation = omega;
        self
    }

    /// Checks the ranges; every factorisation starts with it.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] names the first field out of range.
    pub fn validate(&self) -> Result<(), PrecondError> {
        Relaxation::Uniform(self.relaxation).validate(0)?;
        self.pivot.validate()
    }

    /// Factors `a`.
    ///
    /// For many matrices of one pattern, [`IluSymbolic`] keeps the analysis.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`], [`PrecondError::TooLarge`], [`PrecondError::InvalidOption`]; names
    /// the row: [`PrecondError::UnsortedRow`], [`PrecondError::NonFinite`] for an entry of `a`, or for a
    /// row so small that its reciprocal overflows. Small pivots and rows that overflow in the elimination
    /// are no error, see [`PivotRule`].
    ///
    /// # Examples
    /// See [`Ilu`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteLu<T>, PrecondError> {
        self.validate()?;
        let start = Instant::now();
        with_rows(a, |rows, n| {
            let symbolic = IluSymbolic::of_rows(&rows, n, self.level)?;
            symbolic.factor_rows(
                &rows,
                self.pivot,
                Relaxation::Uniform(self.relaxation),
                start,
            )
        })
    }
}

impl<T: Real> IncompleteLuBuilder<T> for Ilu {
    fn name(&self) -> &str {
        match self.level {
            _ if self.relaxation > 0.0 => "rilu",
            0 => "ilu0",
            1 => "ilu1",
            2 => "ilu2",
            _ => "iluk",
        }
    }

    fn build(&self, a: CsMatViewI<'_, T, u32>) -> Result<IncompleteLu<T>, PrecondError> {
        self.factor(a)
    }
}

/// Nothing goes to the diagonal.
const PLAIN: Relaxation<'static> = Relaxation::Uniform(0.0);

/// The analysis of a pattern for ILU(k), for any number of factorisations of matrices that have it.
///
/// All factors share the index arrays of the analysis.
///
/// # Examples
/// ```
/// use la_precond::classical::{IluSymbolic, PivotRule};
/// use la_precond::sprs::CsMat;
///
/// let mut a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 1.0, 8.0, 7.0]);
/// let symbolic = IluSymbolic::new(a.view(), 0)?;
/// let mut factor = symbolic.factor(a.view(), PivotRule::default())?;
/// a.map_inplace(|x| x * 2.0);
/// symbolic.refactor(a.view(), PivotRule::default(), &mut factor)?; // values in the same memory
/// assert_eq!(factor.inverse_diagonal(), [0.125, 0.1]);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
#[derive(Debug, Clone)]
pub struct IluSymbolic {
    lower: Arc<Pattern>,
    upper: Arc<Pattern>,
}

impl IluSymbolic {
    /// Analyses the pattern of `a`; its values are not used.
    ///
    /// # Errors
    /// Those of [`Ilu::factor`] that concern the pattern.
    pub fn new<T: Real, I: SpIndex>(
        a: CsMatViewI<'_, T, I>,
        level: usize,
    ) -> Result<Self, PrecondError> {
        with_rows(a, |rows, n| Self::of_rows(&rows, n, level))
    }

    fn of_rows<T: Real, I: SpIndex>(
        rows: &Rows<'_, T, I>,
        n: usize,
        level: usize,
    ) -> Result<Self, PrecondError> {
        let (lower, upper) = if level == 0 {
            symbolic::split(rows, n)?
        } else {
            symbolic::levels(rows, n, level)?
        };
        Ok(Self {
            lower: Arc::new(lower),
            upper: Arc::new(upper),
        })
    }

    /// Order of the matrices.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.lower.indptr.len() - 1
    }

    /// Entries of the factors: strict triangles and diagonal.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.lower.indices.len() + self.upper.indices.len() + self.dimension()
    }

    /// Factors a matrix of the analysed pattern, or of a part of it.
    ///
    /// # Errors
    /// As [`Ilu::factor`]; [`PrecondError::PatternMismatch`] if the matrix has an entry where the
    /// factors have none, [`PrecondError::DimensionMismatch`].
    ///
    /// # Examples
    /// See [`IluSymbolic`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
        pivot: PivotRule,
    ) -> Result<IncompleteLu<T>, PrecondError> {
        pivot.validate()?;
        let start = Instant::now();
        with_rows(a, |rows, n| {
            self.check_order(n)?;
            self.factor_rows(&rows, pivot, PLAIN, start)
        })
    }

    /// The same with relaxation factors.
    ///
    /// # Errors
    /// Those of [`factor`](Self::factor) and of [`Relaxation::validate`].
    ///
    /// # Examples
    /// ```
    /// use la_precond::classical::{IluSymbolic, PivotRule, Relaxation};
    /// use la_problems::Poisson;
    ///
    /// let a = Poisson::default().matrix()?;
    /// let symbolic = IluSymbolic::new(a.view(), 0)?;
    /// let omega = vec![1.0; a.rows()];
    /// let modified = symbolic.factor_relaxed(a.view(), PivotRule::default(), Relaxation::PerRow(&omega))?;
    /// // L U has the row sums of A.
    /// let product = &modified.to_lower() * &modified.to_upper();
    /// for (p, a) in product.outer_iterator().zip(a.outer_iterator()) {
    ///     assert!((p.data().iter().sum::<f64>() - a.data().iter().sum::<f64>()).abs() < 1e-12);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn factor_relaxed<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
        pivot: PivotRule,
        relaxation: Relaxation<'_>,
    ) -> Result<IncompleteLu<T>, PrecondError> {
        pivot.validate()?;
        relaxation.validate(self.dimension())?;
        let start = Instant::now();
        with_rows(a, |rows, n| {
            self.check_order(n)?;
            self.factor_rows(&rows, pivot, relaxation, start)
        })
    }

    /// Replaces the values of a factor that this analysis made by those for another matrix. Takes
    /// 16 bytes per row of memory for the time of the call.
    ///
    /// After an error the factor still holds finite numbers but is of no use.
    ///
    /// # Errors
    /// As [`factor`](Self::factor); [`PrecondError::PatternMismatch`] in row 0 if the factor does not
    /// belong to this analysis.
    ///
    /// # Examples
    /// See [`IluSymbolic`].
    pub fn refactor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
        pivot: PivotRule,
        factor: &mut IncompleteLu<T>,
    ) -> Result<(), PrecondError> {
        pivot.validate()?;
        let start = Instant::now();
        if *factor.lower != *self.lower || *factor.upper != *self.upper || factor.frame.is_some() {
            return Err(PrecondError::PatternMismatch { row: 0 });
        }
        with_rows(a, |rows, n| {
            self.check_order(n)?;
            let done = numeric::factor(&rows, pivot, PLAIN, factor);
            if done.is_err() {
                factor.lower_values.fill(T::ZERO);
                factor.upper_values.fill(T::ZERO);
                factor.inverse_diagonal.fill(T::ONE);
            }
            factor.stats = self.stats(&rows, n, done?, start);
            Ok(())
        })
    }

    fn check_order(&self, n: usize) -> Result<(), PrecondError> {
        let expected = self.dimension();
        if n == expected {
            return Ok(());
        }
        Err(PrecondError::DimensionMismatch {
            what: "matrix",
            found: n,
            expected,
        })
    }

    fn factor_rows<T: Real, I: SpIndex>(
        &self,
        rows: &Rows<'_, T, I>,
        pivot: PivotRule,
        relaxation: Relaxation<'_>,
        start: Instant,
    ) -> Result<IncompleteLu<T>, PrecondError> {
        let n = self.dimension();
        let mut factor = IncompleteLu::assemble(
            (
                Arc::clone(&self.lower),
                vec![T::ZERO; self.lower.indices.len()],
            ),
            (
                Arc::clone(&self.upper),
                vec![T::ZERO; self.upper.indices.len()],
            ),
            vec![T::ONE; n],
        );
        let replaced = numeric::factor(rows, pivot, relaxation, &mut factor)?;
        factor.stats = self.stats(rows, n, replaced, start);
        Ok(factor)
    }

    fn stats<T: Real, I: SpIndex>(
        &self,
        rows: &Rows<'_, T, I>,
        n: usize,
        replaced: usize,
        start: Instant,
    ) -> LuStats {
        let nnz = (0..n).map(|i| rows.row(i).0.len()).sum::<usize>();
        LuStats::default()
            .with_fill_ratio(self.nnz() as f64 / nnz.max(1) as f64)
            .with_replaced_pivots(replaced)
            .with_setup_seconds(start.elapsed().as_secs_f64())
    }
}
