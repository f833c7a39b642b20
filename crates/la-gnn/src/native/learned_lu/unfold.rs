//! From gradients of the folded parameters to those of the parameters.

use super::super::lanes::{Lanes, Square};
use super::super::simd::LANES;
use super::layers::Layers;
use crate::learned_lu::{LearnedLuConfig, NODE_WIDTH};

/// Adds to the gradient of the flat array. `M = W V` gives `dW += dM Vᵀ`, `dV += Wᵀ dM`, and `b' = b + W c` gives `dW += db' cᵀ`,
/// `dc += Wᵀ db'`.
pub(super) fn unfold<const G: usize>(
    config: &LearnedLuConfig,
    values: &[f32],
    sums: &Layers<f64, G>,
    gradient: &mut [f64],
) {
    let h = config.hidden;
    let mut offset = config.graph_norm_len();
    // Where the second layer of the previous edge perceptron begins, and its outputs.
    let mut previous = None;
    for (s, step) in sums.steps.iter().enumerate() {
        let outputs = config.edge_outputs(s);
        let edge = Place::new(&mut offset, config.edge_inputs(s), h, outputs);
        let node = Place::new(&mut offset, NODE_WIDTH + outputs, h, NODE_WIDTH);
        for d in 0..NODE_WIDTH {
            edge.add_column(d, &step.receiver[d], gradient);
            edge.add_column(NODE_WIDTH + d, &step.other[d], gradient);
            node.add_column(d, &step.node[d], gradient);
        }
        add(h, &step.bias, &mut gradient[edge.b..]);
        add(h, &step.node_bias, &mut gradient[node.b..]);
        match &previous {
            None => {
                let own = [&sums.entry, &sums.code, &sums.base];
                for (k, column) in own.into_iter().take(config.edge_features()).enumerate() {
                    edge.add_column(2 * NODE_WIDTH + k, column, gradient);
                }
            }
            Some(inner) => {
                let first = 2 * NODE_WIDTH;
                edge.product(first, inner, &step.arc, &step.bias, values, gradient);
                edge.add_column(first + config.edge_width, &step.skip, gradient);
            }
        }
        node.product(
            NODE_WIDTH,
            &edge,
            &step.mean,
            &step.node_bias,
            values,
            gradient,
        );
        for lane in 0..h {
            let column = &step.node_out[lane / LANES][lane % LANES];
            for (c, v) in column.iter().enumerate() {
                gradient[node.v + c * h + lane] += v;
            }
        }
        for (c, v) in step.node_out_bias.iter().enumerate() {
            gradient[node.c + c] += v;
        }
        if s + 1 == sums.steps.len() {
            add(h, &sums.out, &mut gradient[edge.v..]);
            gradient[edge.c] += sums.out_bias;
        }
        previous = Some(edge);
    }
}

fn add<const G: usize>(h: usize, lanes: &Lanes<f64, G>, to: &mut [f64]) {
    for (t, v) in to.iter_mut().zip(&lanes.as_flattened()[..h]) {
        *t += v;
    }
}

/// Where the tensors of a perceptron `V σ(W x + b) + c` begin.
struct Place {
    w: usize,
    b: usize,
    v: usize,
    c: usize,
    inputs: usize,
    hidden: usize,
    outputs: usize,
}

impl Place {
    fn new(offset: &mut usize, inputs: usize, hidden: usize, outputs: usize) -> Self {
        let w = *offset;
        let b = w + hidden * inputs;
        let v = b + hidden;
        let c = v + outputs * hidden;
        *offset = c + outputs;
        Self {
            w,
            b,
            v,
            c,
            inputs,
            hidden,
            outputs,
        }
    }

    fn add_column<const G: usize>(&self, column: usize, of: &Lanes<f64, G>, gradient: &mut [f64]) {
        for (row, v) in of.as_flattened()[..self.hidden].iter().enumerate() {
            gradient[self.w + row * self.inputs + column] += v;
        }
    }

    /// Columns of W from `first` on, which were multiplied by V of `inner`, and V and c of that.
    fn product<const G: usize>(
        &self,
        first: usize,
        inner: &Place,
        matrix: &Square<f64, G>,
        bias: &Lanes<f64, G>,
        values: &[f32],
        gradient: &mut [f64],
    ) {
        let h = self.hidden;
        let (matrix, bias) = (matrix.as_flattened(), bias.as_flattened());
        for (i, &shift) in bias[..h].iter().enumerate() {
            for k in 0..inner.outputs {
                let at = self.w + i * self.inputs + first + k;
                let weight = f64::from(values[at]);
                let mut sum = shift * f64::from(values[inner.c + k]);
                gradient[inner.c + k] += weight * shift;
                for j in 0..h {
                    let d = matrix[j].as_flattened()[i];
                    sum += d * f64::from(values[inner.v + k * h + j]);
                    gradient[inner.v + k * h + j] += weight * d;
                }
                gradient[at] += sum;
            }
        }
    }
}
