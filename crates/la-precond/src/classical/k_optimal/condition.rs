//! Kaporin's condition number of a factor.

use std::sync::Arc;

use sprs::CsMatViewI;

use super::inverse::{Complete, Limits};
use crate::classical::SymmetryCheck;
use crate::classical::columns::{Columns, transposed_pattern};
use crate::classical::input::{lower_pattern, with_rows};
use crate::{IncompleteCholesky, PrecondError};

/// `log K(Lᵀ A⁻¹ L)` with `K(X) = (tr X / n) / (det X)^{1/n}`, at least 0; the same for every positive multiple of `L`.
///
/// Needs a complete factorisation of `A` in its order and the entries of `A⁻¹` on its pattern, as
/// [`KOptimal`](crate::classical::KOptimal) does; no dense inverse. 0 for n = 0.
///
/// # Errors
/// As [`KOptimal::factor`](crate::classical::KOptimal::factor); [`PrecondError::DimensionMismatch`] if orders differ;
/// [`PrecondError::PatternMismatch`] if the factor has two entries in a column whose rows do not meet in the complete factor of `A` (entries
/// outside the pattern of `A`, as a threshold factorisation may have).
///
/// # Examples
/// ```
/// use la_precond::classical::{Ic0, Jacobi};
/// use la_precond::quality::log_k;
/// use la_precond::sprs::CsMatI;
///
/// let a = CsMatI::<f64, u32>::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let factor = Ic0::default().factor(a.view())?;
/// assert!(log_k(a.view(), &factor)?.abs() < 1e-15, "no fill: IC(0) is the Cholesky factor");
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
pub fn log_k(
    a: CsMatViewI<'_, f64, u32>,
    factor: &IncompleteCholesky,
) -> Result<f64, PrecondError> {
    let (log_det, inverse) = with_rows(a, |rows, n| {
        let pattern = Arc::new(lower_pattern(&rows, n, SymmetryCheck::Count)?);
        let complete = Complete::new(&Columns::new(&rows, &pattern), Limits::NONE)?;
        let log_det: f64 = complete.lower.diagonal.iter().map(|d| d.ln()).sum();
        Ok((log_det, complete.into_selected_inverse()))
    })?;
    let n = inverse.diagonal.len();
    if factor.dimension() != n {
        return Err(PrecondError::DimensionMismatch {
            what: "factor",
            found: factor.dimension(),
            expected: n,
        });
    }
    if n == 0 {
        return Ok(0.0);
    }
    // L by columns, with the positions of its entries by rows.
    let (starts, rows) = transposed_pattern(factor.row_starts(), factor.columns());
    let mut values = vec![0.0; rows.len()];
    let mut next = starts.clone();
    for i in 0..n {
        for (j, value) in factor.row(i) {
            values[next[j] as usize] = value;
            next[j] += 1;
        }
    }
    let mut column = vec![None; n];
    let mut trace = 0.0;
    for j in 0..n {
        let range = starts[j] as usize..starts[j + 1] as usize;
        let below = rows[range.clone()].iter().zip(&values[range.clone()]);
        let entries = || {
            let first = (j as u32, factor.diagonal()[j]);
            std::iter::once(first).chain(below.clone().map(|(&i, &value)| (i, value)))
        };
        for (i, value) in entries() {
            column[i as usize] = Some(value);
        }
        let mut met = 0;
        for (k, value) in entries() {
            let k = k as usize;
            let mut sum = inverse.diagonal[k] * value;
            let (rows, z) = inverse.column(k);
            for (&i, &z) in rows.iter().zip(z) {
                if let Some(other) = column[i as usize] {
                    sum += 2.0 * z * other;
                    met += 1;
                }
            }
            trace += sum * value;
        }
        for (i, _) in entries() {
            column[i as usize] = None;
        }
        let count = range.len();
        if met != count * (count + 1) / 2 {
            return Err(PrecondError::PatternMismatch { row: j });
        }
    }
    let log_det_factor: f64 = factor.diagonal().iter().map(|d| 2.0 * d.ln()).sum();
    let n = n as f64;
    Ok((trace / n).ln() - (log_det_factor - log_det) / n)
}
