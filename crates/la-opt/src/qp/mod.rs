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
mod equilibrate;
mod factor;
mod finish;
mod iterate;
mod kkt;
mod least_distance;
mod options;
mod pricing;
mod problem;
mod proximal;
mod solution;
mod start;
mod update;
mod working_set;
mod workspace;

pub use options::{Pricing, Proximal, QpOptions};
pub use problem::{Hessian, QuadraticProgram};
pub use solution::{Certificate, KktResiduals, QpSolution, QpStatus, Side};
pub use start::WarmStart;
pub use update::QpUpdate;
pub use workspace::QpWorkspace;

use crate::{OptError, Real};

/// Solves one problem from an empty working set.
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
    workspace.solve();
    Ok(workspace.into_solution())
}
