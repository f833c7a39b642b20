//! Perceptrons with one hidden layer and one output, in double precision: forward and backward, one input vector at a time.
//!
//! The first map stands by columns, so that one input meets all hidden units at once and the loops run along them.

/// Widest hidden layer of a configuration.
pub(super) const WIDEST: usize = 128;
/// Most inputs of a configuration, 5 · 64 + 1.
pub(super) const MOST_INPUTS: usize = 321;

const LANES: usize = 8;

/// Where a perceptron stands in the flat array, and its size. The first map is (inputs, hidden), all else as in the weight file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Perceptron {
    pub(super) offset: usize,
    pub(super) inputs: usize,
    pub(super) hidden: usize,
}

/// The four parts of a perceptron in an array of parameters, or of their gradient.
struct Parts<S> {
    first: S,
    bias: S,
    second: S,
    last: S,
}

impl Perceptron {
    /// Number of parameters.
    pub(super) fn len(&self) -> usize {
        self.hidden * (self.inputs + 2) + 1
    }

    fn parts<'a>(&self, flat: &'a [f64]) -> Parts<&'a [f64]> {
        let (first, rest) = flat[self.offset..][..self.len()].split_at(self.inputs * self.hidden);
        let (bias, rest) = rest.split_at(self.hidden);
        let (second, last) = rest.split_at(self.hidden);
        Parts {
            first,
            bias,
            second,
            last,
        }
    }

    fn parts_mut<'a>(&self, flat: &'a mut [f64]) -> Parts<&'a mut [f64]> {
        let (first, rest) =
            flat[self.offset..][..self.len()].split_at_mut(self.inputs * self.hidden);
        let (bias, rest) = rest.split_at_mut(self.hidden);
        let (second, last) = rest.split_at_mut(self.hidden);
        Parts {
            first,
            bias,
            second,
            last,
        }
    }

    /// Copies parameters of a weight file's order into the order used here.
    pub(super) fn pack(&self, values: &[f32], flat: &mut [f64]) {
        let values = &values[self.offset..][..self.len()];
        let to = &mut flat[self.offset..][..self.len()];
        let maps = self.inputs * self.hidden;
        for (k, row) in values[..maps].chunks_exact(self.inputs).enumerate() {
            for (f, &value) in row.iter().enumerate() {
                to[f * self.hidden + k] = value.into();
            }
        }
        for (to, &value) in to[maps..].iter_mut().zip(&values[maps..]) {
            *to = value.into();
        }
    }

    /// Adds a gradient in the order used here to one in a weight file's order.
    pub(super) fn unpack(&self, flat: &[f64], gradient: &mut [f64]) {
        let flat = &flat[self.offset..][..self.len()];
        let to = &mut gradient[self.offset..][..self.len()];
        let maps = self.inputs * self.hidden;
        for (k, row) in to[..maps].chunks_exact_mut(self.inputs).enumerate() {
            for (f, to) in row.iter_mut().enumerate() {
                *to += flat[f * self.hidden + k];
            }
        }
        for (to, &value) in to[maps..].iter_mut().zip(&flat[maps..]) {
            *to += value;
        }
    }

    /// `w₂ · relu(W₁ u + b₁) + b₂`; leaves the hidden layer in `hidden`.
    #[inline]
    pub(super) fn forward(&self, flat: &[f64], input: &[f64], hidden: &mut [f64]) -> f64 {
        let p = self.parts(flat);
        let hidden = &mut hidden[..self.hidden];
        hidden.copy_from_slice(p.bias);
        for (column, &u) in p.first.chunks_exact(self.hidden).zip(input) {
            for (h, w) in hidden.iter_mut().zip(column) {
                *h += u * w;
            }
        }
        for h in hidden.iter_mut() {
            // Unlike `max`, this lets NaN through, which the caller then sees.
            *h = if *h < 0.0 { 0.0 } else { *h };
        }
        dot(p.second, hidden) + p.last[0]
    }

    /// Adds the gradient of the parameters to `gradient` and writes that of the input, given that of the output.
    /// `hidden` is what [`forward`](Self::forward) left.
    #[inline]
    pub(super) fn backward(
        &self,
        flat: &[f64],
        (input, hidden): (&[f64], &[f64]),
        output: f64,
        gradient: &mut [f64],
        to_input: &mut [f64],
    ) {
        let p = self.parts(flat);
        let g = self.parts_mut(gradient);
        let mut to_hidden = [0.0; WIDEST];
        let to_hidden = &mut to_hidden[..self.hidden];
        g.last[0] += output;
        for (((to, h), w), (gw, gb)) in to_hidden
            .iter_mut()
            .zip(hidden)
            .zip(p.second)
            .zip(g.second.iter_mut().zip(g.bias.iter_mut()))
        {
            *to = if *h > 0.0 { output * w } else { 0.0 };
            *gw += output * h;
            *gb += *to;
        }
        for ((column, grad), (&u, to)) in p
            .first
            .chunks_exact(self.hidden)
            .zip(g.first.chunks_exact_mut(self.hidden))
            .zip(input.iter().zip(to_input))
        {
            for (grad, h) in grad.iter_mut().zip(to_hidden.iter()) {
                *grad += u * h;
            }
            *to = dot(column, to_hidden);
        }
    }
}

/// A dot product in [`LANES`] sums, so that the processor's lanes can be used.
#[inline]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for l in 0..LANES {
            sums[l] += a[l] * b[l];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7)) + rest
}

/// `ln(1 + eˣ)`.
#[inline]
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Derivative of [`softplus`].
#[inline]
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A positive number kept in a range, 1 if it is not finite; and the derivative of that.
#[inline]
pub(super) fn guard(value: f64, [low, high]: [f64; 2]) -> (f64, f64) {
    if !value.is_finite() {
        (1.0, 0.0)
    } else if value < low {
        (low, 0.0)
    } else if value > high {
        (high, 0.0)
    } else {
        (value, 1.0)
    }
}

/// What a normalised vector was divided by, for the way back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scale {
    deviation: f64,
    inverse: f64,
}

/// Added to the deviation.
const EPSILON: f64 = 1e-5;

/// A vector less its mean, over its population deviation + 10⁻⁵.
#[inline]
pub(super) fn normalise(values: &mut [f64]) -> Scale {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
    let deviation = variance.sqrt();
    let inverse = 1.0 / (deviation + EPSILON);
    for v in values {
        *v = (*v - mean) * inverse;
    }
    Scale { deviation, inverse }
}

/// Turns the gradient of the normalised vector into that of the vector.
#[inline]
pub(super) fn normalise_backward(normalised: &[f64], scale: Scale, gradient: &mut [f64]) {
    let count = gradient.len() as f64;
    let mean = gradient.iter().sum::<f64>() / count;
    let along: f64 = gradient.iter().zip(normalised).map(|(g, v)| g * v).sum();
    // (u − ū) / σ = v (σ + ε) / σ; no direction where all entries are equal.
    let share = if scale.deviation > 0.0 {
        along / (count * scale.deviation)
    } else {
        0.0
    };
    for (g, v) in gradient.iter_mut().zip(normalised) {
        *g = (*g - mean) * scale.inverse - v * share;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softplus_and_guard() {
        assert!((softplus(0.0) - 2f64.ln()).abs() < 1e-15);
        assert_eq!((softplus(800.0), softplus(-800.0)), (800.0, 0.0));
        assert_eq!(guard(f64::NAN, [0.5, 2.0]), (1.0, 0.0));
        assert_eq!(guard(3.0, [0.5, 2.0]), (2.0, 0.0));
        assert_eq!(guard(0.1, [0.5, 2.0]), (0.5, 0.0));
        assert_eq!(guard(0.7, [0.5, 2.0]), (0.7, 1.0));
    }

    #[test]
    fn gradients_agree_with_differences() {
        let p = Perceptron {
            offset: 2,
            inputs: 6,
            hidden: 11,
        };
        let wave = |i: usize| ((i * i + 3 * i) as f64 * 0.37).sin();
        let flat: Vec<f64> = (0..p.len() + 2).map(wave).collect();
        let input: Vec<f64> = (0..6).map(|i| 3.0 * wave(i + 50)).collect();
        let value = |flat: &[f64], input: &[f64]| {
            let mut u = input.to_vec();
            let scale = normalise(&mut u);
            let mut hidden = vec![0.0; 11];
            let out = p.forward(flat, &u, &mut hidden);
            (out, u, scale, hidden)
        };
        let (_, u, scale, hidden) = value(&flat, &input);
        let (mut gradient, mut to_input) = (vec![0.0; flat.len()], vec![0.0; 6]);
        p.backward(&flat, (&u, &hidden), 1.0, &mut gradient, &mut to_input);
        normalise_backward(&u, scale, &mut to_input);
        let h = 1e-6;
        for k in 0..flat.len() {
            let mut moved = flat.clone();
            moved[k] += h;
            let up = value(&moved, &input).0;
            moved[k] -= 2.0 * h;
            let slope = (up - value(&moved, &input).0) / (2.0 * h);
            assert!((slope - gradient[k]).abs() < 1e-7, "parameter {k}");
        }
        for k in 0..6 {
            let mut moved = input.clone();
            moved[k] += h;
            let up = value(&flat, &moved).0;
            moved[k] -= 2.0 * h;
            let slope = (up - value(&flat, &moved).0) / (2.0 * h);
            assert!((slope - to_input[k]).abs() < 1e-7, "input {k}");
        }
    }
}
