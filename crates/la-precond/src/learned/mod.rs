//! Learned preconditioners: a network proposes, the classical types check and apply.
//!
//! No LibTorch: networks run in pure Rust (crate `la-gnn`).

mod assemble;
mod compensation;
mod corrector;
mod gated;
pub mod gnp;
mod learned_lu;
mod neuralif;
mod neuralpcg;
mod relaxation;
mod tridiagonal;

pub use compensation::{
    CompensationEngine, CompensationLoss, CompensationObjective, CompensationWorkspace,
    LearnedCompensation, TrainingGroup, fractional_iterations,
};
pub use corrector::{FactorGoal, LearnedCorrector, Spectral, SpectralGoal, corrector_task};
pub use gated::{GatedElimination, gated_task};
pub use la_gnn::{GnnError, Weights};
pub use learned_lu::{LearnedLu, LearnedLuSymbolic};
pub use neuralif::NeuralIf;
pub use neuralpcg::NeuralPcg;
pub use relaxation::LearnedRelaxation;
pub use tridiagonal::LearnedTridiagonal;

use crate::PrecondError;

/// A failure of the network as a failure to build.
fn builder_error(builder: &str, error: &(dyn std::error::Error + 'static)) -> PrecondError {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        message = format!("{message}: {inner}");
        cause = inner.source();
    }
    PrecondError::Builder {
        builder: builder.into(),
        message,
    }
}
