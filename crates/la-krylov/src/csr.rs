//! A matrix in compressed rows, stored for the speed of its products.

mod kernels;

use std::ops::Range;

use sprs::{CsMatViewI, SpIndex};

use crate::sparse::check_lengths;
use crate::{Host, HostBasis, KrylovError, LinearOperator, Real, TransposeOperator};
use kernels::Rows;

/// A sparse matrix in compressed rows with 32-bit indices: 12 bytes a nonzero in `f64`, 8 in `f32`, and
/// 4 bytes a row.
///
/// Products with sparse matrices run at the speed of memory, so the size of an index counts. Any
/// `sprs` matrix is an operator as it is; copying it into this type pays off when its indices are wider
/// than 32 bits, when many products follow (no index is checked in them: all were when the matrix was
/// made), or when several vectors are multiplied at once. Rows are summed in the same order with and
/// without threads.
///
/// Memory: as above, twice that after [`with_stored_transpose`](Self::with_stored_transpose).
///
/// # Examples
/// ```
/// use la_krylov::{CsrMatrix, Host, LinearOperator, TransposeOperator, sprs::CsMat};
///
/// let a = CsMat::<f64>::new((2, 3), vec![0, 2, 3], vec![0, 1, 2], vec![1.0, 2.0, 3.0]);
/// let a = CsrMatrix::from_sprs(a.view())?;
/// let (mut y, mut z) = ([0.0; 2], [0.0; 3]);
/// a.apply(&Host::new(3), &[1.0, 10.0, 100.0], &mut y);
/// assert_eq!(y, [21.0, 300.0]);
/// a.apply_transpose(&Host::new(2), &y, &mut z);
/// assert_eq!(z, [21.0, 42.0, 900.0]);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CsrMatrix<T = f64> {
    cols: usize,
    /// Not decreasing, from 0 to the length of the other two.
    offsets: Vec<u32>,
    /// All below `cols`.
    indices: Vec<u32>,
    values: Vec<T>,
    transpose: Option<Box<CsrMatrix<T>>>,
}

impl<T: Real> CsrMatrix<T> {
    /// Copies a `sprs` matrix, in CSR or CSC, with any index type. Values are converted to `T`.
    ///
    /// # Errors
    /// [`KrylovError::TooLarge`] if the columns, rows or nonzeros are too many for 32-bit indices.
    ///
    /// # Examples
    /// See [`CsrMatrix`].
    pub fn from_sprs<V, I, P>(a: CsMatViewI<'_, V, I, P>) -> Result<Self, KrylovError>
    where
        V: Real,
        I: SpIndex,
        P: SpIndex,
    {
        let limits = [
            ("row count", a.rows()),
            ("column count", a.cols()),
            ("number of nonzeros", a.nnz()),
        ];
        for (what, value) in limits {
            if value >= u32::MAX as usize {
                return Err(KrylovError::TooLarge { what, value });
            }
        }
        let (outer, inner) = match a.is_csr() {
            true => (a.rows(), a.cols()),
            false => (a.cols(), a.rows()),
        };
        let mut compressed = Self {
            cols: inner,
            offsets: Vec::with_capacity(outer + 1),
            indices: Vec::with_capacity(a.nnz()),
            values: Vec::with_capacity(a.nnz()),
            transpose: None,
        };
        compressed.offsets.push(0);
        for slice in a.outer_iterator() {
            for (j, v) in slice.iter() {
                // Both below the limits; the second line holds for every sprs matrix.
                compressed.indices.push(j as u32);
                assert!(j < inner, "index out of range in a sprs matrix");
                compressed.values.push(T::from_f64(v.to_f64()));
            }
            compressed.offsets.push(compressed.indices.len() as u32);
        }
        match a.is_csr() {
            true => Ok(compressed),
            false => Ok(compressed.transposed()),
        }
    }

    /// The transposed matrix, rows sorted by column.
    ///
    /// # Examples
    /// ```
    /// use la_krylov::{CsrMatrix, LinearOperator, sprs::CsMat};
    ///
    /// let a = CsMat::<f64>::new((2, 3), vec![0, 2, 3], vec![0, 1, 2], vec![1.0, 2.0, 3.0]);
    /// let a = CsrMatrix::<f64>::from_sprs(a.view())?;
    /// assert_eq!((a.transposed().rows(), a.transposed().transposed()), (3, a));
    /// # Ok::<(), la_krylov::KrylovError>(())
    /// ```
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut offsets = vec![0u32; self.cols + 1];
        for j in &self.indices {
            offsets[*j as usize + 1] += 1;
        }
        for j in 0..self.cols {
            offsets[j + 1] += offsets[j];
        }
        let mut next = offsets.clone();
        let mut indices = vec![0u32; self.indices.len()];
        let mut values = vec![T::ZERO; self.values.len()];
        for (i, row) in self.offsets.windows(2).enumerate() {
            for k in row[0] as usize..row[1] as usize {
                let place = &mut next[self.indices[k] as usize];
                indices[*place as usize] = i as u32;
                values[*place as usize] = self.values[k];
                *place += 1;
            }
        }
        Self {
            cols: self.offsets.len() - 1,
            offsets,
            indices,
            values,
            transpose: None,
        }
    }

    /// Also keeps the transpose, so that [`apply_transpose`](TransposeOperator::apply_transpose) reads
    /// it row by row and may use threads, instead of scattering into the result on one.
    ///
    /// # Examples
    /// ```
    /// use la_krylov::{CsrMatrix, Host, TransposeOperator, sprs::CsMat};
    ///
    /// let a = CsMat::<f64>::new((1, 2), vec![0, 2], vec![0, 1], vec![1.0, 2.0]);
    /// let a = CsrMatrix::<f64>::from_sprs(a.view())?.with_stored_transpose();
    /// let mut z = [0.0; 2];
    /// a.apply_transpose(&Host::new(1), &[3.0], &mut z);
    /// assert_eq!(z, [3.0, 6.0]);
    /// # Ok::<(), la_krylov::KrylovError>(())
    /// ```
    #[must_use]
    pub fn with_stored_transpose(mut self) -> Self {
        self.transpose = Some(Box::new(self.transposed()));
        self
    }

    /// Stored entries.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.values.len()
    }

    /// Bytes that one product reads and writes at least: matrix, `x` and `y` once each.
    ///
    /// ```
    /// use la_krylov::{CsrMatrix, sprs::CsMat};
    ///
    /// let eye = CsrMatrix::<f64>::from_sprs(CsMat::<f64>::eye(10).view())?;
    /// assert_eq!(eye.product_bytes(), 10 * (8 + 4) + 11 * 4 + 2 * 10 * 8);
    /// # Ok::<(), la_krylov::KrylovError>(())
    /// ```
    #[must_use]
    pub fn product_bytes(&self) -> usize {
        let scalar = size_of::<T>();
        self.nnz() * (scalar + 4)
            + self.offsets.len() * 4
            + (self.offsets.len() - 1 + self.cols) * scalar
    }

    fn all(&self) -> Rows<'_, T> {
        Rows::new(self.cols, &self.offsets, &self.indices, &self.values)
    }
}

impl<T: Real> LinearOperator<Host<T>> for CsrMatrix<T> {
    fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    fn cols(&self) -> usize {
        self.cols
    }

    /// # Panics
    /// If `x` or `y` has the wrong length.
    fn apply(&self, space: &Host<T>, x: &[T], y: &mut [T]) {
        check_lengths(self.cols, self.offsets.len() - 1, x, y);
        self.all().product([x], [y], space.is_parallel());
    }

    /// Four columns for one reading of the matrix.
    ///
    /// # Panics
    /// If there are no such columns, or if their length is wrong.
    fn apply_columns(
        &self,
        space: &Host<T>,
        x: &HostBasis<T>,
        columns: Range<usize>,
        y: &mut HostBasis<T>,
    ) {
        let parallel = space.is_parallel();
        let mut j = columns.start;
        while j < columns.end {
            match y.columns_mut(j..columns.end) {
                (Some(quad), _) => {
                    let x = [0, 1, 2, 3].map(|k| x.column(j + k));
                    self.all().product(x, quad, parallel);
                    j += 4;
                }
                (None, Some(pair)) => {
                    self.all()
                        .product([x.column(j), x.column(j + 1)], pair, parallel);
                    j += 2;
                }
                (None, None) => {
                    self.all()
                        .product([x.column(j)], [y.column_mut(j)], parallel);
                    j += 1;
                }
            }
        }
    }
}

impl<T: Real> TransposeOperator<Host<T>> for CsrMatrix<T> {
    /// # Panics
    /// If `x` or `y` has the wrong length.
    fn apply_transpose(&self, space: &Host<T>, x: &[T], y: &mut [T]) {
        check_lengths(self.offsets.len() - 1, self.cols, x, y);
        match &self.transpose {
            Some(transpose) => transpose.apply(space, x, y),
            None => self.all().transposed_product(x, y),
        }
    }
}

#[cfg(test)]
mod tests {
    use sprs::{CsMatI, TriMatI};

    use super::*;
    use crate::VectorSpace;

    /// Rows of 0 to 40 entries, 1700 × 1300.
    fn matrix() -> CsMatI<f64, u32> {
        let mut t = TriMatI::<f64, u32>::new((1700, 1300));
        for i in (0..1700).filter(|i| i % 199 != 5) {
            for k in 0..(i * i) % 41 {
                t.add_triplet(i, (i * 31 + k * 97) % 1300, ((i + 3 * k) as f64).sin());
            }
        }
        t.to_csr()
    }

    fn wave(n: usize, speed: f64) -> Vec<f64> {
        (0..n).map(|i| (i as f64 * speed).cos()).collect()
    }

    #[test]
    fn products_are_those_of_sprs() {
        let a = matrix();
        let ours = CsrMatrix::<f64>::from_sprs(a.view()).unwrap();
        let wide = a.to_other_types::<usize, f64, usize>().to_csc();
        assert_eq!(CsrMatrix::<f64>::from_sprs(wide.view()).unwrap(), ours);
        assert_eq!(ours.nnz(), a.nnz());
        let (x, u) = (wave(1300, 0.3), wave(1700, 0.7));
        let (mut y, mut expected) = (vec![f64::NAN; 1700], vec![0.0; 1700]);
        ours.apply(&Host::new(1300), &x, &mut y);
        for (i, row) in a.outer_iterator().enumerate() {
            expected[i] = row.iter().map(|(j, v)| v * x[j]).sum();
        }
        let mut z = [vec![f64::NAN; 1300], vec![f64::NAN; 1300], vec![0.0; 1300]];
        ours.apply_transpose(&Host::new(1700), &u, &mut z[0]);
        let stored = ours.clone().with_stored_transpose();
        stored.apply_transpose(&Host::new(1700), &u, &mut z[1]);
        for (i, row) in a.outer_iterator().enumerate() {
            row.iter().for_each(|(j, v)| z[2][j] += v * u[i]);
        }
        for (y, expected) in y.iter().zip(&expected) {
            approx::assert_relative_eq!(y, expected, max_relative = 1e-12, epsilon = 1e-13);
        }
        for ((p, q), expected) in z[0].iter().zip(&z[1]).zip(&z[2]) {
            approx::assert_relative_eq!(p, expected, max_relative = 1e-12, epsilon = 1e-13);
            approx::assert_relative_eq!(q, expected, max_relative = 1e-12, epsilon = 1e-13);
        }
    }

    #[test]
    fn columns_together_are_columns_alone() {
        let a = CsrMatrix::<f64>::from_sprs(matrix().view()).unwrap();
        let (from, to) = (Host::new(1300), Host::new(1700));
        let mut x = from.basis(9);
        for j in 0..9 {
            from.set_column(&mut x, j, 1.0, &wave(1300, 0.1 * (j + 1) as f64));
        }
        for columns in [0..0, 0..1, 2..4, 1..9, 0..7] {
            let mut y = to.basis(9);
            a.apply_columns(&from, &x, columns.clone(), &mut y);
            for j in 0..9 {
                let mut alone = vec![0.0; 1700];
                if columns.contains(&j) {
                    a.apply(&from, from.column(&x, j), &mut alone);
                }
                assert_eq!(to.column(&y, j), alone, "{columns:?} {j}");
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let mut t = TriMatI::<f64, u32>::new((9000, 9000));
        for i in 0..9000 {
            for k in 0..if i % 2999 == 7 { 5000 } else { 9 } {
                t.add_triplet(i, (i + k * 601) % 9000, ((i + k) as f64).sin());
            }
        }
        let a = CsrMatrix::<f64>::from_sprs(t.to_csr::<usize>().view()).unwrap();
        let x = wave(9000, 0.3);
        let (mut y, mut z) = (vec![0.0; 9000], vec![0.0; 9000]);
        a.apply(&Host::new(9000), &x, &mut y);
        a.apply(&Host::sequential(9000), &x, &mut z);
        assert_eq!(y, z);
    }

    #[test]
    fn empty_and_single() {
        let a = CsrMatrix::<f32>::from_sprs(CsMatI::<f64, u32>::zero((0, 0)).view()).unwrap();
        a.apply(&Host::<f32>::new(0), &[], &mut []);
        let a = CsrMatrix::<f32>::from_sprs(CsMatI::<f64, u32>::zero((2, 3)).view()).unwrap();
        let mut y = [1.0f32; 2];
        a.apply(&Host::<f32>::new(3), &[1.0; 3], &mut y);
        assert_eq!(y, [0.0; 2]);
        assert_eq!(LinearOperator::<Host<f32>>::rows(&a.transposed()), 3);
    }
}
