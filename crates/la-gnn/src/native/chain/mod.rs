//! Chain models in pure Rust: inference in double precision, training, and the exact recurrence they are measured against.
//!
//! - [`ChainNetwork::pivots`]: the pivots of one matrix, O(n).
//! - [`exact_pivots`], [`scan_pivots`]: elimination itself, from row to row and in parallel.
//! - [`ChainEngine`]: loss and gradient along the whole chain, for [`train`](crate::training::train); [`StepEngine`]: the same for single
//!   steps with the true pivot of the row before.
//! - [`fit_series`], [`fit_projective`], [`refine_step`]: least squares to the last digits, where gradient descent stops at three.

mod exact;
mod floor;
mod least_squares;
mod mlp;
mod network;
mod projective;
mod recurrent;
mod refine;
mod sample;
mod series;
mod train;

pub use exact::{exact_pivots, scan_pivots};
pub use network::ChainNetwork;
pub use projective::fit_projective;
pub use refine::{RefineOptions, refine_step};
pub use sample::ChainSample;
pub use series::fit_series;
pub use train::{ChainEngine, StepEngine};

use crate::GnnError;

/// Pivots of a chain, relative to a unit diagonal.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Pivots {
    /// ρ_1, ..., ρ_n, each in (0, 1].
    pub values: Vec<f64>,
    /// How often there was no pivot, or one below the floor, and 1 was taken: a breakdown that was caught. In [`ChainModel::Safe`](crate::chain::ChainModel::Safe) the
    /// pivots that its smooth floor lifted.
    pub replaced: usize,
}

/// The numbers r_i = b_i² / (a_i a_{i-1}) of a symmetric tridiagonal matrix, i = 2, ..., n.
///
/// # Errors
/// [`GnnError::Matrix`] if lengths do not fit, a diagonal entry is not positive, or a number is not finite.
///
/// # Examples
/// ```
/// use la_gnn::native::chain::ratios;
/// assert_eq!(ratios(&[4.0, 5.0], &[-2.0])?, [0.2]);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
pub fn ratios(diagonal: &[f64], below: &[f64]) -> Result<Vec<f64>, GnnError> {
    let failed = |reason: String| Err(GnnError::Matrix { reason });
    if diagonal.len() != below.len() + 1 {
        let (n, m) = (diagonal.len(), below.len());
        return failed(format!("{n} diagonal entries and {m} below them"));
    }
    if let Some(row) = diagonal.iter().position(|a| !(*a > 0.0 && a.is_finite())) {
        return failed(format!("row {row}: diagonal entry is not positive"));
    }
    let mut ratios = Vec::with_capacity(below.len());
    for (i, &b) in below.iter().enumerate() {
        let ratio = (b / diagonal[i]) * (b / diagonal[i + 1]);
        if !ratio.is_finite() {
            return failed(format!("row {}: entry is not finite", i + 1));
        }
        ratios.push(ratio);
    }
    Ok(ratios)
}
