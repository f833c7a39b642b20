//! Matrices by rows, with zeros or without.

use super::problem::{expect_finite, expect_length};
use crate::kernels::Kernels;
use crate::{OptError, Real};

/// A sparse matrix by compressed rows.
///
/// # Examples
/// ```
/// use la_opt::qp::SparseRows;
///
/// // [ 1 0 2 ]
/// // [ 0 0 0 ]
/// let matrix = SparseRows::new(3, vec![0, 2, 2], vec![0, 2], vec![1.0, 2.0])?;
/// assert_eq!(matrix.to_dense(), [1.0, 0.0, 2.0, 0.0, 0.0, 0.0]);
/// assert_eq!(SparseRows::from_dense(3, &matrix.to_dense())?, matrix);
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "Parts<T>",
        bound(deserialize = "T: Real + serde::Deserialize<'de>")
    )
)]
pub struct SparseRows<T = f64> {
    num_columns: usize,
    indptr: Vec<usize>,
    indices: Vec<usize>,
    values: Vec<T>,
}

/// A matrix that nobody has looked at.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Parts<T> {
    num_columns: usize,
    indptr: Vec<usize>,
    indices: Vec<usize>,
    values: Vec<T>,
}

#[cfg(feature = "serde")]
impl<T: Real> TryFrom<Parts<T>> for SparseRows<T> {
    type Error = OptError;

    fn try_from(parts: Parts<T>) -> Result<Self, OptError> {
        Self::new(parts.num_columns, parts.indptr, parts.indices, parts.values)
    }
}

impl<T: Real> SparseRows<T> {
    /// Row i has the columns `indices[indptr[i]..indptr[i + 1]]`, rising, and as many values.
    ///
    /// # Errors
    /// [`OptError::Length`] if the parts do not fit each other, [`OptError::Pattern`] if row pointers fall or the columns of a row do not rise or are too large,
    /// [`OptError::NonFinite`].
    pub fn new(
        num_columns: usize,
        indptr: Vec<usize>,
        indices: Vec<usize>,
        values: Vec<T>,
    ) -> Result<Self, OptError> {
        expect_length("values of the sparse matrix", values.len(), indices.len())?;
        let pattern = |row| OptError::Pattern { row };
        if indptr.first() != Some(&0) {
            return Err(pattern(0));
        }
        for (row, ends) in indptr.windows(2).enumerate() {
            let columns = indices.get(ends[0]..ends[1]).ok_or_else(|| pattern(row))?;
            let rising = columns.windows(2).all(|pair| pair[0] < pair[1]);
            if !rising || columns.last().is_some_and(|&last| last >= num_columns) {
                return Err(pattern(row));
            }
        }
        let last = indptr.last().copied().unwrap_or(0);
        expect_length("row pointers of the sparse matrix", last, indices.len())?;
        expect_finite("sparse matrix", &values)?;
        Ok(Self {
            num_columns,
            indptr,
            indices,
            values,
        })
    }

    /// The entries of a dense row-major matrix that are not zero.
    ///
    /// # Errors
    /// [`OptError::Length`] if these are no whole rows, [`OptError::NonFinite`].
    pub fn from_dense(num_columns: usize, rows: &[T]) -> Result<Self, OptError> {
        let whole = rows.len() - rows.len() % num_columns.max(1);
        expect_length("dense matrix", rows.len(), whole)?;
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in rows.chunks_exact(num_columns.max(1)) {
            for (column, &value) in row.iter().enumerate() {
                if value != T::ZERO {
                    indices.push(column);
                    values.push(value);
                }
            }
            indptr.push(indices.len());
        }
        Self::new(num_columns, indptr, indices, values)
    }

    /// All entries, row-major.
    #[must_use]
    pub fn to_dense(&self) -> Vec<T> {
        let mut dense = vec![T::ZERO; self.num_rows() * self.num_columns];
        for (i, row) in dense.chunks_exact_mut(self.num_columns.max(1)).enumerate() {
            for (j, value) in self.row(i) {
                row[j] = value;
            }
        }
        dense
    }

    /// Number of rows.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Number of columns.
    #[must_use]
    pub fn num_columns(&self) -> usize {
        self.num_columns
    }

    /// The entries, row by row.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Columns and values of row i; none if there is no such row.
    pub fn row(&self, i: usize) -> impl Iterator<Item = (usize, T)> + '_ {
        let (columns, values) = self.parts(i);
        columns.iter().copied().zip(values.iter().copied())
    }

    fn parts(&self, i: usize) -> (&[usize], &[T]) {
        let range = match (self.indptr.get(i), self.indptr.get(i + 1)) {
            (Some(&from), Some(&to)) => from..to,
            _ => 0..0,
        };
        (&self.indices[range.clone()], &self.values[range])
    }

    /// Whether another matrix has its entries at the same places.
    pub(super) fn same_pattern(&self, other: &Self) -> bool {
        self.num_columns == other.num_columns
            && self.indptr == other.indptr
            && self.indices == other.indices
    }

    /// Whether all entries are on the diagonal.
    pub(super) fn is_diagonal(&self) -> bool {
        (0..self.num_rows()).all(|i| self.parts(i).0.iter().all(|&j| j == i))
    }

    /// Entry (i, i).
    pub(super) fn diagonal(&self, i: usize) -> T {
        let (columns, values) = self.parts(i);
        columns.binary_search(&i).map_or(T::ZERO, |at| values[at])
    }
}

/// A, dense or not.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(
    feature = "serde",
    serde(bound(deserialize = "T: Real + serde::Deserialize<'de>"))
)]
pub(super) enum Rows<T> {
    /// Row-major.
    Dense(Vec<T>),
    Sparse(SparseRows<T>),
}

impl<T: Real> Rows<T> {
    /// The entries that are stored.
    pub(super) fn values(&self) -> &[T] {
        match self {
            Self::Dense(values) => values,
            Self::Sparse(rows) => &rows.values,
        }
    }

    pub(super) fn values_mut(&mut self) -> &mut [T] {
        match self {
            Self::Dense(values) => values,
            Self::Sparse(rows) => &mut rows.values,
        }
    }

    /// Writes row i out.
    pub(super) fn copy_row(&self, i: usize, to: &mut [T]) {
        match self {
            Self::Dense(values) => {
                let n = to.len();
                to.copy_from_slice(&values[i * n..(i + 1) * n]);
            }
            Self::Sparse(rows) => {
                to.fill(T::ZERO);
                for (j, value) in rows.row(i) {
                    to[j] = value;
                }
            }
        }
    }

    /// Calls a function with row, column and value of what is stored.
    pub(super) fn for_each(&self, n: usize, mut call: impl FnMut(usize, usize, T)) {
        match self {
            Self::Dense(values) => {
                for (i, row) in values.chunks_exact(n.max(1)).enumerate() {
                    for (j, &value) in row.iter().enumerate() {
                        call(i, j, value);
                    }
                }
            }
            Self::Sparse(rows) => {
                for i in 0..rows.num_rows() {
                    for (j, value) in rows.row(i) {
                        call(i, j, value);
                    }
                }
            }
        }
    }

    /// `A x`.
    pub(super) fn times(&self, kernels: Kernels, x: &[T], out: &mut [T]) {
        match self {
            Self::Dense(values) => kernels.rows_dot(values, x, out),
            Self::Sparse(rows) => rows.times(x, out),
        }
    }

    /// `y += Aᵀ a`; zeros of a cost nothing.
    pub(super) fn add_transposed(&self, kernels: Kernels, a: &[T], y: &mut [T]) {
        match self {
            Self::Dense(values) => kernels.add_rows(values, a, y),
            Self::Sparse(rows) => rows.add_transposed(a, y),
        }
    }

    /// `A S` for an upper triangle S.
    pub(super) fn times_upper(&self, kernels: Kernels, n: usize, upper: &[T], to: &mut [T]) {
        match self {
            Self::Dense(values) => kernels.times_upper(n, values, upper, to),
            Self::Sparse(rows) => {
                for (i, to) in to.chunks_exact_mut(n.max(1)).enumerate() {
                    let (columns, values) = rows.parts(i);
                    kernels.sparse_times_upper(n, columns, values, upper, to);
                }
            }
        }
    }

    /// `A W` for a matrix W of n rows and `columns` columns, padded to a multiple of eight.
    pub(super) fn times_matrix(
        &self,
        kernels: Kernels,
        n: usize,
        columns: usize,
        matrix: &[T],
        to: &mut [T],
    ) {
        match self {
            Self::Dense(values) => kernels.times_matrix(n, columns, values, matrix, to),
            Self::Sparse(rows) => {
                let wide = columns.next_multiple_of(8);
                for (i, to) in to.chunks_exact_mut(columns.max(1)).enumerate() {
                    to.fill(T::ZERO);
                    for (j, value) in rows.row(i) {
                        kernels.axpy(value, &matrix[j * wide..j * wide + columns], to);
                    }
                }
            }
        }
    }
}

impl<T: Real> SparseRows<T> {
    /// `A x`.
    pub(super) fn times(&self, x: &[T], out: &mut [T]) {
        for (i, out) in out.iter_mut().enumerate() {
            let mut sum = T::ZERO;
            for (j, value) in self.row(i) {
                sum += value * x[j];
            }
            *out = sum;
        }
    }

    /// `y += Aᵀ a`.
    pub(super) fn add_transposed(&self, a: &[T], y: &mut [T]) {
        for (i, &a) in a.iter().enumerate() {
            if a != T::ZERO {
                for (j, value) in self.row(i) {
                    y[j] += a * value;
                }
            }
        }
    }
}
