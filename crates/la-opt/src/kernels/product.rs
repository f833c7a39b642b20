//! Products of rows with matrices.

use super::triangle::upper_start;
use super::vector::{Array, Avx2, LANES, Vector};
use super::{Kernels, add_four_body, axpy_body};
use crate::Real;

kernel! {
    /// `to_i = from_i S` for rows of n numbers and a packed upper triangle S, of which `square` takes a copy.
    times_upper, times_upper_body, times_upper_avx2, (n: usize, from: &[T], packed: &[T], square: &mut Vec<T>, to: &mut [T])
}
kernel! {
    /// `to_i = from_i W` for rows of n numbers and a matrix W of n rows and `columns` columns, whose rows are padded to a multiple of eight.
    times_matrix, times_matrix_body, times_matrix_avx2, (n: usize, columns: usize, from: &[T], matrix: &[T], to: &mut [T])
}
kernel! {
    /// `to = Σ value_k S_k` for rows k of a packed upper triangle S, rising.
    sparse_times_upper, sparse_times_upper_body, sparse_times_upper_avx2, (n: usize, rows: &[usize], values: &[T], packed: &[T], to: &mut [T])
}

/// Rows of the product that are computed together.
const TALL: usize = 4;

/// S is written out with zeros, so that no tile has a slanting side.
#[inline(always)]
fn times_upper_body<T: Real, V: Vector<T>>(
    n: usize,
    from: &[T],
    packed: &[T],
    square: &mut Vec<T>,
    to: &mut [T],
) {
    if n == 0 {
        return;
    }
    let wide = n.next_multiple_of(LANES);
    square.clear();
    square.resize(n * wide, T::ZERO);
    for (i, row) in square.chunks_exact_mut(wide).enumerate() {
        row[i..n].copy_from_slice(&packed[upper_start(n, i)..upper_start(n, i + 1)]);
    }
    product_body::<T, V>(n, n, from, square, true, to);
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

/// Tiles of four rows and eight columns stay in registers while the rows of the matrix go by; of an upper triangle those up to the diagonal alone.
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
    for (from, to) in from.chunks(TALL * n).zip(to.chunks_mut(TALL * columns)) {
        let rows = from.len() / n;
        // Missing rows of the last group are those of its first once more.
        let source: [&[T]; TALL] = std::array::from_fn(|r| {
            let r = if r < rows { r } else { 0 };
            &from[r * n..(r + 1) * n]
        });
        for first in (0..columns).step_by(LANES) {
            let depth = if upper { n.min(first + LANES) } else { n };
            let mut tile = [V::splat(T::ZERO); TALL];
            let (a, b) = (&source[0][..depth], &source[1][..depth]);
            let (c, d) = (&source[2][..depth], &source[3][..depth]);
            let strip = matrix.chunks_exact(wide).map(|row| &row[first..]);
            for ((((s, &a), &b), &c), &d) in strip.zip(a).zip(b).zip(c).zip(d) {
                let Some(s) = s.first_chunk::<LANES>() else {
                    break;
                };
                let s = V::load(s);
                tile[0] = s.mul_add(V::splat(a), tile[0]);
                tile[1] = s.mul_add(V::splat(b), tile[1]);
                tile[2] = s.mul_add(V::splat(c), tile[2]);
                tile[3] = s.mul_add(V::splat(d), tile[3]);
            }
            let count = LANES.min(columns - first);
            for (row, tile) in to.chunks_exact_mut(columns).zip(tile) {
                let row = &mut row[first..first + count];
                if let Some(whole) = row.first_chunk_mut::<LANES>() {
                    tile.store(whole);
                } else {
                    let mut part = [T::ZERO; LANES];
                    tile.store(&mut part);
                    row.copy_from_slice(&part[..count]);
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
    packed: &[T],
    to: &mut [T],
) {
    to.fill(T::ZERO);
    let row = |k: usize| &packed[upper_start(n, k)..upper_start(n, k + 1)];
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
