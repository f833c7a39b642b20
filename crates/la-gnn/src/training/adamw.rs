//! AdamW.

/// State of AdamW: moments of the gradient, one pair per parameter.
///
/// I. Loshchilov, F. Hutter, *Decoupled weight decay regularization*, ICLR 2019, Algorithm 2, with
/// β₁ = 0.9, β₂ = 0.999, ε = 1e-8 (LibTorch's defaults).
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    /// First moments.
    pub first: Vec<f32>,
    /// Second moments.
    pub second: Vec<f32>,
    /// Updates done.
    pub updates: usize,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl AdamW {
    /// Fresh state for `count` parameters.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            first: vec![0.0; count],
            second: vec![0.0; count],
            updates: 0,
        }
    }

    /// One update of `values` along `gradient`.
    pub fn update(
        &mut self,
        values: &mut [f32],
        gradient: &[f64],
        learning_rate: f64,
        weight_decay: f64,
    ) {
        let kept = 1.0 - learning_rate * weight_decay;
        self.step(values, gradient, [BETA1, BETA2], kept, &|_| learning_rate);
    }

    /// The same with other factors of the moments and a learning rate for each parameter; values are multiplied by `kept` first.
    pub(super) fn step(
        &mut self,
        values: &mut [f32],
        gradient: &[f64],
        [beta1, beta2]: [f64; 2],
        kept: f64,
        learning_rate: &dyn Fn(usize) -> f64,
    ) {
        self.updates += 1;
        let t = self.updates as i32;
        let (c1, c2) = (1.0 - beta1.powi(t), 1.0 - beta2.powi(t));
        for (k, (((x, g), m), v)) in values
            .iter_mut()
            .zip(gradient)
            .zip(&mut self.first)
            .zip(&mut self.second)
            .enumerate()
        {
            let first = beta1 * f64::from(*m) + (1.0 - beta1) * g;
            let second = beta2 * f64::from(*v) + (1.0 - beta2) * g * g;
            let step = (first / c1) / ((second / c2).sqrt() + EPSILON);
            *x = (f64::from(*x) * kept - learning_rate(k) * step) as f32;
            *m = first as f32;
            *v = second as f32;
        }
    }
}
