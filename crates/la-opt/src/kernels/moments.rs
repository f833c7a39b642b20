//! What a Newton step on one coordinate of the divergence of Kullback and Leibler needs.
//!
//! Loops are by index: chains of zipped iterators are not inlined into functions for other instructions.

use super::Kernels;
use super::register::Register;
use super::vector::Avx2;
use crate::Real;

narrow_kernel! {
    /// With `numbers = [step, floor]`: `fit += step · moved`, then with `b = w / max(fit, floor)` the sums of `v b` and `v b²` and the largest b. All slices have the same length, a multiple of the
    /// width of a register.
    moments, moments_body, moments_avx2, (numbers: [T; 2], moved: &[T], w: &[T], v: &[T], fit: &mut [T], out: &mut [T; 3])
}

/// One pass for both: the next coordinate is summed while the fit of the last one is in registers.
#[inline(always)]
fn moments_body<T: Real, V: Register<T>>(
    [step, floor]: [T; 2],
    moved: &[T],
    w: &[T],
    v: &[T],
    fit: &mut [T],
    out: &mut [T; 3],
) {
    let len = fit.len();
    let (moved, w, v) = (&moved[..len], &w[..len], &v[..len]);
    let (step, floor, one) = (V::splat(step), V::splat(floor), V::splat(T::ONE));
    let (mut first, mut second) = (V::splat(T::ZERO), V::splat(T::ZERO));
    let mut largest = V::splat(T::ZERO);
    let mut at = 0;
    while at + V::WIDTH <= len {
        let q = V::load(&moved[at..]).mul_add(step, V::load(&fit[at..]));
        q.store(&mut fit[at..]);
        let b = V::load(&w[at..]).mul(one.div(q.max(floor)));
        let a = b.mul(V::load(&v[at..]));
        first = first.mul_add(one, a);
        second = a.mul_add(b, second);
        largest = largest.max(b);
        at += V::WIDTH;
    }
    let mut lanes = [[T::ZERO; 8]; 3];
    first.store(&mut lanes[0]);
    second.store(&mut lanes[1]);
    largest.store(&mut lanes[2]);
    *out = [T::ZERO; 3];
    for &lane in &lanes[0] {
        out[0] += lane;
    }
    for &lane in &lanes[1] {
        out[1] += lane;
    }
    for &lane in &lanes[2] {
        out[2] = out[2].max(lane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_instruction_sets_agree_with_the_definition() {
        for len in [0, 8, 16, 40] {
            let numbers = |scale: f64| -> Vec<f64> {
                (0..len).map(|i| 1.0 + (scale * i as f64).sin()).collect()
            };
            let (moved, w, v, fit) = (numbers(0.3), numbers(0.7), numbers(1.1), numbers(1.9));
            let (step, floor) = (0.4, 0.6);
            let now: Vec<f64> = fit.iter().zip(&moved).map(|(q, m)| q + step * m).collect();
            let b: Vec<f64> = now.iter().zip(&w).map(|(q, w)| w / q.max(floor)).collect();
            let expected = [
                b.iter().zip(&v).map(|(b, v)| b * v).sum::<f64>(),
                b.iter().zip(&v).map(|(b, v)| b * b * v).sum(),
                b.iter().copied().fold(0.0, f64::max),
            ];
            for kernels in [Kernels::Portable, Kernels::detect()] {
                let (mut fit, mut out) = (fit.clone(), [7.0; 3]);
                kernels.moments([step, floor], &moved, &w, &v, &mut fit, &mut out);
                for (o, e) in out.iter().zip(expected) {
                    assert!((o - e).abs() <= 1e-13 * e.abs(), "{len}: {o}, {e}");
                }
                assert!(fit.iter().zip(&now).all(|(a, b)| (a - b).abs() < 1e-15));
            }
        }
    }
}
