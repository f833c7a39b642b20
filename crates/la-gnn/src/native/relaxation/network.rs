//! The network: forward, and backward for training.
#![expect(
    clippy::needless_range_loop,
    reason = "lane loops index several arrays of fixed length alike; iterators hide the formula"
)]

use sprs::CsMatViewI;

use super::super::Element;
use super::super::simd::{Kernel, LANES, Simd};
use super::features::{Features, features};
use crate::GnnError;
use crate::relaxation::{FEATURES, Parameters};

/// A relaxation network ready to run.
///
/// Costs one pass over the matrix and about 600 multiply-adds per row; memory 80 bytes per row.
///
/// # Examples
/// ```
/// use la_gnn::native::relaxation::RelaxationNetwork;
/// use la_gnn::relaxation::{Parameters, RelaxationConfig};
/// use la_gnn::sprs::CsMatI;
///
/// let network = RelaxationNetwork::new(&Parameters::initialize(&RelaxationConfig::default(), 0)?)?;
/// let a = CsMatI::<f64, u32>::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![2.0, -1.0, -1.0, 2.0]);
/// let omega = network.factors(a.view())?;
/// assert!(omega.iter().all(|w| (0.0..=1.0).contains(w)));
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RelaxationNetwork {
    parameters: Parameters,
    /// W₁ and W₂ by columns, so that one input meets all hidden units at once.
    first: Vec<f32>,
    second: Vec<f32>,
}

/// Widest hidden layer.
const WIDEST: usize = 64;

impl RelaxationNetwork {
    /// A network with these parameters.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range or the number of scalars is not that of the configuration,
    /// [`GnnError::NonFinite`].
    pub fn new(parameters: &Parameters) -> Result<Self, GnnError> {
        let Parameters { config, values } = parameters;
        config.validate()?;
        if values.len() != config.parameter_count() {
            return Err(GnnError::Config {
                field: "values",
                reason: format!(
                    "has {} scalars, the configuration {}",
                    values.len(),
                    config.parameter_count()
                ),
            });
        }
        if let Some(position) = values.iter().position(|v| !v.is_finite()) {
            return Err(GnnError::NonFinite {
                what: "parameters".into(),
                position,
            });
        }
        let (h, inputs) = (config.hidden, config.inputs());
        let by_columns = |weight: &[f32], columns: usize| -> Vec<f32> {
            let entry = |at: usize| weight[at % h * columns + at / h];
            (0..h * columns).map(entry).collect()
        };
        Ok(Self {
            first: by_columns(values, inputs),
            second: by_columns(&values[h * inputs + h..], h),
            parameters: parameters.clone(),
        })
    }

    /// The relaxation factors of a square matrix stored by rows, one in [0, 1] for each row.
    ///
    /// # Errors
    /// [`GnnError::Matrix`], [`GnnError::NonFinite`] naming the row.
    pub fn factors(&self, a: CsMatViewI<'_, f64, u32>) -> Result<Vec<f64>, GnnError> {
        let (x, mean) = features(a, self.parameters.config.messages)?;
        Ok(self.of_features(&x, &mean))
    }

    /// Relaxation factors from features.
    pub(super) fn of_features(&self, x: &[Features], mean: &[Features]) -> Vec<f64> {
        let mut output = vec![0.0; x.len()];
        <f32 as Element>::run_kernel(Forward {
            network: self,
            x,
            mean,
            output: &mut output,
        });
        output.iter().map(|o| sigmoid(f64::from(*o))).collect()
    }

    /// Adds the gradient of the parameters to `gradient`, given that of the relaxation factors. In double precision.
    pub(super) fn backward(
        &self,
        x: &[Features],
        mean: &[Features],
        grad_factors: &[f64],
        gradient: &mut [f64],
    ) {
        let (h, inputs) = (
            self.parameters.config.hidden,
            self.parameters.config.inputs(),
        );
        let values: Vec<f64> = self
            .parameters
            .values
            .iter()
            .map(|v| f64::from(*v))
            .collect();
        let (b1, w2) = (h * inputs, h * inputs + h);
        let (b2, w3) = (w2 + h * h, w2 + h * h + h);
        let b3 = w3 + h;
        let mut input = vec![0.0; inputs];
        let (mut one, mut two, mut grad_one) = (vec![0.0; h], vec![0.0; h], vec![0.0; h]);
        for (i, &grad) in grad_factors.iter().enumerate() {
            let others = mean.get(i).into_iter().flatten();
            for (v, x) in input.iter_mut().zip(x[i].iter().chain(others)) {
                *v = f64::from(*x);
            }
            for k in 0..h {
                let row = &values[k * inputs..][..inputs];
                one[k] = (values[b1 + k] + dot(row, &input)).max(0.0);
            }
            for k in 0..h {
                let row = &values[w2 + k * h..][..h];
                two[k] = (values[b2 + k] + dot(row, &one)).max(0.0);
            }
            let omega = sigmoid(values[b3] + dot(&values[w3..b3], &two));
            let grad = grad * omega * (1.0 - omega);
            gradient[b3] += grad;
            grad_one.fill(0.0);
            for k in 0..h {
                gradient[w3 + k] += grad * two[k];
                if two[k] > 0.0 {
                    let grad = grad * values[w3 + k];
                    gradient[b2 + k] += grad;
                    for l in 0..h {
                        gradient[w2 + k * h + l] += grad * one[l];
                        grad_one[l] += grad * values[w2 + k * h + l];
                    }
                }
            }
            for k in (0..h).filter(|&k| one[k] > 0.0) {
                gradient[b1 + k] += grad_one[k];
                for (g, x) in gradient[k * inputs..][..inputs].iter_mut().zip(&input) {
                    *g += grad_one[k] * x;
                }
            }
        }
    }
}

/// The forward pass, a lane for each of eight rows.
struct Forward<'a> {
    network: &'a RelaxationNetwork,
    x: &'a [Features],
    mean: &'a [Features],
    output: &'a mut [f32],
}

impl Kernel<f32> for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd<f32>>(self, simd: S) {
        let network = self.network;
        let (h, inputs) = (
            network.parameters.config.hidden,
            network.parameters.config.inputs(),
        );
        let (_, rest) = network.parameters.values.split_at(network.first.len());
        let (b1, rest) = rest.split_at(h);
        let (b2, rest) = rest[network.second.len()..].split_at(h);
        let (w3, b3) = rest.split_at(h);
        let mut input = [[0.0; LANES]; 2 * FEATURES];
        let (mut one, mut two) = ([[0.0; LANES]; WIDEST], [[0.0; LANES]; WIDEST]);
        let rows = self.x.len();
        for (block, output) in self.output.chunks_mut(LANES).enumerate() {
            for lane in 0..LANES {
                // Lanes past the end see the last row once more.
                let row = (block * LANES + lane).min(rows - 1);
                for (f, x) in self.x[row].iter().enumerate() {
                    input[f][lane] = *x;
                }
                if let Some(mean) = self.mean.get(row) {
                    for (f, x) in mean.iter().enumerate() {
                        input[FEATURES + f][lane] = *x;
                    }
                }
            }
            layer(simd, &network.first, b1, &input[..inputs], &mut one[..h]);
            layer(simd, &network.second, b2, &one[..h], &mut two[..h]);
            let mut sum = simd.splat(b3[0]);
            for (w, v) in w3.iter().zip(&two) {
                sum = simd.mul_add(simd.splat(*w), simd.load(v), sum);
            }
            let mut lanes = [0.0; LANES];
            simd.store(sum, &mut lanes);
            output.copy_from_slice(&lanes[..output.len()]);
        }
    }
}

/// `relu(W x + b)` in every lane, W by columns; eight units at a time, whose sums stay in registers.
#[inline(always)]
fn layer<S: Simd<f32>>(
    simd: S,
    weight: &[f32],
    bias: &[f32],
    x: &[[f32; LANES]],
    out: &mut [[f32; LANES]],
) {
    const UNITS: usize = 8;
    let h = bias.len();
    for first in (0..h).step_by(UNITS) {
        let units = UNITS.min(h - first);
        let mut sums = [simd.splat(0.0); UNITS];
        for k in 0..units {
            sums[k] = simd.splat(bias[first + k]);
        }
        for (column, x) in weight.chunks_exact(h).zip(x) {
            let (column, x) = (&column[first..first + units], simd.load(x));
            if let Ok(column) = <&[f32; UNITS]>::try_from(column) {
                for k in 0..UNITS {
                    sums[k] = simd.mul_add(simd.splat(column[k]), x, sums[k]);
                }
            } else {
                for k in 0..units {
                    sums[k] = simd.mul_add(simd.splat(column[k]), x, sums[k]);
                }
            }
        }
        for k in 0..units {
            simd.store(simd.relu(sums[k]), &mut out[first + k]);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relaxation::RelaxationConfig;

    /// The formula of [`RelaxationConfig`], row by row in double precision.
    fn reference(p: &Parameters, x: &[Features], mean: &[Features]) -> Vec<f64> {
        let (h, inputs) = (p.config.hidden, p.config.inputs());
        let v: Vec<f64> = p.values.iter().map(|v| f64::from(*v)).collect();
        let layer = |at: usize, input: &[f64], outputs: usize| -> Vec<f64> {
            let bias = &v[at + outputs * input.len()..][..outputs];
            let row = |k: usize| dot(&v[at + k * input.len()..][..input.len()], input) + bias[k];
            (0..outputs).map(row).collect()
        };
        let relu = |x: Vec<f64>| -> Vec<f64> { x.iter().map(|x| x.max(0.0)).collect() };
        (0..x.len())
            .map(|i| {
                let row = x[i].iter().chain(mean.get(i).into_iter().flatten());
                let input: Vec<f64> = row.map(|x| f64::from(*x)).collect();
                let one = relu(layer(0, &input, h));
                let two = relu(layer((inputs + 1) * h, &one, h));
                sigmoid(layer((inputs + 1 + h + 1) * h, &two, 1)[0])
            })
            .collect()
    }

    #[test]
    fn lanes_compute_the_formula_and_the_gradient_is_its_own() {
        for (hidden, messages, rows) in [(16, true, 19), (5, true, 8), (11, false, 3)] {
            let config = RelaxationConfig::default()
                .with_hidden(hidden)
                .with_messages(messages);
            let p = Parameters::initialize(&config, 3).unwrap();
            let wave = |i: usize, f: usize| ((i * 10 + f) as f32 * 0.7).sin();
            let x: Vec<Features> = (0..rows)
                .map(|i| std::array::from_fn(|f| wave(i, f)))
                .collect();
            let mean: Vec<Features> = if messages {
                x.iter().map(|x| x.map(|v| 0.5 - v)).collect()
            } else {
                Vec::new()
            };
            let network = RelaxationNetwork::new(&p).unwrap();
            let expected = reference(&p, &x, &mean);
            for (got, expected) in network.of_features(&x, &mean).iter().zip(&expected) {
                assert!((got - expected).abs() < 1e-6);
            }
            let weight: Vec<f64> = (0..rows).map(|i| (i as f64).cos()).collect();
            let mut gradient = vec![0.0; p.values.len()];
            network.backward(&x, &mean, &weight, &mut gradient);
            for at in (0..p.values.len()).step_by(7) {
                let moved = |step: f32| {
                    let mut p = p.clone();
                    p.values[at] += step;
                    dot(&reference(&p, &x, &mean), &weight)
                };
                let difference = (moved(1e-3) - moved(-1e-3)) / 2e-3;
                assert!(
                    (gradient[at] - difference).abs() < 2e-3 * (1.0 + difference.abs()),
                    "{at}: {} and {difference}",
                    gradient[at]
                );
            }
        }
    }
}
