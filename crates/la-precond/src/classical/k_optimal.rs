//! Factors that minimise Kaporin's condition number.

mod condition;
mod inverse;
mod local;

use std::sync::Arc;
use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::SymmetryCheck;
use super::columns::{Columns, by_rows};
use super::dense::last_column;
use super::input::{hopeless, lower_pattern, with_rows};
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};
pub use condition::log_k;
use inverse::{Complete, Limits};
pub use local::LocalKOptimal;

/// The factor `L` on the pattern of the lower triangle of `A` for which `K(Lᵀ A⁻¹ L)` is smallest, where
/// `K(X) = (tr X / n) / (det X)^{1/n}` is Kaporin's condition number.
///
/// Column `i` is `v / √v_1` with `A⁻¹[s, s] v = e_1`, `s` the rows of the column: it exists for every positive definite
/// `A`. A reference rather than a tool: the entries of `A⁻¹` that are needed come out of a complete factorisation, after which
/// `A` could be solved directly. A small K is not a small number of iterations: on M-matrices in a random order IC(0) needs
/// fewer.
///
/// Costs a complete Cholesky factorisation in the given order and selected inversion, Σ c_k² for columns of `c_k` entries
/// (O(n^1.5) time and O(n log n) memory for two-dimensional problems under nested dissection), and Σ |s_i|³ / 3. Without fill-in
/// (a tridiagonal matrix, a tree ordered from its leaves) it is the Cholesky factor.
///
/// # Shapes
/// As for [`Ic0`](crate::classical::Ic0).
///
/// # Examples
/// ```
/// use la_precond::classical::KOptimal;
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let factor = KOptimal::default().factor(a.view())?;
/// assert!((factor.diagonal()[1] - 3.0_f64).abs() < 1e-15);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// I. E. Kaporin, *Numer. Linear Algebra Appl.* 1(2), 179–210, 1994 (K); V. Trifonov, E. Muravleva, I. Oseledets, arXiv
/// 2502.01397, section 3 (the factor); F. Schäfer, M. Katzfuss, H. Owhadi, *SIAM J. Sci. Comput.* 43(3), A2019–A2046, 2021
/// (the same, as the minimiser of a divergence); K. Takahashi, J. Fagan, M. Chin, *Proc. 8th PICA Conference*, 63–69,
/// 1973 (selected inversion). Deviates: no dense inverse.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KOptimal {
    /// How much of the symmetry is checked. Default: the number of entries.
    pub symmetry: SymmetryCheck,
    /// Bytes that the complete factor may take: 12 per entry in double precision. Default: no limit.
    pub memory_limit: usize,
    /// Multiplications that factorisation and selected inversion may take, dimensionless, positive; known before they begin, so
    /// that a limit gives the same answer on every machine. Default: no limit.
    pub work_limit: f64,
}

impl Default for KOptimal {
    fn default() -> Self {
        Self {
            symmetry: SymmetryCheck::default(),
            memory_limit: usize::MAX,
            work_limit: f64::INFINITY,
        }
    }
}

impl KOptimal {
    /// Sets the bytes that the complete factor may take.
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Sets the multiplications that may be done.
    #[must_use]
    pub fn with_work_limit(mut self, operations: f64) -> Self {
        self.work_limit = operations;
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
    /// As [`Ic0::factor`](crate::classical::Ic0::factor); a breakdown means that `a` is not positive definite, or too nearly
    /// singular. [`PrecondError::TooMuchMemory`] and [`PrecondError::TooMuchWork`] above the limits;
    /// [`PrecondError::InvalidOption`] if `work_limit` is not a positive number.
    ///
    /// # Examples
    /// See [`KOptimal`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteCholesky<T>, PrecondError> {
        if self.work_limit.is_nan() || self.work_limit <= 0.0 {
            return Err(PrecondError::InvalidOption {
                option: "work_limit",
                value: self.work_limit,
                expected: "a positive number",
            });
        }
        let start = Instant::now();
        let limits = Limits {
            bytes: self.memory_limit,
            operations: self.work_limit,
        };
        with_rows(a, |rows, n| {
            let pattern = Arc::new(lower_pattern(&rows, n, self.symmetry)?);
            let columns = Columns::new(&rows, &pattern);
            let explain = |error| (0..n).find_map(|i| hopeless(&rows, i)).unwrap_or(error);
            let inverse = Complete::new(&columns, limits)
                .map_err(|error| match error {
                    PrecondError::Breakdown { .. } => explain(error),
                    error => error,
                })?
                .into_selected_inverse();
            let factor = k_optimal(&columns, &inverse)?;
            let stats = FactorStats::default()
                .with_fill_ratio(1.0)
                .with_setup_seconds(start.elapsed().as_secs_f64());
            Ok(factor.with_stats(stats))
        })
    }
}

fn k_optimal<T: Real>(
    a: &Columns<T>,
    inverse: &Columns<T>,
) -> Result<IncompleteCholesky<T>, PrecondError> {
    const OUTSIDE: u32 = u32::MAX;
    let n = a.diagonal.len();
    let mut place = vec![OUTSIDE; n];
    let mut values = Vec::with_capacity(a.rows.len());
    let mut diagonal = Vec::with_capacity(n);
    let (mut block, mut v) = (Vec::new(), Vec::new());
    for i in 0..n {
        // s in decreasing order, so that i comes last.
        let (below, _) = a.column(i);
        let m = below.len() + 1;
        for (p, &row) in below.iter().rev().enumerate() {
            place[row as usize] = p as u32;
        }
        place[i] = below.len() as u32;
        block.clear();
        block.resize(m * m, T::ZERO);
        for &k in below.iter().chain([&(i as u32)]) {
            let k = k as usize;
            let p = place[k] as usize;
            block[p * m + p] = inverse.diagonal[k];
            let (rows, entries) = inverse.column(k);
            for (&row, &entry) in rows.iter().zip(entries) {
                let q = place[row as usize];
                if q != OUTSIDE {
                    block[p * m + q as usize] = entry;
                }
            }
        }
        v.clear();
        v.resize(m, T::ZERO);
        last_column(&mut block, &mut v).map_err(|_| PrecondError::Breakdown {
            row: i,
            shift: 0.0,
            attempts: 1,
        })?;
        diagonal.push(v[m - 1]);
        values.extend(v[..m - 1].iter().rev());
        for &row in below {
            place[row as usize] = OUTSIDE;
        }
        place[i] = OUTSIDE;
    }
    Ok(by_rows(&a.starts, &a.rows, &values, diagonal))
}

impl IncompleteCholeskyBuilder for KOptimal {
    fn name(&self) -> &str {
        "k-optimal"
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.factor(a)
    }
}
