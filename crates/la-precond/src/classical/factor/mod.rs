//! The incomplete Cholesky factor that every builder, classical or learned, hands out.

mod check;
mod pattern;
mod solve;
mod stats;

use std::sync::Arc;

use la_krylov::Real;
use sprs::CsMatI;

use crate::PrecondError;
pub(crate) use check::square;
pub(crate) use pattern::LowerPattern;
pub(crate) use solve::{dot, eliminate, widen};
pub use stats::FactorStats;

/// An incomplete Cholesky factor: `M = L Lᵀ` with `L` lower triangular and a positive diagonal.
///
/// As a [`Preconditioner`](la_krylov::Preconditioner), `apply` computes the *inverse* action
/// `z = L⁻ᵀ L⁻¹ r`. `M` is symmetric positive definite by construction, so CG accepts it.
/// The type is the same whether `L` was computed (IC(0), threshold factorisation) or predicted by
/// a network. Stored values may be `f32` inside an `f64` solve: the vectors and all sums stay in
/// the scalar of the solver, and the factor takes 8 instead of 12 bytes per nonzero.
///
/// # Storage
/// `L = D L̂` with `D = diag(L)`, and `L̂` has a unit diagonal: each row of `L` divided by its
/// diagonal entry. Stored are `D` and the strict lower triangle of `L̂` by rows with 32-bit indices:
/// 12 bytes per off-diagonal entry in `f64`. Both sweeps read these arrays, the backward one by
/// scattering; see [`solve_in_place`](Self::solve_in_place). Scaling by rows takes the division off
/// the chain that links one row to the next. Factors of one pattern share its index arrays.
///
/// # Examples
/// ```
/// use la_precond::{IncompleteCholesky, sprs::CsMatI};
///
/// // L = [2 0; 1 3], so L Lᵀ = [4 2; 2 10]
/// let lower = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 3], vec![0, 0, 1], vec![2.0, 1.0, 3.0]);
/// let factor = IncompleteCholesky::from_lower(lower.view())?;
/// let mut z = [6.0, 12.0];
/// factor.solve_in_place(&mut z);
/// assert_eq!(z, [1.0, 1.0]);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// J. A. Meijerink, H. A. van der Vorst, *Math. Comp.* 31(137), 148–162, 1977.
#[derive(Debug, Clone)]
pub struct IncompleteCholesky<T = f64> {
    pattern: Arc<LowerPattern>,
    /// Strict lower triangle of `L̂`: `l_ij / l_ii`.
    scaled: Vec<T>,
    /// The diagonal `l_ii`.
    diagonal: Vec<T>,
    stats: FactorStats,
}

impl<T: Real> IncompleteCholesky<T> {
    /// Puts the parts together; they have been checked, or computed by this crate.
    pub(crate) fn assemble(pattern: Arc<LowerPattern>, scaled: Vec<T>, diagonal: Vec<T>) -> Self {
        Self {
            pattern,
            scaled,
            diagonal,
            stats: FactorStats::default(),
        }
    }

    /// Order of the factor.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.diagonal.len()
    }

    /// Stored entries of `L`, diagonal included.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.scaled.len() + self.diagonal.len()
    }

    /// `nnz(L) / nnz(tril(A))`, if the builder knew `A`.
    #[must_use]
    pub fn fill_ratio(&self) -> Option<f64> {
        self.stats.fill_ratio
    }

    /// How the factor was made.
    #[must_use]
    pub fn stats(&self) -> &FactorStats {
        &self.stats
    }

    /// Replaces the record of how the factor was made; for builders.
    #[must_use]
    pub fn with_stats(mut self, stats: FactorStats) -> Self {
        self.stats = stats;
        self
    }

    /// Start of each row of the strict lower triangle, length `n + 1`.
    #[must_use]
    pub fn row_starts(&self) -> &[u32] {
        &self.pattern.indptr
    }

    /// Columns of the strict lower triangle, row after row.
    #[must_use]
    pub fn columns(&self) -> &[u32] {
        &self.pattern.indices
    }

    /// Values of the strict lower triangle of `L̂ = D⁻¹ L`, row after row: `l_ij / l_ii`.
    #[must_use]
    pub fn scaled_values(&self) -> &[T] {
        &self.scaled
    }

    /// The diagonal of `L`, positive.
    #[must_use]
    pub fn diagonal(&self) -> &[T] {
        &self.diagonal
    }

    /// Columns and values `l_ij` of row `i` left of the diagonal, columns increasing; empty outside
    /// the matrix.
    pub fn row(&self, i: usize) -> impl Iterator<Item = (usize, T)> + '_ {
        let range = self.pattern.range(i);
        let scale = self.diagonal.get(i).copied().unwrap_or(T::ZERO);
        let (cols, values) = (&self.pattern.indices[range.clone()], &self.scaled[range]);
        cols.iter()
            .zip(values)
            .map(move |(&j, &v)| (j as usize, v * scale))
    }

    /// The whole of `L`, diagonal included, as a CSR matrix.
    #[must_use]
    pub fn to_lower(&self) -> CsMatI<T, u32> {
        let n = self.dimension();
        let mut indptr = Vec::with_capacity(n + 1);
        let mut indices = Vec::with_capacity(self.nnz());
        let mut values = Vec::with_capacity(self.nnz());
        indptr.push(0);
        for i in 0..n {
            for (j, value) in self.row(i) {
                indices.push(j as u32);
                values.push(value);
            }
            indices.push(i as u32);
            values.push(self.diagonal[i]);
            indptr.push(indices.len() as u32);
        }
        CsMatI::new((n, n), indptr, indices, values)
    }

    /// The factor without its small entries: `|l_ij| ≤ tau`, `i ≠ j`, are removed.
    ///
    /// Removing entries after the factorisation keeps the diagonal, so the result is again positive
    /// definite. IC(0) followed by this rule is the sparsified IC(0) of the NeuralIF experiments, and
    /// a network's factor followed by it is NeuralIF-sp. The fill ratio in the statistics is scaled
    /// accordingly.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] if `tau` is negative or NaN.
    ///
    /// # Examples
    /// ```
    /// use la_precond::{IncompleteCholesky, sprs::CsMatI};
    ///
    /// let lower = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 3], vec![0, 0, 1], vec![2.0, 0.1, 3.0]);
    /// let factor = IncompleteCholesky::from_lower(lower.view())?;
    /// assert_eq!(factor.dropped(0.1)?.nnz(), 2);
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    pub fn dropped(&self, tau: f64) -> Result<Self, PrecondError> {
        if tau.is_nan() || tau < 0.0 {
            return Err(PrecondError::InvalidOption {
                option: "tau",
                value: tau,
                expected: "a number that is not negative",
            });
        }
        let n = self.dimension();
        let mut indptr = Vec::with_capacity(n + 1);
        let mut indices = Vec::with_capacity(self.scaled.len());
        let mut scaled = Vec::with_capacity(self.scaled.len());
        indptr.push(0);
        for i in 0..n {
            for k in self.pattern.range(i) {
                if (self.scaled[k] * self.diagonal[i]).abs().to_f64() > tau {
                    indices.push(self.pattern.indices[k]);
                    scaled.push(self.scaled[k]);
                }
            }
            indptr.push(indices.len() as u32);
        }
        indices.shrink_to_fit();
        scaled.shrink_to_fit();
        let mut stats = self.stats;
        if let Some(ratio) = &mut stats.fill_ratio {
            *ratio *= (indices.len() + n) as f64 / self.nnz().max(1) as f64;
        }
        let pattern = Arc::new(LowerPattern { indptr, indices });
        Ok(Self::assemble(pattern, scaled, self.diagonal.clone()).with_stats(stats))
    }

    /// The same factor with its values stored in another scalar type.
    ///
    /// # Errors
    /// [`PrecondError::NonFinite`] or [`PrecondError::NonPositiveDiagonal`] if a value overflows or
    /// a pivot underflows in the new type.
    ///
    /// # Examples
    /// ```
    /// use la_precond::{IncompleteCholesky, sprs::CsMatI};
    ///
    /// let lower = CsMatI::<f64, u32>::new((1, 1), vec![0, 1], vec![0], vec![2.0]);
    /// let narrow: IncompleteCholesky<f32> = IncompleteCholesky::from_lower(lower.view())?.cast()?;
    /// let mut z = [1.0_f64]; // applied to double precision vectors
    /// narrow.solve_in_place(&mut z);
    /// assert_eq!(z, [0.25]);
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    pub fn cast<U: Real>(&self) -> Result<IncompleteCholesky<U>, PrecondError> {
        let convert = |v: &[T]| {
            v.iter()
                .map(|x| U::from_f64(x.to_f64()))
                .collect::<Vec<U>>()
        };
        let (scaled, diagonal) = (convert(&self.scaled), convert(&self.diagonal));
        check::positive(&diagonal)?;
        for i in 0..diagonal.len() {
            if let Some(k) = self.pattern.range(i).find(|&k| !scaled[k].is_finite()) {
                return Err(PrecondError::NonFinite {
                    row: i,
                    col: self.pattern.indices[k] as usize,
                });
            }
        }
        let pattern = Arc::clone(&self.pattern);
        Ok(IncompleteCholesky::assemble(pattern, scaled, diagonal).with_stats(self.stats))
    }
}
