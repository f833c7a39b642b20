//! Products of a large row-major matrix with one of few columns.
//!
//! The narrow matrix has rows of `stride` numbers, a multiple of the width of a register, the last of them zeros where its columns are fewer. A tile of
//! four rows and up to three registers stays in registers while the other index goes by, so that a rank of ten costs that of twelve.
//!
//! Loops are by index: chains of zipped iterators are not inlined into functions for other instructions.

use super::Kernels;
use super::register::Register;
use super::vector::Avx2;
use crate::Real;

narrow_kernel! {
    /// `out += rows · narrow`: rows of n numbers, `narrow` with n rows, `out` with as many as there are rows.
    panel_times, panel_times_body, panel_times_avx2, (n: usize, stride: usize, rows: &[T], narrow: &[T], out: &mut [T])
}
narrow_kernel! {
    /// `out += rowsᵀ · narrow` for the columns from `first` on, as many as `out` has rows: rows of n numbers, `narrow` with as many rows.
    panel_transposed, panel_transposed_body, panel_transposed_avx2, (n: usize, stride: usize, first: usize, rows: &[T], narrow: &[T], out: &mut [T])
}

/// Rows that are worked on together.
const TALL: usize = 4;
/// Rows of the narrow matrix that stay in the first-level cache.
const DEPTH: usize = 256;

/// Calls a strip for each group of up to three registers.
macro_rules! in_strips {
    ($strip:ident, $stride:expr, $($arg:expr),*) => {{
        let registers = $stride / V::WIDTH;
        let strips = registers.div_ceil(3);
        for k in 0..strips {
            let (from, to) = (k * registers / strips, (k + 1) * registers / strips);
            let first = from * V::WIDTH;
            match to - from {
                1 => $strip::<T, V, 1>($stride, first, $($arg),*),
                2 => $strip::<T, V, 2>($stride, first, $($arg),*),
                _ => $strip::<T, V, 3>($stride, first, $($arg),*),
            }
        }
    }};
}

#[inline(always)]
fn panel_times_body<T: Real, V: Register<T>>(
    n: usize,
    stride: usize,
    rows: &[T],
    narrow: &[T],
    out: &mut [T],
) {
    if n > 0 && stride > 0 {
        in_strips!(times_strip, stride, n, rows, narrow, out);
    }
}

#[inline(always)]
fn panel_transposed_body<T: Real, V: Register<T>>(
    n: usize,
    stride: usize,
    first: usize,
    rows: &[T],
    narrow: &[T],
    out: &mut [T],
) {
    if n > 0 && stride > 0 {
        in_strips!(transposed_strip, stride, n, first, rows, narrow, out);
    }
}

#[inline(always)]
fn times_strip<T: Real, V: Register<T>, const C: usize>(
    stride: usize,
    at: usize,
    n: usize,
    rows: &[T],
    narrow: &[T],
    out: &mut [T],
) {
    let width = C * V::WIDTH;
    for (block, panel) in narrow[..n * stride].chunks(DEPTH * stride).enumerate() {
        let (from, depth) = (block * DEPTH, panel.len() / stride);
        for (rows, out) in rows.chunks(TALL * n).zip(out.chunks_mut(TALL * stride)) {
            let count = rows.len() / n;
            // Missing rows of the last group are its first once more.
            let row = |r: usize| &rows[if r < count { r } else { 0 } * n + from..][..depth];
            let (a, b, c, d) = (row(0), row(1), row(2), row(3));
            let mut sums = [[V::splat(T::ZERO); C]; TALL];
            for (r, sum) in sums.iter_mut().enumerate().take(count) {
                let out = &out[r * stride + at..][..width];
                for l in 0..C {
                    sum[l] = V::load(&out[l * V::WIDTH..]);
                }
            }
            for k in 0..depth {
                let p = &panel[k * stride + at..][..width];
                let (a, b) = (V::splat(a[k]), V::splat(b[k]));
                let (c, d) = (V::splat(c[k]), V::splat(d[k]));
                for l in 0..C {
                    let p = V::load(&p[l * V::WIDTH..]);
                    sums[0][l] = p.mul_add(a, sums[0][l]);
                    sums[1][l] = p.mul_add(b, sums[1][l]);
                    sums[2][l] = p.mul_add(c, sums[2][l]);
                    sums[3][l] = p.mul_add(d, sums[3][l]);
                }
            }
            for (r, sum) in sums.iter().enumerate().take(count) {
                let out = &mut out[r * stride + at..][..width];
                for l in 0..C {
                    sum[l].store(&mut out[l * V::WIDTH..]);
                }
            }
        }
    }
}

/// Four rows of the narrow matrix stay in registers, and the rows of the result go by: the large matrix is read in the order it is stored in.
#[inline(always)]
fn transposed_strip<T: Real, V: Register<T>, const C: usize>(
    stride: usize,
    at: usize,
    n: usize,
    first: usize,
    rows: &[T],
    narrow: &[T],
    out: &mut [T],
) {
    let width = C * V::WIDTH;
    for (block, out) in out.chunks_mut(DEPTH * stride).enumerate() {
        let (from, count) = (first + block * DEPTH, out.len() / stride);
        for (rows, narrow) in rows.chunks(TALL * n).zip(narrow.chunks(TALL * stride)) {
            let tall = rows.len() / n;
            let row = |r: usize| &rows[if r < tall { r } else { 0 } * n + from..][..count];
            let (a, b, c, d) = (row(0), row(1), row(2), row(3));
            let mut factors = [[V::splat(T::ZERO); C]; TALL];
            for (r, factor) in factors.iter_mut().enumerate().take(tall) {
                let narrow = &narrow[r * stride + at..][..width];
                for l in 0..C {
                    factor[l] = V::load(&narrow[l * V::WIDTH..]);
                }
            }
            for k in 0..count {
                let o = &mut out[k * stride + at..][..width];
                let (a, b) = (V::splat(a[k]), V::splat(b[k]));
                let (c, d) = (V::splat(c[k]), V::splat(d[k]));
                for l in 0..C {
                    let mut sum = V::load(&o[l * V::WIDTH..]);
                    sum = factors[0][l].mul_add(a, sum);
                    sum = factors[1][l].mul_add(b, sum);
                    sum = factors[2][l].mul_add(c, sum);
                    sum = factors[3][l].mul_add(d, sum);
                    sum.store(&mut o[l * V::WIDTH..]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Real>(tolerance: f64) {
        let value = |i: usize| T::from_f64((i as f64 * 0.71).sin());
        for (m, n, r) in [
            (1_usize, 1, 1_usize),
            (3, 5, 2),
            (9, 7, 10),
            (4, 300, 13),
            (6, 11, 30),
            (5, 0, 3),
        ] {
            let stride = r.next_multiple_of(T::WIDTH);
            let rows: Vec<T> = (0..m * n).map(value).collect();
            let narrow = |len: usize| -> Vec<T> {
                let entry = |at: usize| {
                    if at % stride < r {
                        value(3 * at + 1)
                    } else {
                        T::ZERO
                    }
                };
                (0..len * stride).map(entry).collect()
            };
            let (tall, wide) = (narrow(m), narrow(n));
            for kernels in [Kernels::Portable, Kernels::detect()] {
                let mut out = vec![T::ONE; m * stride];
                kernels.panel_times(n, stride, &rows, &wide, &mut out);
                for i in 0..m {
                    for c in 0..r {
                        let terms = (0..n)
                            .map(|j| rows[i * n + j].to_f64() * wide[j * stride + c].to_f64());
                        let expected = 1.0 + terms.sum::<f64>();
                        assert!((out[i * stride + c].to_f64() - expected).abs() < tolerance);
                    }
                }
                let first = n / 3;
                let mut out = vec![T::ONE; (n - first) * stride];
                kernels.panel_transposed(n, stride, first, &rows, &tall, &mut out);
                for j in first..n {
                    for c in 0..r {
                        let terms = (0..m)
                            .map(|i| rows[i * n + j].to_f64() * tall[i * stride + c].to_f64());
                        let expected = 1.0 + terms.sum::<f64>();
                        assert!(
                            (out[(j - first) * stride + c].to_f64() - expected).abs() < tolerance
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn both_instruction_sets_compute_the_products() {
        check::<f64>(1e-12);
        check::<f32>(1e-4);
    }
}
