//! Work on some rows of a factor at once, one row per lane.
//!
//! A tile holds r components of so many rows as four registers have lanes, component by component. Rows of a half step do not depend on each other, so that
//! no lane waits for another, and a rank that is no multiple of the width costs nothing.
//!
//! Loops are by index: chains of zipped iterators are not inlined into functions for other instructions.

use super::Kernels;
use super::register::Register;
use super::vector::Avx2;
use crate::Real;

narrow_kernel! {
    /// `out_c = Σ_k matrix_ck x_k` for a square matrix of r rows.
    tile_times, tile_times_body, tile_times_avx2, (r: usize, matrix: &[T], x: &[T], out: &mut [T])
}
narrow_kernel! {
    /// Sweeps of coordinate descent over the components: `x_c = max(0, x_c + (f_c − Σ_k g_ck x_k) / g_cc)`, given −G and 1 / g_cc, which is 0 where a component is only projected.
    tile_sweep, tile_sweep_body, tile_sweep_avx2, (r: usize, sweeps: usize, negative: &[T], inverse: &[T], f: &[T], x: &mut [T])
}
narrow_kernel! {
    /// Steps of the inner iteration of ADMM: with `y = c + matrix t` and `z = y − u`, `t = |z|` and `u = max(0, −z)`. The third tile is room.
    tile_split, tile_split_body, tile_split_avx2, (r: usize, steps: usize, matrix: &[T], c: &[T], tiles: [&mut [T]; 3])
}

/// Registers of a row of a tile.
const WIDE: usize = 4;

/// Rows of a factor in a tile.
pub(crate) fn tile_rows<T: Real>() -> usize {
    WIDE * T::WIDTH
}

/// A component of a tile.
#[inline(always)]
fn load<T: Real, V: Register<T>>(tile: &[T], k: usize) -> [V; WIDE] {
    let row = &tile[k * WIDE * V::WIDTH..(k + 1) * WIDE * V::WIDTH];
    let mut out = [V::splat(T::ZERO); WIDE];
    for l in 0..WIDE {
        out[l] = V::load(&row[l * V::WIDTH..]);
    }
    out
}

#[inline(always)]
fn store<T: Real, V: Register<T>>(x: [V; WIDE], tile: &mut [T], k: usize) {
    let row = &mut tile[k * WIDE * V::WIDTH..(k + 1) * WIDE * V::WIDTH];
    for l in 0..WIDE {
        x[l].store(&mut row[l * V::WIDTH..]);
    }
}

/// `sum + Σ_k row_k x_k` over components from `first` on.
#[inline(always)]
fn add_row<T: Real, V: Register<T>>(
    row: &[T],
    first: usize,
    x: &[T],
    mut sum: [V; WIDE],
) -> [V; WIDE] {
    let wide = WIDE * V::WIDTH;
    let x = &x[first * wide..][..row.len() * wide];
    for k in 0..row.len() {
        let (a, x) = (V::splat(row[k]), &x[k * wide..][..wide]);
        for l in 0..WIDE {
            sum[l] = V::load(&x[l * V::WIDTH..]).mul_add(a, sum[l]);
        }
    }
    sum
}

/// Two rows of a matrix at once: twice the independent sums.
#[inline(always)]
fn add_two<T: Real, V: Register<T>>(rows: [&[T]; 2], x: &[T], sums: &mut [[V; WIDE]; 2]) {
    let wide = WIDE * V::WIDTH;
    let (r, x) = (rows[0].len(), &x[..rows[0].len() * wide]);
    let (first, second) = (rows[0], &rows[1][..r]);
    for k in 0..r {
        let (a, b, x) = (
            V::splat(first[k]),
            V::splat(second[k]),
            &x[k * wide..][..wide],
        );
        for l in 0..WIDE {
            let x = V::load(&x[l * V::WIDTH..]);
            sums[0][l] = x.mul_add(a, sums[0][l]);
            sums[1][l] = x.mul_add(b, sums[1][l]);
        }
    }
}

#[inline(always)]
fn tile_times_body<T: Real, V: Register<T>>(r: usize, matrix: &[T], x: &[T], out: &mut [T]) {
    let zero = [V::splat(T::ZERO); WIDE];
    for c in (0..r).step_by(2) {
        let other = if c + 1 < r { c + 1 } else { c };
        let mut sums = [zero; 2];
        add_two::<T, V>(
            [
                &matrix[c * r..(c + 1) * r],
                &matrix[other * r..(other + 1) * r],
            ],
            x,
            &mut sums,
        );
        store(sums[0], out, c);
        store(sums[1], out, other);
    }
}

#[inline(always)]
fn tile_sweep_body<T: Real, V: Register<T>>(
    r: usize,
    sweeps: usize,
    negative: &[T],
    inverse: &[T],
    f: &[T],
    x: &mut [T],
) {
    let zero = V::splat(T::ZERO);
    for _ in 0..sweeps {
        for c in 0..r {
            let inverse = inverse[c];
            if inverse == T::ZERO {
                // Left alone, but extrapolated rows may be negative.
                let mut new = load::<T, V>(x, c);
                for n in &mut new {
                    *n = zero.max(*n);
                }
                store(new, x, c);
                continue;
            }
            let row = &negative[c * r..(c + 1) * r];
            // The component that was changed last comes last, so that the sums of two components overlap.
            let sum = add_row::<T, V>(&row[c..], c, x, load(f, c));
            let sum = add_row::<T, V>(&row[..c], 0, x, sum);
            let (mut new, inverse) = (load::<T, V>(x, c), V::splat(inverse));
            for l in 0..WIDE {
                // In this order NaN stays NaN.
                new[l] = zero.max(sum[l].mul_add(inverse, new[l]));
            }
            store(new, x, c);
        }
    }
}

#[inline(always)]
fn tile_split_body<T: Real, V: Register<T>>(
    r: usize,
    steps: usize,
    matrix: &[T],
    c: &[T],
    tiles: [&mut [T]; 3],
) {
    let zero = V::splat(T::ZERO);
    let [mut t, u, mut next] = tiles;
    for _ in 0..steps {
        for k in (0..r).step_by(2) {
            let other = if k + 1 < r { k + 1 } else { k };
            let mut sums = [load::<T, V>(c, k), load(c, other)];
            add_two::<T, V>(
                [
                    &matrix[k * r..(k + 1) * r],
                    &matrix[other * r..(other + 1) * r],
                ],
                t,
                &mut sums,
            );
            // Both duals are read before either is written: they are one where r is odd.
            let duals = [load::<T, V>(u, k), load(u, other)];
            for (i, k) in [k, other].into_iter().enumerate() {
                let (sum, mut size, mut dual) = (sums[i], sums[i], duals[i]);
                for l in 0..WIDE {
                    let z = sum[l].sub(dual[l]);
                    let opposite = zero.sub(z);
                    size[l] = opposite.max(z);
                    dual[l] = zero.max(opposite);
                }
                store(size, next, k);
                store(dual, u, k);
            }
        }
        std::mem::swap(&mut t, &mut next);
    }
    if steps % 2 == 1 {
        // The caller looks at t.
        next.copy_from_slice(t);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_formulas() {
        for r in [1, 2, 5, 10] {
            let rows = tile_rows::<f64>();
            let value = |i: usize| (i as f64 * 0.37).sin();
            let matrix: Vec<f64> = (0..r * r).map(|i| 0.1 * value(i)).collect();
            let tile =
                |shift: usize| -> Vec<f64> { (0..r * rows).map(|i| value(i + shift)).collect() };
            for kernels in [Kernels::Portable, Kernels::detect()] {
                let (c, mut t, mut u) = (tile(1), tile(50), tile(99));
                let (start_t, start_u) = (t.clone(), u.clone());
                let mut next = vec![0.0; r * rows];
                kernels.tile_split(r, 3, &matrix, &c, [&mut t, &mut u, &mut next]);
                for lane in 0..rows {
                    let of = |tile: &[f64]| -> Vec<f64> {
                        (0..r).map(|k| tile[k * rows + lane]).collect()
                    };
                    let (mut et, mut eu) = (of(&start_t), of(&start_u));
                    for _ in 0..3 {
                        let z: Vec<f64> = (0..r)
                            .map(|k| {
                                let sum: f64 = (0..r).map(|l| matrix[k * r + l] * et[l]).sum();
                                of(&c)[k] + sum - eu[k]
                            })
                            .collect();
                        et = z.iter().map(|z| z.abs()).collect();
                        eu = z.iter().map(|z| (-z).max(0.0)).collect();
                    }
                    for k in 0..r {
                        assert!((t[k * rows + lane] - et[k]).abs() < 1e-13);
                        assert!((u[k * rows + lane] - eu[k]).abs() < 1e-13);
                    }
                }
            }
        }
    }
}
