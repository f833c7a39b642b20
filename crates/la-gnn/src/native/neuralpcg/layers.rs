//! The parameters of a network, unpacked and folded for the kernels.

use super::super::Element;
use super::super::simd::LANES;
use crate::neuralpcg::{NeuralPcgConfig, Parameters};

/// `G` groups of eight lanes.
pub(super) type Lanes<T, const G: usize> = [[T; LANES]; G];

/// A square matrix by columns, padded by zeros.
pub(super) type Square<T, const G: usize> = [[Lanes<T, G>; LANES]; G];

/// Parameters with the width padded to `G` groups of eight lanes by zeros. Both nonlinearities map 0 to 0, so
/// padding changes nothing.
#[derive(Debug, Clone)]
pub(super) struct Layers<T, const G: usize> {
    /// Node encoder: one column per feature, bias, then the second layer.
    pub node_in: Vec<Lanes<T, G>>,
    pub node_bias: Lanes<T, G>,
    pub node_out: Square<T, G>,
    pub node_out_bias: Lanes<T, G>,
    /// Arc encoder, first layer: column and bias. Its second layer is folded into the first step.
    pub arc_in: Lanes<T, G>,
    pub arc_bias: Lanes<T, G>,
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

/// A two-layer perceptron as it is stored: `V σ(W x + b) + c`, row-major.
struct Perceptron<'a> {
    w: &'a [f32],
    inputs: usize,
    b: &'a [f32],
    v: &'a [f32],
    c: &'a [f32],
}

impl Perceptron<'_> {
    /// Columns `start .. start + len` of W, row-major.
    fn block(&self, start: usize, len: usize) -> Vec<f64> {
        self.w
            .chunks_exact(self.inputs)
            .flat_map(|row| row[start..start + len].iter().map(|v| f64::from(*v)))
            .collect()
    }
}

/// `A V` of a w × w row-major matrix and the second layer of a perceptron, and `A c`.
fn fold(a: &[f64], inner: &Perceptron<'_>, w: usize) -> (Vec<f64>, Vec<f64>) {
    let mut product = vec![0.0; w * w];
    let mut shift = vec![0.0; w];
    for i in 0..w {
        for k in 0..w {
            let factor = a[i * w + k];
            shift[i] += factor * f64::from(inner.c[k]);
            for j in 0..w {
                product[i * w + j] += factor * f64::from(inner.v[k * w + j]);
            }
        }
    }
    (product, shift)
}

fn lanes<T: Element, const G: usize>(values: impl IntoIterator<Item = f64>) -> Lanes<T, G> {
    let mut out = [[T::ZERO; LANES]; G];
    for (to, v) in out.as_flattened_mut().iter_mut().zip(values) {
        *to = T::from_f64(v);
    }
    out
}

/// A row-major w × w matrix by columns.
fn square<T: Element, const G: usize>(a: &[f64], w: usize) -> Square<T, G> {
    std::array::from_fn(|g| {
        std::array::from_fn(|l| {
            let column = g * LANES + l;
            if column < w {
                lanes((0..w).map(|i| a[i * w + column]))
            } else {
                [[T::ZERO; LANES]; G]
            }
        })
    })
}

fn doubles(values: &[f32]) -> impl Iterator<Item = f64> + '_ {
    values.iter().map(|v| f64::from(*v))
}

fn sum<'a>(values: &'a [f32], shift: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    doubles(values).zip(shift).map(|(v, s)| v + s)
}

impl<T: Element, const G: usize> Layers<T, G> {
    /// Reads parameters whose number has been checked; the width is at most `8 G`.
    pub(super) fn unpack(parameters: &Parameters) -> Self {
        let config: &NeuralPcgConfig = &parameters.config;
        let w = config.width;
        let mut rest = &parameters.values[config.graph_norm_len()..];
        let mut perceptron = |inputs: usize, outputs: usize| {
            let mut take = |len: usize| {
                let (head, tail) = rest.split_at(len);
                rest = tail;
                head
            };
            Perceptron {
                w: take(w * inputs),
                inputs,
                b: take(w),
                v: take(outputs * w),
                c: take(outputs),
            }
        };
        let node = perceptron(config.node_features, w);
        let mut arc = perceptron(1, w);
        let (arc_in, arc_bias) = (lanes(doubles(arc.w)), lanes(doubles(arc.b)));
        let mut steps = Vec::with_capacity(config.steps);
        for _ in 0..config.steps {
            let (edge, node) = (perceptron(3 * w, w), perceptron(2 * w, w));
            let (on_arc, arc_shift) = fold(&edge.block(2 * w, w), &arc, w);
            let (on_mean, mean_shift) = fold(&node.block(w, w), &edge, w);
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
        let (on_arc, shift) = fold(&decoder.block(0, w), &arc, w);
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
