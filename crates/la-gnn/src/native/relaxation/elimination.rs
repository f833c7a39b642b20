//! Relaxed ILU(0) as a function of its relaxation factors, and its adjoint.

use sprs::CsMatViewI;

use crate::GnnError;

/// A square matrix stored by rows, with the place of every diagonal entry.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    pub(super) row_ptr: Vec<usize>,
    pub(super) columns: Vec<usize>,
    pub(super) values: Vec<f64>,
    pub(super) diagonal: Vec<usize>,
}

/// Factors in place: L without its unit diagonal and U with its own, on the pattern of the matrix.
#[derive(Debug, Clone)]
pub(super) struct Factors {
    pub(super) values: Vec<f64>,
    /// What each row left out.
    pub(super) left_out: Vec<f64>,
}

/// No place in the row.
const NONE: usize = usize::MAX;

impl Matrix {
    pub(super) fn new(a: CsMatViewI<'_, f64, u32>) -> Result<Self, GnnError> {
        let mut row_ptr = vec![0];
        let (mut columns, mut values, mut diagonal) = (Vec::new(), Vec::new(), Vec::new());
        for (i, row) in a.outer_iterator().enumerate() {
            let Ok(at) = row.indices().binary_search(&(i as u32)) else {
                return Err(GnnError::Matrix {
                    reason: format!("has no diagonal entry in row {i}, training needs them all"),
                });
            };
            diagonal.push(columns.len() + at);
            columns.extend(row.indices().iter().map(|&j| j as usize));
            values.extend_from_slice(row.data());
            row_ptr.push(columns.len());
        }
        Ok(Self {
            row_ptr,
            columns,
            values,
            diagonal,
        })
    }

    pub(super) fn order(&self) -> usize {
        self.diagonal.len()
    }

    /// Row by row: `l_ik = a_ik / u_kk`, `a_ij ← a_ij − l_ik u_kj` where (i, j) is in the pattern; what is not goes, relaxed, to
    /// the diagonal.
    pub(super) fn factor(&self, omega: &[f64]) -> Factors {
        let mut v = self.values.clone();
        let mut left_out = vec![0.0; self.order()];
        let mut place = vec![NONE; self.order()];
        for (i, window) in self.row_ptr.windows(2).enumerate() {
            for q in window[0]..window[1] {
                place[self.columns[q]] = q;
            }
            for q in window[0]..self.diagonal[i] {
                let k = self.columns[q];
                v[q] /= v[self.diagonal[k]];
                for p in self.diagonal[k] + 1..self.row_ptr[k + 1] {
                    let update = v[q] * v[p];
                    match place[self.columns[p]] {
                        NONE => left_out[i] -= update,
                        at => v[at] -= update,
                    }
                }
            }
            v[self.diagonal[i]] += omega[i] * left_out[i];
            for q in window[0]..window[1] {
                place[self.columns[q]] = NONE;
            }
        }
        Factors {
            values: v,
            left_out,
        }
    }

    /// The gradient of the relaxation factors, given that of the factors' entries, which is used up: the elimination run backwards.
    pub(super) fn factor_adjoint(
        &self,
        factors: &Factors,
        omega: &[f64],
        grad: &mut [f64],
    ) -> Vec<f64> {
        let v = &factors.values;
        let mut grad_omega = vec![0.0; self.order()];
        let mut place = vec![NONE; self.order()];
        for i in (0..self.order()).rev() {
            let row = self.row_ptr[i]..self.row_ptr[i + 1];
            for q in row.clone() {
                place[self.columns[q]] = q;
            }
            let pivot = grad[self.diagonal[i]];
            grad_omega[i] = pivot * factors.left_out[i];
            let outside = -omega[i] * pivot;
            for q in (row.start..self.diagonal[i]).rev() {
                let k = self.columns[q];
                let mut own = grad[q];
                for p in self.diagonal[k] + 1..self.row_ptr[k + 1] {
                    let update = match place[self.columns[p]] {
                        NONE => outside,
                        at => -grad[at],
                    };
                    own += update * v[p];
                    grad[p] += update * v[q];
                }
                let divisor = v[self.diagonal[k]];
                grad[q] = own / divisor;
                grad[self.diagonal[k]] -= own * v[q] / divisor;
            }
            for q in row {
                place[self.columns[q]] = NONE;
            }
        }
        grad_omega
    }
}
