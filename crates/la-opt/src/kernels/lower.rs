//! Unit lower triangular factors, packed by rows.

use super::vector::{Array, Avx2, Vector};
use super::{Kernels, add_four_body, dot_body, dot_each_body};
use crate::Real;

kernel! {
    /// `y ← L⁻¹ y` for a packed unit lower triangle without its ones; the first `known` entries of y are those of the result already.
    forward_lower, forward_lower_body, forward_lower_avx2, (lower: &[T], y: &mut [T], known: usize)
}
kernel! {
    /// `z ← L⁻ᵀ z` for a packed unit lower triangle without its ones.
    backward_lower, backward_lower_body, backward_lower_avx2, (lower: &[T], z: &mut [T])
}

/// Where row i of a packed lower triangle without diagonal begins.
#[inline(always)]
pub(crate) fn lower_start(i: usize) -> usize {
    i * i.saturating_sub(1) / 2
}

/// Four rows at a time: their products with what is known, then their triangle.
#[inline(always)]
fn forward_lower_body<T: Real, V: Vector<T>>(lower: &[T], y: &mut [T], known: usize) {
    let row = |i: usize| &lower[lower_start(i)..lower_start(i + 1)];
    let mut i = known;
    while i + 4 <= y.len() {
        let [r0, r1, r2, r3] = [row(i), row(i + 1), row(i + 2), row(i + 3)];
        let (done, rest) = y.split_at_mut(i);
        let products = dot_each_body::<T, V>(done, [r0, &r1[..i], &r2[..i], &r3[..i]]);
        let minus = |y: T, l: T, from: T| V::scalar_mul_add(-y, l, from);
        let y0 = rest[0] - products[0];
        let y1 = minus(y0, r1[i], rest[1] - products[1]);
        let y2 = minus(y1, r2[i + 1], minus(y0, r2[i], rest[2] - products[2]));
        let y3 = minus(y1, r3[i + 1], minus(y0, r3[i], rest[3] - products[3]));
        rest[..4].copy_from_slice(&[y0, y1, y2, minus(y2, r3[i + 2], y3)]);
        i += 4;
    }
    for i in i..y.len() {
        let (done, rest) = y.split_at_mut(i);
        rest[0] -= dot_body::<T, V>(row(i), done);
    }
}

#[inline(always)]
fn backward_lower_body<T: Real, V: Vector<T>>(lower: &[T], z: &mut [T]) {
    let row = |i: usize| &lower[lower_start(i)..lower_start(i + 1)];
    let mut i = z.len();
    while i >= 4 {
        // Four rows: their triangle, one number after the other, then what they do to all earlier entries.
        let first = i - 4;
        let (rest, part) = z.split_at_mut(first);
        let (Some(part), r1, r2, r3) = (
            part.first_chunk_mut::<4>(),
            row(first + 1),
            row(first + 2),
            row(first + 3),
        ) else {
            return;
        };
        let minus = |z: T, l: T, from: T| V::scalar_mul_add(-z, l, from);
        let [mut t0, mut t1, mut t2, t3] = *part;
        t2 = minus(t3, r3[first + 2], t2);
        t1 = minus(t2, r2[first + 1], minus(t3, r3[first + 1], t1));
        t0 = minus(t3, r3[first], t0);
        t0 = minus(t1, r1[first], minus(t2, r2[first], t0));
        *part = [t0, t1, t2, t3];
        if first > 0 {
            let rows = [row(first), &r1[..first], &r2[..first], &r3[..first]];
            add_four_body::<T, V>([-t0, -t1, -t2, -t3], rows, rest);
        }
        i = first;
    }
    for j in (1..i).rev() {
        let (rest, done) = z.split_at_mut(j);
        for (z, &l) in rest.iter_mut().zip(row(j)) {
            *z = V::scalar_mul_add(-done[0], l, *z);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
