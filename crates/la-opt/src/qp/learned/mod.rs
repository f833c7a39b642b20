//! Networks that guess active sets, run without LibTorch. Feature `learned`; training is in `la_gnn::torch::active_set`, feature `torch`.
//!
//! | predictor | reads | for |
//! | --- | --- | --- |
//! | [`MlpPredictor`] | q, l, u | one family with fixed P and A; the cheapest |
//! | [`GnnPredictor`] | the optimality conditions as a graph | the published network |
//! | [`LeastDistancePredictor`] | the least-distance form | problems with other P, A and sizes than in training |
//!
//! A constraint with a finite lower and a finite upper bound is two one-sided constraints to a network, see [`Slots`]. [`ProblemSamples`] and
//! [`LeastDistanceSamples`] collect solved problems to train on, [`sweep_thresholds`] finds the probability from which on a constraint
//! should be guessed.
//!
//! # References
//! E. J. Schmidtobreick, D. Arnström, P. Häusner, J. Sjölund, *Warm-starting active-set solvers using graph neural networks*, arXiv 2511.13174.

mod gnn;
mod least_distance;
mod matrices;
mod mlp;
mod samples;
mod slots;
mod threshold;
mod view;

pub use gnn::GnnPredictor;
pub use least_distance::LeastDistancePredictor;
pub use matrices::Matrices;
pub use mlp::MlpPredictor;
pub use samples::{LeastDistanceSamples, ProblemSamples};
pub use slots::Slots;
pub use threshold::{ThresholdScore, best_threshold, sweep_thresholds};
pub use view::LeastDistanceView;

use la_gnn::GnnError;

use crate::OptError;

fn refused(error: &GnnError) -> OptError {
    OptError::Predictor {
        reason: error.to_string(),
    }
}

fn check_threshold(threshold: f64) -> Result<f64, OptError> {
    if (0.0..=1.0).contains(&threshold) {
        return Ok(la_gnn::native::active_set::logit(threshold));
    }
    Err(OptError::InvalidOption {
        option: "threshold",
        value: threshold,
        requirement: "a probability",
    })
}
