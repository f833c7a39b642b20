//! Reverse of what is done once per node.
#![expect(
    clippy::needless_range_loop,
    reason = "lane loops index several arrays of fixed length alike; iterators hide the formula"
)]

use super::super::Element;
use super::super::lanes::{Lanes, Square, activate, add_product, load, store};
use super::super::simd::{Kernel, LANES, Simd};
use super::arcs_backward::add;
use super::layers::Step;
use crate::learned_lu::NODE_WIDTH;

/// Nodes whose sums are taken in `T` before they are added to the totals.
const NODES: usize = 64;

/// Reverse of [`super::nodes::Update`]: `grad_nodes` goes from new to old states, `grad_mean` is overwritten.
pub(super) struct UpdateBackward<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub relu: bool,
    pub nodes: &'a [[T; NODE_WIDTH]],
    pub mean: &'a [Lanes<T, G>],
    pub grad_nodes: &'a mut [[T; NODE_WIDTH]],
    pub grad_mean: &'a mut [Lanes<T, G>],
    pub sums: &'a mut Step<f64, G>,
}

impl<T: Element, const G: usize> Kernel<T> for UpdateBackward<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Self { step, sums, .. } = self;
        let zero: Lanes<T, G> = [[T::ZERO; LANES]; G];
        for start in (0..self.nodes.len()).step_by(NODES) {
            let mut node: [Lanes<T, G>; NODE_WIDTH] = [zero; NODE_WIDTH];
            let mut mean: Square<T, G> = [[zero; LANES]; G];
            let mut out = [[[T::ZERO; NODE_WIDTH]; LANES]; G];
            let (mut bias, mut out_bias) = (zero, [T::ZERO; NODE_WIDTH]);
            for i in start..(start + NODES).min(self.nodes.len()) {
                let (x, m) = (&self.nodes[i], &self.mean[i]);
                // The hidden layer again.
                let mut pre = [load(simd, &step.node_bias)];
                for d in 0..NODE_WIDTH {
                    let x = simd.splat(x[d]);
                    for g in 0..G {
                        pre[0][g] = simd.mul_add(simd.load(&step.node[d][g]), x, pre[0][g]);
                    }
                }
                add_product(simd, &step.mean, std::array::from_ref(m), &mut pre);
                let h = activate(simd, self.relu, pre[0]);
                let mut hidden = zero;
                store(simd, h, &mut hidden);

                let grad = simd.load(&self.grad_nodes[i]);
                simd.store(simd.add(simd.load(&out_bias), grad), &mut out_bias);
                let mut delta = [simd.splat(T::ZERO); G];
                for g in 0..G {
                    let mut products = [grad; LANES];
                    for l in 0..LANES {
                        let x = simd.splat(hidden[g][l]);
                        let sum = simd.mul_add(grad, x, simd.load(&out[g][l]));
                        simd.store(sum, &mut out[g][l]);
                        products[l] = simd.mul(grad, simd.load(&step.node_out[g][l]));
                    }
                    let slope = if self.relu {
                        simd.relu_slope(h[g])
                    } else {
                        simd.tanh_slope(h[g])
                    };
                    delta[g] = simd.mul(simd.sum_each(products), slope);
                    let sum = simd.add(simd.load(&bias[g]), delta[g]);
                    simd.store(sum, &mut bias[g]);
                }
                let mut products = [grad; NODE_WIDTH];
                for d in 0..NODE_WIDTH {
                    accumulate(simd, &delta, x[d], &mut node[d]);
                    products[d] = inner(simd, &delta, &step.node[d]);
                }
                simd.store(simd.sum_each(products), &mut self.grad_nodes[i]);
                for group in 0..G {
                    for l in 0..LANES {
                        accumulate(simd, &delta, m[group][l], &mut mean[group][l]);
                        products[l] = inner(simd, &delta, &step.mean[group][l]);
                    }
                    simd.store(simd.sum_each(products), &mut self.grad_mean[i][group]);
                }
            }
            add(node.as_flattened(), sums.node.as_flattened_mut());
            add(
                mean.as_flattened().as_flattened(),
                sums.mean.as_flattened_mut().as_flattened_mut(),
            );
            add(out.as_flattened(), sums.node_out.as_flattened_mut());
            add(&bias, &mut sums.node_bias);
            add(&[out_bias], std::slice::from_mut(&mut sums.node_out_bias));
        }
    }
}

/// `column += δ x`.
#[inline(always)]
fn accumulate<T: Element, S: Simd<T>, const G: usize>(
    simd: S,
    delta: &[S::Lanes; G],
    x: T,
    column: &mut Lanes<T, G>,
) {
    let x = simd.splat(x);
    for g in 0..G {
        let sum = simd.mul_add(delta[g], x, simd.load(&column[g]));
        simd.store(sum, &mut column[g]);
    }
}

/// Lanes whose sum is `δᵀ column`.
#[inline(always)]
fn inner<T: Element, S: Simd<T>, const G: usize>(
    simd: S,
    delta: &[S::Lanes; G],
    column: &Lanes<T, G>,
) -> S::Lanes {
    let mut sum = simd.mul(delta[0], simd.load(&column[0]));
    for g in 1..G {
        sum = simd.mul_add(delta[g], simd.load(&column[g]), sum);
    }
    sum
}

/// Reverse of [`super::nodes::Project`]: adds to `grad_nodes`.
pub(super) struct ProjectBackward<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub nodes: &'a [[T; NODE_WIDTH]],
    pub receiver: &'a [Lanes<T, G>],
    pub other: &'a [Lanes<T, G>],
    pub grad_nodes: &'a mut [[T; NODE_WIDTH]],
    pub sums: &'a mut Step<f64, G>,
}

impl<T: Element, const G: usize> Kernel<T> for ProjectBackward<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Self { step, sums, .. } = self;
        let zero: Lanes<T, G> = [[T::ZERO; LANES]; G];
        for start in (0..self.nodes.len()).step_by(NODES) {
            let mut receiver = [zero; NODE_WIDTH];
            let mut other = [zero; NODE_WIDTH];
            let mut bias = zero;
            for i in start..(start + NODES).min(self.nodes.len()) {
                let x = &self.nodes[i];
                let r = load(simd, &self.receiver[i]);
                let o = load(simd, &self.other[i]);
                let mut products = [simd.splat(T::ZERO); NODE_WIDTH];
                for d in 0..NODE_WIDTH {
                    accumulate(simd, &r, x[d], &mut receiver[d]);
                    accumulate(simd, &o, x[d], &mut other[d]);
                    products[d] = simd.add(
                        inner(simd, &r, &step.receiver[d]),
                        inner(simd, &o, &step.other[d]),
                    );
                }
                accumulate(simd, &r, T::ONE, &mut bias);
                let sum = simd.add(simd.load(&self.grad_nodes[i]), simd.sum_each(products));
                simd.store(sum, &mut self.grad_nodes[i]);
            }
            add(receiver.as_flattened(), sums.receiver.as_flattened_mut());
            add(other.as_flattened(), sums.other.as_flattened_mut());
            add(&bias, &mut sums.bias);
        }
    }
}
