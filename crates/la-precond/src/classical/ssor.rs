//! Symmetric successive over-relaxation.

use la_krylov::{Definiteness, Host, Preconditioner, PreconditionerError, Real};
use sprs::{CsMatViewI, SpIndex};

use super::factor::square;
use super::input::check_lengths;
use crate::PrecondError;

/// SSOR: `M = ω/(2−ω) · (D/ω + L) D⁻¹ (D/ω + Lᵀ)` for `A = L + D + Lᵀ`.
///
/// No set-up to speak of and no copy of the matrix: the sweeps run on the lower triangle of `A`
/// itself, which is borrowed. `ω = 1` is symmetric Gauss–Seidel. Usually a little weaker than
/// [`Ic0`](crate::classical::Ic0), but it cannot break down. Symmetric positive definite for
/// `0 < ω < 2` and a positive diagonal.
///
/// # Shapes
/// - `a`: n × n, CSR with sorted rows, the whole symmetric matrix or its lower triangle; a whole
///   symmetric matrix stored by columns is the same thing and is taken too.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, cg, sprs::CsMat};
/// use la_precond::classical::Ssor;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let m = Ssor::new(a.view(), 1.0)?;
/// let solution = cg(&a, &[6.0_f64, 12.0], &m, &CgOptions::default())?;
/// assert!((solution.x[0] - 1.0).abs() < 1e-10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// O. Axelsson, *BIT* 12, 443–467, 1972; Y. Saad, *Iterative Methods for Sparse Linear Systems*,
/// 2nd ed., 2003, section 4.1.1 and equation (10.4).
#[derive(Debug, Clone)]
pub struct Ssor<'a, T = f64, I: SpIndex = usize> {
    a: CsMatViewI<'a, T, I>,
    /// Where each diagonal entry is stored.
    diagonal_at: Vec<u32>,
    omega: f64,
}

impl<'a, T: Real, I: SpIndex> Ssor<'a, T, I> {
    /// Prepares sweeps over `a` with relaxation factor `omega`.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] if `omega` is not in (0, 2); [`PrecondError::NotSquare`];
    /// [`PrecondError::MissingDiagonal`], [`PrecondError::NonPositiveDiagonal`],
    /// [`PrecondError::NonFinite`], [`PrecondError::UnsortedRow`] with the row;
    /// [`PrecondError::UpperTriangleOnly`] if nothing but zeros is stored below the diagonal, while
    /// above there is something.
    pub fn new(a: CsMatViewI<'a, T, I>, omega: f64) -> Result<Self, PrecondError> {
        if !(omega > 0.0 && omega < 2.0) {
            let expected = "a number between 0 and 2, both excluded";
            return Err(PrecondError::InvalidOption {
                option: "omega",
                value: omega,
                expected,
            });
        }
        let n = square(a.rows(), a.cols(), a.nnz())?;
        let mut diagonal_at = Vec::with_capacity(n);
        let (mut start, mut below, mut above) = (0, 0, 0);
        for (row, entries) in a.outer_iterator().enumerate() {
            let cols = entries.indices();
            if cols.windows(2).any(|w| w[0] >= w[1]) {
                return Err(PrecondError::UnsortedRow { row });
            }
            let k = cols.partition_point(|c| c.index() < row);
            below += k;
            above += cols.len() - k;
            let d = match cols.get(k) {
                Some(c) if c.index() == row => entries.data()[k],
                _ => return Err(PrecondError::MissingDiagonal { row }),
            };
            above -= 1;
            if let Some(bad) = entries.data()[..=k].iter().position(|v| !v.is_finite()) {
                return Err(PrecondError::NonFinite {
                    row,
                    col: cols[bad].index(),
                });
            }
            if d <= T::ZERO {
                return Err(PrecondError::NonPositiveDiagonal {
                    row,
                    value: d.to_f64(),
                });
            }
            diagonal_at.push((start + k) as u32);
            start += cols.len();
        }
        if below == 0 && above > 0 {
            return Err(PrecondError::UpperTriangleOnly);
        }
        Ok(Self {
            a,
            diagonal_at,
            omega,
        })
    }
}

impl<T: Real, S: Real, I: SpIndex> Preconditioner<Host<S>> for Ssor<'_, T, I> {
    fn dimension(&self) -> usize {
        self.diagonal_at.len()
    }

    fn apply(&self, _space: &Host<S>, r: &[S], z: &mut [S]) -> Result<(), PreconditionerError> {
        check_lengths(self.diagonal_at.len(), r.len(), z.len())?;
        let (cols, values) = (self.a.indices(), self.a.data());
        let widen = |value: T| S::from_f64(value.to_f64());
        let (omega, rest) = (S::from_f64(self.omega), S::from_f64(2.0 - self.omega));
        let indptr = self.a.indptr();
        let starts = indptr.as_slice().unwrap_or(&[]);
        let base = starts.first().map_or(0, |s| s.index());
        let rows = || {
            starts
                .iter()
                .zip(&self.diagonal_at)
                .map(|(s, &d)| (s.index() - base, d as usize))
        };
        // (D/ω + L) y = r
        for (i, (start, diagonal)) in rows().enumerate() {
            let mut sum = r[i];
            for (j, &l) in cols[start..diagonal].iter().zip(&values[start..diagonal]) {
                sum -= widen(l) * z[j.index()];
            }
            z[i] = sum * omega / widen(values[diagonal]);
        }
        // y = (2−ω)/ω D y
        for (z, &diagonal) in z.iter_mut().zip(&self.diagonal_at) {
            *z *= rest * widen(values[diagonal as usize]) / omega;
        }
        // (D/ω + Lᵀ) z = y, scattering along the rows of L
        for i in (0..self.diagonal_at.len()).rev() {
            let (start, diagonal) = (starts[i].index() - base, self.diagonal_at[i] as usize);
            let zi = z[i] * omega / widen(values[diagonal]);
            z[i] = zi;
            for (j, &l) in cols[start..diagonal].iter().zip(&values[start..diagonal]) {
                z[j.index()] -= widen(l) * zi;
            }
        }
        Ok(())
    }

    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
}
