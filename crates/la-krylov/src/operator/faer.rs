//! Matrices of `faer` as operators.

use ::faer::sparse::{SparseColMat, SparseColMatRef, SparseRowMat, SparseRowMatRef};
use ::faer::{Index, Mat, MatRef};
use sprs::SpIndex;

use crate::sparse::{Compressed, check_lengths};
use crate::{Host, LinearOperator, Real};

impl<T: Real, I: Index + SpIndex> LinearOperator<Host<T>> for SparseRowMatRef<'_, I, T> {
    fn rows(&self) -> usize {
        self.nrows()
    }

    fn cols(&self) -> usize {
        self.ncols()
    }

    /// # Panics
    /// If `x` or `y` has the wrong length.
    fn apply(&self, space: &Host<T>, x: &[T], y: &mut [T]) {
        check_lengths(self.ncols(), self.nrows(), x, y);
        let (symbolic, values) = self.parts();
        if symbolic.row_nnz().is_none() {
            let (outer, indices) = (symbolic.row_ptr(), symbolic.col_idx());
            return Compressed {
                outer,
                indices,
                values,
            }
            .product(x, y, space.is_parallel());
        }
        // Rows with room between them.
        for (i, y) in y.iter_mut().enumerate() {
            let mut sum = T::ZERO;
            for (j, v) in symbolic.col_idx_of_row(i).zip(self.val_of_row(i)) {
                sum += *v * x[j];
            }
            *y = sum;
        }
    }
}

impl<T: Real, I: Index + SpIndex> LinearOperator<Host<T>> for SparseRowMat<I, T> {
    fn rows(&self) -> usize {
        self.nrows()
    }
    fn cols(&self) -> usize {
        self.ncols()
    }
    fn apply(&self, space: &Host<T>, x: &[T], y: &mut [T]) {
        LinearOperator::apply(&self.as_ref(), space, x, y);
    }
}

impl<T: Real, I: Index + SpIndex> LinearOperator<Host<T>> for SparseColMatRef<'_, I, T> {
    fn rows(&self) -> usize {
        self.nrows()
    }

    fn cols(&self) -> usize {
        self.ncols()
    }

    /// # Panics
    /// If `x` or `y` has the wrong length.
    fn apply(&self, _: &Host<T>, x: &[T], y: &mut [T]) {
        check_lengths(self.ncols(), self.nrows(), x, y);
        y.fill(T::ZERO);
        for (j, x) in x.iter().enumerate() {
            for (i, v) in self.symbolic().row_idx_of_col(j).zip(self.val_of_col(j)) {
                y[i] += *v * *x;
            }
        }
    }
}

impl<T: Real, I: Index + SpIndex> LinearOperator<Host<T>> for SparseColMat<I, T> {
    fn rows(&self) -> usize {
        self.nrows()
    }
    fn cols(&self) -> usize {
        self.ncols()
    }
    fn apply(&self, space: &Host<T>, x: &[T], y: &mut [T]) {
        LinearOperator::apply(&self.as_ref(), space, x, y);
    }
}

impl<T: Real> LinearOperator<Host<T>> for MatRef<'_, T> {
    fn rows(&self) -> usize {
        self.nrows()
    }

    fn cols(&self) -> usize {
        self.ncols()
    }

    /// # Panics
    /// If `x` or `y` has the wrong length.
    fn apply(&self, _: &Host<T>, x: &[T], y: &mut [T]) {
        check_lengths(self.ncols(), self.nrows(), x, y);
        y.fill(T::ZERO);
        for (column, x) in self.col_iter().zip(x) {
            for (y, a) in y.iter_mut().zip(column.iter()) {
                *y += *a * *x;
            }
        }
    }
}

impl<T: Real> LinearOperator<Host<T>> for Mat<T> {
    fn rows(&self) -> usize {
        self.nrows()
    }
    fn cols(&self) -> usize {
        self.ncols()
    }
    fn apply(&self, space: &Host<T>, x: &[T], y: &mut [T]) {
        LinearOperator::apply(&self.as_ref(), space, x, y);
    }
}

#[cfg(test)]
mod tests {
    use ::faer::sparse::Triplet;

    use super::*;

    #[test]
    fn all_kinds_agree_with_hand_work() {
        let triplets = [
            Triplet::new(0u32, 0, 1.0),
            Triplet::new(0, 1, 2.0),
            Triplet::new(1, 2, 3.0),
        ];
        let columns =
            SparseColMat::<u32, f64>::try_new_from_triplets(2, 3, &triplets).expect("valid");
        let rows = SparseRowMat::<u32, f64>::try_new_from_triplets(2, 3, &triplets).expect("valid");
        let dense = columns.to_dense();
        let operators: [&dyn LinearOperator; 3] = [&columns, &rows, &dense];
        for a in operators {
            assert_eq!((a.rows(), a.cols()), (2, 3));
            let mut y = [f64::NAN; 2];
            a.apply(&Host::new(3), &[1.0, 10.0, 100.0], &mut y);
            assert_eq!(y, [21.0, 300.0]);
        }
    }
}
