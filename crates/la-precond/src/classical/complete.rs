//! Complete factorisations: the last resort, and the reference.

use std::time::Instant;

use faer::linalg::solvers::SolveCore;
use faer::sparse::linalg::LuError;
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, SymmetricOrdering, factorize_symbolic_cholesky,
};
use faer::sparse::linalg::solvers::{Llt, Lu, SymbolicLlt, SymbolicLu};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Side};
use la_krylov::{Definiteness, Host, Preconditioner, PreconditionerError};
use sprs::{CsMatViewI, SpIndex};

use super::Matching;
use super::input::{check_lengths, with_rows};
use crate::PrecondError;

/// Which factorisation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompleteKind {
    /// LU with partial pivoting, of the matrix scaled by a [`Matching`]. The default.
    #[default]
    Lu,
    /// Cholesky, for symmetric positive definite matrices: half the memory and work.
    Cholesky,
}

/// A complete sparse factorisation as a preconditioner: one or two iterations solve the system.
///
/// The factorisations are faer's. Time and memory grow with the fill, which for grids in three dimensions is
/// O(n^4/3) entries and O(n²) operations; below some ten thousand unknowns, or for matrices on which
/// iterative methods fail, nothing is faster. Used inside GMRES or CG it is a direct solver with
/// iterative refinement that knows its true residual.
///
/// The memory is estimated before the factorisation, from the Cholesky factor of the pattern of `A + Aᵀ`; LU with
/// pivoting may need more than that.
///
/// # Examples
/// ```
/// use la_krylov::{GmresOptions, gmres};
/// use la_precond::classical::Complete;
/// use la_precond::sprs::CsMat;
///
/// // A zero on the diagonal is nothing special.
/// let a = CsMat::new((2, 2), vec![0, 1, 3], vec![1, 0, 1], vec![2.0, 8.0, 1.0]);
/// let m = Complete::default().factor(a.view())?;
/// let solution = gmres(&a, &[2.0, 9.0], &m, &GmresOptions::default())?;
/// assert!(solution.status.is_converged() && solution.iterations <= 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// T. A. Davis, *Direct Methods for Sparse Linear Systems*, SIAM 2006.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Complete {
    /// Which factorisation. Default: LU.
    pub kind: CompleteKind,
    /// Bytes that the estimated factors may take. Default: no limit.
    pub memory_limit: Option<usize>,
}

impl Complete {
    /// Sets the factorisation.
    #[must_use]
    pub fn with_kind(mut self, kind: CompleteKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the memory that the factors may take, in bytes.
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Factors `a`, given in CSR form (or CSC, if it is symmetric), whole.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`], [`PrecondError::NonFinite`], [`PrecondError::UnsortedRow`];
    /// [`PrecondError::TooMuchMemory`] if the estimate exceeds the limit;
    /// [`PrecondError::Breakdown`] if Cholesky meets a pivot that is not positive;
    /// [`PrecondError::Singular`] if LU finds no pivot in a column;
    /// [`PrecondError::Builder`] if memory runs out all the same.
    ///
    /// # Examples
    /// See [`Complete`].
    pub fn factor<I: SpIndex>(
        &self,
        a: CsMatViewI<'_, f64, I>,
    ) -> Result<CompleteFactor, PrecondError> {
        let start = Instant::now();
        let arrays = with_rows(a, |rows, n| {
            let mut arrays = Arrays::default();
            arrays.starts.push(0);
            for row in 0..n {
                let (cols, values) = rows.row(row);
                if let Some(bad) = values.iter().position(|v| !v.is_finite()) {
                    let col = cols[bad].index();
                    return Err(PrecondError::NonFinite { row, col });
                }
                arrays.indices.extend(cols.iter().map(|c| c.index() as u64));
                arrays.values.extend_from_slice(values);
                arrays.starts.push(arrays.indices.len() as u64);
            }
            if self.kind == CompleteKind::Lu {
                let matching = Matching::maximum_product(a)?;
                arrays.scale(&matching.row_scaling, &matching.column_scaling);
                arrays.row_scale = matching.row_scaling;
                arrays.col_scale = matching.column_scaling;
            }
            Ok(arrays)
        })?;
        self.factor_arrays(arrays, start)
    }

    fn factor_arrays(
        &self,
        arrays: Arrays,
        start: Instant,
    ) -> Result<CompleteFactor, PrecondError> {
        let n = arrays.starts.len() - 1;
        let per_entry = match self.kind {
            CompleteKind::Lu => 32,
            CompleteKind::Cholesky => 16,
        };
        let estimated_bytes = arrays.cholesky_entries()?.saturating_mul(per_entry);
        if let Some(limit) = self.memory_limit.filter(|&limit| estimated_bytes > limit) {
            let bytes = estimated_bytes;
            return Err(PrecondError::TooMuchMemory { bytes, limit });
        }
        // The rows of A are the columns of Aᵀ.
        let pattern =
            SymbolicSparseColMatRef::new_checked(n, n, &arrays.starts, None, &arrays.indices);
        let transposed = SparseColMatRef::new(pattern, &arrays.values);
        let factor = match self.kind {
            CompleteKind::Lu => {
                let symbolic = SymbolicLu::try_new(pattern).map_err(|e| failed(&e.to_string()))?;
                Factor::Lu(Box::new(
                    Lu::try_new_with_symbolic(symbolic, transposed).map_err(|e| match e {
                        LuError::SymbolicSingular { index } => PrecondError::Singular { index },
                        LuError::Generic(e) => failed(&e.to_string()),
                    })?,
                ))
            }
            CompleteKind::Cholesky => {
                // The upper triangle of the transpose is the lower one of the rows.
                let side = Side::Upper;
                let symbolic =
                    SymbolicLlt::try_new(pattern, side).map_err(|e| failed(&e.to_string()))?;
                Factor::Cholesky(Box::new(
                    Llt::try_new_with_symbolic(symbolic, transposed, side).map_err(
                        |e| match e {
                            faer::sparse::linalg::LltError::Numeric(
                                faer::linalg::cholesky::llt::factor::LltError::NonPositivePivot {
                                    index,
                                },
                            ) => PrecondError::Breakdown {
                                row: index,
                                shift: 0.0,
                                attempts: 1,
                            },
                            faer::sparse::linalg::LltError::Generic(e) => failed(&e.to_string()),
                        },
                    )?,
                ))
            }
        };
        Ok(CompleteFactor {
            factor,
            n,
            row_scale: arrays.row_scale,
            col_scale: arrays.col_scale,
            estimated_bytes,
            setup_seconds: start.elapsed().as_secs_f64(),
        })
    }
}

/// A matrix by rows in the index width of the factorisations, and its scalings.
#[derive(Debug, Default)]
struct Arrays {
    starts: Vec<u64>,
    indices: Vec<u64>,
    values: Vec<f64>,
    row_scale: Vec<f64>,
    col_scale: Vec<f64>,
}

impl Arrays {
    fn row(&self, i: usize) -> std::ops::Range<usize> {
        self.starts[i] as usize..self.starts[i + 1] as usize
    }

    fn scale(&mut self, rows: &[f64], cols: &[f64]) {
        for (i, row_scale) in rows.iter().enumerate() {
            for k in self.row(i) {
                self.values[k] *= row_scale * cols[self.indices[k] as usize];
            }
        }
    }

    /// Entries of the Cholesky factor of the pattern of `A + Aᵀ`, in minimum degree order.
    fn cholesky_entries(&self) -> Result<usize, PrecondError> {
        let n = self.starts.len() - 1;
        // Column max(i, j) of the upper triangle gets row min(i, j), by counting.
        let mut starts = vec![0_u64; n + 1];
        for i in 0..n {
            for k in self.row(i) {
                starts[i.max(self.indices[k] as usize) + 1] += 1;
            }
        }
        for j in 0..n {
            starts[j + 1] += starts[j];
        }
        let mut next = starts.clone();
        let mut indices = vec![0_u64; self.indices.len()];
        for i in 0..n {
            for k in self.row(i) {
                let j = self.indices[k] as usize;
                let at = &mut next[i.max(j)];
                indices[*at as usize] = i.min(j) as u64;
                *at += 1;
            }
        }
        let mut kept = 0;
        let mut compact = vec![0_u64; n + 1];
        for j in 0..n {
            let range = starts[j] as usize..starts[j + 1] as usize;
            indices[range.clone()].sort_unstable();
            let mut last = None;
            for k in range {
                if last != Some(indices[k]) {
                    last = Some(indices[k]);
                    indices[kept] = indices[k];
                    kept += 1;
                }
            }
            compact[j + 1] = kept as u64;
        }
        indices.truncate(kept);
        let pattern = SymbolicSparseColMatRef::new_checked(n, n, &compact, None, &indices);
        let symbolic = factorize_symbolic_cholesky(
            pattern,
            Side::Upper,
            SymmetricOrdering::Amd,
            CholeskySymbolicParams::default(),
        )
        .map_err(|e| failed(&e.to_string()))?;
        Ok(symbolic.len_val())
    }
}

fn failed(message: &str) -> PrecondError {
    PrecondError::Builder {
        builder: "complete".to_owned(),
        message: message.to_owned(),
    }
}

/// A complete factorisation, ready to solve.
///
/// [`apply`](Preconditioner::apply) allocates its workspace, a few vectors.
#[derive(Debug, Clone)]
pub struct CompleteFactor {
    factor: Factor,
    n: usize,
    row_scale: Vec<f64>,
    col_scale: Vec<f64>,
    estimated_bytes: usize,
    setup_seconds: f64,
}

#[derive(Debug, Clone)]
enum Factor {
    Lu(Box<Lu<u64, f64>>),
    Cholesky(Box<Llt<u64, f64>>),
}

impl CompleteFactor {
    /// Memory of the factors as estimated before the factorisation, bytes.
    #[must_use]
    pub fn estimated_bytes(&self) -> usize {
        self.estimated_bytes
    }

    /// Time of the set-up, seconds.
    #[must_use]
    pub fn setup_seconds(&self) -> f64 {
        self.setup_seconds
    }
}

impl Preconditioner<Host<f64>> for CompleteFactor {
    fn dimension(&self) -> usize {
        self.n
    }

    fn apply(
        &self,
        _space: &Host<f64>,
        r: &[f64],
        z: &mut [f64],
    ) -> Result<(), PreconditionerError> {
        check_lengths(self.n, r.len(), z.len())?;
        z.copy_from_slice(r);
        z.iter_mut().zip(&self.row_scale).for_each(|(z, s)| *z *= s);
        let column = MatMut::from_column_major_slice_mut(z, self.n, 1);
        match &self.factor {
            Factor::Lu(lu) => lu.solve_transpose_in_place_with_conj(Conj::No, column),
            Factor::Cholesky(llt) => llt.solve_in_place_with_conj(Conj::No, column),
        }
        z.iter_mut().zip(&self.col_scale).for_each(|(z, s)| *z *= s);
        Ok(())
    }

    fn definiteness(&self) -> Definiteness {
        match self.factor {
            Factor::Lu(_) => Definiteness::General,
            Factor::Cholesky(_) => Definiteness::SymmetricPositiveDefinite,
        }
    }
}
