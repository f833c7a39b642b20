//! As many numbers as one register holds.
#![expect(
    unsafe_code,
    reason = "vector instructions that were checked to exist; tiles of accumulators stay in registers only if these are named"
)]

use crate::Real;

/// Kernels over single registers, for factors of few columns.
#[cfg(feature = "nmf")]
macro_rules! narrow_kernel {
    ($(#[$doc:meta])* $name:ident, $body:ident, $avx:ident, ($($arg:ident: $type:ty),*)) => {
        impl Kernels {
            $(#[$doc])*
            #[inline]
            pub(crate) fn $name<T: Real>(self, $($arg: $type),*) {
                match self {
                    Self::Portable => $body::<T, <T as Avx2>::Plain>($($arg),*),
                    // SAFETY: this variant is made by `detect` alone, after it saw AVX2 and FMA.
                    #[cfg(target_arch = "x86_64")]
                    Self::Avx2 => unsafe { $avx::<T>($($arg),*) },
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn $avx<T: Real>($($arg: $type),*) {
            $body::<T, <T as Avx2>::One>($($arg),*)
        }
    };
}

/// One register of numbers. Implementations are `#[inline(always)]`.
pub trait Register<T>: Copy {
    /// Numbers in it.
    const WIDTH: usize;
    fn splat(x: T) -> Self;
    /// The first numbers of x.
    fn load(x: &[T]) -> Self;
    fn store(self, to: &mut [T]);
    /// `self · a + b`.
    fn mul_add(self, a: Self, b: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
}

/// For every machine.
#[derive(Debug, Clone, Copy)]
pub struct Plain<T, const N: usize>([T; N]);

impl<T: Real, const N: usize> Register<T> for Plain<T, N> {
    const WIDTH: usize = N;
    #[inline(always)]
    fn splat(x: T) -> Self {
        Self([x; N])
    }
    #[inline(always)]
    fn load(x: &[T]) -> Self {
        let mut numbers = [T::ZERO; N];
        numbers.copy_from_slice(&x[..N]);
        Self(numbers)
    }
    #[inline(always)]
    fn store(self, to: &mut [T]) {
        to[..N].copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|l| self.0[l] * a.0[l] + b.0[l]))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|l| self.0[l] * other.0[l]))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|l| self.0[l] - other.0[l]))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(std::array::from_fn(|l| self.0[l] / other.0[l]))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(std::array::from_fn(|l| {
            if self.0[l] > other.0[l] {
                self.0[l]
            } else {
                other.0[l]
            }
        }))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use std::arch::x86_64::*;

    use super::Register;

    /// Four numbers.
    #[derive(Debug, Clone, Copy)]
    pub struct F64(__m256d);

    /// Eight numbers.
    #[derive(Debug, Clone, Copy)]
    pub struct F32(__m256);

    // SAFETY of all blocks below: these types are used by kernels that were compiled for AVX2 and FMA, and run where both were seen.
    macro_rules! register {
        ($name:ident, $t:ty, $width:literal, $splat:ident, $load:ident, $store:ident, $fma:ident, $mul:ident, $sub:ident, $div:ident, $max:ident) => {
            impl Register<$t> for $name {
                const WIDTH: usize = $width;
                #[inline(always)]
                fn splat(x: $t) -> Self {
                    // SAFETY: see above.
                    unsafe { Self($splat(x)) }
                }
                #[inline(always)]
                fn load(x: &[$t]) -> Self {
                    let x = &x[..$width];
                    // SAFETY: see above; so many numbers can be read.
                    unsafe { Self($load(x.as_ptr())) }
                }
                #[inline(always)]
                fn store(self, to: &mut [$t]) {
                    let to = &mut to[..$width];
                    // SAFETY: see above; so many numbers can be written.
                    unsafe { $store(to.as_mut_ptr(), self.0) }
                }
                #[inline(always)]
                fn mul_add(self, a: Self, b: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { Self($fma(self.0, a.0, b.0)) }
                }
                #[inline(always)]
                fn mul(self, other: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { Self($mul(self.0, other.0)) }
                }
                #[inline(always)]
                fn sub(self, other: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { Self($sub(self.0, other.0)) }
                }
                #[inline(always)]
                fn div(self, other: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { Self($div(self.0, other.0)) }
                }
                #[inline(always)]
                fn max(self, other: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { Self($max(self.0, other.0)) }
                }
            }
        };
    }
    register!(
        F64,
        f64,
        4,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_fmadd_pd,
        _mm256_mul_pd,
        _mm256_sub_pd,
        _mm256_div_pd,
        _mm256_max_pd
    );
    register!(
        F32,
        f32,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_mul_ps,
        _mm256_sub_ps,
        _mm256_div_ps,
        _mm256_max_ps
    );
}
