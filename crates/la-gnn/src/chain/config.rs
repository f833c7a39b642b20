//! Configuration of a chain model.

use serde::{Deserialize, Serialize};

use crate::GnnError;
use crate::neuralif::ParameterSpec;

/// The map from row to row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChainModel {
    /// A gated recurrent unit on (log r_i / 3, 1), whose state nothing ties to a pivot: `log ρ_i = −softplus(MLP(h_i))`.
    Recurrent,
    /// `logit ρ_i = w₁ z_i + w₂ log z_i + MLP(z_i/10, (log z_i)/5) + margin` with two hidden layers and tanh.
    Step,
    /// `logit ρ_i = w₁ z_i + w₂ log z_i + Σ_k c_k T_k(t(z_i)) + margin` with Chebyshev polynomials of `(z − 2)/(z + 2)`, scaled to the range that
    /// was seen: the same function of one number as a step, linear in what is learned.
    Series,
    /// The exact map and a correction that only raises: `log ρ_i = min(0, log(1 − exp(−z_i)) + softplus(MLP(log r_i, log ρ_{i-1})))`.
    Safe,
    /// A fractional linear map whose matrix is linear in r_i: `ρ_i = (α(r_i) ρ_{i-1} + β(r_i)) / (γ(r_i) ρ_{i-1} + δ(r_i))`.
    Projective,
}

/// Configuration of a chain model.
///
/// # Examples
/// ```
/// use la_gnn::chain::{ChainConfig, ChainModel};
///
/// let count = |model| ChainConfig::new(model).parameter_count();
/// assert_eq!(count(ChainModel::Recurrent), 1249);
/// assert_eq!(count(ChainModel::Step), 339);
/// assert_eq!(count(ChainModel::Safe), 65);
/// assert_eq!(count(ChainModel::Projective), 8);
/// assert_eq!(count(ChainModel::Series), 44);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ChainConfig {
    /// The map.
    pub model: ChainModel,
    /// Hidden width, 1 to 64; of a series the number of polynomials, default 40; the projective map has none. Default 16.
    pub hidden: usize,
    /// Added to logit ρ_i by [`ChainModel::Step`] and [`ChainModel::Series`] when they run along a chain, so that errors are one-sided; finite. Default 0.
    pub margin: f64,
    /// Smallest pivot, relative to a unit diagonal, in (0, 1e-3]. Default `1e-12`; pivots of random matrices do get as small as 1e-8.
    pub floor: f64,
}

impl ChainConfig {
    /// The default of a model.
    #[must_use]
    pub fn new(model: ChainModel) -> Self {
        Self {
            model,
            hidden: match model {
                ChainModel::Series => 40,
                _ => 16,
            },
            margin: 0.0,
            floor: 1e-12,
        }
    }

    /// Sets the hidden width.
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }

    /// Sets what is added to logit ρ along a chain.
    #[must_use]
    pub fn with_margin(mut self, margin: f64) -> Self {
        self.margin = margin;
        self
    }

    /// Sets the smallest pivot.
    #[must_use]
    pub fn with_floor(mut self, floor: f64) -> Self {
        self.floor = floor;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        let check = |ok: bool, field, reason: String| {
            if ok {
                Ok(())
            } else {
                Err(GnnError::Config { field, reason })
            }
        };
        let Self {
            hidden,
            margin,
            floor,
            ..
        } = *self;
        let width = (1..=64).contains(&hidden);
        check(width, "hidden", format!("is {hidden}, must be 1 to 64"))?;
        let finite = margin.is_finite();
        check(finite, "margin", format!("is {margin}, must be finite"))?;
        let small = floor > 0.0 && floor <= 1e-3;
        check(small, "floor", format!("is {floor}, must be in (0, 1e-3]"))
    }

    /// Every parameter in the order in which [`super::Parameters`] stores them.
    #[must_use]
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let h = self.hidden;
        let layers = |sizes: &[usize]| -> Vec<(String, Vec<usize>)> {
            let pairs = sizes.windows(2).enumerate();
            pairs
                .flat_map(|(k, s)| {
                    let name = |part| format!("lin{}.{part}", k + 1);
                    [
                        (name("weight"), vec![s[1], s[0]]),
                        (name("bias"), vec![s[1]]),
                    ]
                })
                .collect()
        };
        let tensors = match self.model {
            ChainModel::Recurrent => {
                let mut tensors = vec![
                    ("gru.weight_ih".into(), vec![3 * h, 2]),
                    ("gru.weight_hh".into(), vec![3 * h, h]),
                    ("gru.bias_ih".into(), vec![3 * h]),
                    ("gru.bias_hh".into(), vec![3 * h]),
                ];
                tensors.extend(layers(&[h, h, 1]));
                tensors
            }
            ChainModel::Step => {
                let mut tensors = vec![("direct".into(), vec![2])];
                tensors.extend(layers(&[2, h, h, 1]));
                tensors
            }
            ChainModel::Series => vec![
                ("range".into(), vec![2]),
                ("direct".into(), vec![2]),
                ("coefficients".into(), vec![h]),
            ],
            ChainModel::Safe => layers(&[2, h, 1]),
            ChainModel::Projective => vec![("map".into(), vec![2, 2, 2])],
        };
        let mut offset = 0;
        tensors
            .into_iter()
            .map(|(name, shape): (String, Vec<usize>)| {
                let len = shape.iter().product();
                offset += len;
                ParameterSpec {
                    name,
                    shape,
                    offset: offset - len,
                    len,
                }
            })
            .collect()
    }

    /// Number of learnable scalars.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|p| p.len).sum()
    }
}
