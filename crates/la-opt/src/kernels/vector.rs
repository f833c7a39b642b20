//! Eight numbers at a time.
#![expect(
    unsafe_code,
    reason = "vector instructions that were checked to exist; left to itself the compiler gathers sums across rows, at twice the time"
)]

#[cfg(not(target_arch = "x86_64"))]
use super::register::Plain;
use super::register::Register;
use crate::Real;

/// Numbers per step.
pub(crate) const LANES: usize = 8;

/// Eight numbers. Implementations are `#[inline(always)]`.
pub trait Vector<T>: Copy {
    fn splat(x: T) -> Self;
    fn load(x: &[T; LANES]) -> Self;
    fn store(self, to: &mut [T; LANES]);
    /// `self · a + b`.
    fn mul_add(self, a: Self, b: Self) -> Self;
    fn sum(self) -> T;
    /// `x · a + b` for single numbers.
    fn scalar_mul_add(x: T, a: T, b: T) -> T;
}

/// For every machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Array<T>([T; LANES]);

impl<T: Real> Vector<T> for Array<T> {
    #[inline(always)]
    fn splat(x: T) -> Self {
        Self([x; LANES])
    }
    #[inline(always)]
    fn load(x: &[T; LANES]) -> Self {
        Self(*x)
    }
    #[inline(always)]
    fn store(self, to: &mut [T; LANES]) {
        *to = self.0;
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|l| self.0[l] * a.0[l] + b.0[l]))
    }
    #[inline(always)]
    fn sum(self) -> T {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
    #[inline(always)]
    fn scalar_mul_add(x: T, a: T, b: T) -> T {
        x * a + b
    }
}

/// The vectors of a scalar type under AVX2 with FMA. Made and used by functions with these features alone.
pub trait Avx2: Sized {
    /// Eight numbers.
    type Lanes: Vector<Self>;
    /// One register.
    type One: Register<Self>;
    /// As many numbers on machines of any kind.
    type Plain: Register<Self>;
    /// Numbers of one register.
    const WIDTH: usize;
}

#[cfg(not(target_arch = "x86_64"))]
impl Avx2 for f64 {
    type Lanes = Array<f64>;
    type One = Plain<f64, 4>;
    type Plain = Plain<f64, 4>;
    const WIDTH: usize = 4;
}

#[cfg(not(target_arch = "x86_64"))]
impl Avx2 for f32 {
    type Lanes = Array<f32>;
    type One = Plain<f32, 8>;
    type Plain = Plain<f32, 8>;
    const WIDTH: usize = 8;
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use std::arch::x86_64::*;

    use super::super::register::Plain;
    use super::super::register::x86::{F32, F64};
    use super::{Avx2, LANES, Vector};

    /// Two registers.
    #[derive(Debug, Clone, Copy)]
    pub struct F64x8(__m256d, __m256d);

    /// One register.
    #[derive(Debug, Clone, Copy)]
    pub struct F32x8(__m256);

    impl Avx2 for f64 {
        type Lanes = F64x8;
        type One = F64;
        type Plain = Plain<f64, 4>;
        const WIDTH: usize = 4;
    }

    impl Avx2 for f32 {
        type Lanes = F32x8;
        type One = F32;
        type Plain = Plain<f32, 8>;
        const WIDTH: usize = 8;
    }

    // SAFETY of all blocks below: these types are used by kernels that were compiled for AVX2 and FMA, and run where both were seen.
    impl Vector<f64> for F64x8 {
        #[inline(always)]
        fn splat(x: f64) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_set1_pd(x), _mm256_set1_pd(x)) }
        }
        #[inline(always)]
        fn load(x: &[f64; LANES]) -> Self {
            // SAFETY: see above; eight numbers can be read.
            unsafe {
                Self(
                    _mm256_loadu_pd(x.as_ptr()),
                    _mm256_loadu_pd(x.as_ptr().add(4)),
                )
            }
        }
        #[inline(always)]
        fn store(self, to: &mut [f64; LANES]) {
            // SAFETY: see above; eight numbers can be written.
            unsafe {
                _mm256_storeu_pd(to.as_mut_ptr(), self.0);
                _mm256_storeu_pd(to.as_mut_ptr().add(4), self.1);
            }
        }
        #[inline(always)]
        fn mul_add(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            unsafe {
                Self(
                    _mm256_fmadd_pd(self.0, a.0, b.0),
                    _mm256_fmadd_pd(self.1, a.1, b.1),
                )
            }
        }
        #[inline(always)]
        fn sum(self) -> f64 {
            // SAFETY: see above.
            unsafe {
                let four = _mm256_add_pd(self.0, self.1);
                let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
                _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
            }
        }
        #[inline(always)]
        fn scalar_mul_add(x: f64, a: f64, b: f64) -> f64 {
            x.mul_add(a, b)
        }
    }

    impl Vector<f32> for F32x8 {
        #[inline(always)]
        fn splat(x: f32) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_set1_ps(x)) }
        }
        #[inline(always)]
        fn load(x: &[f32; LANES]) -> Self {
            // SAFETY: see above; eight numbers can be read.
            unsafe { Self(_mm256_loadu_ps(x.as_ptr())) }
        }
        #[inline(always)]
        fn store(self, to: &mut [f32; LANES]) {
            // SAFETY: see above; eight numbers can be written.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn mul_add(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_fmadd_ps(self.0, a.0, b.0)) }
        }
        #[inline(always)]
        fn sum(self) -> f32 {
            // SAFETY: see above.
            unsafe {
                let four = _mm_add_ps(
                    _mm256_castps256_ps128(self.0),
                    _mm256_extractf128_ps(self.0, 1),
                );
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)))
            }
        }
        #[inline(always)]
        fn scalar_mul_add(x: f32, a: f32, b: f32) -> f32 {
            x.mul_add(a, b)
        }
    }
}
