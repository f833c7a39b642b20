//! The four perceptrons.

use super::field::Field;
use crate::gated::{GatedConfig, INPUTS};

/// A perceptron 6 → hidden → outputs with softsign, in the flat array of parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    first: usize,
    hidden: usize,
    outputs: usize,
}

/// Where the perceptrons lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gating {
    pub(super) square: Gate,
    pub(super) update: Gate,
    pub(super) entry: Gate,
    pub(super) pivot: Gate,
}

impl Gating {
    pub(super) fn new(config: &GatedConfig) -> Self {
        let hidden = config.hidden;
        let mut first = 0;
        let mut next = |outputs| {
            let gate = Gate {
                first,
                hidden,
                outputs,
            };
            first += hidden * (INPUTS + 1 + outputs) + outputs;
            gate
        };
        Self {
            square: next(2),
            update: next(1),
            entry: next(1),
            pivot: next(1),
        }
    }
}

impl Gate {
    /// The outputs as numbers that depend on inputs and parameters. Unused ones are zero.
    pub(super) fn evaluate<F: Field>(
        self,
        field: &mut F,
        inputs: [F::Number; INPUTS],
        memory: &mut Memory<F::Number>,
    ) -> [F::Number; 2] {
        let (h, w1) = (self.hidden, self.first);
        let b1 = w1 + h * INPUTS;
        let w2 = b1 + h;
        let b2 = w2 + self.outputs * h;
        let x = inputs.map(|x| field.value(x));
        memory.hidden.clear();
        for k in 0..h {
            let mut sum = field.value(field.parameter(b1 + k));
            for (m, x) in x.iter().enumerate() {
                sum += field.value(field.parameter(w1 + k * INPUTS + m)) * x;
            }
            let root = 1.0 / (1.0 + sum.abs());
            memory.hidden.push((sum * root, root * root));
        }
        let mut out = [inputs[0]; 2];
        for (o, out) in out.iter_mut().enumerate().take(self.outputs) {
            let own = w2 + o * h;
            let bias = field.parameter(b2 + o);
            let mut value = field.value(bias);
            memory.from.clear();
            memory.from.push((bias, 1.0));
            let mut slopes = [0.0; INPUTS];
            for (k, &(s, ds)) in memory.hidden.iter().enumerate() {
                let weight = field.parameter(own + k);
                let w = field.value(weight);
                value += w * s;
                memory.from.push((weight, s));
                memory.from.push((field.parameter(b1 + k), w * ds));
                for (m, slope) in slopes.iter_mut().enumerate() {
                    let inner = field.parameter(w1 + k * INPUTS + m);
                    memory.from.push((inner, w * ds * x[m]));
                    *slope += w * ds * field.value(inner);
                }
            }
            memory.from.extend(inputs.iter().copied().zip(slopes));
            *out = field.node(value, &memory.from);
        }
        out
    }
}

/// Room that is used again.
pub(super) struct Memory<N> {
    hidden: Vec<(f64, f64)>,
    pub(super) from: Vec<(N, f64)>,
}

impl<N> Default for Memory<N> {
    fn default() -> Self {
        Self {
            hidden: Vec::new(),
            from: Vec::new(),
        }
    }
}
