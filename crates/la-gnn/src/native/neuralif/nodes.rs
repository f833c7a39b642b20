//! The node perceptron, forward and backward.
#![expect(
    clippy::needless_range_loop,
    reason = "lane loops index several arrays of fixed length alike; iterators hide the formula"
)]

use super::super::Element;
use super::super::simd::{Kernel, LANES, Simd};
use super::step::{Lanes, Step};
use crate::neuralif::NODE_WIDTH;

#[inline(always)]
fn hidden<T: Element, S: Simd<T>, const G: usize>(
    simd: S,
    step: &Step<T, G>,
    relu: bool,
    x: &[T; NODE_WIDTH],
    aggregate: T,
) -> [S::Lanes; G] {
    let mut h = [simd.splat(T::ZERO); G];
    for g in 0..G {
        let mut pre = simd.load(&step.node_bias[g]);
        for d in 0..NODE_WIDTH {
            pre = simd.mul_add(simd.load(&step.node_in[d][g]), simd.splat(x[d]), pre);
        }
        pre = simd.mul_add(
            simd.load(&step.node_in[NODE_WIDTH][g]),
            simd.splat(aggregate),
            pre,
        );
        h[g] = if relu { simd.relu(pre) } else { simd.tanh(pre) };
    }
    h
}

/// New node states from the old ones and the aggregated messages.
pub(super) struct Forward<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub relu: bool,
    pub old: &'a [[T; NODE_WIDTH]],
    pub aggregate: &'a [T],
    pub new: &'a mut [[T; NODE_WIDTH]],
}

impl<T: Element, const G: usize> Kernel<T> for Forward<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let step = self.step;
        for ((x, &m), y) in self.old.iter().zip(self.aggregate).zip(self.new) {
            let h = hidden(simd, step, self.relu, x, m);
            let mut sum = simd.load(&step.node_out_bias);
            for g in 0..G {
                let mut lanes = [T::ZERO; LANES];
                simd.store(h[g], &mut lanes);
                for l in 0..LANES {
                    sum = simd.mul_add(simd.load(&step.node_out[g][l]), simd.splat(lanes[l]), sum);
                }
            }
            simd.store(sum, y);
        }
    }
}

/// Reverse of [`Forward`]: `grad_new` becomes the gradient with respect to the old states (through
/// this perceptron only), `grad_aggregate` is overwritten, parameter gradients are added.
pub(super) struct Backward<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub relu: bool,
    pub old: &'a [[T; NODE_WIDTH]],
    pub aggregate: &'a [T],
    pub grad_new: &'a mut [[T; NODE_WIDTH]],
    pub grad_aggregate: &'a mut [T],
    pub gradient: &'a mut [f64],
}

impl<T: Element, const G: usize> Kernel<T> for Backward<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let step = self.step;
        let mut d_in = [[[0.0f64; LANES]; G]; NODE_WIDTH + 1];
        let mut d_bias = [[0.0f64; LANES]; G];
        let mut d_out = [[[0.0f64; NODE_WIDTH]; LANES]; G];
        let mut d_out_bias = [0.0f64; NODE_WIDTH];
        let gradients = self.grad_new.iter_mut().zip(self.grad_aggregate);
        for ((x, &m), (g_new, g_aggregate)) in self.old.iter().zip(self.aggregate).zip(gradients) {
            let lanes = hidden(simd, step, self.relu, x, m);
            let mut h: Lanes<T, G> = [[T::ZERO; LANES]; G];
            let mut pre: Lanes<T, G> = [[T::ZERO; LANES]; G];
            let upstream = simd.load(g_new);
            for g in 0..G {
                simd.store(lanes[g], &mut h[g]);
                let mut dh = [T::ZERO; LANES];
                for l in 0..LANES {
                    dh[l] = simd.sum(simd.mul(simd.load(&step.node_out[g][l]), upstream));
                    for c in 0..NODE_WIDTH {
                        d_out[g][l][c] += h[g][l].to_f64() * g_new[c].to_f64();
                    }
                }
                let slope = if self.relu {
                    simd.relu_slope(lanes[g])
                } else {
                    simd.tanh_slope(lanes[g])
                };
                simd.store(simd.mul(simd.load(&dh), slope), &mut pre[g]);
                for l in 0..LANES {
                    d_bias[g][l] += pre[g][l].to_f64();
                }
            }
            for c in 0..NODE_WIDTH {
                d_out_bias[c] += g_new[c].to_f64();
            }
            for d in 0..=NODE_WIDTH {
                let input = if d < NODE_WIDTH { x[d] } else { m };
                let mut back = simd.splat(T::ZERO);
                for g in 0..G {
                    back = simd.mul_add(simd.load(&step.node_in[d][g]), simd.load(&pre[g]), back);
                    for l in 0..LANES {
                        d_in[d][g][l] += pre[g][l].to_f64() * input.to_f64();
                    }
                }
                let back = simd.sum(back);
                if d < NODE_WIDTH {
                    g_new[d] = back;
                } else {
                    *g_aggregate = back;
                }
            }
        }
        let place = &step.place;
        for lane in 0..place.hidden {
            let (g, l) = (lane / LANES, lane % LANES);
            for (d, column) in d_in.iter().enumerate() {
                self.gradient[place.node_lin1(lane, d)] += column[g][l];
            }
            self.gradient[place.node_bias(lane)] += d_bias[g][l];
            for c in 0..NODE_WIDTH {
                self.gradient[place.node_out(c, lane)] += d_out[g][l][c];
            }
        }
        for (c, d) in d_out_bias.iter().enumerate() {
            self.gradient[place.node_out_bias(c)] += d;
        }
    }
}
