//! Graph neural preconditioners: a network for one matrix, inside flexible GMRES.

mod arnoldi;
mod samples;
mod scaling;
mod subspace;

pub use arnoldi::Arnoldi;
pub use samples::{Batches, ColumnScale, Distribution};
pub use scaling::{prescaled, prescaling_factor};
pub use subspace::SubspaceSamples;

use la_krylov::{FgmresOptions, History, Reorthogonalization, ResidualCheck};

/// FGMRES as the paper runs it: cycles of 10 steps, a relative tolerance of 1e-8, at most 100 iterations, one pass of modified
/// Gram–Schmidt, no end before that for lack of progress, and [`ResidualCheck::GNP`], which discards a solve whose tracked residual is
/// not the true one. Meant for [prescaled] matrices.
///
/// # Examples
/// ```
/// use la_krylov::{IdentityPreconditioner, fgmres, sprs::CsMat};
/// use la_precond::learned::gnp::paper_options;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![0.5, 0.5, 0.25, 0.5]);
/// let solution = fgmres(&a, &[1.0_f64, 0.75], &IdentityPreconditioner::new(2), &paper_options())?;
/// assert!((solution.x[1] - 1.0).abs() < 1e-12);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
///
/// # References
/// J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR 2025, section 4.
#[must_use]
pub fn paper_options() -> FgmresOptions {
    FgmresOptions::default()
        .with_restart(10)
        .with_max_iters(100)
        .with_rtol(1e-8)
        .with_history(History::ResidualsAndTimes)
        .with_reorthogonalization(Reorthogonalization::Modified)
        .with_residual_check(ResidualCheck::GNP)
        .with_stalled_cycles(usize::MAX)
}
