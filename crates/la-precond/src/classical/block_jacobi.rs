//! Block-diagonal preconditioning.

use la_krylov::{Definiteness, Host, Preconditioner, PreconditionerError, Real};
use sprs::{CsMatViewI, SpIndex};

use super::dense::{backward, cholesky, forward, lu, lu_solve};
use super::input::{Rows, check_lengths, hopeless, with_rows};
use crate::PrecondError;

/// The diagonal blocks of a matrix, each factored completely: by Cholesky for symmetric positive definite matrices ([`new`](Self::new),
/// [`with_blocks`](Self::with_blocks)), by LU with row exchanges for any others ([`general`](Self::general),
/// [`with_general_blocks`](Self::with_general_blocks)).
///
/// For unknowns that come in small groups (the components of a vector field at a node, a few neighbouring cells) and for
/// loosely coupled parts. Blocks of one row are [`Jacobi`](crate::classical::Jacobi). For blocks of `m` rows set-up
/// costs n m² / 3 (LU: twice that), an application 2 n m operations, and both n m values of memory; beyond a few dozen rows a sparse
/// factorisation is the better choice. Does not change with the number of right-hand sides or the order of the blocks, and is
/// as many times slower to converge as the coupling between blocks is strong.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, cg};
/// use la_precond::classical::BlockJacobi;
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((3, 3), vec![0, 2, 4, 5], vec![0, 1, 0, 1, 2], vec![4.0, 2.0, 2.0, 10.0, 3.0]);
/// let m = BlockJacobi::new(a.view(), 2)?;
/// assert_eq!(m.num_blocks(), 2);
/// let solution = cg(&a, &[6.0, 12.0, 3.0], &m, &CgOptions::default())?;
/// assert_eq!(solution.iterations, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., 2003, section 12.2.
#[derive(Debug, Clone)]
pub struct BlockJacobi<T = f64> {
    /// First row of each block, and n.
    starts: Vec<usize>,
    /// Where the factor of each block begins in `factors`.
    offsets: Vec<usize>,
    factors: Vec<T>,
    /// With LU: for each row the row of its block that it was exchanged with. Empty with Cholesky.
    exchanged: Vec<u32>,
}

impl<T: Real> BlockJacobi<T> {
    /// Blocks of `size` successive rows, the last one smaller if need be.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] if `size` is zero; else as [`with_blocks`](Self::with_blocks).
    pub fn new<I: SpIndex>(a: CsMatViewI<'_, T, I>, size: usize) -> Result<Self, PrecondError> {
        Self::with_blocks(a, successive(a.rows(), size)?)
    }

    /// The same for any square matrix.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] if `size` is zero; else as [`with_general_blocks`](Self::with_general_blocks).
    ///
    /// # Examples
    /// ```
    /// use la_krylov::{GmresOptions, gmres};
    /// use la_precond::classical::BlockJacobi;
    /// use la_precond::sprs::CsMat;
    ///
    /// // Zeros on the diagonal.
    /// let a = CsMat::new((3, 3), vec![0, 1, 3, 4], vec![1, 0, 1, 2], vec![2.0, 4.0, 1.0, 5.0]);
    /// let m = BlockJacobi::general(a.view(), 2)?;
    /// let solution = gmres(&a, &[2.0, 5.0, 5.0], &m, &GmresOptions::default())?;
    /// assert_eq!(solution.iterations, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn general<I: SpIndex>(a: CsMatViewI<'_, T, I>, size: usize) -> Result<Self, PrecondError> {
        Self::with_general_blocks(a, successive(a.rows(), size)?)
    }

    /// Blocks that begin at the given rows: `starts` increases from 0 to n.
    ///
    /// Only the lower triangle of each block is read.
    ///
    /// # Errors
    /// [`PrecondError::DimensionMismatch`] if `starts` does not increase from 0 to n, [`PrecondError::Breakdown`] names the row
    /// of a pivot that is not positive; [`PrecondError::NotSquare`], [`PrecondError::NonFinite`],
    /// [`PrecondError::NonPositiveDiagonal`].
    pub fn with_blocks<I: SpIndex>(
        a: CsMatViewI<'_, T, I>,
        starts: Vec<usize>,
    ) -> Result<Self, PrecondError> {
        Self::factored(a, starts, |dense, m, _| cholesky(dense, m), hopeless)
    }

    /// The same for any square matrix.
    ///
    /// # Errors
    /// As [`with_blocks`](Self::with_blocks), but that a diagonal may have any sign: [`PrecondError::Breakdown`] names a row of a block that
    /// is singular.
    pub fn with_general_blocks<I: SpIndex>(
        a: CsMatViewI<'_, T, I>,
        starts: Vec<usize>,
    ) -> Result<Self, PrecondError> {
        let mut m = Self::factored(
            a,
            starts,
            |dense, m, exchanged| {
                let from = exchanged.len();
                exchanged.resize(from + m, 0);
                lu(dense, &mut exchanged[from..])
            },
            not_finite,
        )?;
        m.exchanged.shrink_to_fit();
        Ok(m)
    }

    /// Factors every block, `explain` looking for the reason in a row where that fails.
    fn factored<I: SpIndex>(
        a: CsMatViewI<'_, T, I>,
        starts: Vec<usize>,
        factor: impl Fn(&mut [T], usize, &mut Vec<u32>) -> Result<(), usize>,
        explain: impl Fn(&Rows<'_, T, I>, usize) -> Option<PrecondError>,
    ) -> Result<Self, PrecondError> {
        with_rows(a, |rows, n| {
            let wrong = |found, expected| PrecondError::DimensionMismatch {
                what: "list of blocks",
                found,
                expected,
            };
            let (first, last) = (starts.first().copied(), starts.last().copied());
            if first != Some(0) || last != Some(n) {
                return Err(wrong(last.unwrap_or(0), n));
            }
            if let Some(pair) = starts.windows(2).find(|pair| pair[0] >= pair[1]) {
                return Err(wrong(pair[1], pair[0] + 1));
            }
            let (mut offsets, mut factors, mut exchanged) = (vec![0], Vec::new(), Vec::new());
            for block in starts.windows(2) {
                let (from, m) = (block[0], block[1] - block[0]);
                let offset = factors.len();
                factors.resize(offset + m * m, T::ZERO);
                let dense = &mut factors[offset..];
                for i in 0..m {
                    let (cols, values) = rows.row(from + i);
                    for (col, &value) in cols.iter().zip(values) {
                        if let Some(j) = col.index().checked_sub(from).filter(|&j| j < m) {
                            dense[i * m + j] = value;
                        }
                    }
                }
                factor(dense, m, &mut exchanged).map_err(|i| {
                    (from..from + m)
                        .find_map(|row| explain(&rows, row))
                        .unwrap_or(PrecondError::Breakdown {
                            row: from + i,
                            shift: 0.0,
                            attempts: 1,
                        })
                })?;
                offsets.push(factors.len());
            }
            Ok(Self {
                starts,
                offsets,
                factors,
                exchanged,
            })
        })
    }

    /// Number of blocks.
    #[must_use]
    pub fn num_blocks(&self) -> usize {
        self.offsets.len() - 1
    }
}

impl<T: Real, S: Real> Preconditioner<Host<S>> for BlockJacobi<T> {
    fn dimension(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    fn apply(&self, _space: &Host<S>, r: &[S], z: &mut [S]) -> Result<(), PreconditionerError> {
        check_lengths(self.starts.last().copied().unwrap_or(0), r.len(), z.len())?;
        z.copy_from_slice(r);
        for (block, at) in self.starts.windows(2).zip(self.offsets.windows(2)) {
            let factor = &self.factors[at[0]..at[1]];
            let part = &mut z[block[0]..block[1]];
            if self.exchanged.is_empty() {
                forward(factor, part);
                backward(factor, part);
            } else {
                lu_solve(factor, &self.exchanged[block[0]..block[1]], part);
            }
        }
        Ok(())
    }

    fn definiteness(&self) -> Definiteness {
        match self.exchanged.is_empty() {
            true => Definiteness::SymmetricPositiveDefinite,
            false => Definiteness::General,
        }
    }
}

/// Where blocks of `size` rows begin, and n.
fn successive(n: usize, size: usize) -> Result<Vec<usize>, PrecondError> {
    if size == 0 {
        return Err(PrecondError::InvalidOption {
            option: "size",
            value: 0.0,
            expected: "at least 1",
        });
    }
    Ok((0..n).step_by(size).chain([n]).collect())
}

/// The first entry of a row that is not finite.
fn not_finite<T: Real, I: SpIndex>(rows: &Rows<'_, T, I>, row: usize) -> Option<PrecondError> {
    let (cols, values) = rows.row(row);
    let at = values.iter().position(|v| !v.is_finite())?;
    Some(PrecondError::NonFinite {
        row,
        col: cols[at].index(),
    })
}
