//! Factorised sparse approximate inverses.

use std::time::Instant;

use la_krylov::{Definiteness, Host, Preconditioner, PreconditionerError, Real};
use sprs::{CsMatViewI, SpIndex};

use super::SymmetryCheck;
use super::columns::{Columns, transposed_pattern};
use super::dense::last_column;
use super::factor::{LowerPattern, square, widen};
use super::input::{check_lengths, hopeless, lower_pattern, with_rows};
use crate::{FactorStats, PrecondError};

/// The positions of the factor of an [`Fsai`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FsaiPattern {
    /// Those of the lower triangle of `A`.
    #[default]
    Matrix,
    /// Those of the lower triangle of `A²`: neighbours of neighbours as well.
    Square,
}

/// FSAI: `A⁻¹ ≈ Gᵀ G` with a sparse lower triangular `G`.
///
/// Row `i` of `G` is `y / √y_i` with `A[s, s] y = e_i` and `s` the positions of the row: independent small problems, so
/// it exists for every positive definite `A`, and `G` minimises Kaporin's condition number of `G A Gᵀ` on its pattern. An
/// application is two products with a sparse matrix, without the chain of dependences of a triangular solve: for machines with
/// many cores. On one core [`Ic0`](crate::classical::Ic0) usually needs fewer iterations for the same number of entries.
///
/// Set-up costs Σ |s|³ / 3 and the search for the entries; memory 12 bytes per entry of `G`. On `A²` patterns of
/// matrices with long rows both grow quickly.
///
/// # Examples
/// ```
/// use la_precond::classical::{Fsai, FsaiPattern};
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let m = Fsai::new(a.view(), FsaiPattern::Matrix)?;
/// assert_eq!(m.nnz(), 3);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// L. Yu. Kolotilina, A. Yu. Yeremin, *SIAM J. Matrix Anal. Appl.* 14(1), 45–58, 1993.
#[derive(Debug, Clone)]
pub struct Fsai<T = f64> {
    /// Rows of `G`, the diagonal last.
    starts: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<T>,
    stats: FactorStats,
}

impl<T: Real> Fsai<T> {
    /// Computes `G`; `a` is the whole symmetric matrix or its lower triangle.
    ///
    /// # Errors
    /// As [`Ic0::factor`](crate::classical::Ic0::factor); a breakdown means that `a` is not positive definite.
    pub fn new<I: SpIndex>(
        a: CsMatViewI<'_, T, I>,
        pattern: FsaiPattern,
    ) -> Result<Self, PrecondError> {
        let start = Instant::now();
        with_rows(a, |rows, n| {
            let lower = lower_pattern(&rows, n, SymmetryCheck::Count)?;
            let matrix = Columns::new(&rows, &lower);
            let nnz = lower.indices.len() + n;
            let chosen = match pattern {
                FsaiPattern::Matrix => lower,
                FsaiPattern::Square => squared(&lower)?,
            };
            let mut fsai = local_solves(&matrix, &chosen).map_err(|row| {
                let failed = PrecondError::Breakdown {
                    row,
                    shift: 0.0,
                    attempts: 1,
                };
                (0..n).find_map(|i| hopeless(&rows, i)).unwrap_or(failed)
            })?;
            fsai.stats = FactorStats::default()
                .with_fill_ratio(fsai.nnz() as f64 / nnz.max(1) as f64)
                .with_setup_seconds(start.elapsed().as_secs_f64());
            Ok(fsai)
        })
    }

    /// Stored entries of `G`, diagonal included.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.values.len()
    }

    /// How the factor was made.
    #[must_use]
    pub fn stats(&self) -> &FactorStats {
        &self.stats
    }

    /// Columns and values of row `i` of `G`, columns increasing up to the diagonal; empty outside the matrix.
    pub fn row(&self, i: usize) -> impl Iterator<Item = (usize, T)> + '_ {
        let range = match (self.starts.get(i), self.starts.get(i + 1)) {
            (Some(&from), Some(&to)) => from as usize..to as usize,
            _ => 0..0,
        };
        let columns = self.columns[range.clone()].iter();
        columns
            .zip(&self.values[range])
            .map(|(&j, &g)| (j as usize, g))
    }
}

/// One dense system per row of `pattern`.
fn local_solves<T: Real>(a: &Columns<T>, pattern: &LowerPattern) -> Result<Fsai<T>, usize> {
    const OUTSIDE: u32 = u32::MAX;
    let n = a.diagonal.len();
    let mut place = vec![OUTSIDE; n];
    let mut g = Fsai {
        starts: Vec::with_capacity(n + 1),
        columns: Vec::with_capacity(pattern.indices.len() + n),
        values: Vec::with_capacity(pattern.indices.len() + n),
        stats: FactorStats::default(),
    };
    g.starts.push(0);
    let mut block = Vec::new();
    for i in 0..n {
        let from = g.columns.len();
        g.columns
            .extend_from_slice(&pattern.indices[pattern.range(i)]);
        g.columns.push(i as u32);
        let s = &g.columns[from..];
        let m = s.len();
        for (p, &row) in s.iter().enumerate() {
            place[row as usize] = p as u32;
        }
        block.clear();
        block.resize(m * m, T::ZERO);
        for (p, &k) in s.iter().enumerate() {
            block[p * m + p] = a.diagonal[k as usize];
            let (rows, values) = a.column(k as usize);
            for (&row, &value) in rows.iter().zip(values) {
                if row as usize > i {
                    break;
                }
                let q = place[row as usize];
                if q != OUTSIDE {
                    block[q as usize * m + p] = value;
                }
            }
        }
        for &row in s {
            place[row as usize] = OUTSIDE;
        }
        g.values.resize(from + m, T::ZERO);
        last_column(&mut block, &mut g.values[from..]).map_err(|_| i)?;
        g.starts.push(g.columns.len() as u32);
    }
    Ok(g)
}

/// The strict lower pattern of the square of the symmetric matrix with strict lower pattern `lower`.
fn squared(lower: &LowerPattern) -> Result<LowerPattern, PrecondError> {
    let n = lower.indptr.len() - 1;
    let (starts, rows) = transposed_pattern(&lower.indptr, &lower.indices);
    let neighbours = |i: usize| {
        let below = &rows[starts[i] as usize..starts[i + 1] as usize];
        lower.indices[lower.range(i)].iter().chain(below).copied()
    };
    let mut mark = vec![u32::MAX; n];
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for i in 0..n {
        let from = indices.len();
        mark[i] = i as u32;
        for k in neighbours(i) {
            for j in std::iter::once(k).chain(neighbours(k as usize)) {
                if (j as usize) < i && mark[j as usize] != i as u32 {
                    mark[j as usize] = i as u32;
                    indices.push(j);
                }
            }
        }
        indices[from..].sort_unstable();
        square(n, n, indices.len() + n)?;
        indptr.push(indices.len() as u32);
    }
    Ok(LowerPattern { indptr, indices })
}

impl<T: Real, S: Real> Preconditioner<Host<S>> for Fsai<T> {
    fn dimension(&self) -> usize {
        self.starts.len() - 1
    }

    /// `z = Σ_i g_i (g_i · r)` over the rows of `G`: no vector in between.
    fn apply(&self, _space: &Host<S>, r: &[S], z: &mut [S]) -> Result<(), PreconditionerError> {
        check_lengths(self.starts.len() - 1, r.len(), z.len())?;
        z.fill(S::ZERO);
        for row in self.starts.windows(2) {
            let range = row[0] as usize..row[1] as usize;
            let (columns, values) = (&self.columns[range.clone()], &self.values[range]);
            let mut t = S::ZERO;
            for (&j, &g) in columns.iter().zip(values) {
                t += widen::<T, S>(g) * r[j as usize];
            }
            for (&j, &g) in columns.iter().zip(values) {
                z[j as usize] += widen::<T, S>(g) * t;
            }
        }
        Ok(())
    }

    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
}
