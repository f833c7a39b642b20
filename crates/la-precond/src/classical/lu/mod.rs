//! Incomplete LU factorisations for general square matrices.

mod builder;
mod check;
mod factor;
mod frame;
mod ilut;
mod level;
mod pivot;
mod solve;
mod stats;

pub use builder::IncompleteLuBuilder;
pub use factor::IncompleteLu;
pub use ilut::{Ilut, LuFill};
pub use level::{Ilu, IluSymbolic};
pub use pivot::PivotRule;
pub use stats::LuStats;
