//! Triangular factors, packed by rows.

use super::vector::{Array, Avx2, LANES, Vector};
use super::{Kernels, add_four_body, axpy_body, dot_body};
use crate::Real;

kernel! {
    /// Factors a packed upper triangle in place, `RᵀR`. Fails with the first pivot that is not above `smallest`.
    cholesky, cholesky_body, cholesky_avx2, (n: usize, packed: &mut [T], smallest: T) -> Result<(), (usize, T)>
}
kernel! {
    /// Inverts a packed upper triangle in place; `row` is room for n numbers.
    invert_upper, invert_upper_body, invert_upper_avx2, (n: usize, packed: &mut [T], row: &mut [T])
}
kernel! {
    /// `to_i = from_i S` for rows of n numbers and a packed upper triangle S, of which `square` takes a copy.
    times_upper, times_upper_body, times_upper_avx2, (n: usize, from: &[T], packed: &[T], square: &mut Vec<T>, to: &mut [T])
}
kernel! {
    /// `y ← L⁻¹ y` for a packed unit lower triangle without its ones; the first `known` entries of y are those of the result already.
    forward_lower, forward_lower_body, forward_lower_avx2, (lower: &[T], y: &mut [T], known: usize)
}
kernel! {
    /// `z ← L⁻ᵀ z` for a packed unit lower triangle without its ones.
    backward_lower, backward_lower_body, backward_lower_avx2, (lower: &[T], z: &mut [T])
}

/// Where row i of a packed upper triangle begins.
#[inline(always)]
pub(crate) fn upper_start(n: usize, i: usize) -> usize {
    i * (2 * n + 1 - i) / 2
}

/// Where row i of a packed lower triangle without diagonal begins.
#[inline(always)]
pub(crate) fn lower_start(i: usize) -> usize {
    i * i.saturating_sub(1) / 2
}

/// `y[j] += Σ_k a_k S_kj` for the rows `first..first + a.len()` of a packed upper triangle; y begins at column `first`.
#[inline(always)]
fn add_upper_rows<T: Real, V: Vector<T>>(
    n: usize,
    packed: &[T],
    first: usize,
    a: &[T],
    y: &mut [T],
) {
    let mut k = 0;
    while k + 4 <= a.len() {
        let group = [a[k], a[k + 1], a[k + 2], a[k + 3]];
        if group != [T::ZERO; 4] {
            let rows: [&[T]; 4] = std::array::from_fn(|g| {
                let row = first + k + g;
                &packed[upper_start(n, row)..upper_start(n, row + 1)]
            });
            // The rows begin one column apart; behind the triangle they run together.
            for g in 0..4 {
                for j in g..4 {
                    if let (Some(y), Some(&s)) = (y.get_mut(k + j), rows[g].get(j - g)) {
                        *y += group[g] * s;
                    }
                }
            }
            if y.len() > k + 4 {
                let tails = [&rows[0][4..], &rows[1][3..], &rows[2][2..], &rows[3][1..]];
                add_four_body::<T, V>(group, tails, &mut y[k + 4..]);
            }
        }
        k += 4;
    }
    for (k, &a) in a.iter().enumerate().skip(k) {
        if a != T::ZERO {
            let row = first + k;
            let row = &packed[upper_start(n, row)..upper_start(n, row + 1)];
            axpy_body::<T, V>(a, row, &mut y[k..]);
        }
    }
}

/// Rows of the product that are computed together.
const TALL: usize = 4;

/// Tiles of four rows and eight columns stay in registers while the rows of S go by; S is written out with zeros, so that no tile has a slanting side.
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
    let tall = TALL * n;
    for (from, to) in from.chunks(tall).zip(to.chunks_mut(tall)) {
        let rows = from.len() / n;
        // Missing rows of the last group are those of its first once more.
        let source: [&[T]; TALL] = std::array::from_fn(|r| {
            let r = if r < rows { r } else { 0 };
            &from[r * n..(r + 1) * n]
        });
        for first in (0..n).step_by(LANES) {
            let depth = n.min(first + LANES);
            let mut tile = [V::splat(T::ZERO); TALL];
            let (a, b) = (&source[0][..depth], &source[1][..depth]);
            let (c, d) = (&source[2][..depth], &source[3][..depth]);
            let strip = square.chunks_exact(wide).map(|row| &row[first..]);
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
            let count = LANES.min(n - first);
            for (row, tile) in to.chunks_exact_mut(n).zip(tile) {
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

/// From the last row on: `s_i = (e_i − Σ_{k>i} r_ik s_k) / r_ii`.
#[inline(always)]
fn invert_upper_body<T: Real, V: Vector<T>>(n: usize, packed: &mut [T], row: &mut [T]) {
    for i in (0..n).rev() {
        let start = upper_start(n, i);
        let len = n - i;
        let inverse = T::ONE / packed[start];
        for (to, &r) in row[1..len].iter_mut().zip(&packed[start + 1..start + len]) {
            *to = -r * inverse;
        }
        let (before, later) = packed.split_at_mut(start + len);
        let target = &mut before[start..];
        target[0] = inverse;
        target[1..].fill(T::ZERO);
        if len > 1 {
            // The rows behind row i are an upper triangle of their own.
            add_upper_rows::<T, V>(len - 1, later, 0, &row[1..len], &mut target[1..]);
        }
    }
}

/// Four rows at a time: these one after the other, then their part of all later ones at once.
#[inline(always)]
fn cholesky_body<T: Real, V: Vector<T>>(
    n: usize,
    packed: &mut [T],
    smallest: T,
) -> Result<(), (usize, T)> {
    let mut k = 0;
    while k < n {
        let block = (n - k).min(4);
        for p in k..k + block {
            let (done, later) = packed.split_at_mut(upper_start(n, p + 1));
            let row = &mut done[upper_start(n, p)..];
            if !(row[0] > smallest && row[0].is_finite()) {
                return Err((p, row[0]));
            }
            let inverse = T::ONE / row[0].sqrt();
            for r in &mut *row {
                *r *= inverse;
            }
            let mut from = 0;
            for i in 1..(k + block - p) {
                let len = n - p - i;
                axpy_body::<T, V>(-row[i], &row[i..], &mut later[from..from + len]);
                from += len;
            }
        }
        let (done, later) = packed.split_at_mut(upper_start(n, k + block));
        let rows: [&[T]; 4] = std::array::from_fn(|g| {
            let p = k + g.min(block - 1);
            &done[upper_start(n, p)..upper_start(n, p + 1)]
        });
        let mut from = 0;
        for i in k + block..n {
            let len = n - i;
            let target = &mut later[from..from + len];
            if block == 4 {
                let tails: [&[T]; 4] = std::array::from_fn(|g| &rows[g][i - k - g..]);
                let factors = [-tails[0][0], -tails[1][0], -tails[2][0], -tails[3][0]];
                add_four_body::<T, V>(factors, tails, target);
            }
            from += len;
        }
        k += block;
    }
    Ok(())
}

#[inline(always)]
fn forward_lower_body<T: Real, V: Vector<T>>(lower: &[T], y: &mut [T], known: usize) {
    for i in known..y.len() {
        let (done, rest) = y.split_at_mut(i);
        rest[0] -= dot_body::<T, V>(&lower[lower_start(i)..lower_start(i + 1)], done);
    }
}

#[inline(always)]
fn backward_lower_body<T: Real, V: Vector<T>>(lower: &[T], z: &mut [T]) {
    let row = |i: usize| &lower[lower_start(i)..lower_start(i + 1)];
    let mut i = z.len();
    while i > 4 {
        // Four rows: their triangle, then what they do to all earlier entries.
        let first = i - 4;
        for j in (first + 1..i).rev() {
            let (rest, done) = z.split_at_mut(j);
            axpy_body::<T, V>(-done[0], &row(j)[first..], &mut rest[first..]);
        }
        let (rest, done) = z.split_at_mut(first);
        let rows: [&[T]; 4] = std::array::from_fn(|g| &row(first + g)[..first]);
        let a: [T; 4] = std::array::from_fn(|g| -done[g]);
        add_four_body::<T, V>(a, rows, rest);
        i = first;
    }
    for j in (1..i).rev() {
        let (rest, done) = z.split_at_mut(j);
        axpy_body::<T, V>(-done[0], row(j), rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A diagonally dominant symmetric matrix, packed upper.
    fn matrix(n: usize) -> Vec<f64> {
        let mut packed = Vec::new();
        for i in 0..n {
            for j in i..n {
                let off = ((i * 7 + j * 13) as f64).sin();
                packed.push(if i == j { 2.0 + n as f64 } else { off });
            }
        }
        packed
    }

    fn full(n: usize, packed: &[f64]) -> Vec<Vec<f64>> {
        let entry = |i: usize, j: usize| {
            if j < i {
                0.0
            } else {
                packed[upper_start(n, i) + j - i]
            }
        };
        (0..n)
            .map(|i| (0..n).map(|j| entry(i, j)).collect())
            .collect()
    }

    #[test]
    fn factor_inverse_and_product_of_every_small_size() {
        for n in 0..19 {
            for kernels in [Kernels::Portable, Kernels::detect()] {
                let a = matrix(n);
                let mut r = a.clone();
                kernels.cholesky(n, &mut r, 0.0).unwrap();
                let (a, full_r) = (full(n, &a), full(n, &r));
                let mut s = r.clone();
                kernels.invert_upper(n, &mut s, &mut vec![0.0; n]);
                let from: Vec<f64> = (0..3 * n).map(|i| (i as f64).cos()).collect();
                let mut to = vec![1.0; 3 * n];
                kernels.times_upper(n, &from, &s, &mut Vec::new(), &mut to);
                for i in 0..n {
                    for j in i..n {
                        let product: f64 = (0..n).map(|k| full_r[k][i] * full_r[k][j]).sum();
                        assert!((product - a[i][j]).abs() < 1e-12, "{n}");
                    }
                }
                // to S⁻¹ = to R = from
                for (to, from) in to.chunks_exact(n.max(1)).zip(from.chunks_exact(n.max(1))) {
                    for j in 0..n {
                        let product: f64 = (0..n).map(|k| to[k] * full_r[k][j]).sum();
                        assert!((product - from[j]).abs() < 1e-12, "{n}");
                    }
                }
            }
        }
    }

    #[test]
    fn lower_triangles_of_every_small_size() {
        for k in 0..15 {
            let lower: Vec<f64> = (0..lower_start(k + 1))
                .map(|i| (i as f64).sin() / 3.0)
                .collect();
            let b: Vec<f64> = (0..k).map(|i| i as f64 - 2.0).collect();
            for kernels in [Kernels::Portable, Kernels::detect()] {
                let (mut y, mut z) = (b.clone(), b.clone());
                kernels.forward_lower(&lower, &mut y, 0);
                kernels.backward_lower(&lower, &mut z);
                for i in 0..k {
                    let left: f64 = (0..i).map(|j| lower[lower_start(i) + j] * y[j]).sum();
                    assert!((left + y[i] - b[i]).abs() < 1e-12);
                    let left: f64 = (i + 1..k).map(|j| lower[lower_start(j) + i] * z[j]).sum();
                    assert!((left + z[i] - b[i]).abs() < 1e-12);
                }
            }
        }
    }
}
