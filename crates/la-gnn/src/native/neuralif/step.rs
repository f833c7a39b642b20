//! The parameters of one GraphNet step, unpacked for the kernels.

use super::super::Element;
use super::super::simd::LANES;
use crate::neuralif::{NODE_WIDTH, Parameters};

/// `G` groups of eight lanes.
pub(super) type Lanes<T, const G: usize> = [[T; LANES]; G];

/// Parameters of one step with the hidden width padded to `G` groups of eight lanes by zeros (both nonlinearities
/// map 0 to 0, and the padded output weights are 0, so padding changes nothing).
#[derive(Debug, Clone)]
pub(super) struct Step<T, const G: usize> {
    /// Arc perceptron, first layer: one column per component of the receiving node.
    pub receiver: [Lanes<T, G>; NODE_WIDTH],
    /// The same for the other node.
    pub other: [Lanes<T, G>; NODE_WIDTH],
    /// Column of the arc state.
    pub arc: Lanes<T, G>,
    /// Column of the original entry (zero without skip).
    pub skip: Lanes<T, G>,
    /// First bias.
    pub bias: Lanes<T, G>,
    /// Second layer.
    pub out: Lanes<T, G>,
    /// Second bias.
    pub out_bias: T,
    /// Node perceptron, first layer: 8 node components, then the aggregate.
    pub node_in: [Lanes<T, G>; NODE_WIDTH + 1],
    /// Its bias.
    pub node_bias: Lanes<T, G>,
    /// Second layer, one row of 8 per hidden lane.
    pub node_out: [[[T; NODE_WIDTH]; LANES]; G],
    /// Its bias.
    pub node_out_bias: [T; NODE_WIDTH],
    /// Whether the skip value is an input.
    pub has_skip: bool,
    /// Where the parameters of this step begin in the flat array, and the true hidden width.
    pub place: Place,
}

/// Position of the tensors of one step in the flat parameter array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub offset: usize,
    pub hidden: usize,
    pub arc_inputs: usize,
}

impl Place {
    pub(super) fn arc_lin1(&self, lane: usize, input: usize) -> usize {
        self.offset + lane * self.arc_inputs + input
    }
    pub(super) fn arc_bias(&self, lane: usize) -> usize {
        self.arc_lin1(self.hidden, 0) + lane
    }
    pub(super) fn arc_out(&self, lane: usize) -> usize {
        self.arc_bias(self.hidden) + lane
    }
    pub(super) fn arc_out_bias(&self) -> usize {
        self.arc_out(self.hidden)
    }
    pub(super) fn node_lin1(&self, lane: usize, input: usize) -> usize {
        self.arc_out_bias() + 1 + lane * (NODE_WIDTH + 1) + input
    }
    pub(super) fn node_bias(&self, lane: usize) -> usize {
        self.node_lin1(self.hidden, 0) + lane
    }
    pub(super) fn node_out(&self, component: usize, lane: usize) -> usize {
        self.node_bias(self.hidden) + component * self.hidden + lane
    }
    pub(super) fn node_out_bias(&self, component: usize) -> usize {
        self.node_out(NODE_WIDTH, 0) + component
    }
    pub(super) fn end(&self) -> usize {
        self.node_out_bias(NODE_WIDTH)
    }
}

/// Index of the arc state among the inputs of the arc perceptron; the skip value follows.
pub(super) const ARC_INPUT: usize = 2 * NODE_WIDTH;

impl<T: Element, const G: usize> Step<T, G> {
    /// Unpacks every step of the network.
    pub(super) fn unpack(parameters: &Parameters) -> Vec<Self> {
        let config = &parameters.config;
        let mut offset = if config.graph_norm { 3 * NODE_WIDTH } else { 0 };
        let mut steps = Vec::with_capacity(2 * config.blocks);
        for block in 0..config.blocks {
            for half in 0..2 {
                let arc_inputs = config.edge_inputs(block, half);
                let place = Place {
                    offset,
                    hidden: config.hidden,
                    arc_inputs,
                };
                offset = place.end();
                steps.push(Self::read(&parameters.values, place));
            }
        }
        steps
    }

    fn read(values: &[f32], place: Place) -> Self {
        let at = |position: usize| T::from_f64(f64::from(values[position]));
        let lanes = |index: &dyn Fn(usize) -> usize| -> Lanes<T, G> {
            std::array::from_fn(|g| {
                std::array::from_fn(|l| {
                    let lane = g * LANES + l;
                    if lane < place.hidden {
                        at(index(lane))
                    } else {
                        T::ZERO
                    }
                })
            })
        };
        let arc_column = |input: usize| lanes(&|l| place.arc_lin1(l, input));
        let has_skip = place.arc_inputs > ARC_INPUT + 1;
        Self {
            receiver: std::array::from_fn(arc_column),
            other: std::array::from_fn(|d| arc_column(NODE_WIDTH + d)),
            arc: arc_column(ARC_INPUT),
            skip: if has_skip {
                arc_column(ARC_INPUT + 1)
            } else {
                [[T::ZERO; LANES]; G]
            },
            bias: lanes(&|l| place.arc_bias(l)),
            out: lanes(&|l| place.arc_out(l)),
            out_bias: at(place.arc_out_bias()),
            node_in: std::array::from_fn(|d| lanes(&|l| place.node_lin1(l, d))),
            node_bias: lanes(&|l| place.node_bias(l)),
            node_out: std::array::from_fn(|g| {
                std::array::from_fn(|l| {
                    let lane = g * LANES + l;
                    std::array::from_fn(|c| {
                        if lane < place.hidden {
                            at(place.node_out(c, lane))
                        } else {
                            T::ZERO
                        }
                    })
                })
            }),
            node_out_bias: std::array::from_fn(|c| at(place.node_out_bias(c))),
            has_skip,
            place,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuralif::NeuralIfConfig;

    #[test]
    fn places_agree_with_the_named_layout() {
        let config = NeuralIfConfig::default();
        let parameters = Parameters::initialize(&config, 3).unwrap();
        let steps: Vec<Step<f32, 1>> = Step::unpack(&parameters);
        let specs = config.parameters();
        let offset = |name: &str| specs.iter().find(|s| s.name == name).unwrap().offset;
        let p = steps[2].place;
        assert_eq!(
            p.arc_lin1(0, 0),
            offset("block1.step1.edge_mlp.lin1.weight")
        );
        assert_eq!(p.arc_bias(0), offset("block1.step1.edge_mlp.lin1.bias"));
        assert_eq!(p.arc_out(0), offset("block1.step1.edge_mlp.lin2.weight"));
        assert_eq!(p.arc_out_bias(), offset("block1.step1.edge_mlp.lin2.bias"));
        assert_eq!(
            p.node_lin1(0, 0),
            offset("block1.step1.node_mlp.lin1.weight")
        );
        assert_eq!(p.node_bias(0), offset("block1.step1.node_mlp.lin1.bias"));
        assert_eq!(
            p.node_out(0, 0),
            offset("block1.step1.node_mlp.lin2.weight")
        );
        assert_eq!(
            p.node_out_bias(0),
            offset("block1.step1.node_mlp.lin2.bias")
        );
        assert_eq!(steps[5].place.end(), config.parameter_count());
    }
}
