//! Upper triangular factors, by whole rows: row i begins at `i · wide`, `wide` is n rounded up to a multiple of eight, and what is left of the diagonal or
//! behind column n is zero.

use super::vector::{Array, Avx2, LANES, Vector};
use super::{Kernels, add_four_body, axpy_body, dot_body};
use crate::Real;

kernel! {
    /// `out = S x` for an upper triangle S.
    upper_times, upper_times_body, upper_times_avx2, (n: usize, upper: &[T], x: &[T], out: &mut [T])
}
kernel! {
    /// `out = Sᵀ x` for an upper triangle S.
    transposed_upper_times, transposed_upper_times_body, transposed_upper_times_avx2, (n: usize, upper: &[T], x: &[T], out: &mut [T])
}
kernel! {
    /// `y ← R⁻ᵀ y` for an upper triangle R; entries of y before `first` are zero.
    forward_upper, forward_upper_body, forward_upper_avx2, (n: usize, upper: &[T], first: usize, y: &mut [T])
}
kernel! {
    /// `y ← R⁻ᵀ y` for four vectors y, which share the loads of R.
    forward_upper_four, forward_upper_four_body, forward_upper_four_avx2, (n: usize, upper: &[T], first: usize, y: [&mut [T]; 4])
}
kernel! {
    /// `x ← R⁻¹ x` for an upper triangle R.
    backward_upper, backward_upper_body, backward_upper_avx2, (n: usize, upper: &[T], x: &mut [T])
}

/// Row i of an upper triangle of n rows, from the diagonal on.
#[inline(always)]
pub(crate) fn upper_row(n: usize, i: usize) -> std::ops::Range<usize> {
    let begin = i * n.next_multiple_of(LANES);
    begin + i..begin + n
}

#[inline(always)]
fn upper_times_body<T: Real, V: Vector<T>>(n: usize, upper: &[T], x: &[T], out: &mut [T]) {
    for i in 0..out.len().min(n) {
        out[i] = dot_body::<T, V>(&upper[upper_row(n, i)], &x[i..n]);
    }
}

/// Four rows at a time, from the diagonal of the first.
#[inline(always)]
fn transposed_upper_times_body<T: Real, V: Vector<T>>(
    n: usize,
    upper: &[T],
    x: &[T],
    out: &mut [T],
) {
    out.fill(T::ZERO);
    let wide = n.next_multiple_of(LANES);
    let mut k = 0;
    while k + 4 <= n {
        let group = [x[k], x[k + 1], x[k + 2], x[k + 3]];
        if group != [T::ZERO; 4] {
            let (r0, rest) = upper[k * wide..(k + 4) * wide].split_at(wide);
            let (r1, rest) = rest.split_at(wide);
            let (r2, r3) = rest.split_at(wide);
            let rows = [&r0[k..n], &r1[k..n], &r2[k..n], &r3[k..n]];
            add_four_body::<T, V>(group, rows, &mut out[k..n]);
        }
        k += 4;
    }
    for k in k..n {
        axpy_body::<T, V>(x[k], &upper[upper_row(n, k)], &mut out[k..n]);
    }
}

/// Four rows at a time: their triangle, then what they do to all later entries.
#[inline(always)]
fn forward_upper_body<T: Real, V: Vector<T>>(n: usize, upper: &[T], first: usize, y: &mut [T]) {
    let row = |i: usize| &upper[upper_row(n, i)];
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
            let tails = [
                &row(k)[4..],
                &row(k + 1)[3..],
                &row(k + 2)[2..],
                &row(k + 3)[1..],
            ];
            let factors = [-done[k], -done[k + 1], -done[k + 2], -done[k + 3]];
            add_four_body::<T, V>(factors, tails, later);
        }
        k += block;
    }
}

#[inline(always)]
fn forward_upper_four_body<T: Real, V: Vector<T>>(
    n: usize,
    upper: &[T],
    first: usize,
    y: [&mut [T]; 4],
) {
    let row = |i: usize| &upper[upper_row(n, i)];
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
        forward_upper_body::<T, V>(n, upper, k, y);
    }
}

#[inline(always)]
fn backward_upper_body<T: Real, V: Vector<T>>(n: usize, upper: &[T], x: &mut [T]) {
    for i in (0..n).rev() {
        let row = &upper[upper_row(n, i)];
        let (rest, done) = x.split_at_mut(i + 1);
        rest[i] = (rest[i] - dot_body::<T, V>(&row[1..], done)) / row[0];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The upper triangle of a diagonally dominant symmetric matrix.
    fn matrix(n: usize) -> Vec<f64> {
        let wide = n.next_multiple_of(LANES);
        let mut upper = vec![0.0; n * wide];
        for i in 0..n {
            for j in i..n {
                let off = ((i * 7 + j * 13) as f64).sin();
                upper[i * wide + j] = if i == j { 2.0 + n as f64 } else { off };
            }
        }
        upper
    }

    /// Rows; what is not in the triangle has to be zero.
    fn full(n: usize, upper: &[f64]) -> Vec<Vec<f64>> {
        let wide = n.next_multiple_of(LANES);
        for (i, row) in upper.chunks_exact(wide.max(1)).enumerate() {
            assert!(row[..i].iter().chain(&row[n..]).all(|&x| x == 0.0));
        }
        let rows = upper.chunks_exact(wide.max(1));
        rows.map(|row| row[..n].to_vec()).collect()
    }

    #[test]
    fn factor_inverse_and_product_of_every_small_size() {
        for n in 0..19 {
            for kernels in [Kernels::Portable, Kernels::detect()] {
                let a = matrix(n);
                let mut r = a.clone();
                kernels.cholesky(n, &mut r, 0.0).unwrap();
                let mut by_band = a.clone();
                kernels.cholesky_band(n, n, &mut by_band, 0.0).unwrap();
                for (a, b) in r.iter().zip(&by_band) {
                    assert!((a - b).abs() < 1e-13);
                }
                let (a, full_r) = (full(n, &a), full(n, &r));
                let mut s = r.clone();
                kernels.invert_upper(n, n, &mut s, &mut Vec::new());
                full(n, &s);
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
                kernels.times_upper(n, &from, &s, &mut to);
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
