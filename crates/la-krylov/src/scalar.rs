//! The scalar types the solvers work in.

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A real scalar: `f32` or `f64`. Sealed.
///
/// Norms, tolerances and inner products are always reported in `f64`.
pub trait Real:
    sealed::Sealed
    + Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + std::fmt::Debug
    + std::fmt::Display
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::ops::SubAssign
    + std::ops::MulAssign
    + 'static
{
    /// Additive identity.
    const ZERO: Self;
    /// Multiplicative identity.
    const ONE: Self;
    /// Distance from 1 to the next larger number.
    const EPSILON: Self;
    /// Largest `e` for which both `2^e` and `2^-e` are normal numbers.
    const MAX_EXPONENT: i32;
    /// Rounds an `f64` to this type.
    fn from_f64(value: f64) -> Self;
    /// Widens to `f64`, exactly.
    fn to_f64(self) -> f64;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
}

macro_rules! real {
    ($t:ty) => {
        impl Real for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = <$t>::EPSILON;
            const MAX_EXPONENT: i32 = <$t>::MAX_EXP - 2;
            #[inline]
            fn from_f64(value: f64) -> Self {
                value as $t
            }
            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline]
            fn abs(self) -> Self {
                <$t>::abs(self)
            }
            #[inline]
            fn sqrt(self) -> Self {
                <$t>::sqrt(self)
            }
            #[inline]
            fn is_finite(self) -> bool {
                <$t>::is_finite(self)
            }
        }
    };
}
real!(f32);
real!(f64);

/// The power of two nearest below `norm`, kept where `2^e` and `2^-e` are normal numbers of `T`.
///
/// Dividing by it is exact; a residual of this size has a norm in [1, 2), whose square neither
/// overflows nor underflows. Returns 1 for zero, infinities and NaN.
pub(crate) fn power_of_two_below<T: Real>(norm: f64) -> f64 {
    if !norm.is_finite() || norm <= 0.0 {
        return 1.0;
    }
    let exponent = if norm >= f64::MIN_POSITIVE {
        // The exponent field of a positive normal number: at most 11 bits.
        (norm.to_bits() >> 52) as i32 - 1023
    } else {
        f64::MIN_EXP
    };
    2f64.powi(exponent.clamp(-T::MAX_EXPONENT, T::MAX_EXPONENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two() {
        assert_eq!(power_of_two_below::<f64>(1.0), 1.0);
        assert_eq!(power_of_two_below::<f64>(3.9), 2.0);
        assert_eq!(power_of_two_below::<f64>(0.6), 0.5);
        assert_eq!(power_of_two_below::<f64>(0.0), 1.0);
        assert_eq!(power_of_two_below::<f64>(f64::NAN), 1.0);
        assert_eq!(power_of_two_below::<f64>(1e308), 2f64.powi(1022));
        assert_eq!(
            power_of_two_below::<f64>(1e-320),
            2f64.powi(-1021).max(2f64.powi(-1022))
        );
        assert_eq!(power_of_two_below::<f32>(1e100), 2f64.powi(126));
    }
}
