//! Triangular sweeps.

use la_krylov::{Definiteness, Host, Preconditioner, PreconditionerError, Real};

use super::IncompleteCholesky;

impl<T: Real> IncompleteCholesky<T> {
    /// Overwrites `x` with `L⁻ᵀ L⁻¹ x`, allocating nothing.
    ///
    /// # Panics
    /// If `x` is shorter or longer than the order of the factor; `apply` of the
    /// [`Preconditioner`] trait reports that as an error instead.
    pub fn solve_in_place<S: Real>(&self, x: &mut [S]) {
        self.forward_in_place(x);
        self.backward_in_place(x);
    }

    /// Overwrites `x` with `L⁻¹ x`.
    ///
    /// # Panics
    /// If the length of `x` is not the order of the factor.
    pub fn forward_in_place<S: Real>(&self, x: &mut [S]) {
        assert_eq!(x.len(), self.dimension(), "length of the vector");
        for (i, &inverse) in self.reciprocal.iter().enumerate() {
            let range = self.indptr[i] as usize..self.indptr[i + 1] as usize;
            let mut sum = x[i];
            for (&j, &l) in self.indices[range.clone()].iter().zip(&self.values[range]) {
                sum -= widen::<T, S>(l) * x[j as usize];
            }
            x[i] = sum * widen(inverse);
        }
    }

    /// Overwrites `x` with `L⁻ᵀ x`.
    ///
    /// # Panics
    /// If the length of `x` is not the order of the factor.
    pub fn backward_in_place<S: Real>(&self, x: &mut [S]) {
        assert_eq!(x.len(), self.dimension(), "length of the vector");
        for (i, &inverse) in self.reciprocal.iter().enumerate().rev() {
            let range = self.indptr[i] as usize..self.indptr[i + 1] as usize;
            let xi = x[i] * widen(inverse);
            x[i] = xi;
            for (&j, &l) in self.indices[range.clone()].iter().zip(&self.values[range]) {
                let xj = &mut x[j as usize];
                *xj -= widen::<T, S>(l) * xi;
            }
        }
    }
}

/// A stored value in the scalar of the solver.
#[inline(always)]
fn widen<T: Real, S: Real>(value: T) -> S {
    S::from_f64(value.to_f64())
}

impl<T: Real, S: Real> Preconditioner<Host<S>> for IncompleteCholesky<T> {
    fn dimension(&self) -> usize {
        self.diagonal.len()
    }

    fn apply(&self, _space: &Host<S>, r: &[S], z: &mut [S]) -> Result<(), PreconditionerError> {
        let n = self.diagonal.len();
        if r.len() != n || z.len() != n {
            return Err(PreconditionerError {
                message: format!(
                    "factor has order {n}, vectors have length {} and {}",
                    r.len(),
                    z.len()
                ),
            });
        }
        z.copy_from_slice(r);
        self.solve_in_place(z);
        Ok(())
    }

    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
}
