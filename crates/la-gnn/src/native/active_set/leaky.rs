//! The rectifier of these networks, over eight lanes.

use super::super::Element;
use super::super::panel::Panel;
use super::super::simd::{Kernel, LANES, Simd};

/// `x ← max(x, 0.1 x)`.
pub(super) fn leaky<T: Element>(x: &mut Panel<T>) {
    T::run_kernel(Leaky(&mut x.data));
}

struct Leaky<'a, T>(&'a mut [[T; LANES]]);

impl<T: Element> Kernel<T> for Leaky<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let leak = simd.splat(T::from_f64(crate::active_set::LEAK));
        let rest = simd.splat(T::from_f64(1.0 - crate::active_set::LEAK));
        for x in self.0 {
            let value = simd.load(x);
            let scaled = simd.mul(value, leak);
            simd.store(simd.mul_add(simd.relu(value), rest, scaled), x);
        }
    }
}

/// `out ← out + σ(x)`, σ the leaky rectifier.
pub(super) fn add_leaky<T: Element>(x: &Panel<T>, out: &mut Panel<T>) {
    T::run_kernel(AddLeaky(&x.data, &mut out.data));
}

struct AddLeaky<'a, T>(&'a [[T; LANES]], &'a mut [[T; LANES]]);

impl<T: Element> Kernel<T> for AddLeaky<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let leak = simd.splat(T::from_f64(crate::active_set::LEAK));
        let rest = simd.splat(T::from_f64(1.0 - crate::active_set::LEAK));
        for (x, out) in self.0.iter().zip(self.1) {
            let value = simd.load(x);
            let sum = simd.mul_add(value, leak, simd.load(out));
            simd.store(simd.mul_add(simd.relu(value), rest, sum), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaky_rectifier() {
        let mut x: Panel<f64> = Panel::from_fn(1, 3, |_, j| [-2.0, 0.0, 3.0][j]);
        let mut sum = Panel::from_fn(1, 3, |_, j| j as f64);
        add_leaky(&x, &mut sum);
        leaky(&mut x);
        for (got, expected) in x.row(0).iter().zip([-0.2, 0.0, 3.0]) {
            assert!((got - expected).abs() < 1e-15);
        }
        for (got, expected) in sum.row(0).iter().zip([-0.2, 1.0, 5.0]) {
            assert!((got - expected).abs() < 1e-15);
        }
    }
}
