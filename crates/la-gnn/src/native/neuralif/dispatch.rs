//! Chooses at run time between kernels for every machine and kernels for AVX2 with FMA.
//!
//! The kernels are ordinary safe functions, compiled twice; only the call into the version with
//! more instructions is unsafe. Measured gain at n = 10 000: about four times.
#![expect(
    unsafe_code,
    reason = "calls functions compiled for instructions that were checked to exist"
)]

use super::super::Element;
use super::arcs::{self, ArcsIn, Direction};
use super::step::Step;
use super::{arcs_backward, nodes};
use crate::neuralif::NODE_WIDTH;

/// Whether fused multiply-add is one instruction everywhere on this architecture.
const FMA: bool = cfg!(target_arch = "aarch64");

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident, $fast:ident => $module:ident :: $kernel:ident ($($arg:ident: $ty:ty),* $(,)?);)*) => {$(
        $(#[$doc])*
        pub(super) fn $name<T: Element, const H: usize>($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                // SAFETY: the line above has checked that this processor has AVX2 and FMA.
                return unsafe { $fast::<T, H>($($arg),*) };
            }
            $module::$kernel::<T, H, FMA>($($arg),*);
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn $fast<T: Element, const H: usize>($($arg: $ty),*) {
            $module::$kernel::<T, H, true>($($arg),*);
        }
    )*};
}

kernels! {
    /// [`arcs::project`].
    project, project_avx2 => arcs::project(
        step: &Step<T, H>,
        direction: Direction,
        nodes: &[[T; NODE_WIDTH]],
        rows: &mut [[T; H]],
        cols: &mut [[T; H]],
    );
    /// [`arcs::forward`].
    arcs_forward, arcs_forward_avx2 => arcs::forward(
        input: ArcsIn<'_, T, H>,
        new_state: &mut [T],
        aggregate: &mut [T],
    );
    /// [`nodes::forward`].
    nodes_forward, nodes_forward_avx2 => nodes::forward(
        step: &Step<T, H>,
        relu: bool,
        old: &[[T; NODE_WIDTH]],
        aggregate: &[T],
        new: &mut [[T; NODE_WIDTH]],
    );
    /// [`arcs_backward::backward`].
    arcs_backward, arcs_backward_avx2 => arcs_backward::backward(
        input: ArcsIn<'_, T, H>,
        grad_aggregate: &[T],
        grad_state: &mut [T],
        grad_rows: &mut [[T; H]],
        grad_cols: &mut [[T; H]],
        gradient: &mut [f64],
    );
    /// [`arcs_backward::project_backward`].
    project_backward, project_backward_avx2 => arcs_backward::project_backward(
        step: &Step<T, H>,
        direction: Direction,
        nodes: &[[T; NODE_WIDTH]],
        grad_rows: &[[T; H]],
        grad_cols: &[[T; H]],
        grad_nodes: &mut [[T; NODE_WIDTH]],
        gradient: &mut [f64],
    );
    /// [`nodes::backward`].
    nodes_backward, nodes_backward_avx2 => nodes::backward(
        step: &Step<T, H>,
        relu: bool,
        old: &[[T; NODE_WIDTH]],
        aggregate: &[T],
        grad_new: &mut [[T; NODE_WIDTH]],
        grad_aggregate: &mut [T],
        gradient: &mut [f64],
    );
}
