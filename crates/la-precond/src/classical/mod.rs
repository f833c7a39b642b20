//! Classical preconditioners.

mod amg;
mod builder;
pub(crate) mod factor;
mod ic0;
mod ict;
mod input;
mod jacobi;
#[cfg(feature = "rayon")]
mod levels;
mod lu;
mod safeguarded;
mod shift;
mod ssor;

pub use amg::{
    Cycle, Improvement, LevelStats, Multigrid, MultigridStats, NearNullSpace, ProlongationSmoother,
    SmoothedAggregation, Smoother, Strength,
};
pub use builder::IncompleteCholeskyBuilder;
pub use factor::{FactorStats, IncompleteCholesky};
pub use ic0::{Ic0, Ic0Symbolic};
pub use ict::{FillLimit, Ict};
pub use input::SymmetryCheck;
pub use jacobi::Jacobi;
#[cfg(feature = "rayon")]
pub use levels::LevelScheduled;
pub use lu::{
    Ilu, IluSymbolic, Ilut, IncompleteLu, IncompleteLuBuilder, LuFill, LuStats, Matching, Ordering,
    PivotRule, Reordered, Scaling,
};
pub use safeguarded::{
    Attempt, AttemptOutcome, Concern, PatternRule, Safeguarded, SafeguardedSolution,
};
pub use shift::ShiftStrategy;
pub use ssor::Ssor;
