//! The gated recurrent unit, forward and backward.
//!
//! K. Cho et al., EMNLP 2014, in the form of LibTorch: gates r, z and candidate n,
//! `n = tanh(W_n x + b_n + r ⊙ (U_n h + c_n))`, `h ← (1 − z) ⊙ n + z ⊙ h`.

use super::floor::sigmoid;
use super::mlp::Mlp;

/// Inputs of the unit: log r / 3 and 1.
const INPUTS: usize = 2;

/// The unit and the perceptron that reads its state.
#[derive(Debug, Clone)]
pub(super) struct Gru {
    h: usize,
    readout: Mlp,
}

/// Places of the parameters.
struct Parts<'a> {
    wi: &'a [f64],
    wh: &'a [f64],
    bi: &'a [f64],
    bh: &'a [f64],
    out: &'a [f64],
}

impl Gru {
    pub(super) fn new(h: usize) -> Self {
        let readout = Mlp::new(&[h, h, 1]);
        Self { h, readout }
    }

    fn parts<'a>(&self, values: &'a [f64]) -> Parts<'a> {
        let h = self.h;
        let (wi, rest) = values.split_at(3 * h * INPUTS);
        let (wh, rest) = rest.split_at(3 * h * h);
        let (bi, rest) = rest.split_at(3 * h);
        let (bh, out) = rest.split_at(3 * h);
        Parts {
            wi,
            wh,
            bi,
            bh,
            out,
        }
    }

    /// One row: updates the state and returns the output. Appends to `trace` what [`backward`](Self::backward) reads.
    pub(super) fn step(
        &self,
        values: &[f64],
        log_r: f64,
        state: &mut [f64],
        trace: &mut Vec<f64>,
    ) -> f64 {
        let h = self.h;
        let p = self.parts(values);
        let x = [log_r / 3.0, 1.0];
        let start = trace.len();
        // Old state, r, z, n, U_n h + c_n.
        trace.extend_from_slice(state);
        trace.resize(start + 5 * h, 0.0);
        let (old, gates) = trace[start..].split_at_mut(h);
        let inner = |k: usize| -> (f64, f64) {
            let from_x = p.wi[k * INPUTS] * x[0] + p.wi[k * INPUTS + 1] * x[1] + p.bi[k];
            let row = &p.wh[k * h..(k + 1) * h];
            let from_h: f64 = row.iter().zip(&*old).map(|(w, s)| w * s).sum();
            (from_x, from_h + p.bh[k])
        };
        for k in 0..h {
            let (rx, rh) = inner(k);
            let (zx, zh) = inner(h + k);
            let (nx, nh) = inner(2 * h + k);
            let (r, z) = (sigmoid(rx + rh), sigmoid(zx + zh));
            let n = (nx + r * nh).tanh();
            state[k] = (1.0 - z) * n + z * old[k];
            (gates[k], gates[h + k], gates[2 * h + k], gates[3 * h + k]) = (r, z, n, nh);
        }
        self.readout.forward(p.out, state, trace)
    }

    /// Length of the trace of one row.
    pub(super) fn trace_len(&self) -> usize {
        5 * self.h + self.readout.trace_len()
    }

    /// Adds the gradient of one row to `grad`: `g` of its output, `grad_state` of the state after it, which becomes that of the
    /// state before.
    pub(super) fn backward(
        &self,
        values: &[f64],
        log_r: f64,
        trace: &[f64],
        g: f64,
        grad_state: &mut [f64],
        grad: &mut [f64],
    ) {
        let h = self.h;
        let p = self.parts(values);
        let x = [log_r / 3.0, 1.0];
        let (gate_grad, out_grad) = grad.split_at_mut(values.len() - p.out.len());
        let mut from_output = vec![0.0; h];
        let readout = &trace[5 * h..];
        self.readout
            .backward(p.out, readout, g, out_grad, &mut from_output);
        for (s, o) in grad_state.iter_mut().zip(&from_output) {
            *s += o;
        }
        let (gwi, rest) = gate_grad.split_at_mut(3 * h * INPUTS);
        let (gwh, rest) = rest.split_at_mut(3 * h * h);
        let (gbi, gbh) = rest.split_at_mut(3 * h);
        let old = &trace[..h];
        let mut before = vec![0.0; h];
        for k in 0..h {
            let at = |part: usize| trace[(part + 1) * h + k];
            let (r, z, n, nh) = (at(0), at(1), at(2), at(3));
            let gs = grad_state[k];
            before[k] += gs * z;
            let dn = gs * (1.0 - z) * (1.0 - n * n);
            let dz = gs * (old[k] - n) * z * (1.0 - z);
            let dr = dn * nh * r * (1.0 - r);
            // Of what comes from the input and from the state.
            for (row, d_input, d_state) in [(k, dr, dr), (h + k, dz, dz), (2 * h + k, dn, dn * r)] {
                for (w, x) in gwi[row * INPUTS..(row + 1) * INPUTS].iter_mut().zip(x) {
                    *w += d_input * x;
                }
                gbi[row] += d_input;
                gbh[row] += d_state;
                let range = row * h..(row + 1) * h;
                let weights = p.wh[range.clone()].iter().zip(&mut gwh[range]);
                for ((&w, gw), (b, &s)) in weights.zip(before.iter_mut().zip(old)) {
                    *gw += d_state * s;
                    *b += d_state * w;
                }
            }
        }
        grad_state.copy_from_slice(&before);
    }
}
