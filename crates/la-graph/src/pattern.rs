//! The pattern of a sparse matrix: which entries are stored, without their values.

use std::borrow::Cow;

use sprs::{CsMatI, CsMatViewI, SpIndex};

use crate::error::{GraphError, id, same};
use crate::scalar::Real;

/// The pattern of a sparse matrix in compressed rows with 32-bit ids.
///
/// Row `i` holds the strictly increasing columns `indices[indptr[i]..indptr[i + 1]]`. Read as a
/// digraph, entry `(i, j)` is an arc with tail `i` and head `j`.
///
/// The arrays are owned or borrowed: [`Pattern::from_sprs`] copies from any index type,
/// [`Pattern::borrow`] costs nothing for a CSR view that already has `u32` indices. Memory is 4 bytes
/// per entry and per row.
///
/// # Examples
/// ```
/// use la_graph::Pattern;
///
/// let p = Pattern::from_coordinates(3, 3, [(0, 0), (1, 0), (2, 2), (1, 0)])?;
/// assert_eq!(p.nnz(), 3); // the repeated entry counts once
/// assert_eq!(p.row(1), [0]);
/// assert!(p.contains(2, 2) && !p.contains(2, 0));
/// # Ok::<(), la_graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern<'a> {
    rows: usize,
    cols: usize,
    indptr: Cow<'a, [u32]>,
    indices: Cow<'a, [u32]>,
}

impl<'a> Pattern<'a> {
    /// A pattern from compressed rows.
    ///
    /// # Errors
    /// [`GraphError::InvalidStructure`] if the pointers do not start at 0, decrease, do not end at the number of
    /// indices, or a row is not strictly increasing; [`GraphError::OutOfRange`] for a column `>= cols`;
    /// [`GraphError::DimensionMismatch`] if there are not `rows + 1` pointers; [`GraphError::IndexOverflow`]
    /// if a size does not fit 32 bits.
    ///
    /// # Examples
    /// ```
    /// use la_graph::{GraphError, Pattern};
    ///
    /// let p = Pattern::new(2, 2, vec![0, 1, 3], vec![0, 0, 1])?;
    /// assert_eq!(p.entries().collect::<Vec<_>>(), [(0, 0), (1, 0), (1, 1)]);
    ///
    /// let unsorted = Pattern::new(1, 3, vec![0, 2], vec![2, 0]);
    /// assert!(matches!(unsorted, Err(GraphError::InvalidStructure { row: 0, .. })));
    /// # Ok::<(), GraphError>(())
    /// ```
    pub fn new(
        rows: usize,
        cols: usize,
        indptr: impl Into<Cow<'a, [u32]>>,
        indices: impl Into<Cow<'a, [u32]>>,
    ) -> Result<Self, GraphError> {
        let (indptr, indices) = (indptr.into(), indices.into());
        id("the number of rows", rows)?;
        id("the number of columns", cols)?;
        let nnz = id("the number of entries", indices.len())?;
        same("the number of row pointers", rows + 1, indptr.len())?;
        if indptr[0] != 0 {
            return Err(invalid(0, "the first pointer is not 0"));
        }
        for (row, range) in indptr.windows(2).enumerate() {
            if range[0] > range[1] || range[1] > nnz {
                return Err(invalid(row, "the pointer decreases or runs past the end"));
            }
            let columns = &indices[range[0] as usize..range[1] as usize];
            if columns.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(invalid(row, "columns are not strictly increasing"));
            }
            if let Some(&last) = columns.last()
                && last as usize >= cols
            {
                return Err(GraphError::OutOfRange {
                    what: "column",
                    index: last as usize,
                    len: cols,
                });
            }
        }
        if indptr[rows] != nnz {
            return Err(invalid(
                rows.saturating_sub(1),
                "the last pointer is not the number of indices",
            ));
        }
        Ok(Self::trusted(rows, cols, indptr, indices))
    }

    /// The caller guarantees the invariants.
    pub(crate) fn trusted(
        rows: usize,
        cols: usize,
        indptr: impl Into<Cow<'a, [u32]>>,
        indices: impl Into<Cow<'a, [u32]>>,
    ) -> Self {
        let (indptr, indices) = (indptr.into(), indices.into());
        debug_assert_eq!(indptr.len(), rows + 1);
        debug_assert_eq!(indptr[rows] as usize, indices.len());
        Self {
            rows,
            cols,
            indptr,
            indices,
        }
    }

    /// The pattern of a CSR view with `u32` indices, without copying.
    ///
    /// A view in CSC form, or one cut out of a larger matrix so that its pointers do not start at 0, is copied.
    ///
    /// # Errors
    /// [`GraphError::IndexOverflow`] if a size does not fit 32 bits.
    ///
    /// # Examples
    /// ```
    /// use la_graph::Pattern;
    /// use sprs::CsMatI;
    ///
    /// let a = CsMatI::<f64, u32>::eye(4);
    /// let p = Pattern::borrow(a.view())?;
    /// assert_eq!(p.indices().as_ptr(), a.indices().as_ptr());
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn borrow<T>(a: CsMatViewI<'a, T, u32>) -> Result<Self, GraphError> {
        if a.is_csr() && a.indptr().is_proper() {
            let (rows, cols) = a.shape();
            id("the number of rows", rows)?;
            id("the number of columns", cols)?;
            let (indptr, indices, _) = a.into_raw_storage();
            Ok(Self::trusted(rows, cols, indptr, indices))
        } else {
            Pattern::from_sprs(a)
        }
    }

    /// Rows of the matrix.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Stored entries.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// Row pointers, `rows + 1` of them.
    #[must_use]
    pub fn indptr(&self) -> &[u32] {
        &self.indptr
    }

    /// Columns of all entries, row by row.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Columns stored in row `i`, increasing; empty if there is no such row.
    #[must_use]
    pub fn row(&self, i: usize) -> &[u32] {
        if i >= self.rows {
            return &[];
        }
        &self.indices[self.indptr[i] as usize..self.indptr[i + 1] as usize]
    }

    /// Entries in row `i`; 0 if there is no such row.
    #[must_use]
    pub fn degree(&self, i: usize) -> usize {
        self.row(i).len()
    }

    /// Whether entry `(i, j)` is stored. Costs a binary search in row `i`.
    #[must_use]
    pub fn contains(&self, i: usize, j: usize) -> bool {
        u32::try_from(j).is_ok_and(|j| self.row(i).binary_search(&j).is_ok())
    }

    /// Whether the matrix is square.
    #[must_use]
    pub fn is_square(&self) -> bool {
        self.rows == self.cols
    }

    /// Entries `(row, column)`, sorted by row and then column.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.rows).flat_map(move |i| self.row(i).iter().map(move |&j| (i, j as usize)))
    }

    /// A copy that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Pattern<'static> {
        Pattern {
            rows: self.rows,
            cols: self.cols,
            indptr: Cow::Owned(self.indptr.into_owned()),
            indices: Cow::Owned(self.indices.into_owned()),
        }
    }

    /// The arrays `(indptr, indices)`.
    #[must_use]
    pub fn into_raw(self) -> (Vec<u32>, Vec<u32>) {
        (self.indptr.into_owned(), self.indices.into_owned())
    }

    /// The pattern of the transposed matrix, in time O(nnz + rows + cols).
    ///
    /// # Examples
    /// ```
    /// use la_graph::Pattern;
    ///
    /// let p = Pattern::from_coordinates(2, 3, [(0, 2), (1, 0), (1, 2)])?;
    /// let t = p.transpose();
    /// assert_eq!((t.rows(), t.cols()), (3, 2));
    /// assert_eq!(t.row(2), [0, 1]);
    /// assert_eq!(t.transpose(), p);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    #[must_use]
    pub fn transpose(&self) -> Pattern<'static> {
        self.transpose_with_positions().0
    }

    /// The transposed pattern, and for each of its entries the position of the same entry here.
    #[must_use]
    pub fn transpose_with_positions(&self) -> (Pattern<'static>, Vec<u32>) {
        let mut indptr = vec![0u32; self.cols + 1];
        for &j in self.indices.iter() {
            indptr[j as usize + 1] += 1;
        }
        for j in 0..self.cols {
            indptr[j + 1] += indptr[j];
        }
        let mut next = indptr.clone();
        let mut indices = vec![0u32; self.nnz()];
        let mut positions = vec![0u32; self.nnz()];
        for i in 0..self.rows {
            for position in self.indptr[i]..self.indptr[i + 1] {
                let slot = &mut next[self.indices[position as usize] as usize];
                indices[*slot as usize] = i as u32;
                positions[*slot as usize] = position;
                *slot += 1;
            }
        }
        (
            Pattern::trusted(self.cols, self.rows, indptr, indices),
            positions,
        )
    }

    /// Whether entry `(i, j)` is stored exactly when `(j, i)` is.
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        self.is_square() && self.transpose() == *self
    }

    /// A matrix on this pattern with every value equal to `value`.
    ///
    /// # Errors
    /// [`GraphError::InvalidStructure`] if `sprs` refuses the arrays, which a valid pattern never causes.
    ///
    /// # Examples
    /// ```
    /// use la_graph::Pattern;
    ///
    /// let p = Pattern::from_coordinates(2, 2, [(0, 1), (1, 1)])?;
    /// let a = p.to_sprs(1.0f64)?;
    /// assert_eq!(a.get(0, 1), Some(&1.0));
    /// assert_eq!(Pattern::from_sprs(a.view())?, p);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn to_sprs<T: Clone>(&self, value: T) -> Result<CsMatI<T, u32>, GraphError> {
        let nnz = self.nnz();
        self.clone().with_values(vec![value; nnz])
    }

    /// A matrix on this pattern; `values` in the order of [`Pattern::entries`].
    ///
    /// # Errors
    /// [`GraphError::DimensionMismatch`] if there is not one value per entry.
    pub fn with_values<T>(self, values: Vec<T>) -> Result<CsMatI<T, u32>, GraphError> {
        same("the number of values", self.nnz(), values.len())?;
        let shape = (self.rows, self.cols);
        let (indptr, indices) = self.into_raw();
        CsMatI::try_new(shape, indptr, indices, values)
            .map_err(|_| invalid(0, "refused by the matrix constructor"))
    }
}

impl Pattern<'static> {
    /// The pattern of stored entries of a matrix (explicit zeros included), copied.
    ///
    /// Any index type, CSR or CSC; costs O(nnz + rows + cols).
    ///
    /// # Errors
    /// [`GraphError::IndexOverflow`] if a size does not fit 32 bits.
    ///
    /// # Examples
    /// ```
    /// use la_graph::Pattern;
    /// use sprs::TriMat;
    ///
    /// let mut t = TriMat::new((2, 2));
    /// t.add_triplet(0, 1, 3.0);
    /// t.add_triplet(1, 0, 0.0);
    /// let a = t.to_csc::<usize>();
    /// assert_eq!(Pattern::from_sprs(a.view())?.nnz(), 2);
    /// assert_eq!(Pattern::from_nonzeros(a.view())?.nnz(), 1);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn from_sprs<T, I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, T, I, P>,
    ) -> Result<Self, GraphError> {
        let (rows, cols) = a.shape();
        id("the number of rows", rows)?;
        id("the number of columns", cols)?;
        id("the number of entries", a.nnz())?;
        let (outer, inner) = if a.is_csr() {
            (rows, cols)
        } else {
            (cols, rows)
        };
        // Both narrowings are exact: the sizes were checked, and a view cut out of a matrix is rebased first.
        let base = a.indptr().raw_storage().first().map_or(0, |p| p.index());
        let indptr: Vec<u32> = a
            .indptr()
            .raw_storage()
            .iter()
            .map(|p| (p.index() - base) as u32)
            .collect();
        let indices: Vec<u32> = a.indices().iter().map(|j| j.index() as u32).collect();
        let pattern = Pattern::trusted(outer, inner, indptr, indices);
        Ok(if a.is_csr() {
            pattern
        } else {
            pattern.transpose()
        })
    }

    /// The pattern of the entries that are not zero.
    ///
    /// # Errors
    /// [`GraphError::IndexOverflow`] as for [`Pattern::from_sprs`]; [`GraphError::NotFinite`] for a NaN or infinite entry.
    pub fn from_nonzeros<T: Real, I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, T, I, P>,
    ) -> Result<Self, GraphError> {
        Ok(crate::weighted::nonzeros(a)?.0)
    }

    /// The pattern with the given `(row, column)` entries, in any order; repeated entries count once.
    ///
    /// # Errors
    /// [`GraphError::OutOfRange`] for an entry outside the matrix, [`GraphError::IndexOverflow`] if a size does not
    /// fit 32 bits.
    pub fn from_coordinates(
        rows: usize,
        cols: usize,
        entries: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<Self, GraphError> {
        id("the number of rows", rows)?;
        id("the number of columns", cols)?;
        let mut sorted = Vec::new();
        for (i, j) in entries {
            for (what, index, len) in [("row", i, rows), ("column", j, cols)] {
                if index >= len {
                    return Err(GraphError::OutOfRange { what, index, len });
                }
            }
            sorted.push((i as u32, j as u32));
        }
        sorted.sort_unstable();
        sorted.dedup();
        id("the number of entries", sorted.len())?;
        let mut indptr = vec![0u32; rows + 1];
        for &(i, _) in &sorted {
            indptr[i as usize + 1] += 1;
        }
        for i in 0..rows {
            indptr[i + 1] += indptr[i];
        }
        let indices: Vec<u32> = sorted.into_iter().map(|(_, j)| j).collect();
        Ok(Self::trusted(rows, cols, indptr, indices))
    }
}

fn invalid(row: usize, reason: &'static str) -> GraphError {
    GraphError::InvalidStructure { row, reason }
}
