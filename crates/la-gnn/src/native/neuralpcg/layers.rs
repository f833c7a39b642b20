//! The parameters of a network, unpacked and folded for the kernels.

use super::super::Element;
use super::super::lanes::{Lanes, Perceptron, Square, doubles, fold, lanes, square, sum};
use crate::neuralpcg::{FactorForm, NeuralPcgConfig, Parameters};

/// Parameters with the width padded to `G` groups of eight lanes by zeros. Both nonlinearities map 0 to 0, so
/// padding changes nothing.
#[derive(Debug, Clone)]
pub(super) struct Layers<T, const G: usize> {
    /// Node encoder: one column per feature, bias, then the second layer.
    pub node_in: Vec<Lanes<T, G>>,
    pub node_bias: Lanes<T, G>,
    pub node_out: Square<T, G>,
    pub node_out_bias: Lanes<T, G>,
    /// Arc encoder, first layer: column of a_ij, and bias with the position code left of, on and right of the diagonal (three
    /// times the bias without one). Its second layer is folded into the first step.
    pub arc_in: Lanes<T, G>,
    pub arc_bias: [Lanes<T, G>; 3],
    pub steps: Vec<Step<T, G>>,
    /// Decoder: first layer after the last step's second layer, bias, output weights and bias.
    pub decoder: Square<T, G>,
    pub decoder_bias: Lanes<T, G>,
    pub decoder_out: Lanes<T, G>,
    pub decoder_out_bias: T,
}

/// One message-passing step.
#[derive(Debug, Clone)]
pub(super) struct Step<T, const G: usize> {
    /// First layer of the arc perceptron on the receiving and the other node; the bias goes with the receiver.
    pub receiver: Square<T, G>,
    pub other: Square<T, G>,
    pub bias: Lanes<T, G>,
    /// First layer on the arc state, after the previous second layer.
    pub arc: Square<T, G>,
    /// Node perceptron: on the node's state, on the mean hidden state of its arcs (after their second layer), bias.
    pub node: Square<T, G>,
    pub mean: Square<T, G>,
    pub node_bias: Lanes<T, G>,
    pub node_out: Square<T, G>,
    pub node_out_bias: Lanes<T, G>,
}

impl<T: Element, const G: usize> Layers<T, G> {
    /// Reads parameters whose number has been checked; the width is at most `8 G`.
    pub(super) fn unpack(parameters: &Parameters) -> Self {
        let config: &NeuralPcgConfig = &parameters.config;
        let w = config.width;
        let mut rest = &parameters.values[config.graph_norm_len()..];
        let mut perceptron =
            |inputs: usize, outputs: usize| Perceptron::take(&mut rest, inputs, w, outputs);
        let node = perceptron(config.node_features, w);
        let mut arc = perceptron(config.edge_features(), w);
        let code = match config.form {
            FactorForm::Symmetric => vec![0.0; w],
            FactorForm::Triangle => arc.block(1, 1),
        };
        let (arc_in, arc_bias) = (
            lanes(arc.block(0, 1)),
            [-1.0, 0.0, 1.0]
                .map(|side| lanes(doubles(arc.b).zip(&code).map(|(b, c)| b + side * c))),
        );
        let mut steps = Vec::with_capacity(config.steps);
        for _ in 0..config.steps {
            let (edge, node) = (perceptron(3 * w, w), perceptron(2 * w, w));
            let (on_arc, arc_shift) = fold(&edge.block(2 * w, w), &arc);
            let (on_mean, mean_shift) = fold(&node.block(w, w), &edge);
            steps.push(Step {
                receiver: square(&edge.block(0, w), w),
                other: square(&edge.block(w, w), w),
                bias: lanes(sum(edge.b, &arc_shift)),
                arc: square(&on_arc, w),
                node: square(&node.block(0, w), w),
                mean: square(&on_mean, w),
                node_bias: lanes(sum(node.b, &mean_shift)),
                node_out: square(&doubles(node.v).collect::<Vec<_>>(), w),
                node_out_bias: lanes(doubles(node.c)),
            });
            arc = edge;
        }
        let decoder = perceptron(w, 1);
        let (on_arc, shift) = fold(&decoder.block(0, w), &arc);
        Self {
            node_in: (0..config.node_features)
                .map(|k| lanes(node.block(k, 1)))
                .collect(),
            node_bias: lanes(doubles(node.b)),
            node_out: square(&doubles(node.v).collect::<Vec<_>>(), w),
            node_out_bias: lanes(doubles(node.c)),
            arc_in,
            arc_bias,
            steps,
            decoder: square(&on_arc, w),
            decoder_bias: lanes(sum(decoder.b, &shift)),
            decoder_out: lanes(doubles(decoder.v)),
            decoder_out_bias: T::from_f64(f64::from(decoder.c[0])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_layers_are_folded_into_what_follows() {
        let config = NeuralPcgConfig::default().with_width(2).with_steps(1);
        let count = config.parameter_count();
        let values: Vec<f32> = (0..count).map(|k| k as f32).collect();
        let layers: Layers<f64, 1> = Layers::unpack(&Parameters {
            config: config.clone(),
            values: values.clone(),
        });
        let at = |name: &str, k: usize| {
            let specs = config.parameters();
            let spec = specs.iter().find(|s| s.name == name).unwrap();
            f64::from(values[spec.offset + k])
        };
        let encoder = |k| at("edge_encoder.lin2.weight", k);
        // Row 1 of W_e (columns 4 and 5 of 6) times column 0 of the encoder's second layer.
        let w = |k: usize| at("step0.edge_mlp.lin1.weight", 6 + 4 + k);
        assert_eq!(
            layers.steps[0].arc[0][0][0][1],
            w(0) * encoder(0) + w(1) * encoder(2)
        );
        let c = |k| at("edge_encoder.lin2.bias", k);
        assert_eq!(
            layers.steps[0].bias[0][1],
            at("step0.edge_mlp.lin1.bias", 1) + w(0) * c(0) + w(1) * c(1)
        );
        assert_eq!(layers.decoder_out_bias, (count - 1) as f64);
        // Lanes beyond the width are zero.
        assert!(
            layers.steps[0].arc[0][2..]
                .as_flattened()
                .as_flattened()
                .iter()
                .all(|v| *v == 0.0)
        );
    }
}
