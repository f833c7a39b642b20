//! Scalars the native engine computes in, and their vector operations.

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` (fast) or `f64` (reference). Sealed.
pub trait Element:
    sealed::Sealed
    + Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + std::fmt::Debug
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::AddAssign
    + 'static
{
    /// Additive identity.
    const ZERO: Self;
    /// Multiplicative identity.
    const ONE: Self;
    /// Rounds an `f64`.
    fn from_f64(value: f64) -> Self;
    /// Widens to `f64`, exactly.
    fn to_f64(self) -> f64;
    /// `a * self + b`, fused into one instruction when `FMA` says that the machine has one.
    fn mul_add_if<const FMA: bool>(self, a: Self, b: Self) -> Self;
    /// Hyperbolic tangent of every lane.
    fn tanh<const FMA: bool, const H: usize>(x: [Self; H]) -> [Self; H];
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
}

impl Element for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn mul_add_if<const FMA: bool>(self, a: Self, b: Self) -> Self {
        if FMA {
            self.mul_add(a, b)
        } else {
            self * a + b
        }
    }
    /// The platform's `tanh`: `f64` is the reference precision.
    #[inline(always)]
    fn tanh<const FMA: bool, const H: usize>(x: [Self; H]) -> [Self; H] {
        x.map(f64::tanh)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Element for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn mul_add_if<const FMA: bool>(self, a: Self, b: Self) -> Self {
        if FMA {
            self.mul_add(a, b)
        } else {
            self * a + b
        }
    }
    /// Rational minimax approximation `x P(x²) / Q(x²)` on [-7.9, 7.9], constant outside.
    ///
    /// Fitted for this crate (degrees 3 and 4 in x², iteratively reweighted least squares on a
    /// Chebyshev grid). Largest absolute error 1.2e-7 in exact arithmetic, 5e-7 in `f32`.
    /// NaN stays NaN.
    #[inline(always)]
    fn tanh<const FMA: bool, const H: usize>(x: [Self; H]) -> [Self; H] {
        let mut y = [0.0; H];
        for l in 0..H {
            // Comparisons written so that NaN passes through.
            let v = if x[l] < -BOUND { -BOUND } else { x[l] };
            let v = if v > BOUND { BOUND } else { v };
            let t = v * v;
            let p = P3
                .mul_add_if::<FMA>(t, P2)
                .mul_add_if::<FMA>(t, P1)
                .mul_add_if::<FMA>(t, P0);
            let q = Q4
                .mul_add_if::<FMA>(t, Q3)
                .mul_add_if::<FMA>(t, Q2)
                .mul_add_if::<FMA>(t, Q1)
                .mul_add_if::<FMA>(t, 1.0);
            y[l] = v * p / q;
        }
        y
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

const BOUND: f32 = 7.9;
const P0: f32 = 0.999_999_425_800_368_5;
const P1: f32 = 0.129_226_881_757_529_1;
const P2: f32 = 0.002_948_514_402_500_262_5;
const P3: f32 = 1.141_470_604_231_124_1e-5;
const Q1: f32 = 0.462_558_087_446_538_87;
const Q2: f32 = 0.023_803_523_685_900_243;
const Q3: f32 = 0.000_238_395_792_529_430_43;
const Q4: f32 = 2.457_249_122_962_276_3e-7;

#[cfg(test)]
mod tests {
    use super::Element;

    #[test]
    fn tanh_is_accurate_and_keeps_nan() {
        let mut worst = 0.0f64;
        for i in -200_000..=200_000 {
            let x = i as f32 * 1e-4;
            let y = f32::tanh_lanes(x);
            worst = worst.max((f64::from(y) - f64::from(x).tanh()).abs());
        }
        assert!(worst < 5e-7, "{worst}");
        assert!(f32::tanh_lanes(f32::NAN).is_nan());
        assert!((f32::tanh_lanes(f32::INFINITY) - 1.0).abs() < 5e-7);
    }

    trait TanhLanes {
        fn tanh_lanes(x: Self) -> Self;
    }
    impl TanhLanes for f32 {
        fn tanh_lanes(x: f32) -> f32 {
            <f32 as Element>::tanh::<false, 8>([x; 8])[3]
        }
    }
}
