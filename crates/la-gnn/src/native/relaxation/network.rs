//! The network: forward, and backward for training.

use sprs::CsMatViewI;

use super::features::features;
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
    pub(super) fn of_features(&self, x: &[f32], mean: &[f32]) -> Vec<f64> {
        let h = self.parameters.config.hidden;
        let (_, rest) = self.parameters.values.split_at(self.first.len());
        let (b1, rest) = rest.split_at(h);
        let (b2, rest) = rest[self.second.len()..].split_at(h);
        let (w3, b3) = rest.split_at(h);
        let mut means = mean.chunks_exact(FEATURES);
        let (mut one, mut two) = ([0.0_f32; WIDEST], [0.0_f32; WIDEST]);
        let (one, two) = (&mut one[..h], &mut two[..h]);
        x.chunks_exact(FEATURES)
            .map(|x| {
                let inputs = x.iter().chain(means.next().unwrap_or_default());
                layer(&self.first, b1, inputs, one);
                layer(&self.second, b2, one.iter(), two);
                let output: f32 = w3.iter().zip(two.iter()).map(|(w, v)| w * v).sum();
                sigmoid(f64::from(output + b3[0]))
            })
            .collect()
    }

    /// Adds the gradient of the parameters to `gradient`, given that of the relaxation factors. In double precision.
    pub(super) fn backward(
        &self,
        x: &[f32],
        mean: &[f32],
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
            let own = &x[i * FEATURES..][..FEATURES];
            let others = mean.get(i * FEATURES..).unwrap_or_default();
            for (v, x) in input.iter_mut().zip(own.iter().chain(others)) {
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

/// `relu(W x + b)`, W by columns.
fn layer<'x>(weight: &[f32], bias: &[f32], x: impl Iterator<Item = &'x f32>, out: &mut [f32]) {
    out.copy_from_slice(bias);
    for (column, &x) in weight.chunks_exact(out.len()).zip(x) {
        for (o, w) in out.iter_mut().zip(column) {
            *o += w * x;
        }
    }
    out.iter_mut().for_each(|o| *o = o.max(0.0));
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
