//! Classical preconditioners.

mod block_jacobi;
mod builder;
mod columns;
mod compensated;
mod complete;
mod dense;
pub(crate) mod factor;
mod fixed_point;
mod fsai;
mod ic0;
mod ict;
mod input;
mod jacobi;
mod k_optimal;
mod ladder;
#[cfg(feature = "rayon")]
mod levels;
mod safeguarded;
mod shift;
mod ssor;

pub use block_jacobi::BlockJacobi;
pub use builder::IncompleteCholeskyBuilder;
pub use compensated::{CompensatedIc, Compensation, KeptVector, Perturbation};
pub use factor::{FactorStats, IncompleteCholesky};
pub use fixed_point::FixedPointIc0;
pub use fsai::{Fsai, FsaiPattern};
pub use ic0::{Ic0, Ic0Symbolic};
pub use ict::{FillLimit, Ict};
pub use input::SymmetryCheck;
pub use jacobi::Jacobi;
pub use k_optimal::KOptimal;
pub use ladder::ShiftLadder;
#[cfg(feature = "rayon")]
pub use levels::LevelScheduled;
pub use safeguarded::{
    Attempt, AttemptOutcome, Concern, PatternRule, Safeguarded, SafeguardedSolution,
};
pub use shift::ShiftStrategy;
pub use ssor::Ssor;
