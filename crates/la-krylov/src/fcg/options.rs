//! Options of flexible conjugate gradients.

use std::time::Duration;

use crate::options::common_options;
use crate::{History, KrylovError, Tolerances};

/// Which earlier directions a new one is made conjugate to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Truncation {
    /// The `memory` latest ones.
    #[default]
    Window,
    /// In iteration i the `max(1, i mod (memory + 1))` latest ones: grows, then starts again.
    Restart,
}

/// Options of [`fcg`](crate::fcg).
///
/// # Examples
/// ```
/// use la_krylov::{FcgOptions, Truncation};
///
/// let options = FcgOptions::default().with_memory(5).with_truncation(Truncation::Restart);
/// assert!(options.validate().is_ok());
/// assert!(options.with_memory(0).validate().is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct FcgOptions {
    /// Stopping tolerances.
    pub tolerances: Tolerances,
    /// Iterations at most. Default `10_000`.
    pub max_iters: usize,
    /// Wall-clock time after which the solve ends at the next iteration. Default: none.
    pub time_limit: Option<Duration>,
    /// The solve has diverged when the residual norm exceeds its first value by this factor;
    /// dimensionless, above 1. Default `1e10`.
    pub divergence_factor: f64,
    /// What is recorded per iteration. Default: residual norms.
    pub history: History,
    /// Directions kept, at least 1. Default `1`: the Polak–Ribière coefficient.
    pub memory: usize,
    /// Which of the kept directions are used. Default: all.
    pub truncation: Truncation,
}

impl Default for FcgOptions {
    fn default() -> Self {
        Self {
            tolerances: Tolerances::default(),
            max_iters: 10_000,
            time_limit: None,
            divergence_factor: 1e10,
            history: History::default(),
            memory: 1,
            truncation: Truncation::default(),
        }
    }
}

common_options!(FcgOptions, validate_memory);

impl FcgOptions {
    /// Sets the number of directions kept.
    #[must_use]
    pub fn with_memory(mut self, memory: usize) -> Self {
        self.memory = memory;
        self
    }

    /// Sets which of the kept directions are used.
    #[must_use]
    pub fn with_truncation(mut self, truncation: Truncation) -> Self {
        self.truncation = truncation;
        self
    }

    /// Directions that a solve can fill.
    pub(super) fn directions(&self) -> usize {
        self.memory.min(self.max_iters.max(1))
    }

    fn validate_memory(&self) -> Result<(), KrylovError> {
        if self.memory > 0 {
            return Ok(());
        }
        Err(KrylovError::InvalidOption {
            option: "memory",
            value: 0.0,
            requirement: "at least 1",
        })
    }

    /// Directions that iteration `i`, counted from the last start, is made conjugate to.
    pub(super) fn directions_at(&self, i: usize) -> usize {
        match (i, self.truncation) {
            (0, _) => 0,
            (_, Truncation::Window) => i.min(self.memory),
            // Notay, Section 2: m_i = max(1, mod(i, m_max + 1))
            (_, Truncation::Restart) => (i % self.memory.saturating_add(1)).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_directions() {
        let options = FcgOptions::default().with_memory(3);
        let window: Vec<_> = (0..7).map(|i| options.directions_at(i)).collect();
        assert_eq!(window, [0, 1, 2, 3, 3, 3, 3]);
        let options = options.with_truncation(Truncation::Restart);
        let restart: Vec<_> = (0..10).map(|i| options.directions_at(i)).collect();
        assert_eq!(restart, [0, 1, 2, 3, 1, 1, 2, 3, 1, 1]);
    }
}
