//! What is done once per node: encoder, projections for the arcs, node perceptron.

use super::super::Element;
use super::super::lanes::{Lanes, activate, add_product, load, store};
use super::super::simd::{Kernel, LANES, Simd};
use super::layers::{Layers, Step};

/// First node states from the features.
pub(super) struct Encode<'a, T, const G: usize> {
    pub layers: &'a Layers<T, G>,
    pub relu: bool,
    /// n × width, row-major.
    pub features: &'a [T],
    pub nodes: &'a mut [Lanes<T, G>],
}

impl<T: Element, const G: usize> Kernel<T> for Encode<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let layers = self.layers;
        let width = layers.node_in.len();
        for (f, node) in self.features.chunks_exact(width).zip(self.nodes) {
            let mut pre = load(simd, &layers.node_bias);
            for (column, &x) in layers.node_in.iter().zip(f) {
                let x = simd.splat(x);
                for g in 0..G {
                    pre[g] = simd.mul_add(simd.load(&column[g]), x, pre[g]);
                }
            }
            let mut h = [[[T::ZERO; LANES]; G]];
            store(simd, activate(simd, self.relu, pre), &mut h[0]);
            let mut out = [load(simd, &layers.node_out_bias)];
            add_product(simd, &layers.node_out, &h, &mut out);
            store(simd, out[0], node);
        }
    }
}

/// First layer of the arc perceptron on node states, in the role of the receiver (bias included) and of the other end.
pub(super) struct Project<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub nodes: &'a [Lanes<T, G>],
    pub receiver: &'a mut [Lanes<T, G>],
    pub other: &'a mut [Lanes<T, G>],
}

impl<T: Element, const G: usize> Kernel<T> for Project<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        for ((x, r), o) in self.nodes.iter().zip(self.receiver).zip(self.other) {
            let x = std::array::from_ref(x);
            let mut acc = [load(simd, &self.step.bias)];
            add_product(simd, &self.step.receiver, x, &mut acc);
            store(simd, acc[0], r);
            let mut acc = [[simd.splat(T::ZERO); G]];
            add_product(simd, &self.step.other, x, &mut acc);
            store(simd, acc[0], o);
        }
    }
}

/// New node states from the old ones and the mean hidden states of their arcs.
pub(super) struct Update<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub relu: bool,
    pub mean: &'a [Lanes<T, G>],
    pub nodes: &'a mut [Lanes<T, G>],
}

impl<T: Element, const G: usize> Kernel<T> for Update<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let step = self.step;
        for (mean, node) in self.mean.iter().zip(self.nodes) {
            let mut pre = [load(simd, &step.node_bias)];
            add_product(simd, &step.node, std::array::from_ref(node), &mut pre);
            add_product(simd, &step.mean, std::array::from_ref(mean), &mut pre);
            let mut h = [[[T::ZERO; LANES]; G]];
            store(simd, activate(simd, self.relu, pre[0]), &mut h[0]);
            let mut out = [load(simd, &step.node_out_bias)];
            add_product(simd, &step.node_out, &h, &mut out);
            store(simd, out[0], node);
        }
    }
}
