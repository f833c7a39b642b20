//! Quadratic programs by a dual active-set method.
//!
//! [`QuadraticProgram`] poses the problem, [`solve`] solves one, [`QpWorkspace`] solves many: it keeps the factor of the
//! Hessian, the rows and the last working set, takes new linear terms, bounds and guesses of the active set, and allocates nothing
//! while it solves.
//!
//! The method is that of D. Arnström, A. Bemporad, D. Axehill, *IEEE Trans. Automat. Contr.* 67(8), 4362–4369, 2022 (DAQP):
//! the problem becomes one of least distance, the dual is climbed over working sets, whose Gram matrix has a factor `L D Lᵀ` that
//! gains or loses a row at a time. Deviates in the default entering rule (dual steepest edge, after J. J. Forrest, D. Goldfarb, *Math. Program.* 57, 341–374,
//! 1992), in guesses with dependent constraints, of which as many as are independent are kept, and in recomputing the residuals before
//! it says "optimal".

mod activate;
mod blocking;
mod candidates;
mod directions;
mod eliminate;
mod equilibrate;
mod factor;
mod finish;
mod iterate;
mod kkt;
#[cfg(feature = "learned")]
pub mod learned;
mod least_distance;
mod options;
mod predict;
mod pricing;
mod problem;
mod proximal;
mod root;
mod rows;
#[cfg(feature = "serde")]
mod serial;
mod shift;
mod soft;
mod solution;
mod sparse;
mod start;
mod update;
mod working_set;
mod workspace;
mod worth;

pub use options::{Elimination, Pricing, Proximal, QpOptions};
pub use predict::{ActiveSetPredictor, Gate, GateSample, Neighbours, SolvedExample};
pub use problem::{Hessian, QuadraticProgram};
pub use shift::RecedingStart;
pub use soft::SoftPrice;
pub use solution::{Certificate, KktResiduals, QpSolution, QpStatus, Side};
pub use sparse::SparseRows;
pub use start::WarmStart;
pub use update::QpUpdate;
pub use workspace::QpWorkspace;

use crate::{OptError, Real};

/// Solves one problem from an empty working set. Where the unconstrained minimiser meets the constraints, no rows are formed.
///
/// # Errors
/// As [`QpWorkspace::new`]. Not having a solution is a [`QpStatus`].
///
/// # Examples
/// See [`QuadraticProgram`].
pub fn solve<T: Real>(
    problem: &QuadraticProgram<T>,
    options: &QpOptions,
) -> Result<QpSolution<T>, OptError> {
    let mut workspace = QpWorkspace::new(problem.clone(), options.clone())?;
    workspace.look_first = true;
    workspace.solve();
    Ok(workspace.into_solution())
}
