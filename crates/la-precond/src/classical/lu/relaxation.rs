//! How much of the fill that is left out goes to the diagonal.

use la_krylov::Real;

use crate::PrecondError;

/// Relaxation factors ω of an incomplete LU factorisation, one for all rows or one for each.
///
/// What row i of the factors leaves out, `d_i = −Σ l_ik u_kj` over the positions (i, j) that they do not hold, goes to its
/// pivot: `u_ii ← u_ii + ω_i d_i`. With ω = 0 that is plain incomplete LU; with ω = 1 it is the modified one (MILU), whose
/// product has the row sums of A. For M-matrices the pivots fall with ω, and values just below 1 turn the h⁻¹ growth of the
/// iterations on grids into about h^-1/2; how far below depends on h and on the convection.
///
/// # References
/// I. Gustafsson, *BIT* 18, 142–156, 1978; O. Axelsson, G. Lindskog, *Numer. Math.* 48, 479–498, 1986.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Relaxation<'a> {
    /// The same factor in every row, from 0 to 1.
    Uniform(f64),
    /// One factor for each row, from 0 to 1.
    PerRow(&'a [f64]),
}

impl Relaxation<'_> {
    /// Checks ranges and the number of factors for a matrix of order `n`.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] with the first factor out of range, [`PrecondError::DimensionMismatch`].
    pub fn validate(&self, n: usize) -> Result<(), PrecondError> {
        let factors = match self {
            Self::Uniform(omega) => std::slice::from_ref(omega),
            Self::PerRow(factors) if factors.len() != n => {
                return Err(PrecondError::DimensionMismatch {
                    what: "relaxation",
                    found: factors.len(),
                    expected: n,
                });
            }
            Self::PerRow(factors) => factors,
        };
        match factors.iter().find(|omega| !(0.0..=1.0).contains(*omega)) {
            None => Ok(()),
            Some(&value) => Err(PrecondError::InvalidOption {
                option: "relaxation",
                value,
                expected: "from 0 to 1",
            }),
        }
    }

    /// Whether nothing goes to the diagonal.
    pub(super) fn is_off(&self) -> bool {
        matches!(self, Self::Uniform(omega) if *omega == 0.0)
    }

    #[inline(always)]
    pub(super) fn of_row<T: Real>(&self, i: usize) -> T {
        T::from_f64(match self {
            Self::Uniform(omega) => *omega,
            Self::PerRow(factors) => factors[i],
        })
    }
}
