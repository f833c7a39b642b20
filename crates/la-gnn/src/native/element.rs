//! Scalars the native engine computes in.

use super::simd::{Kernel, Portable};

/// `f32` (fast) or `f64` (reference). Sealed.
pub trait Element: la_graph::Real + std::ops::Div<Output = Self> {
    /// `a * self + b`, fused into one instruction when `FMA` says that the machine has one.
    fn mul_add_if<const FMA: bool>(self, a: Self, b: Self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The platform's exponential.
    fn exp(self) -> Self;
    /// Runs a kernel with the fastest instructions for this scalar that the processor has.
    #[doc(hidden)]
    fn run_kernel<K: Kernel<Self>>(kernel: K);
}

impl Element for f64 {
    #[inline(always)]
    fn mul_add_if<const FMA: bool>(self, a: Self, b: Self) -> Self {
        if FMA {
            self.mul_add(a, b)
        } else {
            self * a + b
        }
    }
    #[inline(always)]
    fn exp(self) -> Self {
        f64::exp(self)
    }
    /// The platform's `tanh`: `f64` is the reference precision.
    #[inline(always)]
    fn tanh(self) -> Self {
        f64::tanh(self)
    }
    fn run_kernel<K: Kernel<Self>>(kernel: K) {
        kernel.run(Portable);
    }
}

impl Element for f32 {
    #[inline(always)]
    fn mul_add_if<const FMA: bool>(self, a: Self, b: Self) -> Self {
        if FMA {
            self.mul_add(a, b)
        } else {
            self * a + b
        }
    }
    #[inline(always)]
    fn exp(self) -> Self {
        f32::exp(self)
    }
    /// Rational minimax approximation `x P(x²) / Q(x²)` on [-7.9, 7.9], constant outside.
    ///
    /// Fitted for this crate (degrees 3 and 4 in x², iteratively reweighted least squares on a
    /// Chebyshev grid). Largest absolute error 1.2e-7 in exact arithmetic, 5e-7 in `f32`. NaN goes to -1
    /// (inputs are checked to be finite before a network runs).
    #[inline(always)]
    fn tanh(self) -> Self {
        #[expect(
            clippy::manual_clamp,
            reason = "`clamp` keeps NaN, which costs a comparison more in every lane"
        )]
        let x = self.max(-BOUND).min(BOUND);
        let t = x * x;
        let p = NUMERATOR[1..].iter().fold(NUMERATOR[0], |p, c| p * t + c);
        let q = DENOMINATOR[1..]
            .iter()
            .fold(DENOMINATOR[0], |q, c| q * t + c);
        x * p / q
    }
    fn run_kernel<K: Kernel<Self>>(kernel: K) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = super::simd::Avx2::detect() {
            return avx2.run(kernel);
        }
        kernel.run(Portable);
    }
}

/// Where the approximation of tanh ends.
pub(crate) const BOUND: f32 = 7.9;
/// P, highest degree first.
#[expect(
    clippy::excessive_precision,
    reason = "the digits of the fit, which was made in double precision"
)]
pub(crate) const NUMERATOR: [f32; 4] = [
    1.141_470_604_231_124_1e-5,
    0.002_948_514_402_500_262_5,
    0.129_226_881_757_529_1,
    0.999_999_425_800_368_5,
];
/// Q, highest degree first.
#[expect(
    clippy::excessive_precision,
    reason = "the digits of the fit, which was made in double precision"
)]
pub(crate) const DENOMINATOR: [f32; 5] = [
    2.457_249_122_962_276_3e-7,
    0.000_238_395_792_529_430_43,
    0.023_803_523_685_900_243,
    0.462_558_087_446_538_87,
    1.0,
];

#[cfg(test)]
mod tests {
    use super::super::simd::{Kernel, LANES, Simd};
    use super::Element;

    struct Tanh<'a>(&'a [f32], &'a mut [f32]);

    impl Kernel<f32> for Tanh<'_> {
        fn run<S: Simd<f32>>(self, simd: S) {
            for (x, y) in self
                .0
                .as_chunks::<LANES>()
                .0
                .iter()
                .zip(self.1.as_chunks_mut::<LANES>().0)
            {
                simd.store(simd.tanh(simd.load(x)), y);
            }
        }
    }

    #[test]
    fn tanh_is_accurate_and_saturates() {
        let mut x: Vec<f32> = (-200_000..200_000).map(|i| i as f32 * 1e-4).collect();
        x.extend([
            f32::INFINITY,
            f32::NEG_INFINITY,
            0.0,
            1e-30,
            -1e-30,
            1e30,
            -1e30,
            f32::MIN_POSITIVE,
        ]);
        let mut fast = vec![0.0; x.len()];
        f32::run_kernel(Tanh(&x, &mut fast));
        for (x, fast) in x.iter().zip(fast) {
            let exact = f64::from(*x).tanh();
            assert!((f64::from(fast) - exact).abs() < 5e-7, "tanh({x}) = {fast}");
            assert!(
                (f64::from(Element::tanh(*x)) - exact).abs() < 5e-7,
                "tanh({x})"
            );
        }
    }
}
