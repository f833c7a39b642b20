//! Triangular factors, packed by rows.

use super::vector::{Array, Avx2, LANES, Vector};
use super::{Kernels, add_four_body, axpy_body, dot_body};
use crate::Real;

kernel! {
    /// Factors a packed upper triangle in place, `RᵀR`. Fails with the first pivot that is not above `smallest`.
    cholesky, cholesky_body, cholesky_avx2, (n: usize, packed: &mut [T], smallest: T) -> Result<(), (usize, T)>
}
kernel! {
    /// The same for a matrix without entries farther than `band` from its diagonal.
    cholesky_band, cholesky_band_body, cholesky_band_avx2, (n: usize, band: usize, packed: &mut [T], smallest: T) -> Result<(), (usize, T)>
}
kernel! {
    /// Inverts a packed upper triangle without entries farther than `band` from its diagonal, in place; `row` is room for n numbers.
    invert_upper, invert_upper_body, invert_upper_avx2, (n: usize, band: usize, packed: &mut [T], row: &mut [T])
}
kernel! {
    /// `out = S x` for a packed upper triangle S.
    upper_times, upper_times_body, upper_times_avx2, (n: usize, packed: &[T], x: &[T], out: &mut [T])
}
kernel! {
    /// `out = Sᵀ x` for a packed upper triangle S.
    transposed_upper_times, transposed_upper_times_body, transposed_upper_times_avx2, (n: usize, packed: &[T], x: &[T], out: &mut [T])
}
kernel! {
    /// `y ← R⁻ᵀ y` for a packed upper triangle R; entries of y before `first` are zero.
    forward_upper, forward_upper_body, forward_upper_avx2, (n: usize, packed: &[T], first: usize, y: &mut [T])
}
kernel! {
    /// `y ← R⁻ᵀ y` for four vectors y, which share the loads of R.
    forward_upper_four, forward_upper_four_body, forward_upper_four_avx2, (n: usize, packed: &[T], first: usize, y: [&mut [T]; 4])
}
kernel! {
    /// `x ← R⁻¹ x` for a packed upper triangle R.
    backward_upper, backward_upper_body, backward_upper_avx2, (n: usize, packed: &[T], x: &mut [T])
}
/// Where row i of a packed upper triangle begins.
#[inline(always)]
pub(crate) fn upper_start(n: usize, i: usize) -> usize {
    i * (2 * n + 1 - i) / 2
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

/// From the last row on: `s_i = (e_i − Σ_{k>i} r_ik s_k) / r_ii`.
#[inline(always)]
fn invert_upper_body<T: Real, V: Vector<T>>(
    n: usize,
    band: usize,
    packed: &mut [T],
    row: &mut [T],
) {
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
            let near = len.min(band + 1);
            add_upper_rows::<T, V>(len - 1, later, 0, &row[1..near], &mut target[1..]);
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
fn upper_times_body<T: Real, V: Vector<T>>(n: usize, packed: &[T], x: &[T], out: &mut [T]) {
    let mut from = 0;
    for (i, out) in out.iter_mut().enumerate() {
        *out = dot_body::<T, V>(&packed[from..from + n - i], &x[i..]);
        from += n - i;
    }
}

#[inline(always)]
fn transposed_upper_times_body<T: Real, V: Vector<T>>(
    n: usize,
    packed: &[T],
    x: &[T],
    out: &mut [T],
) {
    out.fill(T::ZERO);
    add_upper_rows::<T, V>(n, packed, 0, x, out);
}

/// Four rows at a time: their triangle, then what they do to all later entries.
#[inline(always)]
fn forward_upper_body<T: Real, V: Vector<T>>(n: usize, packed: &[T], first: usize, y: &mut [T]) {
    let row = |i: usize| &packed[upper_start(n, i)..upper_start(n, i + 1)];
    let mut k = first;
    while k < n {
        let block = (n - k).min(4);
        for p in k..k + block {
            let (done, later) = y.split_at_mut(p + 1);
            let row = row(p);
            done[p] = done[p] / row[0];
            let count = k + block - p - 1;
            axpy_body::<T, V>(-done[p], &row[1..=count], &mut later[..count]);
        }
        if k + 4 < n {
            let (done, later) = y.split_at_mut(k + 4);
            let tails: [&[T]; 4] = std::array::from_fn(|g| &row(k + g)[4 - g..]);
            let factors: [T; 4] = std::array::from_fn(|g| -done[k + g]);
            add_four_body::<T, V>(factors, tails, later);
        }
        k += block;
    }
}

#[inline(always)]
fn forward_upper_four_body<T: Real, V: Vector<T>>(
    n: usize,
    packed: &[T],
    first: usize,
    y: [&mut [T]; 4],
) {
    let row = |i: usize| &packed[upper_start(n, i)..upper_start(n, i + 1)];
    let (mut y, mut k) = (y, first);
    while k + 4 < n {
        let [r0, r1, r2, r3] = [row(k), row(k + 1), row(k + 2), row(k + 3)];
        let mut factors = [[T::ZERO; 4]; 4];
        for (y, f) in y.iter_mut().zip(&mut factors) {
            let Some(head) = y[k..].first_chunk_mut::<4>() else {
                return;
            };
            let minus = |a: T, r: T, from: T| V::scalar_mul_add(-a, r, from);
            let [a, b, c, d] = *head;
            let a = a / r0[0];
            let b = minus(a, r0[1], b) / r1[0];
            let c = minus(b, r1[1], minus(a, r0[2], c)) / r2[0];
            let d = minus(c, r2[1], minus(b, r1[2], minus(a, r0[3], d))) / r3[0];
            *head = [a, b, c, d];
            *f = [-a, -b, -c, -d];
        }
        let later = n - k - 4;
        let (r0, rest0) = r0[4..].as_chunks::<LANES>();
        let (r1, rest1) = r1[3..].as_chunks::<LANES>();
        let (r2, rest2) = r2[2..].as_chunks::<LANES>();
        let (r3, rest3) = r3[1..].as_chunks::<LANES>();
        for (at, (((r0, r1), r2), r3)) in r0.iter().zip(r1).zip(r2).zip(r3).enumerate() {
            let (r0, r1, r2, r3) = (V::load(r0), V::load(r1), V::load(r2), V::load(r3));
            for (y, f) in y.iter_mut().zip(&factors) {
                let Some(y) = y[k + 4 + at * LANES..].first_chunk_mut::<LANES>() else {
                    return;
                };
                let one = r0.mul_add(V::splat(f[0]), r1.mul_add(V::splat(f[1]), V::load(y)));
                let all = r2.mul_add(V::splat(f[2]), r3.mul_add(V::splat(f[3]), one));
                all.store(y);
            }
        }
        let whole = later / LANES * LANES;
        for (y, f) in y.iter_mut().zip(&factors) {
            for (j, y) in y[k + 4 + whole..n].iter_mut().enumerate() {
                let one = V::scalar_mul_add(f[0], rest0[j], V::scalar_mul_add(f[1], rest1[j], *y));
                *y = V::scalar_mul_add(f[2], rest2[j], V::scalar_mul_add(f[3], rest3[j], one));
            }
        }
        k += 4;
    }
    for y in y {
        forward_upper_body::<T, V>(n, packed, k, y);
    }
}

#[inline(always)]
fn backward_upper_body<T: Real, V: Vector<T>>(n: usize, packed: &[T], x: &mut [T]) {
    for i in (0..n).rev() {
        let row = &packed[upper_start(n, i)..upper_start(n, i + 1)];
        let (rest, done) = x.split_at_mut(i + 1);
        rest[i] = (rest[i] - dot_body::<T, V>(&row[1..], done)) / row[0];
    }
}

#[inline(always)]
fn cholesky_band_body<T: Real, V: Vector<T>>(
    n: usize,
    band: usize,
    packed: &mut [T],
    smallest: T,
) -> Result<(), (usize, T)> {
    for p in 0..n {
        let (done, later) = packed.split_at_mut(upper_start(n, p + 1));
        let len = (n - p).min(band + 1);
        let row = &mut done[upper_start(n, p)..][..len];
        if !(row[0] > smallest && row[0].is_finite()) {
            return Err((p, row[0]));
        }
        let inverse = T::ONE / row[0].sqrt();
        for r in &mut *row {
            *r *= inverse;
        }
        let mut from = 0;
        for i in 1..len {
            axpy_body::<T, V>(-row[i], &row[i..], &mut later[from..from + len - i]);
            from += n - p - i;
        }
    }
    Ok(())
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
                kernels.invert_upper(n, n, &mut s, &mut vec![0.0; n]);
                // R⁻ᵀ y and R⁻¹ y, by substitution and by the inverse.
                let y: Vec<f64> = (0..n).map(|i| (2 * i) as f64 - 5.0).collect();
                let (mut by_r, mut by_s) = (y.clone(), vec![1.0; n]);
                kernels.forward_upper(n, &r, 0, &mut by_r);
                kernels.transposed_upper_times(n, &s, &y, &mut by_s);
                assert!(by_r.iter().zip(&by_s).all(|(a, b)| (a - b).abs() < 1e-12));
                by_r.copy_from_slice(&y);
                kernels.backward_upper(n, &r, &mut by_r);
                kernels.upper_times(n, &s, &y, &mut by_s);
                assert!(by_r.iter().zip(&by_s).all(|(a, b)| (a - b).abs() < 1e-12));
                let mut four = [y.clone(), y.clone(), y.clone(), y.clone()];
                four[2].iter_mut().for_each(|y| *y *= 2.0);
                kernels.forward_upper_four(n, &r, 0, four.each_mut().map(|y| &mut y[..]));
                kernels.transposed_upper_times(n, &s, &y, &mut by_s);
                for (four, factor) in four.iter().zip([1.0, 1.0, 2.0, 1.0]) {
                    for (a, b) in four.iter().zip(&by_s) {
                        assert!((a - factor * b).abs() < 1e-12);
                    }
                }
                if n > 3 {
                    by_r.fill(0.0);
                    by_r[3..].copy_from_slice(&y[3..]);
                    let mut whole = by_r.clone();
                    kernels.forward_upper(n, &r, 3, &mut by_r);
                    kernels.forward_upper(n, &r, 0, &mut whole);
                    assert!(by_r.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-13));
                }
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
}
