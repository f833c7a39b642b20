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
        self.updates += 1;
        let t = self.updates as i32;
        let (c1, c2) = (1.0 - BETA1.powi(t), 1.0 - BETA2.powi(t));
        for (((x, g), m), v) in values
            .iter_mut()
            .zip(gradient)
            .zip(&mut self.first)
            .zip(&mut self.second)
        {
            let first = BETA1 * f64::from(*m) + (1.0 - BETA1) * g;
            let second = BETA2 * f64::from(*v) + (1.0 - BETA2) * g * g;
            let step = (first / c1) / ((second / c2).sqrt() + EPSILON);
            *x = (f64::from(*x) * (1.0 - learning_rate * weight_decay) - learning_rate * step)
                as f32;
            *m = first as f32;
            *v = second as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_update_moves_by_the_learning_rate() {
        let mut adam = AdamW::new(2);
        let mut x = [1.0f32, -2.0];
        adam.update(&mut x, &[0.5, -3.0], 0.1, 0.01);
        // m/c1 = g, v/c2 = g²: a step of lr·sign(g), after a decay of lr·0.01.
        assert!(
            (x[0] - (0.999 - 0.1)).abs() < 1e-6 && (x[1] - (-1.998 + 0.1)).abs() < 1e-6,
            "{x:?}"
        );
    }
}
