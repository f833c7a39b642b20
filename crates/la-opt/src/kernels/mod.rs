//! Products of contiguous vectors, the only loops of order m n and k n.
//!
//! Written over eight numbers at a time and compiled twice: for any machine, and for AVX2 with FMA, which is chosen at run time.
#![expect(
    unsafe_code,
    reason = "functions for instructions that were checked to exist"
)]

use crate::Real;

macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident, $body:ident, $avx:ident, ($($arg:ident: $type:ty),*) $(-> $out:ty)?) => {
        impl Kernels {
            $(#[$doc])*
            #[inline]
            pub(crate) fn $name<T: Real>(self, $($arg: $type),*) $(-> $out)? {
                match self {
                    Self::Portable => $body::<T, Array<T>>($($arg),*),
                    // SAFETY: this variant is made by `detect` alone, after it saw AVX2 and FMA.
                    #[cfg(target_arch = "x86_64")]
                    Self::Avx2 => unsafe { $avx::<T>($($arg),*) },
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn $avx<T: Real>($($arg: $type),*) $(-> $out)? {
            $body::<T, <T as Avx2>::Lanes>($($arg),*)
        }
    };
}

#[macro_use]
mod register;
mod columns;
#[cfg(feature = "nmf")]
mod gather;
mod lower;
#[cfg(feature = "nmf")]
mod moments;
#[cfg(feature = "nmf")]
mod panel;
mod product;
mod root;
mod scan;
#[cfg(feature = "nmf")]
pub(crate) mod tile;
mod triangle;
mod vector;

pub(crate) use columns::{FEW_COLUMNS, UnitRows};
pub(crate) use lower::lower_start;
pub(crate) use scan::{EdgeStep, Scores};
pub(crate) use triangle::upper_row;
pub(crate) use vector::Avx2;
use vector::{Array, LANES, Vector};

/// The instruction set that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernels {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Kernels {
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Self::Avx2;
        }
        Self::Portable
    }
}

kernel! {
    /// `xᵀ y`.
    dot, dot_body, dot_avx2, (x: &[T], y: &[T]) -> T
}
kernel! {
    /// `out_i = row_iᵀ x` for rows of the length of x.
    rows_dot, rows_dot_body, rows_dot_avx2, (rows: &[T], x: &[T], out: &mut [T])
}
kernel! {
    /// `out = ½ (P + Pᵀ) x` for a square P by rows.
    symmetric_times, symmetric_times_body, symmetric_times_avx2, (rows: &[T], x: &[T], out: &mut [T])
}
kernel! {
    /// `y += Σ a_i row_i` for rows of the length of y; zeros of a cost nothing.
    add_rows, add_rows_body, add_rows_avx2, (rows: &[T], a: &[T], y: &mut [T])
}
kernel! {
    /// Scales each row of n numbers to length one and says by what; rows whose square is at most `tiny` stay, with scale 0.
    normalise_rows, normalise_rows_body, normalise_rows_avx2, (n: usize, rows: &mut [T], scales: &mut [T], tiny: T)
}
kernel! {
    /// `xᵀ y` for four vectors y of the length of x.
    dot_each, dot_each_body, dot_each_avx2, (x: &[T], y: [&[T]; 4]) -> [T; 4]
}
kernel! {
    /// `y += Σ a_i x_i` for four vectors of the length of y.
    add_four, add_four_body, add_four_avx2, (a: [T; 4], x: [&[T]; 4], y: &mut [T])
}
kernel! {
    /// Appends `row_iᵀ x` for the rows of a set, of the length of x.
    dots_of_set, dots_of_set_body, dots_of_set_avx2, (rows: &[T], order: &[usize], x: &[T], out: &mut Vec<T>)
}
kernel! {
    /// `y += sign Σ a_i row_i` over the rows of a set, of the length of y.
    add_set, add_set_body, add_set_avx2, (rows: &[T], order: &[usize], a: &[T], sign: T, y: &mut [T])
}
kernel! {
    /// `y += a x`.
    axpy, axpy_body, axpy_avx2, (a: T, x: &[T], y: &mut [T])
}

#[inline(always)]
fn dot_body<T: Real, V: Vector<T>>(x: &[T], y: &[T]) -> T {
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (y, y_rest) = y.as_chunks::<LANES>();
    let mut total = V::splat(T::ZERO);
    for (x, y) in x.iter().zip(y) {
        total = V::load(x).mul_add(V::load(y), total);
    }
    let mut sum = total.sum();
    for (&x, &y) in x_rest.iter().zip(y_rest) {
        sum = V::scalar_mul_add(x, y, sum);
    }
    sum
}

#[inline(always)]
fn rows_dot_body<T: Real, V: Vector<T>>(rows: &[T], x: &[T], out: &mut [T]) {
    let n = x.len();
    if n == 0 {
        out.fill(T::ZERO);
        return;
    }
    let tail = tail_of::<T, V>(x);
    let mut groups = rows.chunks_exact(4 * n);
    let mut outs = out.chunks_exact_mut(4);
    for (group, out) in groups.by_ref().zip(outs.by_ref()) {
        let (a, group) = group.split_at(n);
        let (b, group) = group.split_at(n);
        let (c, d) = group.split_at(n);
        out.copy_from_slice(&dot_four::<T, V>(x, tail, [a, b, c, d]));
    }
    let rest = groups.remainder().chunks_exact(n);
    for (row, out) in rest.zip(outs.into_remainder()) {
        *out = dot_body::<T, V>(row, x);
    }
}

#[inline(always)]
fn symmetric_times_body<T: Real, V: Vector<T>>(rows: &[T], x: &[T], out: &mut [T]) {
    rows_dot_body::<T, V>(rows, x, out);
    let half = T::from_f64(0.5);
    for o in out.iter_mut() {
        *o *= half;
    }
    for (row, &x) in rows.chunks_exact(x.len().max(1)).zip(x) {
        axpy_body::<T, V>(half * x, row, out);
    }
}

#[inline(always)]
fn add_rows_body<T: Real, V: Vector<T>>(rows: &[T], a: &[T], y: &mut [T]) {
    for (row, &a) in rows.chunks_exact(y.len().max(1)).zip(a) {
        if a != T::ZERO {
            axpy_body::<T, V>(a, row, y);
        }
    }
}

#[inline(always)]
fn normalise_rows_body<T: Real, V: Vector<T>>(n: usize, rows: &mut [T], scales: &mut [T], tiny: T) {
    if n == 0 {
        scales.fill(T::ZERO);
        return;
    }
    for i in 0..scales.len() {
        let row = &rows[i * n..(i + 1) * n];
        scales[i] = dot_body::<T, V>(row, row);
    }
    // Apart from the products, so that roots and divisions overlap.
    for scale in &mut *scales {
        *scale = if *scale > tiny {
            T::ONE / scale.sqrt()
        } else {
            T::ZERO
        };
    }
    for i in 0..scales.len() {
        let scale = scales[i];
        if scale > T::ZERO {
            for x in &mut rows[i * n..(i + 1) * n] {
                *x *= scale;
            }
        }
    }
}

#[inline(always)]
fn dot_each_body<T: Real, V: Vector<T>>(x: &[T], y: [&[T]; 4]) -> [T; 4] {
    dot_four::<T, V>(x, None, y)
}

/// The last eight numbers of x with zeros for those that are in whole groups of eight; none where there are no others, or not eight.
#[inline(always)]
fn tail_of<T: Real, V: Vector<T>>(x: &[T]) -> Option<V> {
    let rest = x.len() % LANES;
    let last = x.last_chunk::<LANES>()?;
    if rest == 0 {
        return None;
    }
    let mut tail = *last;
    tail[..LANES - rest].fill(T::ZERO);
    Some(V::load(&tail))
}

/// The four share the loads of x, and many of them its tail.
#[inline(always)]
fn dot_four<T: Real, V: Vector<T>>(x: &[T], tail: Option<V>, y: [&[T]; 4]) -> [T; 4] {
    let (x_chunks, x_rest) = x.as_chunks::<LANES>();
    let whole = x_chunks.len() * LANES;
    // Not by `map`: what it calls would not be compiled for the same instructions.
    let n = x.len();
    let (a8, b8) = (y[0][..n].as_chunks().0, y[1][..n].as_chunks().0);
    let (c8, d8) = (y[2][..n].as_chunks().0, y[3][..n].as_chunks().0);
    let mut totals = [V::splat(T::ZERO); 4];
    for ((((x, a), b), c), d) in x_chunks.iter().zip(a8).zip(b8).zip(c8).zip(d8) {
        let x = V::load(x);
        totals[0] = x.mul_add(V::load(a), totals[0]);
        totals[1] = x.mul_add(V::load(b), totals[1]);
        totals[2] = x.mul_add(V::load(c), totals[2]);
        totals[3] = x.mul_add(V::load(d), totals[3]);
    }
    if let Some(tail) = tail {
        for (total, row) in totals.iter_mut().zip(y) {
            if let Some(last) = row[..n].last_chunk::<LANES>() {
                *total = tail.mul_add(V::load(last), *total);
            }
        }
        let [a, b, c, d] = totals;
        return [a.sum(), b.sum(), c.sum(), d.sum()];
    }
    let [a, b, c, d] = totals;
    let mut out = [a.sum(), b.sum(), c.sum(), d.sum()];
    for (out, row) in out.iter_mut().zip(y) {
        for (&x, &y) in x_rest.iter().zip(&row[whole..]) {
            *out = V::scalar_mul_add(x, y, *out);
        }
    }
    out
}

/// y is loaded and stored once for the four.
#[inline(always)]
fn add_four_body<T: Real, V: Vector<T>>(a: [T; 4], x: [&[T]; 4], y: &mut [T]) {
    let n = y.len();
    let x = [&x[0][..n], &x[1][..n], &x[2][..n], &x[3][..n]];
    let (x0, x1) = (x[0].as_chunks().0, x[1].as_chunks().0);
    let (x2, x3) = (x[2].as_chunks().0, x[3].as_chunks().0);
    let (chunks, rest) = y.as_chunks_mut::<LANES>();
    let whole = chunks.len() * LANES;
    let factors = [
        V::splat(a[0]),
        V::splat(a[1]),
        V::splat(a[2]),
        V::splat(a[3]),
    ];
    for ((((y, x0), x1), x2), x3) in chunks.iter_mut().zip(x0).zip(x1).zip(x2).zip(x3) {
        let first = factors[0].mul_add(V::load(x0), factors[1].mul_add(V::load(x1), V::load(y)));
        let all = factors[2].mul_add(V::load(x2), factors[3].mul_add(V::load(x3), first));
        all.store(y);
    }
    for (j, y) in (whole..n).zip(rest) {
        let first = V::scalar_mul_add(a[0], x[0][j], V::scalar_mul_add(a[1], x[1][j], *y));
        *y = V::scalar_mul_add(a[2], x[2][j], V::scalar_mul_add(a[3], x[3][j], first));
    }
}

#[inline(always)]
fn dots_of_set_body<T: Real, V: Vector<T>>(rows: &[T], order: &[usize], x: &[T], out: &mut Vec<T>) {
    let n = x.len();
    let row = |i: usize| &rows[i * n..(i + 1) * n];
    let tail = tail_of::<T, V>(x);
    let (groups, rest) = order.as_chunks::<4>();
    for &[a, b, c, d] in groups {
        out.extend_from_slice(&dot_four::<T, V>(x, tail, [row(a), row(b), row(c), row(d)]));
    }
    for &i in rest {
        out.push(dot_body::<T, V>(x, row(i)));
    }
}

#[inline(always)]
fn add_set_body<T: Real, V: Vector<T>>(rows: &[T], order: &[usize], a: &[T], sign: T, y: &mut [T]) {
    let n = y.len();
    let row = |i: usize| &rows[i * n..(i + 1) * n];
    let (groups, rest) = order.as_chunks::<4>();
    let (factors, factors_rest) = a.as_chunks::<4>();
    for (&[i, j, k, l], a) in groups.iter().zip(factors) {
        let a = [sign * a[0], sign * a[1], sign * a[2], sign * a[3]];
        add_four_body::<T, V>(a, [row(i), row(j), row(k), row(l)], y);
    }
    for (&i, &a) in rest.iter().zip(factors_rest) {
        axpy_body::<T, V>(sign * a, row(i), y);
    }
}

#[inline(always)]
fn axpy_body<T: Real, V: Vector<T>>(a: T, x: &[T], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = V::scalar_mul_add(a, x, *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_instruction_sets_compute_the_same_products() {
        for n in [0, 1, 3, 7, 8, 9, 16, 37] {
            let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
            for m in [0, 1, 3, 4, 6, 9] {
                let rows: Vec<f64> = (0..m * n).map(|i| (i as f64 * 0.7).cos()).collect();
                let mut expected = vec![0.0; m];
                for (i, e) in expected.iter_mut().enumerate() {
                    *e = rows[i * n..(i + 1) * n]
                        .iter()
                        .zip(&x)
                        .map(|(a, b)| a * b)
                        .sum();
                }
                let stride = m.next_multiple_of(LANES);
                let mut columns = vec![0.0; n * stride];
                for i in 0..m {
                    for j in 0..n {
                        columns[j * stride + i] = rows[i * n + j];
                    }
                }
                for kernels in [Kernels::Portable, Kernels::detect()] {
                    let mut by_columns = vec![7.0; n * stride];
                    kernels.transpose(n, &rows, &mut by_columns);
                    assert_eq!(by_columns, columns);
                    let mut out = vec![7.0; m];
                    kernels.columns_times(&columns, &x, &mut out);
                    for (o, e) in out.iter().zip(&expected) {
                        assert!((o - e).abs() < 1e-13, "{n} {m} {o} {e}");
                    }
                    let (mut unit, mut scales) = (rows.clone(), vec![0.0; m]);
                    kernels.normalise_rows(n, &mut unit, &mut scales, 1e-11);
                    let mut both = rows.clone();
                    let mut scales_of_both = vec![0.0; m];
                    let to = UnitRows {
                        rows: &mut both,
                        columns: &mut by_columns,
                        scales: &mut scales_of_both,
                    };
                    kernels.normalise_both(n, to, 1e-11);
                    for (k, &x) in both.iter().enumerate() {
                        assert!((x - unit[k]).abs() < 1e-14);
                        assert!((x - by_columns[k % n * stride + k / n]).abs() < 1e-14);
                    }
                    for (i, &scale) in scales.iter().enumerate() {
                        let row = &rows[i * n..(i + 1) * n];
                        let square: f64 = row.iter().map(|x| x * x).sum();
                        let expected = if square > 1e-11 {
                            1.0 / square.sqrt()
                        } else {
                            0.0
                        };
                        assert!((scale - expected).abs() <= 1e-14 * expected);
                        assert!((scale - scales_of_both[i]).abs() <= 1e-14 * expected);
                        for (a, b) in unit[i * n..(i + 1) * n].iter().zip(row) {
                            let b = if scale > 0.0 { scale * b } else { *b };
                            assert!((a - b).abs() < 1e-14);
                        }
                    }
                    let mut out = vec![7.0; m];
                    kernels.rows_dot(&rows, &x, &mut out);
                    for (o, e) in out.iter().zip(&expected) {
                        assert!((o - e).abs() < 1e-13, "{n} {m} {o} {e}");
                    }
                }
            }
            for kernels in [Kernels::Portable, Kernels::detect()] {
                let mut y = x.clone();
                kernels.axpy(2.0, &x, &mut y);
                assert!(y.iter().zip(&x).all(|(y, x)| (y - 3.0 * x).abs() < 1e-15));
                let squares: f64 = x.iter().map(|x| x * x).sum();
                assert!((kernels.dot(&x, &x) - squares).abs() < 1e-13);
            }
        }
    }
}
