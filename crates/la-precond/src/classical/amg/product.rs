//! Products of sparse matrices, row by row (Gustavson).

use la_krylov::Real;

use super::block::BlockCsr;
use super::width::{Any, Fixed, Width};

/// Whether the rows of a product come out with increasing columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// Increasing columns.
    Sorted,
    /// In the order in which they were met.
    AsMet,
}

/// `A B`, in one pass. O(products of blocks) time; the result grows as it is found.
pub(crate) fn multiply<T: Real>(a: &BlockCsr<T>, b: &BlockCsr<T>, order: RowOrder) -> BlockCsr<T> {
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

fn scalar<T: Real>(a: &BlockCsr<T>, b: &BlockCsr<T>, order: RowOrder) -> BlockCsr<T> {
    // Where a column stands in the current row; older rows are told by their position.
    let mut place = vec![u32::MAX; b.cols];
    let mut starts = Vec::with_capacity(a.rows() + 1);
    let guess = a.nnz() + a.nnz() / 4;
    let (mut indices, mut values): (Vec<u32>, Vec<T>) =
        (Vec::with_capacity(guess), Vec::with_capacity(guess));
    starts.push(0);
    for i in 0..a.rows() {
        let start = indices.len();
        for k in a.range(i) {
            let factor = a.values[k];
            let range = b.range(a.indices[k] as usize);
            for (&j, &v) in b.indices[range.clone()].iter().zip(&b.values[range]) {
                let at = place[j as usize] as usize;
                // Columns of this row were given a position from `start` on, and hold `j` there.
                if at >= start && at < indices.len() {
                    values[at] += factor * v;
                } else {
                    place[j as usize] = indices.len() as u32;
                    indices.push(j);
                    values.push(factor * v);
                }
            }
        }
        if order == RowOrder::Sorted {
            sort_pairs(&mut indices[start..], &mut values[start..]);
        }
        starts.push(indices.len() as u32);
    }
    BlockCsr {
        cols: b.cols,
        height: 1,
        width: 1,
        starts,
        indices,
        values,
    }
}

fn blocks<T: Real>(
    a: &BlockCsr<T>,
    b: &BlockCsr<T>,
    order: RowOrder,
    (h, k, w): (impl Width, impl Width, impl Width),
) -> BlockCsr<T> {
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
        starts.push(indices.len() as u32);
    }
    BlockCsr {
        cols: b.cols,
        height: h,
        width: w,
        starts,
        indices,
        values,
    }
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

/// Sorts distinct indices together with their values.
pub(crate) fn sort_pairs<T: Copy>(indices: &mut [u32], values: &mut [T]) {
    if indices.len() > SHORT {
        let mut pairs: Vec<(u32, T)> = indices
            .iter()
            .copied()
            .zip(values.iter().copied())
            .collect();
        pairs.sort_unstable_by_key(|p| p.0);
        for (k, (index, value)) in pairs.into_iter().enumerate() {
            indices[k] = index;
            values[k] = value;
        }
        return;
    }
    for i in 1..indices.len() {
        let (key, value) = (indices[i], values[i]);
        let mut k = i;
        while k > 0 && indices[k - 1] > key {
            indices[k] = indices[k - 1];
            values[k] = values[k - 1];
            k -= 1;
        }
        indices[k] = key;
        values[k] = value;
    }
}
