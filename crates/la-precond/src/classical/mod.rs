//! Classical preconditioners.

mod builder;
mod columns;
mod compensated;
pub(crate) mod factor;
mod ic0;
mod ict;
mod input;
mod jacobi;
mod ladder;
#[cfg(feature = "rayon")]
mod levels;
mod safeguarded;
mod shift;
mod ssor;

pub use builder::IncompleteCholeskyBuilder;
pub use compensated::{CompensatedIc, Compensation, KeptVector, Perturbation};
pub use factor::{FactorStats, IncompleteCholesky};
pub use ic0::{Ic0, Ic0Symbolic};
pub use ict::{FillLimit, Ict};
pub use input::SymmetryCheck;
pub use jacobi::Jacobi;
pub use ladder::ShiftLadder;
#[cfg(feature = "rayon")]
pub use levels::LevelScheduled;
pub use safeguarded::{
    Attempt, AttemptOutcome, Concern, PatternRule, Safeguarded, SafeguardedSolution,
};
pub use shift::ShiftStrategy;
pub use ssor::Ssor;
