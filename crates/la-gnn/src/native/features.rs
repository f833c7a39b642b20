//! Normalised node features.

use super::Element;

/// ε of GraphNorm.
const EPSILON: f64 = 1e-5;

/// GraphNorm of n × width features: `c = x − α mean(x)`, `γ c / √(mean(c²) + ε) + β` per feature, with α, γ, β one behind the
/// other in `learned` (T. Cai et al., ICML 2021). Sums are in double precision.
pub(super) fn graph_norm<T: Element>(learned: &[f32], features: &[T], out: &mut Vec<T>) {
    let width = learned.len() / 3;
    let n = (features.len() / width) as f64;
    out.clear();
    out.extend_from_slice(features);
    for d in 0..width {
        let [alpha, gamma, beta] = [0, 1, 2].map(|k| f64::from(learned[k * width + d]));
        let column = || features[d..].iter().step_by(width).map(|x| x.to_f64());
        let shift = alpha * column().sum::<f64>() / n;
        let square = column().map(|x| (x - shift) * (x - shift)).sum::<f64>() / n;
        let scale = gamma / (square + EPSILON).sqrt();
        for x in out[d..].iter_mut().step_by(width) {
            *x = T::from_f64((x.to_f64() - shift) * scale + beta);
        }
    }
}
