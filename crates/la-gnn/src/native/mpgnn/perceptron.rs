//! Perceptrons of two linear maps on rows of numbers.

use crate::mpgnn::{Activation, ParameterSpec};

/// `x Wᵀ + b`.
#[derive(Debug, Clone)]
struct Linear {
    inputs: usize,
    outputs: usize,
    /// (outputs × inputs), and its transpose.
    weight: Vec<f64>,
    transposed: Vec<f64>,
    bias: Vec<f64>,
    /// Where weight and bias lie in the flat array.
    at: [usize; 2],
}

/// Two linear maps with a nonlinearity between them.
#[derive(Debug, Clone)]
pub(super) struct Perceptron {
    first: Linear,
    second: Linear,
    activation: Activation,
}

/// What the backward pass needs.
#[derive(Debug, Clone)]
pub(super) struct Tape {
    input: Vec<f64>,
    hidden: Vec<f64>,
}

impl Linear {
    /// `specs` lists weight and bias.
    fn new(specs: &[ParameterSpec], values: &[f32]) -> Self {
        let (w, b) = (&specs[0], &specs[1]);
        let (outputs, inputs) = (w.shape[0], w.shape[1]);
        let read = |s: &ParameterSpec| -> Vec<f64> {
            let own = &values[s.offset..s.offset + s.len];
            own.iter().map(|&v| f64::from(v)).collect()
        };
        let weight = read(w);
        let mut transposed = vec![0.0; weight.len()];
        for (o, row) in weight.chunks_exact(inputs).enumerate() {
            for (i, &v) in row.iter().enumerate() {
                transposed[i * outputs + o] = v;
            }
        }
        Self {
            inputs,
            outputs,
            weight,
            transposed,
            bias: read(b),
            at: [w.offset, b.offset],
        }
    }

    fn forward(&self, x: &[f64]) -> Vec<f64> {
        let mut y = Vec::with_capacity(x.len() / self.inputs * self.outputs);
        for x in x.chunks_exact(self.inputs) {
            let start = y.len();
            y.extend_from_slice(&self.bias);
            let y = &mut y[start..];
            for (&x, row) in x.iter().zip(self.transposed.chunks_exact(self.outputs)) {
                for (y, &w) in y.iter_mut().zip(row) {
                    *y += x * w;
                }
            }
        }
        y
    }

    /// Adds to the gradient of the parameters, and returns that of the input.
    fn backward(&self, x: &[f64], g: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        let mut back = vec![0.0; x.len()];
        let rows = x
            .chunks_exact(self.inputs)
            .zip(back.chunks_exact_mut(self.inputs));
        for ((x, back), g) in rows.zip(g.chunks_exact(self.outputs)) {
            for (o, &g) in g.iter().enumerate() {
                gradient[self.at[1] + o] += g;
                let row = o * self.inputs..(o + 1) * self.inputs;
                let own = &mut gradient[self.at[0]..][row.clone()];
                for (own, &x) in own.iter_mut().zip(x) {
                    *own += g * x;
                }
                for (back, &w) in back.iter_mut().zip(&self.weight[row]) {
                    *back += g * w;
                }
            }
        }
        back
    }
}

impl Perceptron {
    /// Reads the tensors `<prefix>lin1` and `<prefix>lin2`.
    pub(super) fn new(
        specs: &[ParameterSpec],
        prefix: &str,
        values: &[f32],
        activation: Activation,
    ) -> Option<Self> {
        let name = format!("{prefix}lin1.weight");
        let at = specs.iter().position(|s| s.name == name)?;
        let own = specs.get(at..at + 4)?;
        Some(Self {
            first: Linear::new(&own[..2], values),
            second: Linear::new(&own[2..], values),
            activation,
        })
    }

    pub(super) fn forward(&self, input: Vec<f64>) -> (Vec<f64>, Tape) {
        let mut hidden = self.first.forward(&input);
        for h in &mut hidden {
            *h = match self.activation {
                Activation::Tanh => h.tanh(),
                Activation::Relu => h.max(0.0),
            };
        }
        (self.second.forward(&hidden), Tape { input, hidden })
    }

    /// Adds to the gradient of the parameters, and returns that of the input.
    pub(super) fn backward(&self, tape: &Tape, g: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        let mut g = self.second.backward(&tape.hidden, g, gradient);
        for (g, &h) in g.iter_mut().zip(&tape.hidden) {
            *g *= match self.activation {
                Activation::Tanh => 1.0 - h * h,
                Activation::Relu => f64::from(h > 0.0),
            };
        }
        self.first.backward(&tape.input, &g, gradient)
    }
}
