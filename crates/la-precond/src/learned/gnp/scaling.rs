//! The scalar that a matrix is divided by before anything else.

use la_krylov::Real;
use sprs::{CsMatI, CsMatViewI, SpIndex};

use crate::PrecondError;
use crate::classical::input::{Rows, with_rows};
use crate::classical::lu::largest_entry;

/// The smaller one of `‖A‖₁` and `‖A‖_∞`, an upper bound of the spectral radius:
/// `γ = min(max_i Σ_j |a_ij|, max_j Σ_i |a_ij|)`, in the units of `A`, positive. O(nnz).
///
/// `A / γ` is what the [preconditioner](super::Gnp) is trained on. It is one number for the whole matrix: badly scaled rows stay badly
/// scaled.
///
/// # Errors
/// [`PrecondError::NotSquare`], [`PrecondError::TooLarge`]; [`PrecondError::NonFinite`] names an entry that is not finite, or the
/// largest one of a matrix whose sums overflow; [`PrecondError::ZeroMatrix`].
///
/// # Examples
/// ```
/// use la_precond::learned::gnp::prescaling_factor;
/// use la_precond::sprs::CsMat;
///
/// // [1 -2; 0 4]: row sums 3 and 4, column sums 1 and 6.
/// let a = CsMat::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![1.0, -2.0, 4.0]);
/// assert_eq!(prescaling_factor(a.view())?, 4.0);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR 2025, equation 6.
pub fn prescaling_factor<T: Real, I: SpIndex>(
    a: CsMatViewI<'_, T, I>,
) -> Result<f64, PrecondError> {
    with_rows(a, |rows, n| factor(&rows, n))
}

/// `A / γ` in compressed rows without stored zeros, and γ.
///
/// # Errors
/// As [`prescaling_factor`].
///
/// # Examples
/// ```
/// use la_precond::learned::gnp::prescaled;
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![1.0, -2.0, 4.0]);
/// let (scaled, gamma) = prescaled(a.view())?;
/// assert_eq!((scaled.data(), gamma), (&[0.25, -0.5, 1.0][..], 4.0));
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
pub fn prescaled<T: Real, I: SpIndex>(
    a: CsMatViewI<'_, T, I>,
) -> Result<(CsMatI<f64, u32>, f64), PrecondError> {
    with_rows(a, |rows, n| {
        let gamma = factor(&rows, n)?;
        let mut indptr = Vec::with_capacity(n + 1);
        let (mut indices, mut values) = (
            Vec::with_capacity(rows.nnz()),
            Vec::with_capacity(rows.nnz()),
        );
        indptr.push(0_u32);
        for i in 0..n {
            let (cols, entries) = rows.row(i);
            for (col, value) in cols.iter().zip(entries) {
                if *value != T::ZERO {
                    indices.push(col.index() as u32);
                    values.push(value.to_f64() / gamma);
                }
            }
            indptr.push(indices.len() as u32);
        }
        let matrix = CsMatI::try_new((n, n), indptr, indices, values);
        matrix
            .map(|matrix| (matrix, gamma))
            .map_err(|(_, _, _, _)| unsorted(&rows, n))
    })
}

/// The first row whose columns do not increase.
fn unsorted<T, I: SpIndex>(a: &Rows<'_, T, I>, n: usize) -> PrecondError {
    let falls = |i: &usize| {
        let cols = a.row(*i).0;
        cols.windows(2).any(|w| w[0].index() >= w[1].index())
    };
    PrecondError::UnsortedRow {
        row: (0..n).find(falls).unwrap_or(n),
    }
}

/// A number that differs, in all likelihood, between two matrices: a hash (FNV-1a over words) of the column indices and values. O(nnz).
///
/// Says whether a network was trained for this matrix. Not for matrices that somebody has made to collide.
///
/// # Examples
/// ```
/// use la_precond::learned::gnp::fingerprint;
/// use la_precond::sprs::CsMatI;
///
/// let a = CsMatI::<f64, u32>::eye(3);
/// assert_eq!(fingerprint(a.view()), fingerprint(a.clone().view()));
/// assert_ne!(fingerprint(a.view()), fingerprint(a.map(|v| 2.0 * v).view()));
/// ```
#[must_use]
pub fn fingerprint(a: CsMatViewI<'_, f64, u32>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |bits: u64| hash = (hash ^ bits).wrapping_mul(0x0100_0000_01b3);
    a.data().iter().for_each(|v| mix(v.to_bits()));
    a.indices().iter().for_each(|j| mix(u64::from(*j)));
    hash
}

fn factor<T: Real, I: SpIndex>(a: &Rows<'_, T, I>, n: usize) -> Result<f64, PrecondError> {
    largest_entry(a, n)?;
    let mut columns = vec![0.0_f64; n];
    let mut rows = 0.0_f64;
    let (mut top, mut place) = (0.0_f64, (0, 0));
    for i in 0..n {
        let mut sum = 0.0;
        let (cols, values) = a.row(i);
        for (col, value) in cols.iter().zip(values) {
            let size = value.abs().to_f64();
            if size > top {
                (top, place) = (size, (i, col.index()));
            }
            sum += size;
            columns[col.index()] += size;
        }
        rows = rows.max(sum);
    }
    if top == 0.0 {
        return Err(PrecondError::ZeroMatrix);
    }
    let gamma = columns.iter().fold(0.0_f64, |m, s| m.max(*s)).min(rows);
    if gamma.is_finite() {
        Ok(gamma)
    } else {
        let (row, col) = place;
        Err(PrecondError::NonFinite { row, col })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(entries: [f64; 4]) -> CsMatI<f64, u32> {
        CsMatI::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], entries.to_vec())
    }

    #[test]
    fn the_smaller_norm() {
        // Rows 3 and 5, columns 5 and 3.
        let gamma = |a: &CsMatI<f64, u32>| prescaling_factor(a.view()).unwrap();
        assert_eq!(gamma(&matrix([1.0, -2.0, -4.0, 1.0])), 5.0);
        // Rows 9 and 2, columns 3 and 8.
        assert_eq!(gamma(&matrix([2.0, 7.0, 1.0, -1.0])), 8.0);
        assert_eq!(gamma(&matrix([2.0, 1.0, 7.0, -1.0])), 8.0);
        // By columns it is the same matrix.
        assert_eq!(gamma(&matrix([2.0, 1.0, 7.0, -1.0]).to_csc()), 8.0);
    }

    #[test]
    fn one_of_the_norms_becomes_one() {
        let a = matrix([2.0, 7.0, 1.0, -1.0]);
        let (scaled, gamma) = prescaled(a.view()).unwrap();
        assert_eq!(prescaling_factor(scaled.view()), Ok(1.0));
        // Powers of two leave no trace.
        let large = a.map(|v| v * 2f64.powi(300));
        let (other, factor) = prescaled(large.view()).unwrap();
        assert_eq!((other, factor), (scaled, gamma * 2f64.powi(300)));
    }

    #[test]
    fn what_cannot_be_scaled() {
        let zero = prescaling_factor(matrix([0.0; 4]).view());
        assert_eq!(zero, Err(PrecondError::ZeroMatrix));
        let empty = CsMatI::<f64, u32>::zero((3, 3));
        assert_eq!(
            prescaled(empty.view()).unwrap_err(),
            PrecondError::ZeroMatrix
        );
        let nan = prescaling_factor(matrix([1.0, 1.0, f64::NAN, 1.0]).view());
        assert_eq!(nan, Err(PrecondError::NonFinite { row: 1, col: 0 }));
        let huge = prescaling_factor(matrix([1e308, 1e308, 1e308, 1.7e308]).view());
        assert_eq!(huge, Err(PrecondError::NonFinite { row: 1, col: 1 }));
        let (scaled, _) = prescaled(matrix([0.0, 2.0, 1.0, 0.0]).view()).unwrap();
        assert_eq!((scaled.nnz(), scaled.data()), (2, &[1.0, 0.5][..]));
    }
}
