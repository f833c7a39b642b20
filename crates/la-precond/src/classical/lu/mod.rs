//! Incomplete LU factorisations for general square matrices.

mod builder;
mod check;
mod factor;
mod frame;
mod ilut;
mod level;
mod matching;
mod ordering;
mod pivot;
mod relaxation;
mod reordered;
mod scaling;
mod solve;
mod stats;

pub use builder::IncompleteLuBuilder;
pub use factor::IncompleteLu;
pub(crate) use factor::Pattern;
#[cfg(feature = "learned")]
pub(crate) use frame::AppliedFrame;
pub use ilut::{Ilut, LuFill};
pub(crate) use level::largest_entry;
pub use level::{Ilu, IluSymbolic};
pub use matching::Matching;
pub use ordering::Ordering;
pub use pivot::PivotRule;
pub use relaxation::Relaxation;
pub use reordered::Reordered;
pub use scaling::Scaling;
pub use stats::LuStats;
