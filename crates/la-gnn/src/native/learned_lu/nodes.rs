//! What is done once per node: projections for the arcs, node perceptron.
#![expect(
    clippy::needless_range_loop,
    reason = "lane loops index several arrays of fixed length alike; iterators hide the formula"
)]

use super::super::Element;
use super::super::lanes::{Lanes, activate, add_product, load, store};
use super::super::simd::{Kernel, LANES, Simd};
use super::layers::Step;
use crate::learned_lu::NODE_WIDTH;

const _: () = assert!(LANES == NODE_WIDTH, "a node state fills one group of lanes");

/// First layer of the arc perceptron on node states, in the role of the receiver (bias included) and of the other end.
pub(super) struct Project<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub nodes: &'a [[T; NODE_WIDTH]],
    pub receiver: &'a mut [Lanes<T, G>],
    pub other: &'a mut [Lanes<T, G>],
}

impl<T: Element, const G: usize> Kernel<T> for Project<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        for ((x, r), o) in self.nodes.iter().zip(self.receiver).zip(self.other) {
            let mut a = load(simd, &self.step.bias);
            let mut b = [simd.splat(T::ZERO); G];
            for d in 0..NODE_WIDTH {
                let x = simd.splat(x[d]);
                for g in 0..G {
                    a[g] = simd.mul_add(simd.load(&self.step.receiver[d][g]), x, a[g]);
                    b[g] = simd.mul_add(simd.load(&self.step.other[d][g]), x, b[g]);
                }
            }
            store(simd, a, r);
            store(simd, b, o);
        }
    }
}

/// New node states from the old ones and the mean hidden states of their arcs.
pub(super) struct Update<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub relu: bool,
    pub mean: &'a [Lanes<T, G>],
    pub nodes: &'a mut [[T; NODE_WIDTH]],
}

impl<T: Element, const G: usize> Kernel<T> for Update<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let step = self.step;
        for (mean, node) in self.mean.iter().zip(self.nodes) {
            let mut pre = [load(simd, &step.node_bias)];
            for d in 0..NODE_WIDTH {
                let x = simd.splat(node[d]);
                for g in 0..G {
                    pre[0][g] = simd.mul_add(simd.load(&step.node[d][g]), x, pre[0][g]);
                }
            }
            add_product(simd, &step.mean, std::array::from_ref(mean), &mut pre);
            let mut h = [[T::ZERO; LANES]; G];
            store(simd, activate(simd, self.relu, pre[0]), &mut h);
            let mut out = simd.load(&step.node_out_bias);
            for g in 0..G {
                for l in 0..LANES {
                    out = simd.mul_add(simd.load(&step.node_out[g][l]), simd.splat(h[g][l]), out);
                }
            }
            simd.store(out, node);
        }
    }
}
