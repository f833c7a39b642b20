//! Reading weighted entries out of a matrix of any index type and storage order.

use sprs::{CsMatViewI, SpIndex};

use crate::error::GraphError;
use crate::pattern::Pattern;
use crate::scalar::Real;

/// Row-major pattern of the stored entries and their values; values must be finite.
pub(crate) fn stored<T: Real, I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, T, I, P>,
) -> Result<(Pattern<'static>, Vec<T>), GraphError> {
    let (pattern, values) = if a.is_csr() {
        (Pattern::from_sprs(a)?, a.data().to_vec())
    } else {
        let columns = Pattern::from_sprs(a.transpose_view())?;
        let (rows, positions) = columns.transpose_with_positions();
        let values = positions.iter().map(|&p| a.data()[p as usize]).collect();
        (rows, values)
    };
    check_finite(&pattern, &values)?;
    Ok((pattern, values))
}

/// Row-major pattern and values of the entries that are not zero.
pub(crate) fn nonzeros<T: Real, I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, T, I, P>,
) -> Result<(Pattern<'static>, Vec<T>), GraphError> {
    let (pattern, values) = stored(a)?;
    if values.iter().all(|&v| v != T::ZERO) {
        return Ok((pattern, values));
    }
    let kept = values.iter().filter(|&&v| v != T::ZERO).count();
    let mut indptr = Vec::with_capacity(pattern.rows() + 1);
    let mut indices = Vec::with_capacity(kept);
    let mut weights = Vec::with_capacity(kept);
    indptr.push(0u32);
    for range in pattern.indptr().windows(2) {
        let range = range[0] as usize..range[1] as usize;
        for (&j, &weight) in pattern.indices()[range.clone()].iter().zip(&values[range]) {
            if weight != T::ZERO {
                indices.push(j);
                weights.push(weight);
            }
        }
        indptr.push(indices.len() as u32);
    }
    Ok((
        Pattern::trusted(pattern.rows(), pattern.cols(), indptr, indices),
        weights,
    ))
}

/// Names the first entry that is NaN or infinite.
pub(crate) fn check_finite<T: Real>(pattern: &Pattern<'_>, values: &[T]) -> Result<(), GraphError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(position) => {
            let row = pattern.indptr()[1..].partition_point(|&p| p as usize <= position);
            Err(GraphError::NotFinite {
                row,
                col: pattern.indices()[position] as usize,
                value: values[position].to_f64(),
            })
        }
    }
}
