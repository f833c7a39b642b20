//! The eight structural node features of neural incomplete factorization.

use sprs::{CsMatViewI, SpIndex};

use crate::error::{GraphError, id, same, square};
use crate::pattern::Pattern;
use crate::scalar::Real;

/// Features per node.
pub const STRUCTURAL_FEATURES: usize = 8;

/// Rows handled as one piece; fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 512;

/// Below this number of entries one core is faster than waking the others.
#[cfg(feature = "rayon")]
const PARALLEL_FROM: usize = 1 << 16;

/// The eight structural features of every node of the Coates digraph of `a`, row-major `n × 8`.
///
/// Let deg(i) be the number of stored entries of row i (the diagonal counts) and j run over those entries:
///
/// | column | feature | value |
/// | --- | --- | --- |
/// | 0 | position | i |
/// | 1 | degree | deg(i) |
/// | 2, 3, 4 | neighbour degrees | min, max, mean of deg(j) |
/// | 5 | spread of neighbour degrees | population standard deviation of deg(j); 0 when the variance is at most 1e-5 |
/// | 6 | diagonal dominance | q/(q+1), q = abs(a_ii) / Σ_{j≠i} abs(a_ij) |
/// | 7 | diagonal decay | q/(q+1), q = abs(a_ii) / max_{j≠i} abs(a_ij) |
///
/// Columns 6 and 7 lie in \[0, 1\]. A diagonal entry that is not stored counts as 0, so that both are 0; where the
/// quotient q is infinite or 0/0 (no off-diagonal weight in the row) both are 1. A row without entries has
/// columns 1 to 5 equal to 0.
///
/// The degrees come from the row pointers, and one pass over indices and values does the rest: time O(n + nnz),
/// 4 bytes of scratch per row. A CSC matrix is transposed first. With feature `rayon`, large matrices are split
/// by rows over the current pool; the result is bit-identical. Sums are accumulated in `f64` whatever the types.
///
/// # Shapes
/// - `a`: n × n; result: length 8 n, row `i` in `8 * i..8 * i + 8`.
///
/// # Errors
/// [`GraphError::NotSquare`]; [`GraphError::NotFinite`] for a NaN or infinite entry; [`GraphError::IndexOverflow`] if a
/// size does not fit 32 bits.
///
/// # Examples
/// ```
/// use la_graph::structural_features;
/// use sprs::CsMat;
///
/// // [ 2 -1  0 ]
/// // [-1  2 -1 ]
/// // [ 0 -1  2 ]
/// let a = CsMat::new(
///     (3, 3),
///     vec![0, 2, 5, 7],
///     vec![0, 1, 0, 1, 2, 1, 2],
///     vec![2.0, -1.0, -1.0, 2.0, -1.0, -1.0, 2.0],
/// );
/// let x: Vec<f64> = structural_features(a.view())?;
/// let middle = &x[8..16];
/// assert_eq!(middle[..4], [1.0, 3.0, 2.0, 3.0]); // position, degree, smallest and largest neighbour degree
/// assert_eq!(middle[6], 0.5); // q = 2 / (1 + 1)
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// P. Häusner, O. Öktem, J. Sjölund, *Neural incomplete factorization: learning preconditioners for the conjugate
/// gradient method*, TMLR 2024 (arXiv 2305.16368). The spread is the standard deviation, as in the authors' code (their text
/// names the variance). Columns 1 to 5 are the local degree profile (C. Cai, Y. Wang, 2019), columns 6 and 7 go back to
/// Z. Tang, H. Zhang, J. Chen, *Graph neural networks for selection of preconditioners and Krylov solvers*, 2022.
pub fn structural_features<T: Real, O: Real, I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, T, I, P>,
) -> Result<Vec<O>, GraphError> {
    let mut out = vec![O::ZERO; a.rows() * STRUCTURAL_FEATURES];
    structural_features_into(a, &mut out)?;
    Ok(out)
}

/// [`structural_features`] into a buffer of the caller.
///
/// # Errors
/// As [`structural_features`]; [`GraphError::DimensionMismatch`] if `out` does not have length 8 n. The contents of `out`
/// are unspecified after an error.
///
/// # Examples
/// ```
/// use la_graph::structural_features_into;
/// use sprs::CsMatI;
///
/// let a = CsMatI::<f32, u32>::eye(2);
/// let mut x = [0.0f32; 16];
/// structural_features_into(a.view(), &mut x)?;
/// assert_eq!(x[8..], [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
pub fn structural_features_into<T: Real, O: Real, I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, T, I, P>,
    out: &mut [O],
) -> Result<(), GraphError> {
    square("the list of structural features", a.rows(), a.cols())?;
    if a.is_csr() {
        rows_to_features(a.indptr().raw_storage(), a.indices(), a.data(), out)
    } else {
        let columns = Pattern::from_sprs(a.transpose_view())?;
        let (rows, positions) = columns.transpose_with_positions();
        let values: Vec<T> = positions.iter().map(|&p| a.data()[p as usize]).collect();
        rows_to_features(rows.indptr(), rows.indices(), &values, out)
    }
}

/// [`structural_features`] of a matrix given as bare compressed rows with `u32` indices.
///
/// The columns of a row may be in any order but must not repeat.
///
/// # Shapes
/// - `indptr`: n + 1, starts at 0; `indices`, `values`: nnz; `out`: 8 n, row-major.
///
/// # Errors
/// As [`structural_features`], and [`GraphError::InvalidStructure`], [`GraphError::OutOfRange`] or
/// [`GraphError::DimensionMismatch`] if the arrays do not form a square matrix. The contents of `out` are unspecified after an
/// error.
///
/// # Examples
/// ```
/// use la_graph::structural_features_csr;
///
/// let mut x = [0.0f32; 16];
/// structural_features_csr(&[0, 1, 3], &[0, 0, 1], &[2.0f64, 1.0, 3.0], &mut x)?;
/// assert_eq!(x[8..12], [1.0, 2.0, 1.0, 2.0]);
/// assert_eq!(x[14], 0.75); // q = 3, q / (q + 1)
/// # Ok::<(), la_graph::GraphError>(())
/// ```
pub fn structural_features_csr<T: Real, O: Real>(
    indptr: &[u32],
    indices: &[u32],
    values: &[T],
    out: &mut [O],
) -> Result<(), GraphError> {
    rows_to_features(indptr, indices, values, out)
}

/// Checks the arrays and walks over the rows in blocks.
fn rows_to_features<T: Real, O: Real, I: SpIndex, P: SpIndex>(
    indptr: &[P],
    indices: &[I],
    values: &[T],
    out: &mut [O],
) -> Result<(), GraphError> {
    let n = indptr.len().saturating_sub(1);
    id("the number of rows", n)?;
    id("the number of entries", indices.len())?;
    same(
        "the length of the features",
        n * STRUCTURAL_FEATURES,
        out.len(),
    )?;
    same("the number of values", indices.len(), values.len())?;
    let base = indptr.first().map_or(0, |p| p.index());
    let mut degrees = Vec::with_capacity(n);
    for (row, range) in indptr.windows(2).enumerate() {
        let (start, end) = (range[0].index(), range[1].index());
        if start < base || start > end || end - base > indices.len() {
            return Err(GraphError::InvalidStructure {
                row,
                reason: "the pointer decreases or runs past the end",
            });
        }
        degrees.push((end - start) as u32);
    }
    let rows = Rows {
        base,
        indptr,
        indices,
        values,
        degrees: &degrees,
    };
    #[cfg(feature = "rayon")]
    if indices.len() >= PARALLEL_FROM {
        use rayon::prelude::*;
        return out
            .par_chunks_mut(BLOCK * STRUCTURAL_FEATURES)
            .enumerate()
            .try_for_each(|(block, out)| rows.features(block * BLOCK, out));
    }
    out.chunks_mut(BLOCK * STRUCTURAL_FEATURES)
        .enumerate()
        .try_for_each(|(block, out)| rows.features(block * BLOCK, out))
}

/// Compressed rows with their degrees.
struct Rows<'a, T, I, P> {
    base: usize,
    indptr: &'a [P],
    indices: &'a [I],
    values: &'a [T],
    degrees: &'a [u32],
}

impl<T: Real, I: SpIndex, P: SpIndex> Rows<'_, T, I, P> {
    /// Features of the rows from `first` on, as many as fit into `out`.
    fn features<O: Real>(&self, first: usize, out: &mut [O]) -> Result<(), GraphError> {
        for (i, x) in (first..).zip(out.chunks_exact_mut(STRUCTURAL_FEATURES)) {
            let range = self.indptr[i].index() - self.base..self.indptr[i + 1].index() - self.base;
            let (columns, weights) = (&self.indices[range.clone()], &self.values[range]);
            let neighbours = Neighbours::of(i, columns, self.degrees)?;

            // Σ_{j≠i} |a_ij| and max_{j≠i} |a_ij|: the two stretches on either side of the diagonal.
            let (left, right) = match neighbours.diagonal {
                Some(k) => (&weights[..k], &weights[k + 1..]),
                None => (weights, &weights[..0]),
            };
            let (left, right) = (abs_sum_max(left), abs_sum_max(right));
            let sum = left.0 + right.0;
            let largest = left.1.max(right.1);
            let diagonal = neighbours
                .diagonal
                .map_or(0.0, |k| weights[k].to_f64().abs());
            // A NaN does not show in `largest`, but every bad value shows in the sum.
            if !(sum.is_finite() && diagonal.is_finite()) {
                refuse_bad_values(i, columns, weights)?;
            }

            x[0] = O::from_f64(i as f64);
            x[1] = O::from_f64(columns.len() as f64);
            x[2] = O::from_f64(f64::from(neighbours.min));
            x[3] = O::from_f64(f64::from(neighbours.max));
            x[4] = O::from_f64(neighbours.mean);
            x[5] = O::from_f64(neighbours.spread);
            x[6] = O::from_f64(squash(diagonal, sum));
            x[7] = O::from_f64(squash(diagonal, largest));
        }
        Ok(())
    }
}

/// Statistics of the degrees of the neighbours of one row, and where its diagonal entry is.
struct Neighbours {
    min: u32,
    max: u32,
    mean: f64,
    spread: f64,
    diagonal: Option<usize>,
}

impl Neighbours {
    #[inline]
    fn of<I: SpIndex>(i: usize, columns: &[I], degrees: &[u32]) -> Result<Self, GraphError> {
        let (mut min, mut max, mut sum) = (u32::MAX, 0u32, 0u64);
        // Σ d² may wrap for degrees above 65 535; the exact path below does not use it then.
        let mut squares = 0u64;
        let mut diagonal = usize::MAX;
        for (k, j) in columns.iter().enumerate() {
            let j = j.index_unchecked();
            let Some(&degree) = degrees.get(j) else {
                return Err(GraphError::OutOfRange {
                    what: "column",
                    index: j,
                    len: degrees.len(),
                });
            };
            min = min.min(degree);
            max = max.max(degree);
            sum += u64::from(degree);
            squares = squares.wrapping_add(u64::from(degree) * u64::from(degree));
            if j == i {
                diagonal = k;
            }
        }
        if columns.is_empty() {
            min = 0;
        }
        let count = columns.len() as f64;
        let mean = if columns.is_empty() {
            0.0
        } else {
            sum as f64 / count
        };
        let spread = if min == max {
            0.0
        } else {
            // k² var = k Σ d² - (Σ d)², exact in integers, so nothing cancels.
            let k = columns.len() as u64;
            let scaled = if k * u64::from(max) < 1 << 32 {
                (k * squares - sum * sum) as f64
            } else {
                let squares: u128 = columns
                    .iter()
                    .map(|j| u128::from(degrees[j.index_unchecked()]).pow(2))
                    .sum();
                (u128::from(k) * squares - u128::from(sum).pow(2)) as f64
            };
            let variance = scaled / (count * count);
            if variance <= 1e-5 {
                0.0
            } else {
                variance.sqrt()
            }
        };
        Ok(Self {
            min,
            max,
            mean,
            spread,
            diagonal: (diagonal != usize::MAX).then_some(diagonal),
        })
    }
}

/// Σ |v| and max |v|, in four lanes so that additions do not wait for each other.
#[inline]
fn abs_sum_max<T: Real>(values: &[T]) -> (f64, f64) {
    let mut sums = [0.0f64; 4];
    let mut largest = [0.0f64; 4];
    let (chunks, rest) = values.as_chunks::<4>();
    for chunk in chunks {
        for lane in 0..4 {
            let v = chunk[lane].to_f64().abs();
            sums[lane] += v;
            largest[lane] = if v > largest[lane] { v } else { largest[lane] };
        }
    }
    for (lane, v) in rest.iter().enumerate() {
        let v = v.to_f64().abs();
        sums[lane] += v;
        largest[lane] = if v > largest[lane] { v } else { largest[lane] };
    }
    (
        (sums[0] + sums[1]) + (sums[2] + sums[3]),
        largest[0].max(largest[1]).max(largest[2].max(largest[3])),
    )
}

/// q/(q+1) for q = a/b; 1 where q is infinite or 0/0.
#[inline]
fn squash(a: f64, b: f64) -> f64 {
    let q = a / b;
    if q.is_finite() { q / (q + 1.0) } else { 1.0 }
}

#[cold]
fn refuse_bad_values<T: Real, I: SpIndex>(
    row: usize,
    columns: &[I],
    weights: &[T],
) -> Result<(), GraphError> {
    match weights.iter().position(|v| !v.is_finite()) {
        Some(k) => Err(GraphError::NotFinite {
            row,
            col: columns[k].index(),
            value: weights[k].to_f64(),
        }),
        None => Ok(()), // finite entries whose sum overflows: q is 0, as it should be
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use sprs::{CsMat, CsMatI};

    #[test]
    fn a_row_worked_by_hand() {
        // Rows of 3, 2, 1 and 2 entries; row 1 = [-2 0 3 0] has no diagonal.
        let a = CsMat::new(
            (4, 4),
            vec![0, 3, 5, 6, 8],
            vec![0, 1, 3, 0, 2, 2, 0, 3],
            vec![4.0, 1.0, -2.0, -2.0, 3.0, 5.0, -2.0, 6.0],
        );
        let x: Vec<f64> = structural_features(a.view()).unwrap();
        // Row 0: neighbours 0, 1, 3 of degrees 3, 2, 2.
        assert_eq!(x[..4], [0.0, 3.0, 2.0, 3.0]);
        assert_relative_eq!(x[4], 7.0 / 3.0, max_relative = 1e-15);
        assert_relative_eq!(x[5], (2.0f64 / 9.0).sqrt(), max_relative = 1e-15);
        assert_relative_eq!(x[6], 4.0 / 7.0, max_relative = 1e-15);
        assert_relative_eq!(x[7], 2.0 / 3.0, max_relative = 1e-15);
        // Row 1: neighbours 0 and 2 of degrees 3 and 1, no diagonal.
        assert_eq!(x[8..16], [1.0, 2.0, 1.0, 3.0, 2.0, 1.0, 0.0, 0.0]);
        // Row 2: only the diagonal.
        assert_eq!(x[16..24], [2.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn empty_rows_and_empty_matrices_are_defined() {
        let empty: Vec<f64> = structural_features(CsMat::<f64>::zero((0, 0)).view()).unwrap();
        assert!(empty.is_empty());
        let x: Vec<f32> = structural_features(CsMat::<f64>::zero((1, 1)).view()).unwrap();
        assert_eq!(x, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn storage_order_and_index_type_do_not_matter() {
        let a = CsMat::new(
            (3, 3),
            vec![0, 3, 4, 6],
            vec![0, 1, 2, 0, 0, 2],
            vec![4.0, 1.0, -2.0, -2.0, 3.0, 5.0],
        );
        let expected: Vec<f64> = structural_features(a.view()).unwrap();
        let csc: Vec<f64> = structural_features(a.to_csc().view()).unwrap();
        assert_eq!(csc, expected);
        let narrow: CsMatI<f64, u32> = a.to_other_types();
        let narrow: Vec<f64> = structural_features(narrow.view()).unwrap();
        assert_eq!(narrow, expected);
    }

    #[test]
    fn very_large_entries_do_not_overflow() {
        let big = f64::MAX / 1.5;
        let a = CsMat::new((3, 3), vec![0, 3, 3, 3], vec![0, 1, 2], vec![big; 3]);
        let x: Vec<f64> = structural_features(a.view()).unwrap();
        assert_eq!(x[6], 0.0);
        assert_eq!(x[7], 0.5);
    }

    #[test]
    fn bad_input_is_named() {
        let a = CsMat::new((2, 2), vec![0, 1, 2], vec![0, 0], vec![1.0, f64::NAN]);
        let error = structural_features::<_, f64, _, _>(a.view()).unwrap_err();
        assert!(matches!(
            error,
            GraphError::NotFinite { row: 1, col: 0, .. }
        ));
        let wide = CsMat::<f64>::zero((2, 3));
        assert!(matches!(
            structural_features::<_, f64, _, _>(wide.view()),
            Err(GraphError::NotSquare {
                rows: 2,
                cols: 3,
                ..
            })
        ));
        let mut x = [0.0; 8];
        assert!(matches!(
            structural_features_csr(&[0, 1], &[4], &[1.0], &mut x),
            Err(GraphError::OutOfRange {
                index: 4,
                len: 1,
                ..
            })
        ));
        assert!(matches!(
            structural_features_csr(&[0, 2], &[0], &[1.0], &mut x),
            Err(GraphError::InvalidStructure { row: 0, .. })
        ));
        assert!(matches!(
            structural_features_csr(&[0, 1], &[0], &[1.0], &mut x[..7]),
            Err(GraphError::DimensionMismatch { found: 7, .. })
        ));
    }
}
