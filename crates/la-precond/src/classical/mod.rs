//! Classical preconditioners.

mod builder;
mod factor;

pub use builder::IncompleteCholeskyBuilder;
pub use factor::{FactorStats, IncompleteCholesky};
