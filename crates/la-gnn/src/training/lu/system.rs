//! A matrix that LU factors are trained on.

use std::ops::Range;
use std::sync::Arc;

use sprs::CsMatI;

use crate::GnnError;
use crate::native::neuralif::InversePair;

/// A square matrix with every diagonal entry stored, and solutions of systems with it.
///
/// Factors on it are one value per stored entry, in storage order: below the diagonal and on it of L, above it of U, whose
/// unit diagonal is not stored.
#[derive(Debug, Clone)]
pub struct LuSystem {
    pub(super) matrix: Arc<CsMatI<f64, u32>>,
    /// Position of the diagonal entry of every row.
    diagonal: Vec<usize>,
    pairs: Arc<[InversePair]>,
}

impl LuSystem {
    /// A system from a matrix by rows, and pairs `x = A⁻¹ y` with standard normal y (none for losses without A⁻¹).
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the matrix is empty, not square, stored by columns, a row has no stored diagonal entry, or a pair
    /// has another length.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use la_gnn::sprs::CsMatI;
    /// use la_gnn::training::lu::{LuLoss, LuLossWorkspace, LuSystem};
    ///
    /// // A = [2 1; 4 5] = [2 0; 4 3] [1 0.5; 0 1]
    /// let a = CsMatI::<f64, u32>::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![2.0, 1.0, 4.0, 5.0]);
    /// let system = LuSystem::new(Arc::new(a), Vec::new().into())?;
    /// let (mut memory, mut gradient) = (LuLossWorkspace::default(), [0.0; 4]);
    /// let exact = [2.0, 0.5, 4.0, 3.0];
    /// let value = LuLoss::default().gradient(&system, &exact, &[1.0, -2.0], None, &mut memory, &mut gradient)?;
    /// assert_eq!((value, gradient), (0.0, [0.0; 4]));
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn new(matrix: Arc<CsMatI<f64, u32>>, pairs: Arc<[InversePair]>) -> Result<Self, GnnError> {
        let refuse = |reason: String| Err(GnnError::Matrix { reason });
        let n = matrix.rows();
        if n == 0 || matrix.cols() != n {
            return refuse(format!(
                "is {n} x {}, must be square and not empty",
                matrix.cols()
            ));
        }
        if !matrix.is_csr() {
            return refuse("is stored by columns, must be CSR".into());
        }
        let mut diagonal = Vec::with_capacity(n);
        for i in 0..n {
            match matrix.nnz_index(i, i) {
                Some(k) => diagonal.push(k.0),
                None => return refuse(format!("row {i} has no stored diagonal entry")),
            }
        }
        if let Some(pair) = pairs.iter().find(|p| p.x.len() != n || p.y.len() != n) {
            return refuse(format!(
                "has {n} rows, a pair has {} and {}",
                pair.x.len(),
                pair.y.len()
            ));
        }
        Ok(Self {
            matrix,
            diagonal,
            pairs,
        })
    }

    /// Rows.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.matrix.rows()
    }

    /// Entries of the matrix, equal to the entries of the factors.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.matrix.nnz()
    }

    /// Position among the entries of the diagonal entry of every row.
    #[must_use]
    pub fn diagonal(&self) -> &[usize] {
        &self.diagonal
    }

    /// Solutions x with their right-hand sides y.
    #[must_use]
    pub fn pairs(&self) -> &[InversePair] {
        &self.pairs
    }

    /// Entries of row i up to the diagonal, and those behind it.
    pub(super) fn row(&self, i: usize) -> (Range<usize>, Range<usize>) {
        let all = self.matrix.indptr().outer_inds_sz(i);
        let behind = self.diagonal[i] + 1;
        (all.start..behind, behind..all.end)
    }
}
