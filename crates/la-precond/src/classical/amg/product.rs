//! Products of sparse matrices, row by row (Gustavson).

use la_krylov::Real;

use super::block::BlockCsr;
use super::width::{Any, Fixed, Width};
use crate::PrecondError;

/// Whether the rows of a product come out with increasing columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// Increasing columns.
    Sorted,
    /// In the order in which they were met.
    AsMet,
}

/// `A B`, in one pass. O(products of blocks) time; the result grows as it is found.
///
/// # Errors
/// [`PrecondError::TooLarge`] if the result outgrows 32-bit indices.
pub(crate) fn multiply<T: Real>(
    a: &BlockCsr<T>,
    b: &BlockCsr<T>,
    order: RowOrder,
) -> Result<BlockCsr<T>, PrecondError> {
    match (a.height, a.width, b.width) {
        (1, 1, 1) => scalar(a, b, order),
        (2, 2, 3) => blocks(a, b, order, (Fixed::<2>, Fixed::<2>, Fixed::<3>)),
        (3, 2, 3) => blocks(a, b, order, (Fixed::<3>, Fixed::<2>, Fixed::<3>)),
        (3, 3, 3) => blocks(a, b, order, (Fixed::<3>, Fixed::<3>, Fixed::<3>)),
        (3, 3, 6) => blocks(a, b, order, (Fixed::<3>, Fixed::<3>, Fixed::<6>)),
        (6, 3, 6) => blocks(a, b, order, (Fixed::<6>, Fixed::<3>, Fixed::<6>)),
        (6, 6, 6) => blocks(a, b, order, (Fixed::<6>, Fixed::<6>, Fixed::<6>)),
        (h, k, w) => blocks(a, b, order, (Any(h), Any(k), Any(w))),
    }
}

/// Position after the last entry, if 32 bits hold it and one more row of `cols` entries.
fn position(len: usize, rows: usize, cols: usize) -> Result<u32, PrecondError> {
    match u32::try_from(len + cols) {
        Ok(_) => Ok(len as u32),
        Err(_) => Err(PrecondError::TooLarge { rows, nnz: len }),
    }
}

fn scalar<T: Real>(
    a: &BlockCsr<T>,
    b: &BlockCsr<T>,
    order: RowOrder,
) -> Result<BlockCsr<T>, PrecondError> {
    // One more than where a column stands in the result: above `start` if in the current row.
    let mut place = vec![0_u32; b.cols];
    let mut starts = Vec::with_capacity(a.rows() + 1);
    let guess = a.nnz() + a.nnz() / 4;
    let (mut indices, mut values): (Vec<u32>, Vec<T>) =
        (Vec::with_capacity(guess), Vec::with_capacity(guess));
    let mut scratch: Vec<T> = Vec::new();
    starts.push(0);
    for i in 0..a.rows() {
        let start = indices.len();
        let row = a.range(i);
        for (&k, &factor) in a.indices[row.clone()].iter().zip(&a.values[row]) {
            let range = b.range(k as usize);
            for (&j, &v) in b.indices[range.clone()].iter().zip(&b.values[range]) {
                let at = &mut place[j as usize];
                if *at as usize > start {
                    values[*at as usize - 1] += factor * v;
                } else {
                    indices.push(j);
                    values.push(factor * v);
                    *at = indices.len() as u32;
                }
            }
        }
        if order == RowOrder::Sorted {
            scratch.clear();
            scratch.extend_from_slice(&values[start..]);
            sort_indices(&mut indices[start..]);
            for (j, value) in indices[start..].iter().zip(&mut values[start..]) {
                *value = scratch[place[*j as usize] as usize - 1 - start];
            }
        }
        starts.push(position(indices.len(), a.rows(), b.cols)?);
    }
    Ok(BlockCsr {
        cols: b.cols,
        height: 1,
        width: 1,
        starts,
        indices,
        values,
    })
}

fn blocks<T: Real>(
    a: &BlockCsr<T>,
    b: &BlockCsr<T>,
    order: RowOrder,
    (h, k, w): (impl Width, impl Width, impl Width),
) -> Result<BlockCsr<T>, PrecondError> {
    let (h, inner, w) = (h.get(), k.get(), w.get());
    let size = h * w;
    let mut place = vec![u32::MAX; b.cols];
    let mut starts = Vec::with_capacity(a.rows() + 1);
    let (mut indices, mut values): (Vec<u32>, Vec<T>) = (Vec::new(), Vec::new());
    starts.push(0);
    for i in 0..a.rows() {
        let start = indices.len();
        for k in a.range(i) {
            for &j in b.columns(a.indices[k] as usize) {
                let at = place[j as usize] as usize;
                if at < start || at >= indices.len() {
                    place[j as usize] = indices.len() as u32;
                    indices.push(j);
                }
            }
        }
        if order == RowOrder::Sorted {
            sort_indices(&mut indices[start..]);
            for (at, &j) in indices.iter().enumerate().skip(start) {
                place[j as usize] = at as u32;
            }
        }
        values.resize(indices.len() * size, T::ZERO);
        for k in a.range(i) {
            let left = &a.values[k * h * inner..][..h * inner];
            for l in b.range(a.indices[k] as usize) {
                let right = &b.values[l * inner * w..][..inner * w];
                let at = place[b.indices[l] as usize] as usize;
                let target = &mut values[at * size..][..size];
                for r in 0..h {
                    for (p, row) in right.chunks_exact(w).enumerate() {
                        let factor = left[r * inner + p];
                        for (t, v) in target[r * w..][..w].iter_mut().zip(row) {
                            *t += factor * *v;
                        }
                    }
                }
            }
        }
        starts.push(position(indices.len(), a.rows(), b.cols)?);
    }
    Ok(BlockCsr {
        cols: b.cols,
        height: h,
        width: w,
        starts,
        indices,
        values,
    })
}

/// Rows up to this length are sorted by insertion.
const SHORT: usize = 24;

/// Sorts distinct indices.
pub(crate) fn sort_indices(indices: &mut [u32]) {
    if indices.len() > SHORT {
        return indices.sort_unstable();
    }
    for i in 1..indices.len() {
        let key = indices[i];
        let mut k = i;
        while k > 0 && indices[k - 1] > key {
            indices[k] = indices[k - 1];
            k -= 1;
        }
        indices[k] = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of (column, value), as 1 × 1 blocks.
    fn matrix(cols: usize, rows: &[&[(u32, f64)]]) -> BlockCsr<f64> {
        let mut m = BlockCsr {
            cols,
            height: 1,
            width: 1,
            starts: vec![0],
            indices: vec![],
            values: vec![],
        };
        for row in rows {
            m.indices.extend(row.iter().map(|e| e.0));
            m.values.extend(row.iter().map(|e| e.1));
            m.starts.push(m.indices.len() as u32);
        }
        m
    }

    #[test]
    fn product_by_hand() {
        // [1 2; 0 0; 0 3] [0 0 4; 5 6 0] = [10 12 4; 0 0 0; 15 18 0]
        let a = matrix(2, &[&[(0, 1.0), (1, 2.0)], &[], &[(1, 3.0)]]);
        let b = matrix(3, &[&[(2, 4.0)], &[(0, 5.0), (1, 6.0)]]);
        let c = multiply(&a, &b, RowOrder::Sorted).unwrap();
        assert_eq!(c.starts, [0, 3, 3, 5]);
        assert_eq!(c.indices, [0, 1, 2, 0, 1]);
        assert_eq!(c.values, [10.0, 12.0, 4.0, 15.0, 18.0]);
        let c = multiply(&a, &b, RowOrder::AsMet).unwrap();
        assert_eq!(c.indices, [2, 0, 1, 0, 1]);
        assert_eq!(c.transpose().transpose().indices, [0, 1, 2, 0, 1]);
    }

    #[test]
    fn long_rows_come_out_sorted() {
        // One row that meets 100 columns backwards, half of them twice.
        let backwards: Vec<(u32, f64)> = (0..100).rev().map(|j| (j, f64::from(j))).collect();
        let half: Vec<(u32, f64)> = (0..50).map(|j| (2 * j, 1000.0)).collect();
        let a = matrix(2, &[&[(0, 1.0), (1, 1.0)], &[(1, 2.0)]]);
        let c = multiply(&a, &matrix(100, &[&backwards, &half]), RowOrder::Sorted).unwrap();
        assert_eq!(c.starts, [0, 100, 150]);
        for j in 0..100 {
            let expected = j as f64 + if j % 2 == 0 { 1000.0 } else { 0.0 };
            assert_eq!((c.indices[j], c.values[j]), (j as u32, expected));
        }
        assert!(c.values[100..].iter().all(|v| *v == 2000.0));
    }

    #[test]
    fn results_that_are_too_large_are_refused() {
        assert_eq!(position(5, 1, 1), Ok(5));
        let len = u32::MAX as usize;
        assert!(matches!(
            position(len, 1, 1),
            Err(PrecondError::TooLarge { .. })
        ));
    }
}
