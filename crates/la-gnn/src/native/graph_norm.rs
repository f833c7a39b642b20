//! GraphNorm of the node features of one graph.
//!
//! T. Cai et al., *GraphNorm*, ICML 2021: `c = x − α mean(x)`, `y = γ c / √(mean(c²) + ε) + β` per feature.

use super::Element;
use crate::neuralif::NODE_WIDTH;

const EPSILON: f64 = 1e-5;

/// α, γ, β from the head of the flat parameter array.
fn learned(parameters: &[f32], feature: usize) -> [f64; 3] {
    std::array::from_fn(|k| f64::from(parameters[k * NODE_WIDTH + feature]))
}

struct Statistics {
    mean: [f64; NODE_WIDTH],
    deviation: [f64; NODE_WIDTH],
}

fn statistics<T: Element>(parameters: &[f32], features: &[[T; NODE_WIDTH]]) -> Statistics {
    let n = features.len() as f64;
    let mut mean = [0.0; NODE_WIDTH];
    for x in features {
        for d in 0..NODE_WIDTH {
            mean[d] += x[d].to_f64();
        }
    }
    mean = mean.map(|m| m / n);
    let shift: [f64; NODE_WIDTH] = std::array::from_fn(|d| learned(parameters, d)[0] * mean[d]);
    let mut square = [0.0; NODE_WIDTH];
    for x in features {
        for d in 0..NODE_WIDTH {
            let c = x[d].to_f64() - shift[d];
            square[d] += c * c;
        }
    }
    Statistics {
        mean,
        deviation: square.map(|s| (s / n + EPSILON).sqrt()),
    }
}

/// Normalised features.
pub(super) fn forward<T: Element>(
    parameters: &[f32],
    features: &[[T; NODE_WIDTH]],
    out: &mut [[T; NODE_WIDTH]],
) {
    let s = statistics(parameters, features);
    let coefficients: [(f64, f64, f64); NODE_WIDTH] = std::array::from_fn(|d| {
        let [alpha, gamma, beta] = learned(parameters, d);
        (alpha * s.mean[d], gamma / s.deviation[d], beta)
    });
    for (x, y) in features.iter().zip(out) {
        for d in 0..NODE_WIDTH {
            let (shift, scale, beta) = coefficients[d];
            y[d] = T::from_f64((x[d].to_f64() - shift) * scale + beta);
        }
    }
}

/// Adds the gradients of α, γ, β, given the gradient of the output. The features are data.
pub(super) fn backward<T: Element>(
    parameters: &[f32],
    features: &[[T; NODE_WIDTH]],
    grad_out: &[[T; NODE_WIDTH]],
    gradient: &mut [f64],
) {
    let s = statistics(parameters, features);
    let n = features.len() as f64;
    for d in 0..NODE_WIDTH {
        let [alpha, gamma, _] = learned(parameters, d);
        let (mean, sigma) = (s.mean[d], s.deviation[d]);
        let (mut sum_g, mut sum_gc, mut sum_c) = (0.0, 0.0, 0.0);
        for (x, g) in features.iter().zip(grad_out) {
            let (c, g) = (x[d].to_f64() - alpha * mean, g[d].to_f64());
            sum_g += g;
            sum_gc += g * c;
            sum_c += c;
        }
        // Σ dL/dc, with the contribution through the deviation.
        let sum_dc = gamma / sigma * sum_g - gamma * sum_gc / (n * sigma.powi(3)) * sum_c;
        gradient[d] -= mean * sum_dc;
        gradient[NODE_WIDTH + d] += sum_gc / sigma;
        gradient[2 * NODE_WIDTH + d] += sum_g;
    }
}
