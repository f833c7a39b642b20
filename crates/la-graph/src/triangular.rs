//! Triangular restrictions of patterns and matrices.

use sprs::{CsMatI, CsMatViewI, SpIndex};

use crate::error::{GraphError, id};
use crate::pattern::Pattern;

/// One side of the diagonal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Triangle {
    /// Entries `(i, j)` with `j <= i`.
    Lower,
    /// Entries with `j < i`.
    StrictLower,
    /// Entries with `j >= i`.
    Upper,
    /// Entries with `j > i`.
    StrictUpper,
}

impl Triangle {
    /// Bounds inside the sorted columns of row `i`.
    fn range<I: SpIndex>(self, i: usize, columns: &[I]) -> std::ops::Range<usize> {
        let below = columns.partition_point(|j| j.index() < i);
        let through = columns.partition_point(|j| j.index() <= i);
        match self {
            Self::Lower => 0..through,
            Self::StrictLower => 0..below,
            Self::Upper => below..columns.len(),
            Self::StrictUpper => through..columns.len(),
        }
    }
}

impl Pattern<'_> {
    /// The entries of one triangle, in time O(rows · log(row length) + output).
    ///
    /// # Examples
    /// ```
    /// use la_graph::{Pattern, Triangle};
    ///
    /// let p = Pattern::from_coordinates(2, 2, [(0, 0), (0, 1), (1, 0), (1, 1)])?;
    /// assert_eq!(p.triangle(Triangle::StrictUpper).row(0), [1]);
    /// assert_eq!(p.lower_triangle().nnz(), 3);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    #[must_use]
    pub fn triangle(&self, part: Triangle) -> Pattern<'static> {
        let mut kept = 0;
        let mut indptr = Vec::with_capacity(self.rows() + 1);
        indptr.push(0u32);
        for i in 0..self.rows() {
            kept += part.range(i, self.row(i)).len();
            indptr.push(kept as u32);
        }
        let mut indices = Vec::with_capacity(kept);
        for i in 0..self.rows() {
            let columns = self.row(i);
            indices.extend_from_slice(&columns[part.range(i, columns)]);
        }
        Pattern::trusted(self.rows(), self.cols(), indptr, indices)
    }

    /// The entries with `j <= i`; the arcs E_L that a factor without fill-in lives on.
    #[must_use]
    pub fn lower_triangle(&self) -> Pattern<'static> {
        self.triangle(Triangle::Lower)
    }

    /// The entries with `j >= i`.
    #[must_use]
    pub fn upper_triangle(&self) -> Pattern<'static> {
        self.triangle(Triangle::Upper)
    }

    /// One triangle, and for each of its entries the position of the same entry here.
    ///
    /// With the positions, values that live on the whole pattern move to the triangle and back (gradients, for
    /// example) without any search.
    ///
    /// # Examples
    /// ```
    /// use la_graph::{Pattern, Triangle};
    ///
    /// let p = Pattern::from_coordinates(2, 2, [(0, 0), (0, 1), (1, 0), (1, 1)])?;
    /// let (lower, positions) = p.triangle_with_positions(Triangle::Lower);
    /// assert_eq!(lower.nnz(), 3);
    /// assert_eq!(positions, [0, 2, 3]);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    #[must_use]
    pub fn triangle_with_positions(&self, part: Triangle) -> (Pattern<'static>, Vec<u32>) {
        let pattern = self.triangle(part);
        let mut positions = Vec::with_capacity(pattern.nnz());
        for i in 0..self.rows() {
            let start = self.indptr()[i];
            let range = part.range(i, self.row(i));
            positions.extend(start + range.start as u32..start + range.end as u32);
        }
        (pattern, positions)
    }

    /// Whether every entry lies in the given triangle.
    #[must_use]
    pub fn is_triangular(&self, part: Triangle) -> bool {
        (0..self.rows()).all(|i| part.range(i, self.row(i)).len() == self.degree(i))
    }
}

/// The triangle of a matrix, values included, as CSR with 32-bit ids.
///
/// # Errors
/// [`GraphError::IndexOverflow`] if a size does not fit 32 bits.
///
/// # Examples
/// ```
/// use la_graph::{Triangle, triangle};
/// use sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, -1.0, -1.0, 4.0]);
/// let u = triangle(a.view(), Triangle::StrictUpper)?;
/// assert_eq!(u.data(), [-1.0]);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
pub fn triangle<T: Copy, I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, T, I, P>,
    part: Triangle,
) -> Result<CsMatI<T, u32>, GraphError> {
    if !a.is_csr() {
        let rows = to_rows(a)?;
        return triangle(rows.view(), part);
    }
    let (rows, cols) = a.shape();
    for (what, size) in [
        ("the number of rows", rows),
        ("the number of columns", cols),
        ("the number of entries", a.nnz()),
    ] {
        id(what, size)?;
    }
    // Rows are sorted, so the triangle is a prefix or a suffix of each: copy stretches, visit nothing else.
    let pointers = a.indptr();
    let pointers = pointers.raw_storage();
    let base = pointers.first().map_or(0, |p| p.index());
    let mut stretches = Vec::with_capacity(rows);
    let mut indptr = Vec::with_capacity(rows + 1);
    let mut kept = 0;
    indptr.push(0u32);
    for (i, ends) in pointers.windows(2).enumerate() {
        let start = ends[0].index() - base;
        let range = part.range(i, &a.indices()[start..ends[1].index() - base]);
        kept += range.len();
        stretches.push(start + range.start..start + range.end);
        indptr.push(kept as u32);
    }
    let mut indices = Vec::with_capacity(kept);
    let mut values = Vec::with_capacity(kept);
    for stretch in stretches {
        indices.extend(
            a.indices()[stretch.clone()]
                .iter()
                .map(|j| j.index() as u32),
        );
        values.extend_from_slice(&a.data()[stretch]);
    }
    Pattern::trusted(rows, cols, indptr, indices).with_values(values)
}

/// The lower triangle of a matrix, diagonal and values included, as CSR with 32-bit ids.
///
/// This is the set of arcs E_L = {(i, j) : a_ij stored, j <= i} on which neural incomplete factorization runs.
///
/// # Errors
/// [`GraphError::IndexOverflow`] if a size does not fit 32 bits.
///
/// # Examples
/// ```
/// use la_graph::lower_triangle;
/// use sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, -1.0, -1.0, 4.0]);
/// let l = lower_triangle(a.view())?;
/// assert_eq!(l.indices(), [0, 0, 1]);
/// assert_eq!(l.data(), [4.0, -1.0, 4.0]);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// P. Häusner, O. Öktem, J. Sjölund, *Neural incomplete factorization*, TMLR 2024 (arXiv 2305.16368).
pub fn lower_triangle<T: Copy, I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, T, I, P>,
) -> Result<CsMatI<T, u32>, GraphError> {
    triangle(a, Triangle::Lower)
}

/// The same matrix in compressed rows with 32-bit ids.
pub(crate) fn to_rows<T: Copy, I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, T, I, P>,
) -> Result<CsMatI<T, u32>, GraphError> {
    if a.is_csr() {
        return Pattern::from_sprs(a)?.with_values(a.data().to_vec());
    }
    let columns = Pattern::from_sprs(a.transpose_view())?;
    let (rows, positions) = columns.transpose_with_positions();
    rows.with_values(positions.iter().map(|&p| a.data()[p as usize]).collect())
}
