//! Triangular sweeps.

use la_krylov::{Definiteness, Host, Preconditioner, PreconditionerError, Real};

use super::IncompleteLu;
use crate::classical::factor::{eliminate, widen};
use crate::classical::input::check_lengths;

impl<T: Real> IncompleteLu<T> {
    /// `z = M⁻¹ r`, allocating nothing.
    ///
    /// One core, two passes over the factors, each row a gather; 12 bytes are read per entry.
    /// Permutations and scalings add a pass over the vector each.
    ///
    /// # Panics
    /// If the length of `r` or `z` is not the order of the factors; `apply` of the
    /// [`Preconditioner`] trait reports that as an error instead.
    ///
    /// # Examples
    /// See [`IncompleteLu`].
    pub fn solve<S: Real>(&self, r: &[S], z: &mut [S]) {
        let n = self.dimension();
        assert!(r.len() == n && z.len() == n, "length of the vectors");
        match &self.frame {
            None => {
                z.copy_from_slice(r);
                self.sweep(z);
            }
            Some(frame) => {
                frame.gather(r, z);
                self.sweep(z);
                frame.scatter(z);
            }
        }
    }

    /// Overwrites `x` with `Û⁻¹ D⁻¹ L⁻¹ x`.
    fn sweep<S: Real>(&self, x: &mut [S]) {
        let mut start = 0;
        for (i, &end) in self.lower.indptr[1..].iter().enumerate() {
            let end = end as usize;
            let (cols, values) = (
                &self.lower.indices[start..end],
                &self.lower_values[start..end],
            );
            x[i] = eliminate(x[i], cols, values, x);
            start = end;
        }
        let mut end = self.upper_values.len();
        for (i, &inverse) in self.inverse_diagonal.iter().enumerate().rev() {
            let start = self.upper.indptr[i] as usize;
            let (cols, values) = (
                &self.upper.indices[start..end],
                &self.upper_values[start..end],
            );
            x[i] = eliminate(x[i] * widen(inverse), cols, values, x);
            end = start;
        }
    }
}

impl<T: Real, S: Real> Preconditioner<Host<S>> for IncompleteLu<T> {
    fn dimension(&self) -> usize {
        self.inverse_diagonal.len()
    }

    fn apply(&self, _space: &Host<S>, r: &[S], z: &mut [S]) -> Result<(), PreconditionerError> {
        check_lengths(self.inverse_diagonal.len(), r.len(), z.len())?;
        self.solve(r, z);
        Ok(())
    }

    fn definiteness(&self) -> Definiteness {
        Definiteness::General
    }
}
