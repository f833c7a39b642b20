//! Configuration of a gated elimination.

use serde::{Deserialize, Serialize};

use super::INPUTS;
use crate::GnnError;
use crate::mpgnn::{ParameterSpec, Specs};

/// What gates may do.
///
/// Elimination of M-matrices is monotone: taking less of an update, making an entry smaller and raising a pivot leave every later pivot larger than it
/// would have been. A small step to the other side can end in a pivot that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Gates {
    /// Take less of an update, make entries smaller, raise pivots, and compensate dropped fill (tanh z below 1). On M-matrices no pivot is below that of
    /// modified incomplete Cholesky, whatever the weights, so that none fails where `A 1 ≥ 0`.
    #[default]
    Compensating,
    /// The same without compensation: on M-matrices no pivot is below that of IC(0).
    OneSided,
    /// Anything within their bounds. Pivots can fail, and do.
    TwoSided,
}

/// What the factor is before training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Anchor {
    /// IC(0).
    #[default]
    Ic0,
    /// Relaxed modified incomplete Cholesky, nine tenths of the dropped fill on the diagonal. Not with [`Gates::OneSided`].
    Relaxed,
}

/// Configuration of a gated elimination.
///
/// On the matrix with unit diagonal, ρ_j = l_jj²; sums over k < j:
///
/// ```text
/// l_ij = (â_ij − Σ l_ik l_jk exp(g_ijk)) exp(c_ij) / √ρ_j
/// q_i  = 1 − Σ ( l_ik² exp(g_iik) + tanh(z_ik) f_ik )
/// ρ_i  = min(1, max(q_i, floor) exp(c_i))
/// ```
///
/// Unless gates are two-sided, g and c_ij count as at most 0, and the negative part of the output for c_i raises the pivot. The floor is 2 % of `1 − Σ l_ik²`, where that is positive, else 1e-8. f_ik is the fill that l_ik makes outside the pattern in row i, with the weights of modified incomplete Cholesky. g, z and c are outputs of four perceptrons
/// 6 → hidden → 1 or 2 with softsign between and bounded outputs; their inputs are logarithms of entries and pivots, the share of dropped fill, what the row has
/// later, its dominance, and the number of levels of the elimination.
///
/// # Examples
/// ```
/// use la_gnn::gated::GatedConfig;
/// assert_eq!(GatedConfig::default().parameter_count(), 269);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GatedConfig {
    /// Hidden width, 1 to 64. Default 8.
    pub hidden: usize,
    /// What gates may do. Default: lower entries, raise pivots, compensate.
    pub gates: Gates,
    /// What the factor is before training. Default IC(0).
    pub anchor: Anchor,
}

impl Default for GatedConfig {
    fn default() -> Self {
        Self {
            hidden: 8,
            gates: Gates::default(),
            anchor: Anchor::default(),
        }
    }
}

impl GatedConfig {
    /// Sets the hidden width.
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }
    /// Sets what gates may do.
    #[must_use]
    pub fn with_gates(mut self, gates: Gates) -> Self {
        self.gates = gates;
        self
    }
    /// Sets what the factor is before training.
    #[must_use]
    pub fn with_anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
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
        if self.gates == Gates::OneSided && self.anchor != Anchor::Ic0 {
            return Err(GnnError::Config {
                field: "anchor",
                reason: "must be `ic0` where gates are one-sided".into(),
            });
        }
        Ok(())
    }

    /// Every trainable tensor in the order in which [`super::Parameters`] stores them: `square` (g_iik and z_ik), `update` (g_ijk), `entry` (c_ij),
    /// `pivot` (c_i).
    #[must_use]
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let mut list = Specs::default();
        for (name, outputs) in [("square.", 2), ("update.", 1), ("entry.", 1), ("pivot.", 1)] {
            list.mlp(name, [INPUTS, self.hidden, outputs], true);
        }
        list.0
    }

    /// Number of trainable scalars.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|p| p.len).sum()
    }
}
