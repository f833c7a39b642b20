//! Matrices of few columns, by columns, each padded with zeros to a multiple of eight.

use super::Kernels;
use super::vector::{Array, Avx2, LANES, Vector};
use crate::Real;

kernel! {
    /// `out = Σ_j x_j column_j` for columns of `out.len()` numbers, each padded to a multiple of eight.
    columns_times, columns_times_body, columns_times_avx2, (columns: &[T], x: &[T], out: &mut [T])
}
kernel! {
    /// Rows of n numbers by columns, each padded with zeros to a multiple of eight.
    transpose, transpose_body, transpose_avx2, (n: usize, rows: &[T], columns: &mut [T])
}
kernel! {
    /// Scales each row of n numbers to length one, in rows and columns, and says by what; rows whose square is at most `tiny` stay, with scale 0.
    normalise_both, normalise_both_body, normalise_both_avx2, (n: usize, rows: &mut [T], columns: &mut [T], scales: &mut [T], tiny: T)
}

/// Up to 48 results stay in registers while the columns go by: for few columns there is no sum across lanes to pay for.
#[inline(always)]
fn columns_times_body<T: Real, V: Vector<T>>(columns: &[T], x: &[T], out: &mut [T]) {
    let blocks = out.len().div_ceil(LANES);
    let strips = blocks.div_ceil(6);
    for k in 0..strips {
        let (from, to) = (k * blocks / strips, (k + 1) * blocks / strips);
        match to - from {
            1 => strip_times::<T, V, 1>(columns, from, x, out),
            2 => strip_times::<T, V, 2>(columns, from, x, out),
            3 => strip_times::<T, V, 3>(columns, from, x, out),
            4 => strip_times::<T, V, 4>(columns, from, x, out),
            5 => strip_times::<T, V, 5>(columns, from, x, out),
            _ => strip_times::<T, V, 6>(columns, from, x, out),
        }
    }
}

#[inline(always)]
fn strip_times<T: Real, V: Vector<T>, const C: usize>(
    columns: &[T],
    first: usize,
    x: &[T],
    out: &mut [T],
) {
    let stride = out.len().div_ceil(LANES);
    let (eights, _) = columns.as_chunks::<LANES>();
    let mut totals = [V::splat(T::ZERO); C];
    let mut at = first;
    for k in 0..x.len() {
        let (x, column) = (V::splat(x[k]), &eights[at..at + C]);
        for c in 0..C {
            totals[c] = x.mul_add(V::load(&column[c]), totals[c]);
        }
        at += stride;
    }
    for c in 0..C {
        let out = &mut out[(first + c) * LANES..];
        if let Some(whole) = out.first_chunk_mut::<LANES>() {
            totals[c].store(whole);
        } else {
            let mut part = [T::ZERO; LANES];
            totals[c].store(&mut part);
            out.copy_from_slice(&part[..out.len()]);
        }
    }
}

/// Eight rows at a time.
#[inline(always)]
fn transpose_body<T: Real, V: Vector<T>>(n: usize, rows: &[T], columns: &mut [T]) {
    let stride = (rows.len() / n.max(1)).next_multiple_of(LANES);
    let mut first = 0;
    let (groups, rest) = rows.split_at(rows.len() - rows.len() % (LANES * n.max(1)));
    for group in groups.chunks_exact(LANES * n.max(1)) {
        for j in 0..n {
            let Some(to) = columns[j * stride + first..].first_chunk_mut::<LANES>() else {
                return;
            };
            let from = &group[j..][..(LANES - 1) * n + 1];
            for l in 0..LANES {
                to[l] = from[l * n];
            }
        }
        first += LANES;
    }
    if first < stride {
        for j in 0..n {
            let to = &mut columns[j * stride + first..][..LANES];
            to.fill(T::ZERO);
            for (to, row) in to.iter_mut().zip(rest.chunks_exact(n)) {
                *to = row[j];
            }
        }
    }
}

/// Eight rows at a time: sums, roots and divisions across them.
#[inline(always)]
fn normalise_both_body<T: Real, V: Vector<T>>(
    n: usize,
    rows: &mut [T],
    columns: &mut [T],
    scales: &mut [T],
    tiny: T,
) {
    let stride = scales.len().div_ceil(LANES);
    let (eights, _) = columns.as_chunks_mut::<LANES>();
    for (block, scales) in scales.chunks_mut(LANES).enumerate() {
        let mut total = V::splat(T::ZERO);
        for k in 0..n {
            let x = V::load(&eights[k * stride + block]);
            total = x.mul_add(x, total);
        }
        let mut factors = [T::ZERO; LANES];
        total.store(&mut factors);
        for factor in &mut factors {
            let inverse = T::ONE / factor.sqrt();
            *factor = if *factor > tiny { inverse } else { T::ZERO };
        }
        scales.copy_from_slice(&factors[..scales.len()]);
        // What stays is multiplied by one.
        for factor in &mut factors {
            if *factor == T::ZERO {
                *factor = T::ONE;
            }
        }
        let scale = V::load(&factors);
        for k in 0..n {
            let x = &mut eights[k * stride + block];
            scale.mul_add(V::load(x), V::splat(T::ZERO)).store(x);
        }
        for l in 0..scales.len() {
            let factor = factors[l];
            for x in &mut rows[(block * LANES + l) * n..][..n] {
                *x *= factor;
            }
        }
    }
}
