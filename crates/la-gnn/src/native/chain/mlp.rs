//! A small perceptron with one output, forward and backward.

/// Sizes of the layers, the last one 1; tanh between them. Weights and biases lie one after the other in a flat array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mlp {
    sizes: Vec<usize>,
}

impl Mlp {
    pub(super) fn new(sizes: &[usize]) -> Self {
        Self {
            sizes: sizes.to_vec(),
        }
    }

    /// Number of parameters.
    pub(super) fn len(&self) -> usize {
        self.sizes.windows(2).map(|s| s[1] * (s[0] + 1)).sum()
    }

    /// The output for `x`. Appends inputs and hidden activations to `trace`, as [`backward`](Self::backward) reads them.
    pub(super) fn forward(&self, w: &[f64], x: &[f64], trace: &mut Vec<f64>) -> f64 {
        let mut start = trace.len();
        trace.extend_from_slice(x);
        let mut at = 0;
        let mut output = 0.0;
        for (layer, s) in self.sizes.windows(2).enumerate() {
            let (inputs, outputs) = (s[0], s[1]);
            let (weights, biases) = w[at..].split_at(inputs * outputs);
            at += (inputs + 1) * outputs;
            let last = layer + 2 == self.sizes.len();
            for (row, &bias) in weights.chunks_exact(inputs).zip(&biases[..outputs]) {
                let from = &trace[start..start + inputs];
                let sum: f64 = row.iter().zip(from).map(|(w, x)| w * x).sum::<f64>() + bias;
                if last {
                    output = sum;
                } else {
                    trace.push(sum.tanh());
                }
            }
            start += inputs;
        }
        output
    }

    /// Length of the trace of one call.
    pub(super) fn trace_len(&self) -> usize {
        self.sizes[..self.sizes.len() - 1].iter().sum()
    }

    /// Adds `g` times the gradient to `grad` (parameters) and writes it to `grad_x` (inputs).
    pub(super) fn backward(
        &self,
        w: &[f64],
        trace: &[f64],
        g: f64,
        grad: &mut [f64],
        grad_x: &mut [f64],
    ) {
        let mut above = vec![g];
        let mut end_w = self.len();
        let mut end_t = self.trace_len();
        for (layer, s) in self.sizes.windows(2).enumerate().rev() {
            let (inputs, outputs) = (s[0], s[1]);
            let from = end_w - (inputs + 1) * outputs;
            let x = &trace[end_t - inputs..end_t];
            let weights = &w[from..from + inputs * outputs];
            let mut below = vec![0.0; inputs];
            for (o, &g) in above.iter().enumerate() {
                let row = &weights[o * inputs..(o + 1) * inputs];
                let place = &mut grad[from + o * inputs..from + (o + 1) * inputs];
                for ((b, place), (&w, &x)) in below.iter_mut().zip(place).zip(row.iter().zip(x)) {
                    *place += g * x;
                    *b += g * w;
                }
                grad[from + inputs * outputs + o] += g;
            }
            if layer > 0 {
                for (b, &x) in below.iter_mut().zip(x) {
                    *b *= 1.0 - x * x;
                }
            }
            above = below;
            end_w = from;
            end_t -= inputs;
        }
        grad_x.copy_from_slice(&above);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_is_the_difference_quotient() {
        let mlp = Mlp::new(&[2, 5, 4, 1]);
        assert_eq!(mlp.len(), 15 + 24 + 5);
        let w: Vec<f64> = (0..mlp.len()).map(|k| (k as f64 * 1.7).sin()).collect();
        let x = [0.3, -0.8];
        let value = |w: &[f64], x: &[f64]| mlp.forward(w, x, &mut Vec::new());
        let mut trace = Vec::new();
        mlp.forward(&w, &x, &mut trace);
        assert_eq!(trace.len(), mlp.trace_len());
        let (mut grad, mut grad_x) = (vec![0.0; w.len()], [0.0; 2]);
        mlp.backward(&w, &trace, 2.0, &mut grad, &mut grad_x);
        let h = 1e-6;
        for k in 0..w.len() {
            let (mut up, mut down) = (w.clone(), w.clone());
            up[k] += h;
            down[k] -= h;
            let slope = (value(&up, &x) - value(&down, &x)) / h;
            assert!((slope - grad[k]).abs() < 1e-8, "{k}: {slope} {}", grad[k]);
        }
        for k in 0..2 {
            let (mut up, mut down) = (x, x);
            up[k] += h;
            down[k] -= h;
            let slope = (value(&w, &up) - value(&w, &down)) / h;
            assert!((slope - grad_x[k]).abs() < 1e-8);
        }
    }
}
