//! From a network's output to a factor.

use std::sync::Arc;

use crate::IncompleteCholesky;
use crate::classical::factor::LowerPattern;

/// Splits the entries of a lower triangle (CSR, diagonal last in each row) into strict triangle and diagonal; row i is
/// multiplied by `scale[i]`, if there is one.
///
/// Nothing is left to check: the pattern is that of a graph that was checked, with ascending columns, and the networks
/// return finite entries with a positive diagonal, all of single precision, so that their quotients are finite in double
/// precision.
pub(super) fn assemble(
    row_ptr: &[u32],
    columns: &[u32],
    values: &[f32],
    scale: Option<&[f64]>,
) -> IncompleteCholesky<f64> {
    let n = row_ptr.len() - 1;
    let strict = columns.len() - n;
    let (mut indptr, mut indices) = (Vec::with_capacity(n + 1), Vec::with_capacity(strict));
    let (mut scaled, mut diagonal) = (Vec::with_capacity(strict), Vec::with_capacity(n));
    indptr.push(0);
    for (i, range) in row_ptr.windows(2).enumerate() {
        let (start, last) = (range[0] as usize, range[1] as usize - 1);
        let pivot = f64::from(values[last]);
        indices.extend_from_slice(&columns[start..last]);
        scaled.extend(values[start..last].iter().map(|v| f64::from(*v) / pivot));
        // The factor's rows are stored divided by their diagonal entry: the scale of a row shows only there.
        diagonal.push(scale.map_or(1.0, |s| s[i]) * pivot);
        indptr.push(indices.len() as u32);
    }
    IncompleteCholesky::assemble(Arc::new(LowerPattern { indptr, indices }), scaled, diagonal)
}
