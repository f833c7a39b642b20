//! Configuration of a rule of compensation.

use serde::{Deserialize, Serialize};

use super::{INPUTS, OUTPUTS};
use crate::GnnError;
use crate::neuralif::ParameterSpec;

/// Configuration of a rule of compensation.
///
/// With x the inputs of a row, D the depth of the graph, σ the softsign `t / (1 + |t|)`, and (s, u, m, e, message) = W₂ σ(W₁ x + b₁):
///
/// ```text
/// z_s = c₀ + a_s (ln D − 3.5) + 3 s       ω_s = 1 − exp(−z_s),   z_s in [−0.69, 9]
/// z_u = c₁ + a_u (ln D − 3.5) + 3 u       ω_u = 1 − exp(−z_u),   z_u in [−0.69, 9]
/// z_− = c₂                    + 3 m       ω_− = 1 − exp(−z_−),   z_− in [0, 9]
/// y   = c₃ + p ln D           + 3 e       η   = exp(y),          y in [−14, 3]
/// ```
///
/// and the message to later rows is σ(message).
///
/// # Examples
/// ```
/// use la_gnn::compensation::CompensationConfig;
/// assert_eq!(CompensationConfig::default().parameter_count(), 167);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CompensationConfig {
    /// Hidden width, 1 to 64. Default 8.
    pub hidden: usize,
    /// Largest exponent a_s that training may choose, 0 to 4. Default 1.5.
    pub supported_exponent: f64,
    /// Largest exponent a_u that training may choose, 0 to 4. Default 0.5.
    pub unsupported_exponent: f64,
    /// Whether constants and exponents depend on the dimension of the graph. Default false. With it z_s, z_u and y get
    /// `κ (c′ + a′ (ln D − 3.5))` more, κ from 0 in two dimensions to 1 in three.
    pub by_dimension: bool,
}

impl Default for CompensationConfig {
    fn default() -> Self {
        Self {
            hidden: 8,
            supported_exponent: 1.5,
            unsupported_exponent: 0.5,
            by_dimension: false,
        }
    }
}

impl CompensationConfig {
    /// Sets the hidden width.
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }

    /// Sets the largest exponents a_s and a_u.
    #[must_use]
    pub fn with_exponents(mut self, supported: f64, unsupported: f64) -> Self {
        self.supported_exponent = supported;
        self.unsupported_exponent = unsupported;
        self
    }

    /// Sets whether constants and exponents depend on the dimension of the graph.
    #[must_use]
    pub fn with_by_dimension(mut self, by_dimension: bool) -> Self {
        self.by_dimension = by_dimension;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        if !(1..=64).contains(&self.hidden) {
            return Err(GnnError::Config {
                field: "hidden",
                reason: format!("is {}, must be 1 to 64", self.hidden),
            });
        }
        for (field, value) in [
            ("supported_exponent", self.supported_exponent),
            ("unsupported_exponent", self.unsupported_exponent),
        ] {
            if !(0.0..=4.0).contains(&value) {
                return Err(GnnError::Config {
                    field,
                    reason: format!("is {value}, must be 0 to 4"),
                });
            }
        }
        Ok(())
    }

    /// Every parameter in the order in which [`super::Parameters`] stores them: the constants c₀ … c₃, the exponents a_s, a_u, p, with
    /// [`by_dimension`](Self::by_dimension) those of κ for z_s, z_u, y, then W₁ (by hidden units), b₁, W₂ (by outputs).
    #[must_use]
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let h = self.hidden;
        let mut list = vec![("constants", vec![4]), ("exponents", vec![3])];
        if self.by_dimension {
            list.push(("dimension.constants", vec![3]));
            list.push(("dimension.exponents", vec![3]));
        }
        list.push(("lin1.weight", vec![h, INPUTS]));
        list.push(("lin1.bias", vec![h]));
        list.push(("lin2.weight", vec![OUTPUTS, h]));
        let mut offset = 0;
        list.into_iter()
            .map(|(name, shape)| {
                let len = shape.iter().product();
                offset += len;
                ParameterSpec {
                    name: name.into(),
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

    /// Scalars before the network: constants and exponents.
    #[must_use]
    pub fn scalars(&self) -> usize {
        if self.by_dimension { 13 } else { 7 }
    }
}
