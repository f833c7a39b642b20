//! Classical preconditioners.

mod amg;
mod block_jacobi;
mod builder;
mod chebyshev;
pub(crate) mod columns;
pub(crate) mod compensated;
#[cfg(feature = "faer")]
mod complete;
mod dense;
pub(crate) mod factor;
mod fixed_point;
mod fsai;
mod ic0;
mod ict;
mod inner_gmres;
pub(crate) mod input;
mod jacobi;
pub(crate) mod k_optimal;
mod ladder;
#[cfg(feature = "rayon")]
mod levels;
pub(crate) mod lu;
mod safeguarded;
mod schwarz;
pub(crate) mod shift;
mod spare;
mod ssor;
mod thinned;

pub use amg::{
    Cycle, Improvement, LevelStats, Multigrid, MultigridStats, NearNullSpace, ProlongationSmoother,
    SmoothedAggregation, Smoother, Strength,
};
pub use block_jacobi::BlockJacobi;
pub use builder::IncompleteCholeskyBuilder;
pub use chebyshev::{Chebyshev, ChebyshevOptions};
pub use compensated::{CompensatedIc, Compensation, GatedIc, KeptVector, Perturbation};
#[cfg(feature = "faer")]
pub use complete::{Complete, CompleteFactor, CompleteKind};
pub use factor::{FactorStats, IncompleteCholesky};
pub use fixed_point::{FixedPointIc0, FixedPointIlu0};
pub use fsai::{Fsai, FsaiPattern};
pub use ic0::{Ic0, Ic0Symbolic};
pub use ict::{FillLimit, Ict};
pub use inner_gmres::InnerGmres;
pub use input::SymmetryCheck;
pub use jacobi::Jacobi;
pub use k_optimal::{KOptimal, LocalKOptimal};
pub use ladder::ShiftLadder;
#[cfg(feature = "rayon")]
pub use levels::LevelScheduled;
pub use lu::{
    Ilu, IluSymbolic, Ilut, IncompleteLu, IncompleteLuBuilder, LuFill, LuStats, Matching, Ordering,
    PivotRule, Relaxation, Reordered, Scaling,
};
pub use safeguarded::{
    Attempt, AttemptOutcome, Concern, PatternRule, Safeguarded, SafeguardedSolution,
};
pub use schwarz::{AdditiveSchwarz, Combination, Partition, Schwarz};
pub use shift::ShiftStrategy;
pub use ssor::Ssor;
pub use thinned::Thinned;
