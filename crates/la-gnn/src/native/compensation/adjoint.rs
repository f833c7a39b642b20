//! The rule backwards.

use super::{
    CompensationRule, HIGHEST, LOG_SCALE, LOWEST, MatrixFacts, RowFacts, RowState, SMALLEST,
    softsign,
};
use crate::GnnError;
use crate::compensation::{INPUTS, OUTPUTS, Parameters};

/// A rule whose derivatives are wanted.
///
/// # Examples
/// ```
/// use la_gnn::compensation::{CompensationConfig, Parameters};
/// use la_gnn::native::compensation::{MatrixFacts, RowFacts, RowState, RuleGradient};
///
/// let parameters = Parameters::initialize(&CompensationConfig::default(), 0)?;
/// let facts = MatrixFacts { dimension: 2.0, depth: 18.0, positive: 0.0, sinks: 0.01 };
/// let mut gradient = RuleGradient::new(&parameters)?;
/// let row = RowFacts { dominance: 0.0, positive: 0.0, later: 0.5 };
/// let state = RowState {
///     plain: 0.8, outward: 0.5, supported: 0.1, unsupported: 0.0, negative: 0.0, message: 0.0, supported_share: 1.0,
/// };
/// gradient.add(&facts, &row, &state, [1.0, 0.0, 0.0, 0.0], 0.0);
/// // z_s = c₀ + …
/// assert_eq!(gradient.values()[0], 1.0);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RuleGradient {
    rule: CompensationRule,
    /// Parameters in the order of their configuration.
    parameters: Vec<f64>,
    hidden: usize,
    scalars: usize,
    gradient: Vec<f64>,
}

impl RuleGradient {
    /// A gradient of zero at these parameters.
    ///
    /// # Errors
    /// As [`CompensationRule::new`].
    pub fn new(parameters: &Parameters) -> Result<Self, GnnError> {
        Ok(Self {
            rule: CompensationRule::new(parameters)?,
            parameters: parameters.values.iter().map(|v| f64::from(*v)).collect(),
            hidden: parameters.config.hidden,
            scalars: parameters.config.scalars(),
            gradient: vec![0.0; parameters.values.len()],
        })
    }

    /// The rule that is differentiated.
    #[must_use]
    pub fn rule(&self) -> &CompensationRule {
        &self.rule
    }

    /// The gradient with respect to the parameters, in their order.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.gradient
    }

    /// Adds what one row contributes, given the derivatives with respect to z_s, z_u, z_−, y and to its message; returns those with respect to
    /// its state. A z at the end of its range has none.
    pub fn add(
        &mut self,
        matrix: &MatrixFacts,
        row: &RowFacts,
        state: &RowState,
        of_z: [f64; 4],
        of_message: f64,
    ) -> RowState {
        let size = matrix.depth.max(1.0).ln();
        let plain = state.plain.max(SMALLEST);
        let sums = [
            state.outward,
            state.supported,
            state.unsupported,
            state.negative,
        ];
        let share = sums.map(|c| c / (plain + c));
        let taken = state.supported + state.unsupported - state.negative;
        let left = (state.plain - taken - state.outward) / plain;
        let x: [f64; INPUTS] = [
            share[0],
            share[1],
            share[3],
            plain.min(1.0).ln() * LOG_SCALE,
            left.clamp(-1.0, 1.0),
            row.dominance,
            row.positive,
            row.later,
            matrix.positive,
            state.message,
            share[2],
            state.supported_share,
            size / 5.0 - 0.6,
            matrix.sinks,
        ];
        let (h, first) = (self.hidden, self.scalars);
        let bias = first + h * INPUTS;
        let second = bias + h;
        let p = &self.parameters;
        let sum = |unit: usize| -> f64 {
            let weights = &p[first + unit * INPUTS..][..INPUTS];
            p[bias + unit] + weights.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>()
        };
        let hidden: Vec<f64> = (0..h).map(|unit| softsign(sum(unit))).collect();
        let out: [f64; OUTPUTS] = std::array::from_fn(|o| {
            let weights = &p[second + o * h..][..h];
            weights.iter().zip(&hidden).map(|(w, x)| w * x).sum()
        });
        let base = self.rule.base(matrix);
        let grad = &mut self.gradient;
        let mut of_out = [0.0; OUTPUTS];
        for k in 0..4 {
            let z = base[k] + 3.0 * out[k];
            if LOWEST[k] < z && z < HIGHEST[k] {
                of_out[k] = 3.0 * of_z[k];
                let mut to = |at: usize, factor: f64| grad[at] += of_z[k] * factor;
                let centred = size - 3.5;
                to(k, 1.0);
                // Constants and exponents, without and with κ: there are none of z_− but its constant.
                if let Some((exponent, extra, by)) = [
                    Some((4, 7, centred)),
                    Some((5, 8, centred)),
                    None,
                    Some((6, 9, size)),
                ][k]
                {
                    to(exponent, by);
                    if first > 7 {
                        to(extra, matrix.kappa());
                        to(extra + 3, matrix.kappa() * centred);
                    }
                }
            }
        }
        let slope = |y: f64| (1.0 - y.abs()).powi(2);
        of_out[4] = of_message * slope(softsign(out[4]));
        let mut of_x = [0.0; INPUTS];
        for (unit, y) in hidden.iter().enumerate() {
            let mut of_y = 0.0;
            for (o, of_out) in of_out.iter().enumerate() {
                grad[second + o * h + unit] += of_out * y;
                of_y += of_out * p[second + o * h + unit];
            }
            let of_sum = of_y * slope(*y);
            grad[bias + unit] += of_sum;
            let at = first + unit * INPUTS;
            for (i, (x, of_x)) in x.iter().zip(&mut of_x).enumerate() {
                grad[at + i] += of_sum * x;
                *of_x += of_sum * p[at + i];
            }
        }
        let mut of_sums = [0.0; 4];
        let mut of_plain = 0.0;
        for (k, input) in [0, 1, 10, 2].into_iter().enumerate() {
            let slope = of_x[input] / (plain + sums[k]).powi(2);
            of_sums[k] = slope * plain;
            of_plain -= slope * sums[k];
        }
        if left.abs() < 1.0 {
            let slope = of_x[4] / plain;
            of_plain -= slope * left;
            for (of_sum, sign) in of_sums.iter_mut().zip([1.0, 1.0, 1.0, -1.0]) {
                *of_sum -= sign * slope;
            }
        }
        if plain < 1.0 {
            of_plain += of_x[3] * LOG_SCALE / plain;
        }
        // Below its smallest value δ counts as that, but for the difference.
        if state.plain < SMALLEST {
            of_plain = 0.0;
        }
        if left.abs() < 1.0 {
            of_plain += of_x[4] / plain;
        }
        RowState {
            plain: of_plain,
            outward: of_sums[0],
            supported: of_sums[1],
            unsupported: of_sums[2],
            negative: of_sums[3],
            message: of_x[9],
            supported_share: of_x[11],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compensation::CompensationConfig;

    #[test]
    fn derivatives_are_those_of_differences() {
        let config = CompensationConfig::default().with_by_dimension(true);
        let mut parameters = Parameters::initialize(&config, 4).unwrap();
        for (k, value) in parameters.values.iter_mut().enumerate().skip(13) {
            *value += 0.3 * (k as f32).sin();
        }
        let matrix = MatrixFacts {
            dimension: 2.4,
            depth: 40.0,
            positive: 0.02,
            sinks: 0.03,
        };
        let row = RowFacts {
            dominance: 0.1,
            positive: 0.05,
            later: 0.4,
        };
        let state = [0.7, 0.45, 0.1, 0.03, 0.02, -0.2, 0.8];
        let weights = [0.3, -0.7, 0.4, 0.2, 0.9];
        let to_state = |s: [f64; 7]| RowState {
            plain: s[0],
            outward: s[1],
            supported: s[2],
            unsupported: s[3],
            negative: s[4],
            message: s[5],
            supported_share: s[6],
        };
        let loss = |parameters: &Parameters, s: [f64; 7]| {
            let rule = CompensationRule::new(parameters).unwrap().on(&matrix);
            let out = rule.weigh::<false>(&row, &to_state(s));
            out.z.iter().zip(weights).map(|(z, w)| z * w).sum::<f64>() + weights[4] * out.message
        };
        let mut gradient = RuleGradient::new(&parameters).unwrap();
        let [a, b, c, d, e] = weights;
        let back = gradient.add(&matrix, &row, &to_state(state), [a, b, c, d], e);
        let back = [
            back.plain,
            back.outward,
            back.supported,
            back.unsupported,
            back.negative,
            back.message,
            back.supported_share,
        ];
        for (k, derivative) in back.into_iter().enumerate() {
            let at = |step: f64| {
                let mut moved = state;
                moved[k] += step;
                loss(&parameters, moved)
            };
            let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!(
                (derivative - difference).abs() < 1e-7,
                "state {k}: {derivative} {difference}"
            );
        }
        for (k, derivative) in gradient.values().iter().enumerate() {
            // Parameters are of single precision: what was added is read back.
            let at = |step: f32| {
                let mut moved = parameters.clone();
                moved.values[k] += step;
                (f64::from(moved.values[k]), loss(&moved, state))
            };
            let ((x, up), (y, down)) = (at(1e-3), at(-1e-3));
            let difference = (up - down) / (x - y);
            assert!(
                (derivative - difference).abs() < 2e-6,
                "{k}: {derivative} {difference}"
            );
        }
    }
}
