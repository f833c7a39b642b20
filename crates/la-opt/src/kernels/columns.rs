//! Matrices of few columns, by columns, each padded with zeros to a multiple of eight.

use super::Kernels;
use super::product::times_upper_body;
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
    /// `rows_i = from_i S` for rows of n numbers, up to eight where it is to be fast, and an upper triangle S, scaled to length one as by `normalise_both`.
    few_times_upper, few_times_upper_body, few_times_upper_avx2, (n: usize, from: &[T], upper: &[T], to: UnitRows<'_, T>, tiny: T)
}
kernel! {
    /// Scales each row of n numbers to length one, in rows and columns, and says by what; rows whose square is at most `tiny` stay, with scale 0.
    normalise_both, normalise_both_body, normalise_both_avx2, (n: usize, to: UnitRows<'_, T>, tiny: T)
}

/// Rows of length one, by rows and by columns, and what they were multiplied by.
#[derive(Debug)]
pub(crate) struct UnitRows<'a, T> {
    pub(crate) rows: &'a mut [T],
    /// Padded as `transpose` leaves them.
    pub(crate) columns: &'a mut [T],
    pub(crate) scales: &'a mut [T],
}

/// Up to so many variables products with all rows go by columns.
pub(crate) const FEW_COLUMNS: usize = 24;

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

#[inline(always)]
fn few_times_upper_body<T: Real, V: Vector<T>>(
    n: usize,
    from: &[T],
    upper: &[T],
    to: UnitRows<'_, T>,
    tiny: T,
) {
    match n {
        1 => strips_times_upper::<T, V, 1>(from, upper, to, tiny),
        2 => strips_times_upper::<T, V, 2>(from, upper, to, tiny),
        3 => strips_times_upper::<T, V, 3>(from, upper, to, tiny),
        4 => strips_times_upper::<T, V, 4>(from, upper, to, tiny),
        5 => strips_times_upper::<T, V, 5>(from, upper, to, tiny),
        6 => strips_times_upper::<T, V, 6>(from, upper, to, tiny),
        7 => strips_times_upper::<T, V, 7>(from, upper, to, tiny),
        8 => strips_times_upper::<T, V, 8>(from, upper, to, tiny),
        _ => {
            times_upper_body::<T, V>(n, from, upper, to.rows);
            transpose_body::<T, V>(n, to.rows, to.columns);
            normalise_both_body::<T, V>(n, to, tiny);
        }
    }
}

/// Eight rows at a time, which stay in registers from their products to their two copies. The numbers are those of `times_upper`, `transpose` and `normalise_both` wherever S is finite.
#[inline(always)]
fn strips_times_upper<T: Real, V: Vector<T>, const N: usize>(
    from: &[T],
    upper: &[T],
    to: UnitRows<'_, T>,
    tiny: T,
) {
    let stride = to.scales.len().div_ceil(LANES);
    let (upper, _) = upper.as_chunks::<LANES>();
    let Some(upper) = upper.first_chunk::<N>() else {
        return;
    };
    let (columns, _) = to.columns.as_chunks_mut::<LANES>();
    let (from, from_rest) = from.as_chunks::<N>().0.as_chunks::<LANES>();
    let (rows, rows_rest) = to.rows.as_chunks_mut::<N>().0.as_chunks_mut::<LANES>();
    let (scales, scales_rest) = to.scales.as_chunks_mut::<LANES>();
    let mut made = [[T::ZERO; LANES]; N];
    for (block, ((from, rows), scales)) in from.iter().zip(rows).zip(scales).enumerate() {
        strip_times_upper::<T, V, N>(from, upper, &mut made, scales, tiny);
        for c in 0..N {
            columns[c * stride + block] = made[c];
        }
        for l in 0..LANES {
            for c in 0..N {
                rows[l][c] = made[c][l];
            }
        }
    }
    if !from_rest.is_empty() {
        let mut last = [[T::ZERO; N]; LANES];
        last[..from_rest.len()].copy_from_slice(from_rest);
        let mut scales = [T::ZERO; LANES];
        strip_times_upper::<T, V, N>(&last, upper, &mut made, &mut scales, tiny);
        for c in 0..N {
            columns[c * stride + stride - 1] = made[c];
        }
        for (l, row) in rows_rest.iter_mut().enumerate() {
            for c in 0..N {
                row[c] = made[c][l];
            }
        }
        scales_rest.copy_from_slice(&scales[..from_rest.len()]);
    }
}

/// The columns of eight rows.
#[inline(always)]
fn strip_times_upper<T: Real, V: Vector<T>, const N: usize>(
    from: &[[T; N]; LANES],
    upper: &[[T; LANES]; N],
    made: &mut [[T; LANES]; N],
    scales: &mut [T; LANES],
    tiny: T,
) {
    for l in 0..LANES {
        for k in 0..N {
            made[k][l] = from[l][k];
        }
    }
    let mut sums = [V::splat(T::ZERO); N];
    let mut total = V::splat(T::ZERO);
    for c in 0..N {
        for k in 0..=c {
            sums[c] = V::load(&made[k]).mul_add(V::splat(upper[k][c]), sums[c]);
        }
        total = sums[c].mul_add(sums[c], total);
    }
    total.store(scales);
    let factor = V::load(&scale_rows(scales, tiny));
    for c in 0..N {
        factor
            .mul_add(sums[c], V::splat(T::ZERO))
            .store(&mut made[c]);
    }
}

/// Makes of squares of rows what scales them to length one, 0 where there is nothing to scale, and returns the same with 1 there.
#[inline(always)]
fn scale_rows<T: Real>(squares: &mut [T; LANES], tiny: T) -> [T; LANES] {
    for square in squares.iter_mut() {
        let inverse = T::ONE / square.sqrt();
        *square = if *square > tiny { inverse } else { T::ZERO };
    }
    let mut factors = *squares;
    for factor in &mut factors {
        if *factor == T::ZERO {
            *factor = T::ONE;
        }
    }
    factors
}

/// Eight rows at a time: sums, roots and divisions across them.
#[inline(always)]
fn normalise_both_body<T: Real, V: Vector<T>>(n: usize, to: UnitRows<'_, T>, tiny: T) {
    let UnitRows {
        rows,
        columns,
        scales,
    } = to;
    let stride = scales.len().div_ceil(LANES);
    let (eights, _) = columns.as_chunks_mut::<LANES>();
    for (block, scales) in scales.chunks_mut(LANES).enumerate() {
        let mut total = V::splat(T::ZERO);
        for k in 0..n {
            let x = V::load(&eights[k * stride + block]);
            total = x.mul_add(x, total);
        }
        let mut lengths = [T::ZERO; LANES];
        total.store(&mut lengths);
        let factors = scale_rows(&mut lengths, tiny);
        scales.copy_from_slice(&lengths[..scales.len()]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_columns_at_once_are_the_same_numbers() {
        few_columns_at_once::<f64>();
        few_columns_at_once::<f32>();
    }

    fn few_columns_at_once<T: Real>() {
        let (seven, tiny) = (T::from_f64(7.0), T::from_f64(1e-11));
        for n in (1..=9).chain([FEW_COLUMNS]) {
            let wide = n.next_multiple_of(LANES);
            let mut upper = vec![T::ZERO; n * wide];
            for i in 0..n {
                for j in i..n {
                    let value = ((i * n + j) as f64).sin() + f64::from(u8::from(i == j));
                    upper[i * wide + j] = T::from_f64(value);
                }
            }
            for m in [0, 1, 4, 8, 11, 29] {
                let value = |i: usize| T::from_f64((i as f64 * 0.7).cos());
                let mut from: Vec<T> = (0..m * n).map(value).collect();
                // A row of zeros has no length.
                let zeros = from[m / 2 * n..].iter_mut().take(n);
                zeros.for_each(|x| *x = T::ZERO);
                let stride = m.next_multiple_of(LANES);
                for kernels in [Kernels::Portable, Kernels::detect()] {
                    let new = || (vec![seven; m * n], vec![seven; stride * n], vec![seven; m]);
                    let (mut rows, mut columns, mut scales) = new();
                    kernels.times_upper(n, &from, &upper, &mut rows);
                    kernels.transpose(n, &rows, &mut columns);
                    let to = UnitRows {
                        rows: &mut rows,
                        columns: &mut columns,
                        scales: &mut scales,
                    };
                    kernels.normalise_both(n, to, tiny);
                    let (mut rows_at_once, mut columns_at_once, mut scales_at_once) = new();
                    let to = UnitRows {
                        rows: &mut rows_at_once,
                        columns: &mut columns_at_once,
                        scales: &mut scales_at_once,
                    };
                    kernels.few_times_upper(n, &from, &upper, to, tiny);
                    assert_eq!(scales, scales_at_once);
                    assert_eq!(rows, rows_at_once);
                    assert_eq!(columns, columns_at_once);
                }
            }
        }
    }
}
