//! The pair of factors that every builder of incomplete LU factors hands out.

use std::ops::Range;
use std::sync::Arc;

use la_krylov::Real;
use sprs::CsMatI;

use super::frame::{AppliedFrame, Frame};
use crate::{LuStats, PrecondError};

/// Positions of a strict triangle by rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// Start of each row in `indices`, length `n + 1`.
    pub(crate) indptr: Vec<u32>,
    /// Columns, increasing in each row.
    pub(crate) indices: Vec<u32>,
}

impl Pattern {
    /// Where row `i` lies in `indices`; empty outside the matrix.
    #[inline(always)]
    pub(crate) fn range(&self, i: usize) -> Range<usize> {
        match (self.indptr.get(i), self.indptr.get(i + 1)) {
            (Some(&start), Some(&end)) => start as usize..end as usize,
            _ => 0..0,
        }
    }
}

/// Incomplete LU factors: `M = D_r⁻¹ P_rᵀ L D Û P_c D_c⁻¹` with `L` unit lower and `Û` unit upper
/// triangular.
///
/// As a [`Preconditioner`](la_krylov::Preconditioner), `apply` computes `z = M⁻¹ r`. Permutations
/// `P` and diagonal scalings are there only if the builder used them, see
/// [`Reordered`](crate::classical::Reordered); they are applied together with the sweeps, without
/// extra memory. For GMRES, FGMRES and BiCGSTAB; CG refuses it.
///
/// # Storage
/// The strict triangles of `L` and of `Û = D⁻¹ U` by rows with 32-bit indices, and `D⁻¹`: 12 bytes
/// per off-diagonal entry in `f64`. Scaling the rows of `U` takes the multiplication with the pivot off
/// the chain that links one row to the next. Values may be stored as `f32` inside an `f64` solve
/// ([`cast`](Self::cast)): 8 bytes. Factors of one pattern share the index arrays.
///
/// # Examples
/// ```
/// use la_precond::{IncompleteLu, sprs::CsMatI};
///
/// // L = [1 0; 2 1], U = [4 1; 0 5], so L U = [4 1; 8 7]
/// let lower = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 3], vec![0, 0, 1], vec![1.0, 2.0, 1.0]);
/// let upper = CsMatI::<f64, u32>::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![4.0, 1.0, 5.0]);
/// let factor = IncompleteLu::from_triangles(lower.view(), upper.view())?;
/// let mut z = [0.0; 2];
/// factor.solve(&[5.0, 15.0], &mut z);
/// assert_eq!(z, [1.0, 1.0]);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., 2003, chapter 10.
#[derive(Debug, Clone)]
pub struct IncompleteLu<T = f64> {
    pub(super) lower: Arc<Pattern>,
    pub(super) upper: Arc<Pattern>,
    /// Strict lower triangle of `L`.
    pub(super) lower_values: Vec<T>,
    /// Strict upper triangle of `Û`: `u_ij / u_ii`.
    pub(super) upper_values: Vec<T>,
    /// `1 / u_ii`.
    pub(super) inverse_diagonal: Vec<T>,
    pub(super) frame: Option<Box<AppliedFrame>>,
    pub(super) stats: LuStats,
}

impl<T: Real> IncompleteLu<T> {
    /// Puts the parts together; they have been checked, or computed by this crate.
    pub(crate) fn assemble(
        lower: (Arc<Pattern>, Vec<T>),
        upper: (Arc<Pattern>, Vec<T>),
        inverse_diagonal: Vec<T>,
    ) -> Self {
        Self {
            lower: lower.0,
            upper: upper.0,
            lower_values: lower.1,
            upper_values: upper.1,
            inverse_diagonal,
            frame: None,
            stats: LuStats::default(),
        }
    }

    /// Writes new values into factors of this pattern: those of strict L and strict Û, and `1 / u_ii`. They need not be
    /// finite: the factors are then those of the identity, and it is an error.
    #[cfg(feature = "learned")]
    pub(crate) fn refill(
        &mut self,
        pattern: (&Pattern, &Pattern),
        fill: impl FnOnce(&mut [T], &mut [T], &mut [T]),
    ) -> Result<(), PrecondError> {
        if (&*self.lower, &*self.upper) != pattern || self.frame.is_some() {
            return Err(PrecondError::PatternMismatch { row: 0 });
        }
        fill(
            &mut self.lower_values,
            &mut self.upper_values,
            &mut self.inverse_diagonal,
        );
        self.check_finite().inspect_err(|_| {
            self.lower_values.fill(T::ZERO);
            self.upper_values.fill(T::ZERO);
            self.inverse_diagonal.fill(T::ONE);
        })
    }

    /// Replaces the record of how the factors were made.
    #[cfg(feature = "learned")]
    pub(crate) fn set_stats(&mut self, stats: LuStats) {
        self.stats = stats;
    }

    /// Puts a frame around the factors and the frame they have already.
    pub(crate) fn framed(mut self, frame: Frame) -> Self {
        let frame = match &self.frame {
            Some(inner) => frame.around(inner.frame()),
            None => frame,
        };
        self.frame = (frame != Frame::default()).then(|| Box::new(AppliedFrame::new(frame)));
        self
    }

    /// Order of the factors.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.inverse_diagonal.len()
    }

    /// Stored entries: strict triangles and diagonal.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.lower_values.len() + self.upper_values.len() + self.inverse_diagonal.len()
    }

    /// `nnz / nnz(A)`, if the builder knew `A`.
    #[must_use]
    pub fn fill_ratio(&self) -> Option<f64> {
        self.stats.fill_ratio
    }

    /// How the factors were made.
    #[must_use]
    pub fn stats(&self) -> &LuStats {
        &self.stats
    }

    /// Replaces the record of how the factors were made; for builders.
    #[must_use]
    pub fn with_stats(mut self, stats: LuStats) -> Self {
        self.stats = stats;
        self
    }

    /// `1 / u_ii`.
    #[must_use]
    pub fn inverse_diagonal(&self) -> &[T] {
        &self.inverse_diagonal
    }

    /// Columns and values `l_ij` of row `i` left of the unit diagonal, columns increasing; empty
    /// outside the matrix.
    pub fn lower_row(&self, i: usize) -> impl Iterator<Item = (usize, T)> + '_ {
        let range = self.lower.range(i);
        let (cols, values) = (
            &self.lower.indices[range.clone()],
            &self.lower_values[range],
        );
        cols.iter().zip(values).map(|(&j, &v)| (j as usize, v))
    }

    /// Columns and values `u_ij / u_ii` of row `i` right of the diagonal, columns increasing; empty
    /// outside the matrix.
    pub fn scaled_upper_row(&self, i: usize) -> impl Iterator<Item = (usize, T)> + '_ {
        let range = self.upper.range(i);
        let (cols, values) = (
            &self.upper.indices[range.clone()],
            &self.upper_values[range],
        );
        cols.iter().zip(values).map(|(&j, &v)| (j as usize, v))
    }

    /// `L` with its unit diagonal, as a CSR matrix.
    #[must_use]
    pub fn to_lower(&self) -> CsMatI<T, u32> {
        let n = self.dimension();
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for i in 0..n {
            for (j, value) in self.lower_row(i).chain([(i, T::ONE)]) {
                indices.push(j as u32);
                values.push(value);
            }
            indptr.push(indices.len() as u32);
        }
        CsMatI::new((n, n), indptr, indices, values)
    }

    /// `U = D Û` with its diagonal, as a CSR matrix.
    #[must_use]
    pub fn to_upper(&self) -> CsMatI<T, u32> {
        let n = self.dimension();
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for (i, &inverse) in self.inverse_diagonal.iter().enumerate() {
            let pivot = T::ONE / inverse;
            for (j, value) in [(i, T::ONE)].into_iter().chain(self.scaled_upper_row(i)) {
                indices.push(j as u32);
                values.push(value * pivot);
            }
            indptr.push(indices.len() as u32);
        }
        CsMatI::new((n, n), indptr, indices, values)
    }

    /// Row of `A` that stands at each position of the factors; `None` if rows kept their places.
    #[must_use]
    pub fn row_order(&self) -> Option<&[u32]> {
        let frame = self.frame.as_ref()?.frame();
        (!frame.rows.is_empty()).then_some(&*frame.rows)
    }

    /// Column of `A` that stands at each position of the factors; `None` if columns kept their
    /// places.
    #[must_use]
    pub fn column_order(&self) -> Option<&[u32]> {
        let frame = self.frame.as_ref()?.frame();
        (!frame.cols.is_empty()).then_some(&*frame.cols)
    }

    /// The diagonal of `D_r`, by rows of `A`; `None` if rows were not scaled.
    #[must_use]
    pub fn row_scaling(&self) -> Option<&[f64]> {
        let frame = self.frame.as_ref()?.frame();
        (!frame.row_scale.is_empty()).then_some(&*frame.row_scale)
    }

    /// The diagonal of `D_c`, by columns of `A`; `None` if columns were not scaled.
    #[must_use]
    pub fn column_scaling(&self) -> Option<&[f64]> {
        let frame = self.frame.as_ref()?.frame();
        (!frame.col_scale.is_empty()).then_some(&*frame.col_scale)
    }

    /// The same factors with their values stored in another scalar type.
    ///
    /// # Errors
    /// [`PrecondError::NonFinite`] if a value overflows in the new type.
    ///
    /// # Examples
    /// ```
    /// use la_precond::{IncompleteLu, classical::Ilu, sprs::CsMat};
    ///
    /// let a = CsMat::new((1, 1), vec![0, 1], vec![0], vec![4.0]);
    /// let narrow: IncompleteLu<f32> = Ilu::default().factor(a.view())?.cast()?;
    /// let mut z = [0.0_f64]; // applied to double precision vectors
    /// narrow.solve(&[1.0], &mut z);
    /// assert_eq!(z, [0.25]);
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    pub fn cast<U: Real>(&self) -> Result<IncompleteLu<U>, PrecondError> {
        let convert = |v: &[T]| {
            v.iter()
                .map(|x| U::from_f64(x.to_f64()))
                .collect::<Vec<U>>()
        };
        let factor = IncompleteLu {
            lower: Arc::clone(&self.lower),
            upper: Arc::clone(&self.upper),
            lower_values: convert(&self.lower_values),
            upper_values: convert(&self.upper_values),
            inverse_diagonal: convert(&self.inverse_diagonal),
            frame: self.frame.clone(),
            stats: self.stats,
        };
        factor.check_finite()?;
        Ok(factor)
    }
}
