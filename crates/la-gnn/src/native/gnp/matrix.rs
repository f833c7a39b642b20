//! The matrix of a graph neural preconditioner.

use sprs::{CsMatViewI, SpIndex};

use super::super::Element;
use crate::GnnError;

/// Compressed rows with entries in the precision of the network and in `f64`.
#[derive(Debug, Clone)]
pub(super) struct Rows<T> {
    pub start: Vec<usize>,
    pub column: Vec<u32>,
    pub value: Vec<T>,
    pub exact: Vec<f64>,
}

impl<T: Element> Rows<T> {
    fn transposed(&self, n: usize) -> Self {
        let mut start = vec![0usize; n + 1];
        for &j in &self.column {
            start[j as usize + 1] += 1;
        }
        for i in 0..n {
            start[i + 1] += start[i];
        }
        let mut next = start.clone();
        let mut t = Self {
            start,
            column: vec![0; self.column.len()],
            value: vec![T::ZERO; self.value.len()],
            exact: vec![0.0; self.exact.len()],
        };
        for i in 0..n {
            for k in self.start[i]..self.start[i + 1] {
                let to = &mut next[self.column[k] as usize];
                t.column[*to] = i as u32;
                t.value[*to] = self.value[k];
                t.exact[*to] = self.exact[k];
                *to += 1;
            }
        }
        t
    }
}

/// A square matrix as a graph neural preconditioner uses it: rows of A and of Aᵀ, each in the precision of the network and in `f64`.
///
/// The network takes A as it is given, without normalisation: divide it by `min(‖A‖_∞, ‖A‖₁)` before (equation 6 of the paper), a
/// bound of its spectral radius. Memory 2 (12 + s) bytes an entry, s the size of `T`.
#[derive(Debug, Clone)]
pub struct Matrix<T: Element = f32> {
    order: usize,
    pub(super) rows: Rows<T>,
    pub(super) columns: Rows<T>,
}

impl Matrix<f32> {
    /// The matrix for a network in `f32`.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if it is not square or too large for `u32`; [`GnnError::NonFinite`] naming the stored entry.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::native::gnp::Matrix;
    /// use la_gnn::sprs::CsMatI;
    /// let a: CsMatI<f64, u32> = CsMatI::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![0.5, 0.5, 1.0]);
    /// assert_eq!(Matrix::new(a.view())?.num_entries(), 3);
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn new<I: SpIndex, P: SpIndex>(a: CsMatViewI<'_, f64, I, P>) -> Result<Self, GnnError> {
        Self::in_precision(a)
    }
}

impl<T: Element> Matrix<T> {
    /// The matrix for a network in `T`.
    ///
    /// # Errors
    /// As [`Matrix::new`].
    pub fn in_precision<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
    ) -> Result<Self, GnnError> {
        if a.rows() != a.cols() || u32::try_from(a.rows()).is_err() {
            return Err(GnnError::Matrix {
                reason: format!(
                    "is {}x{}, must be square and of order below 2^32",
                    a.rows(),
                    a.cols()
                ),
            });
        }
        let n = a.rows();
        if let Some(position) = a
            .data()
            .iter()
            .position(|v| !v.is_finite() || !T::from_f64(*v).is_finite())
        {
            return Err(GnnError::NonFinite {
                what: "matrix (in the precision of the network)".into(),
                position,
            });
        }
        let mut stored = Rows {
            start: a.indptr().raw_storage().iter().map(|p| p.index()).collect(),
            column: a.indices().iter().map(|j| j.index() as u32).collect(),
            value: a.data().iter().map(|v| T::from_f64(*v)).collect(),
            exact: a.data().to_vec(),
        };
        let first = stored.start[0];
        stored.start.iter_mut().for_each(|p| *p -= first);
        let other = stored.transposed(n);
        let (rows, columns) = if a.is_csr() {
            (stored, other)
        } else {
            (other, stored)
        };
        Ok(Self {
            order: n,
            rows,
            columns,
        })
    }

    /// Order n.
    #[must_use]
    pub fn order(&self) -> usize {
        self.order
    }

    /// Stored entries.
    #[must_use]
    pub fn num_entries(&self) -> usize {
        self.rows.column.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sprs::CsMatI;

    #[test]
    fn rows_and_columns_of_either_storage() {
        // [ 1 2 0 ; 0 0 3 ; 4 0 5 ]
        let a: CsMatI<f64, u32> = CsMatI::new(
            (3, 3),
            vec![0, 2, 3, 5],
            vec![0, 1, 2, 0, 2],
            vec![1., 2., 3., 4., 5.],
        );
        for m in [
            Matrix::new(a.view()).unwrap(),
            Matrix::new(a.to_csc().view()).unwrap(),
        ] {
            assert_eq!(m.rows.start, [0, 2, 3, 5]);
            assert_eq!(m.rows.column, [0, 1, 2, 0, 2]);
            assert_eq!(m.rows.value, [1., 2., 3., 4., 5.]);
            assert_eq!(m.columns.start, [0, 2, 3, 5]);
            assert_eq!(m.columns.column, [0, 2, 0, 1, 2]);
            assert_eq!(m.columns.exact, [1., 4., 2., 3., 5.]);
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let wide: CsMatI<f64, u32> = CsMatI::zero((2, 3));
        assert!(matches!(
            Matrix::new(wide.view()),
            Err(GnnError::Matrix { .. })
        ));
        // 1e300 is finite, but not in f32.
        for v in [f64::NAN, 1e300] {
            let a: CsMatI<f64, u32> = CsMatI::new((1, 1), vec![0, 1], vec![0], vec![v]);
            assert!(matches!(
                Matrix::new(a.view()),
                Err(GnnError::NonFinite { position: 0, .. })
            ));
        }
    }
}
