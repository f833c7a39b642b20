//! The two types that generators and readers return.

use sprs::CsMatI;

/// A sparse matrix in compressed rows: `f64` values, `u32` indices sorted within each row.
///
/// Twelve bytes a nonzero. An alias of the `sprs` type, which this crate re-exports.
pub type CsrMatrix = CsMatI<f64, u32>;

/// A linear system `A x = b`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LinearSystem {
    /// The matrix `A`, n × n.
    pub matrix: CsrMatrix,
    /// The right-hand side `b`, length n.
    pub rhs: Vec<f64>,
}

impl LinearSystem {
    /// Puts a matrix and a right-hand side together.
    ///
    /// # Examples
    /// ```
    /// use la_problems::{CsrMatrix, LinearSystem};
    /// let system = LinearSystem::new(CsrMatrix::eye(2), vec![1.0, 2.0]);
    /// assert_eq!(system.n(), 2);
    /// ```
    #[must_use]
    pub fn new(matrix: CsrMatrix, rhs: Vec<f64>) -> Self {
        Self { matrix, rhs }
    }

    /// The number of rows.
    #[must_use]
    pub fn n(&self) -> usize {
        self.matrix.rows()
    }
}

/// Wraps arrays that the caller built with sorted, unique, in-range indices.
///
/// # Panics
/// If they are not (`sprs` checks in O(nnz)): a defect of the caller, not of its input.
pub(crate) fn csr(
    rows: usize,
    cols: usize,
    indptr: Vec<u32>,
    indices: Vec<u32>,
    data: Vec<f64>,
) -> CsrMatrix {
    CsrMatrix::new((rows, cols), indptr, indices, data)
}

/// Turns counts per row (stored in `counts[1..]`, `counts[0] = 0`) into row pointers.
pub(crate) fn counts_to_pointers(counts: &mut [u32]) {
    let mut total = 0;
    for count in counts {
        total += *count;
        *count = total;
    }
}
