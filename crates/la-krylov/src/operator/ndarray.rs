//! Two-dimensional arrays of `ndarray` as operators.

use ::ndarray::{ArrayBase, Data, Ix2};

use crate::sparse::check_lengths;
use crate::{Host, LinearOperator, Real};

impl<T: Real, D: Data<Elem = T>> LinearOperator<Host<T>> for ArrayBase<D, Ix2> {
    fn rows(&self) -> usize {
        self.nrows()
    }

    fn cols(&self) -> usize {
        self.ncols()
    }

    /// Row by row, or column by column where columns are the contiguous ones.
    ///
    /// # Panics
    /// If `x` or `y` has the wrong length.
    fn apply(&self, _: &Host<T>, x: &[T], y: &mut [T]) {
        check_lengths(self.ncols(), self.nrows(), x, y);
        if self.strides()[0] == 1 && self.strides()[1] != 1 {
            y.fill(T::ZERO);
            for (column, x) in self.columns().into_iter().zip(x) {
                for (y, a) in y.iter_mut().zip(column) {
                    *y += *a * *x;
                }
            }
            return;
        }
        for (y, row) in y.iter_mut().zip(self.outer_iter()) {
            let mut sum = T::ZERO;
            for (a, x) in row.iter().zip(x) {
                sum += *a * *x;
            }
            *y = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use ::ndarray::array;

    use super::*;

    #[test]
    fn both_layouts() {
        let a = array![[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]];
        let mut y = [0.0; 2];
        a.apply(&Host::new(3), &[1.0, 10.0, 100.0], &mut y);
        assert_eq!(y, [21.0, 300.0]);
        let mut y = [0.0; 3];
        a.t().apply(&Host::new(2), &[10.0, 1.0], &mut y);
        assert_eq!(y, [10.0, 20.0, 3.0]);
    }
}
