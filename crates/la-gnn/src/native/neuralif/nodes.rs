//! The node perceptron, forward and backward.

use super::super::Element;
use super::arcs::activate;
use super::step::Step;
use crate::neuralif::NODE_WIDTH;

#[inline(always)]
fn hidden<T: Element, const H: usize, const FMA: bool, const RELU: bool>(
    step: &Step<T, H>,
    x: &[T; NODE_WIDTH],
    aggregate: T,
) -> [T; H] {
    let mut pre = step.node_bias;
    for l in 0..H {
        for d in 0..NODE_WIDTH {
            pre[l] = step.node_in[d][l].mul_add_if::<FMA>(x[d], pre[l]);
        }
        pre[l] = step.node_in[NODE_WIDTH][l].mul_add_if::<FMA>(aggregate, pre[l]);
    }
    activate::<T, H, FMA, RELU>(pre)
}

/// New node states from the old ones and the aggregated messages.
#[inline(always)]
pub(super) fn forward<T: Element, const H: usize, const FMA: bool>(
    step: &Step<T, H>,
    relu: bool,
    old: &[[T; NODE_WIDTH]],
    aggregate: &[T],
    new: &mut [[T; NODE_WIDTH]],
) {
    if relu {
        forward_as::<T, H, FMA, true>(step, old, aggregate, new);
    } else {
        forward_as::<T, H, FMA, false>(step, old, aggregate, new);
    }
}

#[inline(always)]
fn forward_as<T: Element, const H: usize, const FMA: bool, const RELU: bool>(
    step: &Step<T, H>,
    nodes: &[[T; NODE_WIDTH]],
    aggregate: &[T],
    new: &mut [[T; NODE_WIDTH]],
) {
    for ((x, &m), y) in nodes.iter().zip(aggregate).zip(new) {
        let h = hidden::<T, H, FMA, RELU>(step, x, m);
        let mut sum = step.node_out_bias;
        for l in 0..H {
            for c in 0..NODE_WIDTH {
                sum[c] = step.node_out[l][c].mul_add_if::<FMA>(h[l], sum[c]);
            }
        }
        *y = sum;
    }
}

/// Reverse of [`forward`]: `grad_new` becomes the gradient with respect to the old states (through
/// this perceptron only), `grad_aggregate` is overwritten, parameter gradients are added.
#[inline(always)]
pub(super) fn backward<T: Element, const H: usize, const FMA: bool>(
    step: &Step<T, H>,
    relu: bool,
    old: &[[T; NODE_WIDTH]],
    aggregate: &[T],
    grad_new: &mut [[T; NODE_WIDTH]],
    grad_aggregate: &mut [T],
    gradient: &mut [f64],
) {
    if relu {
        backward_as::<T, H, FMA, true>(step, old, aggregate, grad_new, grad_aggregate, gradient);
    } else {
        backward_as::<T, H, FMA, false>(step, old, aggregate, grad_new, grad_aggregate, gradient);
    }
}

#[inline(always)]
fn backward_as<T: Element, const H: usize, const FMA: bool, const RELU: bool>(
    step: &Step<T, H>,
    nodes: &[[T; NODE_WIDTH]],
    aggregate: &[T],
    grad_new: &mut [[T; NODE_WIDTH]],
    grad_aggregate: &mut [T],
    gradient: &mut [f64],
) {
    let mut d_in = [[0.0f64; H]; NODE_WIDTH + 1];
    let mut d_bias = [0.0f64; H];
    let mut d_out = [[0.0f64; NODE_WIDTH]; H];
    let mut d_out_bias = [0.0f64; NODE_WIDTH];
    for (((x, &m), g), gm) in nodes
        .iter()
        .zip(aggregate)
        .zip(grad_new)
        .zip(grad_aggregate)
    {
        let h = hidden::<T, H, FMA, RELU>(step, x, m);
        let mut pre = [T::ZERO; H];
        for l in 0..H {
            let mut dh = T::ZERO;
            for c in 0..NODE_WIDTH {
                dh = step.node_out[l][c].mul_add_if::<FMA>(g[c], dh);
                d_out[l][c] += h[l].to_f64() * g[c].to_f64();
            }
            pre[l] = dh * slope::<T, RELU>(h[l]);
            d_bias[l] += pre[l].to_f64();
        }
        for c in 0..NODE_WIDTH {
            d_out_bias[c] += g[c].to_f64();
        }
        for d in 0..=NODE_WIDTH {
            let input = if d < NODE_WIDTH { x[d] } else { m };
            let mut back = T::ZERO;
            for l in 0..H {
                d_in[d][l] += pre[l].to_f64() * input.to_f64();
                back = step.node_in[d][l].mul_add_if::<FMA>(pre[l], back);
            }
            if d < NODE_WIDTH {
                g[d] = back;
            } else {
                *gm = back;
            }
        }
    }
    let place = &step.place;
    for l in 0..place.hidden {
        for (d, column) in d_in.iter().enumerate() {
            gradient[place.node_lin1(l, d)] += column[l];
        }
        gradient[place.node_bias(l)] += d_bias[l];
        for c in 0..NODE_WIDTH {
            gradient[place.node_out(c, l)] += d_out[l][c];
        }
    }
    for (c, d) in d_out_bias.iter().enumerate() {
        gradient[place.node_out_bias(c)] += d;
    }
}

/// Derivative of the nonlinearity in terms of its value.
#[inline(always)]
pub(super) fn slope<T: Element, const RELU: bool>(h: T) -> T {
    if RELU {
        if h > T::ZERO { T::ONE } else { T::ZERO }
    } else {
        T::ONE - h * h
    }
}
