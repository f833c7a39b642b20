//! The matrix that the network sees, and the way there and back.

use la_krylov::Real;
use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::prescaled;
use crate::PrecondError;
use crate::classical::input::with_rows;
use crate::classical::lu::AppliedFrame;
use crate::classical::{Ordering, Reordered, Scaling};

/// How rows and columns are scaled before a network sees the matrix.
///
/// The network works on `Â = P D_r A D_c Q / γ`, P being reverse Cuthill–McKee for the sake of a [base](super::Base), and what it returns is carried back, so that the solver around it measures the
/// residual of `A` itself. A scalar γ, the paper's way, leaves rows of very different size as they are: the loss then looks at the large ones
/// only, and nodes of small rows hear nothing from their neighbours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Equilibration {
    /// The scalar alone: the paper's choice.
    #[default]
    None,
    /// Ten passes of [`Scaling::Equilibrate`]: largest entries 1 in all rows and columns. Keeps symmetry.
    Ruiz,
    /// [`Scaling::Matching`]: columns move so that the diagonal is 1 and nothing is larger.
    Matching,
}

/// `Â = P D_r (A / γ₁) D_c Q / γ₂`.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) matrix: CsMatI<f64, u32>,
    frame: Option<AppliedFrame>,
    /// `1 / (γ₁ γ₂)`.
    inverse: f64,
}

impl Prepared {
    pub(super) fn new<T: Real, I: SpIndex>(
        a: CsMatViewI<'_, T, I>,
        equilibration: Equilibration,
    ) -> Result<Self, PrecondError> {
        let (matrix, gamma) = prescaled(a)?;
        let scaling = match equilibration {
            Equilibration::None => {
                return Ok(Self {
                    matrix,
                    frame: None,
                    inverse: 1.0 / gamma,
                });
            }
            Equilibration::Ruiz => Scaling::Equilibrate { passes: 10 },
            Equilibration::Matching => Scaling::Matching,
        };
        // The network does not see an order, incomplete factors do.
        let reordered = Reordered::new(())
            .with_scaling(scaling)
            .with_ordering(Ordering::ReverseCuthillMcKee);
        let prepared = with_rows(matrix.view(), |rows, n| reordered.prepare(&rows, n))?;
        let (matrix, again) = prescaled(prepared.matrix.view())?;
        Ok(Self {
            matrix,
            frame: Some(AppliedFrame::new(prepared.frame)),
            inverse: 1.0 / gamma / again,
        })
    }

    pub(super) fn order(&self) -> usize {
        self.matrix.rows()
    }

    /// `z = P D_r r`.
    pub(super) fn enter(&self, r: &[f64], z: &mut [f64]) {
        match &self.frame {
            Some(frame) => frame.gather(r, z),
            None => z.copy_from_slice(r),
        }
    }

    /// `z = D_c Q z / γ`, in place.
    pub(super) fn leave(&self, z: &mut [f64]) {
        z.iter_mut().for_each(|z| *z *= self.inverse);
        if let Some(frame) = &self.frame {
            frame.scatter(z);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        // Zeros on the diagonal, rows of very different size.
        let a = CsMatI::<f64, u32>::new(
            (3, 3),
            vec![0, 2, 4, 6],
            vec![1, 2, 0, 1, 0, 2],
            vec![2e6, 1e5, 4e-3, 1e-3, 5.0, 8.0],
        );
        let x = [1.0, -2.0, 3.0];
        for equilibration in [
            Equilibration::None,
            Equilibration::Ruiz,
            Equilibration::Matching,
        ] {
            let prepared = Prepared::new(a.view(), equilibration).unwrap();
            // b = A x, so that Â y = D_r b has the solution y that leaves as x.
            let mut b = [0.0; 3];
            for (i, row) in a.outer_iterator().enumerate() {
                b[i] = row.iter().map(|(j, v)| v * x[j]).sum();
            }
            let mut r = [0.0; 3];
            prepared.enter(&b, &mut r);
            let dense = faer::Mat::from_fn(3, 3, |i, j| {
                prepared.matrix.get(i, j).copied().unwrap_or(0.0)
            });
            let rhs = faer::Mat::from_fn(3, 1, |i, _| r[i]);
            let y = faer::prelude::Solve::solve(&dense.partial_piv_lu(), &rhs);
            let mut z = [y[(0, 0)], y[(1, 0)], y[(2, 0)]];
            prepared.leave(&mut z);
            for (z, x) in z.iter().zip(&x) {
                approx::assert_relative_eq!(*z, *x, max_relative = 1e-10);
            }
            let diagonal = |i: usize| prepared.matrix.get(i, i).map_or(0.0, |d| d.abs());
            let smallest = (0..3).map(diagonal).fold(f64::INFINITY, f64::min);
            assert_eq!(smallest > 0.0, equilibration == Equilibration::Matching);
        }
    }
}
