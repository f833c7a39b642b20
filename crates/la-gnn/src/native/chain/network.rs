//! Inference: the learned map along a chain.

use super::Pivots;
use super::floor::{sigmoid, soft_floor, softplus};
use super::mlp::Mlp;
use super::projective;
use super::recurrent::Gru;
use super::series;
use crate::GnnError;
use crate::chain::{ChainModel, Parameters};

/// Smallest r whose logarithm is taken: rows that do not know each other have r = 0.
const SMALLEST: f64 = 1e-300;

/// A chain model ready to run.
///
/// Costs O(n) with about one multiply-add per parameter and row; memory 8 bytes per row.
///
/// # Examples
/// ```
/// use la_gnn::chain::{ChainConfig, ChainModel, Parameters};
/// use la_gnn::native::chain::{ChainNetwork, exact_pivots};
///
/// let parameters = Parameters::initialize(&ChainConfig::new(ChainModel::Safe), 0)?;
/// let network = ChainNetwork::new(&parameters)?;
/// let ratios = vec![0.2; 10_000];
/// let pivots = network.pivots(&ratios)?;
/// // Untrained, and yet no pivot lies below the exact one.
/// let exact = exact_pivots(&ratios, 1e-12);
/// assert!(pivots.values.iter().zip(&exact.values).all(|(p, e)| p >= e));
/// assert_eq!(pivots.replaced, 0);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChainNetwork {
    parameters: Parameters,
}

impl ChainNetwork {
    /// A network with these parameters.
    ///
    /// # Errors
    /// As [`Parameters::validate`].
    pub fn new(parameters: &Parameters) -> Result<Self, GnnError> {
        parameters.validate()?;
        Ok(Self {
            parameters: parameters.clone(),
        })
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The pivots for these ratios r_2, ..., r_n (see [`ratios`](super::ratios)): n of them, for no ratio one.
    ///
    /// # Errors
    /// [`GnnError::NonFinite`] for a ratio that is not finite, [`GnnError::Matrix`] for a negative one.
    pub fn pivots(&self, ratios: &[f64]) -> Result<Pivots, GnnError> {
        if let Some(position) = ratios.iter().position(|r| !r.is_finite()) {
            return Err(GnnError::NonFinite {
                what: "ratios".into(),
                position,
            });
        }
        if let Some(row) = ratios.iter().position(|r| *r < 0.0) {
            return Err(GnnError::Matrix {
                reason: format!("row {}: ratio is negative", row + 1),
            });
        }
        let Parameters { config, values } = &self.parameters;
        let (h, floor) = (config.hidden, config.floor);
        let mut trace = Vec::new();
        Ok(match config.model {
            ChainModel::Recurrent => {
                let gru = Gru::new(h);
                let mut state = vec![0.0; h];
                let mut rows = Rows::new(ratios.len(), floor);
                for log_r in gru_inputs(ratios) {
                    trace.clear();
                    rows.push((-softplus(gru.step(values, log_r, &mut state, &mut trace))).exp());
                }
                rows.0
            }
            ChainModel::Step => {
                let mlp = Mlp::new(&[2, h, h, 1]);
                along(ratios, floor, |rho, r| {
                    from_logit(rho, r, floor, config.margin, |z| {
                        trace.clear();
                        step_logit(values, &mlp, z, &mut trace)
                    })
                })
            }
            ChainModel::Series => along(ratios, floor, |rho, r| {
                from_logit(rho, r, floor, config.margin, |z| series::logit(values, z))
            }),
            ChainModel::Safe => {
                let mlp = Mlp::new(&[2, h, 1]);
                let mut replaced = 0;
                let mut pivots = along(ratios, floor, |rho, r| {
                    let u = 1.0 - r / rho;
                    replaced += usize::from(u < floor);
                    let r = r.max(SMALLEST);
                    trace.clear();
                    let output = mlp.forward(values, &[r.ln(), rho.ln()], &mut trace);
                    (soft_floor(u, floor).ln() + softplus(output))
                        .min(0.0)
                        .exp()
                });
                pivots.replaced = replaced;
                pivots
            }
            ChainModel::Projective => {
                along(ratios, floor, |rho, r| projective::step(values, rho, r))
            }
        })
    }
}

/// A map of z to logit ρ, with its margin. Below zero there is no pivot: a breakdown.
fn from_logit(rho: f64, r: f64, floor: f64, margin: f64, logit: impl FnOnce(f64) -> f64) -> f64 {
    let z = (rho / r.max(SMALLEST)).ln();
    if z < floor {
        return f64::NEG_INFINITY;
    }
    sigmoid(logit(z) + margin)
}

/// Pivots so far; what lies below the floor is replaced by 1 and counted.
struct Rows(Pivots, f64);

impl Rows {
    fn new(ratios: usize, floor: f64) -> Self {
        let values = Vec::with_capacity(ratios + 1);
        Self(
            Pivots {
                values,
                replaced: 0,
            },
            floor,
        )
    }

    fn push(&mut self, rho: f64) -> f64 {
        let Self(pivots, floor) = self;
        // A NaN is no pivot either. Elimination starts again: a pivot that is too large is forgotten, one that is too small breaks all rows after it.
        let kept = if rho >= *floor {
            rho.min(1.0)
        } else {
            pivots.replaced += 1;
            1.0
        };
        pivots.values.push(kept);
        kept
    }
}

fn along(ratios: &[f64], floor: f64, mut map: impl FnMut(f64, f64) -> f64) -> Pivots {
    let mut rows = Rows::new(ratios.len(), floor);
    let mut rho = rows.push(1.0);
    for &r in ratios {
        rho = rows.push(map(rho, r));
    }
    rows.0
}

/// log r of every row for the recurrent model, which starts with −10 in the first.
pub(super) fn gru_inputs(ratios: &[f64]) -> impl Iterator<Item = f64> + '_ {
    std::iter::once(-10.0).chain(ratios.iter().map(|r| r.max(SMALLEST).ln()))
}

/// `φ(z) = w₁ z + w₂ log z + MLP(z/10, (log z)/5)`; z is capped where the pivot is 1 to the last digit.
pub(super) fn step_logit(values: &[f64], mlp: &Mlp, z: f64, trace: &mut Vec<f64>) -> f64 {
    let (z, log_z) = (z.min(100.0), z.min(100.0).ln());
    values[0] * z + values[1] * log_z + mlp.forward(&values[2..], &[z / 10.0, log_z / 5.0], trace)
}
