//! The parameters of a network, unpacked and folded for the kernels.

use super::super::Element;
use super::super::lanes::{Lanes, Perceptron, Square, doubles, fold, lanes, square, sum};
use super::super::simd::LANES;
use crate::learned_lu::{NODE_WIDTH, Parameters};

/// Parameters with the hidden width padded to `G` groups of eight lanes by zeros. Both nonlinearities map 0 to 0, so
/// padding changes nothing.
#[derive(Debug, Clone)]
pub(super) struct Layers<T, const G: usize> {
    /// First step, first layer of the arc perceptron on the arc's own features: a_ij, position code, entry of ILU(0).
    pub entry: Lanes<T, G>,
    pub code: Lanes<T, G>,
    pub base: Lanes<T, G>,
    pub steps: Vec<Step<T, G>>,
    /// Last step, second layer.
    pub out: Lanes<T, G>,
    pub out_bias: T,
}

/// One message-passing step.
#[derive(Debug, Clone)]
pub(super) struct Step<T, const G: usize> {
    /// First layer of the arc perceptron by components of the receiving and of the other node; the bias goes with the
    /// receiver.
    pub receiver: [Lanes<T, G>; NODE_WIDTH],
    pub other: [Lanes<T, G>; NODE_WIDTH],
    pub bias: Lanes<T, G>,
    /// First layer on the previous hidden state of the arc, after its second layer, and on a_ij (both zero in the first step).
    pub arc: Square<T, G>,
    /// The same transposed, for the way back.
    pub arc_transposed: Square<T, G>,
    pub skip: Lanes<T, G>,
    /// Node perceptron: on components of the node, on the mean hidden state of its arcs (after their second layer), bias.
    pub node: [Lanes<T, G>; NODE_WIDTH],
    pub mean: Square<T, G>,
    pub node_bias: Lanes<T, G>,
    /// Its second layer, one column of 8 per hidden lane.
    pub node_out: [[[T; NODE_WIDTH]; LANES]; G],
    pub node_out_bias: [T; NODE_WIDTH],
}

impl<T: Element, const G: usize> Layers<T, G> {
    /// Reads parameters whose number has been checked; the hidden width is at most `8 G`.
    pub(super) fn unpack(parameters: &Parameters) -> Self {
        let config = &parameters.config;
        let h = config.hidden;
        let mut rest = &parameters.values[config.graph_norm_len()..];
        let zero: Lanes<T, G> = [[T::ZERO; LANES]; G];
        let mut own = [zero; 3];
        let mut steps = Vec::with_capacity(config.steps);
        let mut previous: Option<Perceptron<'_>> = None;
        for step in 0..config.steps {
            let out = config.edge_outputs(step);
            let edge = Perceptron::take(&mut rest, config.edge_inputs(step), h, out);
            let node = Perceptron::take(&mut rest, NODE_WIDTH + out, h, NODE_WIDTH);
            let column = |input: usize| lanes(edge.block(input, 1));
            let (mut arc, mut skip, mut shift) = (square(&vec![0.0; h * h], h), zero, vec![0.0; h]);
            match &previous {
                None => {
                    for (k, lanes) in own.iter_mut().take(config.edge_features()).enumerate() {
                        *lanes = column(2 * NODE_WIDTH + k);
                    }
                }
                Some(inner) => {
                    let width = inner.c.len();
                    let folded = fold(&edge.block(2 * NODE_WIDTH, width), inner);
                    (arc, shift) = (square(&folded.0, h), folded.1);
                    skip = column(2 * NODE_WIDTH + width);
                }
            }
            let (on_mean, mean_shift) = fold(&node.block(NODE_WIDTH, out), &edge);
            steps.push(Step {
                receiver: std::array::from_fn(column),
                other: std::array::from_fn(|d| column(NODE_WIDTH + d)),
                bias: lanes(sum(edge.b, &shift)),
                arc,
                arc_transposed: transposed(&arc),
                skip,
                node: std::array::from_fn(|d| lanes(node.block(d, 1))),
                mean: square(&on_mean, h),
                node_bias: lanes(sum(node.b, &mean_shift)),
                node_out: std::array::from_fn(|g| {
                    std::array::from_fn(|l| {
                        let lane = g * LANES + l;
                        std::array::from_fn(|c| match lane < h {
                            true => T::from_f64(f64::from(node.v[c * h + lane])),
                            false => T::ZERO,
                        })
                    })
                }),
                node_out_bias: std::array::from_fn(|c| T::from_f64(f64::from(node.c[c]))),
            });
            previous = Some(edge);
        }
        // The last edge perceptron has one output.
        let (out, out_bias) = previous.map_or((zero, T::ZERO), |last| {
            (lanes(doubles(last.v)), T::from_f64(f64::from(last.c[0])))
        });
        let [entry, code, base] = own;
        Self {
            entry,
            code,
            base,
            steps,
            out,
            out_bias,
        }
    }
}

fn transposed<T: Element, const G: usize>(a: &Square<T, G>) -> Square<T, G> {
    let mut t = [[[[T::ZERO; LANES]; G]; LANES]; G];
    for i in 0..G * LANES {
        for j in 0..G * LANES {
            t[i / LANES][i % LANES][j / LANES][j % LANES] =
                a[j / LANES][j % LANES][i / LANES][i % LANES];
        }
    }
    t
}

impl<T: Element, const G: usize> Layers<T, G> {
    /// Room for the gradient of each parameter.
    pub(super) fn zeros(&self) -> Layers<f64, G> {
        let zero = [[0.0; LANES]; G];
        let step = Step {
            receiver: [zero; NODE_WIDTH],
            other: [zero; NODE_WIDTH],
            bias: zero,
            arc: [[zero; LANES]; G],
            arc_transposed: [[zero; LANES]; G],
            skip: zero,
            node: [zero; NODE_WIDTH],
            mean: [[zero; LANES]; G],
            node_bias: zero,
            node_out: [[[0.0; NODE_WIDTH]; LANES]; G],
            node_out_bias: [0.0; NODE_WIDTH],
        };
        Layers {
            entry: zero,
            code: zero,
            base: zero,
            steps: vec![step; self.steps.len()],
            out: zero,
            out_bias: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learned_lu::{Base, LearnedLuConfig};

    #[test]
    fn columns_are_where_the_names_say_and_second_layers_are_folded() {
        let config = LearnedLuConfig::default()
            .with_hidden(2)
            .with_edge_width(3)
            .with_steps(2)
            .with_base(Base::Ilu0);
        let count = config.parameter_count();
        let values: Vec<f32> = (0..count).map(|k| (k % 97) as f32).collect();
        let layers: Layers<f64, 1> = Layers::unpack(&Parameters {
            config: config.clone(),
            values: values.clone(),
        });
        let at = |name: &str, k: usize| {
            let specs = config.parameters();
            let spec = specs.iter().find(|s| s.name == name).unwrap();
            f64::from(values[spec.offset + k])
        };
        // Row 1 of 19 columns.
        let first = |k: usize| at("step0.edge_mlp.lin1.weight", 19 + k);
        let steps = &layers.steps;
        assert_eq!(
            (steps[0].receiver[3][0][1], steps[0].other[3][0][1]),
            (first(3), first(11))
        );
        let own = [layers.entry, layers.code, layers.base].map(|l| l[0][1]);
        assert_eq!(own, [first(16), first(17), first(18)]);
        // Row 1 of 20 columns: nodes, three of the state, a_ij.
        let second = |k: usize| at("step1.edge_mlp.lin1.weight", 20 + k);
        let v = |k: usize| at("step0.edge_mlp.lin2.weight", k);
        let c = |k: usize| at("step0.edge_mlp.lin2.bias", k);
        assert_eq!(
            steps[1].arc[0][0][0][1],
            second(16) * v(0) + second(17) * v(2) + second(18) * v(4)
        );
        assert_eq!(
            steps[1].bias[0][1],
            at("step1.edge_mlp.lin1.bias", 1)
                + (second(16) * c(0) + second(17) * c(1) + second(18) * c(2))
        );
        assert_eq!(steps[1].skip[0][1], second(19));
        let node = |k: usize| at("step0.node_mlp.lin1.weight", 11 + k);
        assert_eq!(steps[0].node[7][0][1], node(7));
        assert_eq!(
            steps[0].mean[0][1][0][1],
            node(8) * v(1) + node(9) * v(3) + node(10) * v(5)
        );
        assert_eq!(
            steps[0].node_out[0][1][5],
            at("step0.node_mlp.lin2.weight", 11)
        );
        assert_eq!(layers.out[0][1], at("step1.edge_mlp.lin2.weight", 1));
        assert_eq!(layers.out_bias, at("step1.edge_mlp.lin2.bias", 0));
    }
}
