//! Products of rows with matrices.

use super::triangle::upper_row;
use super::vector::{Array, Avx2, LANES, Vector};
use super::{Kernels, add_four_body, axpy_body};
use crate::Real;

kernel! {
    /// `to_i = from_i S` for rows of n numbers and an upper triangle S.
    times_upper, times_upper_body, times_upper_avx2, (n: usize, from: &[T], upper: &[T], to: &mut [T])
}
kernel! {
    /// `to_i = from_i W` for rows of n numbers and a matrix W of n rows and `columns` columns, whose rows are padded to a multiple of eight.
    times_matrix, times_matrix_body, times_matrix_avx2, (n: usize, columns: usize, from: &[T], matrix: &[T], to: &mut [T])
}
kernel! {
    /// `to = Σ value_k S_k` for rows k of an upper triangle S, rising.
    sparse_times_upper, sparse_times_upper_body, sparse_times_upper_avx2, (n: usize, rows: &[usize], values: &[T], upper: &[T], to: &mut [T])
}

/// Rows of the product that are computed together.
const TALL: usize = 4;

#[inline(always)]
pub(super) fn times_upper_body<T: Real, V: Vector<T>>(
    n: usize,
    from: &[T],
    upper: &[T],
    to: &mut [T],
) {
    if n > 0 {
        product_body::<T, V>(n, n, from, upper, true, to);
    }
}

#[inline(always)]
fn times_matrix_body<T: Real, V: Vector<T>>(
    n: usize,
    columns: usize,
    from: &[T],
    matrix: &[T],
    to: &mut [T],
) {
    if n > 0 && columns > 0 {
        product_body::<T, V>(n, columns, from, matrix, false, to);
    }
}

/// Tiles of four rows and eight columns stay in registers while the rows of the matrix go by: those between the first and the last column that one of the four
/// has an entry in, and of an upper triangle those up to the diagonal alone. From the last tile of a row to the first, so that what it writes beyond the end of the
/// row is written over.
#[inline(always)]
fn product_body<T: Real, V: Vector<T>>(
    n: usize,
    columns: usize,
    from: &[T],
    matrix: &[T],
    upper: bool,
    to: &mut [T],
) {
    let wide = columns.next_multiple_of(LANES);
    let (eights, _) = matrix.as_chunks::<LANES>();
    for (group, from) in from.chunks(TALL * n).enumerate() {
        let rows = from.len() / n;
        // Missing rows of the last group are those of its first once more.
        let row = |r: usize| &from[if r < rows { r * n } else { 0 }..][..n];
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        let empty =
            |k: usize| a[k] == T::ZERO && b[k] == T::ZERO && c[k] == T::ZERO && d[k] == T::ZERO;
        let (mut begin, mut end) = (0, n);
        while begin < end && empty(begin) {
            begin += 1;
        }
        while begin < end && empty(end - 1) {
            end -= 1;
        }
        for first in (0..wide).step_by(LANES).rev() {
            let depth = if upper { end.min(first + LANES) } else { end }.max(begin);
            let (a, b) = (&a[begin..depth], &b[begin..depth]);
            let (c, d) = (&c[begin..depth], &d[begin..depth]);
            let mut tile = [V::splat(T::ZERO); TALL];
            let mut at = (begin * wide + first) / LANES;
            for k in 0..depth - begin {
                let s = V::load(&eights[at]);
                at += wide / LANES;
                tile[0] = s.mul_add(V::splat(a[k]), tile[0]);
                tile[1] = s.mul_add(V::splat(b[k]), tile[1]);
                tile[2] = s.mul_add(V::splat(c[k]), tile[2]);
                tile[3] = s.mul_add(V::splat(d[k]), tile[3]);
            }
            for r in 0..TALL {
                if r < rows {
                    let to = &mut to[(group * TALL + r) * columns + first..];
                    if let Some(eight) = to.first_chunk_mut::<LANES>() {
                        tile[r].store(eight);
                    } else {
                        let mut part = [T::ZERO; LANES];
                        tile[r].store(&mut part);
                        to.copy_from_slice(&part[..to.len()]);
                    }
                }
            }
        }
    }
}

/// Four rows at a time: what they have before the last of them begins, then the rest at once.
#[inline(always)]
fn sparse_times_upper_body<T: Real, V: Vector<T>>(
    n: usize,
    rows: &[usize],
    values: &[T],
    upper: &[T],
    to: &mut [T],
) {
    to.fill(T::ZERO);
    let row = |k: usize| &upper[upper_row(n, k)];
    let (groups, rest) = rows.as_chunks::<4>();
    let (factors, factors_rest) = values.as_chunks::<4>();
    for (&[a, b, c, last], f) in groups.iter().zip(factors) {
        let (early, late) = to.split_at_mut(last);
        for (k, &f) in [a, b, c].into_iter().zip(f) {
            axpy_body::<T, V>(f, &row(k)[..last - k], &mut early[k..]);
        }
        let tails = [
            &row(a)[last - a..],
            &row(b)[last - b..],
            &row(c)[last - c..],
            row(last),
        ];
        add_four_body::<T, V>(*f, tails, late);
    }
    for (&k, &f) in rest.iter().zip(factors_rest) {
        axpy_body::<T, V>(f, row(k), &mut to[k..]);
    }
}
