//! Classical preconditioners.

mod builder;
mod factor;
mod ic0;
mod ict;
mod input;
mod shift;

pub use builder::IncompleteCholeskyBuilder;
pub use factor::{FactorStats, IncompleteCholesky};
pub use ic0::{Ic0, Ic0Symbolic};
pub use ict::{FillLimit, Ict};
pub use input::SymmetryCheck;
pub use shift::ShiftStrategy;
