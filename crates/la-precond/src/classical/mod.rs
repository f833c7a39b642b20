//! Classical preconditioners.

mod builder;
mod columns;
pub(crate) mod factor;
mod ic0;
mod ict;
mod input;
mod jacobi;
#[cfg(feature = "rayon")]
mod levels;
mod safeguarded;
mod shift;
mod ssor;

pub use builder::IncompleteCholeskyBuilder;
pub use factor::{FactorStats, IncompleteCholesky};
pub use ic0::{Ic0, Ic0Symbolic};
pub use ict::{FillLimit, Ict};
pub use input::SymmetryCheck;
pub use jacobi::Jacobi;
#[cfg(feature = "rayon")]
pub use levels::LevelScheduled;
pub use safeguarded::{
    Attempt, AttemptOutcome, Concern, PatternRule, Safeguarded, SafeguardedSolution,
};
pub use shift::ShiftStrategy;
pub use ssor::Ssor;
