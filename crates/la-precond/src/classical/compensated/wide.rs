//! Instructions that are chosen at run time.
//!
//! With AVX2 and FMA the learned rule takes half of the time; the other rules have nothing to gain.
#![expect(
    unsafe_code,
    reason = "a function for instructions that were checked to exist"
)]

use la_krylov::Real;

use super::kernel::Sweep;
use super::policy::Policy;
use super::triangle::Triangle;

/// [`Sweep::eliminate`], with AVX2 and FMA where the policy wants them and the processor has them.
pub(super) fn eliminate<T: Real, P: Policy<T>>(
    sweep: &mut Sweep<T, P::Row>,
    triangle: &Triangle,
    policy: &mut P,
) -> Result<(), usize> {
    #[cfg(target_arch = "x86_64")]
    if P::WIDE && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { with_avx2(sweep, triangle, policy) };
    }
    sweep.eliminate::<P, false>(triangle, policy)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<T: Real, P: Policy<T>>(
    sweep: &mut Sweep<T, P::Row>,
    triangle: &Triangle,
    policy: &mut P,
) -> Result<(), usize> {
    sweep.eliminate::<P, true>(triangle, policy)
}
