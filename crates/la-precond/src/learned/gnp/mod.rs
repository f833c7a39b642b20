//! Graph neural preconditioners: a network for one matrix, inside flexible GMRES.

mod arnoldi;
mod base;
mod builder;
mod core;
mod preconditioner;
mod prepare;
mod samples;
mod scaling;
mod source;
mod subspace;

pub use self::core::{Composition, Parity, StepLength};
pub use arnoldi::Arnoldi;
pub use base::Base;
pub use builder::{GnpBuilder, OnPolicy, Selection};
pub use preconditioner::Gnp;
pub use prepare::Equilibration;
pub use samples::{Batches, ColumnScale, Distribution};
pub use scaling::{prescaled, prescaling_factor};
pub use subspace::SubspaceSamples;

use la_gnn::training::gnp::Ended;
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

/// What a training run was like.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GnpReport {
    /// Loss of each step, mean |A N(b) − b|, in the units of its batch.
    pub losses: Vec<f32>,
    /// The same of a network that returns zero, mean |b|. A ratio that stays at 1 means that nothing is learned.
    pub zero_losses: Vec<f32>,
    /// The step whose network is the result.
    pub best_step: usize,
    /// Steps and relative losses on held-out columns; empty without [`Selection::HeldOut`].
    pub held_out: Vec<(usize, f64)>,
    /// How the run ended.
    pub ended: Ended,
    /// Seconds, everything included.
    pub seconds: f64,
}

impl GnpReport {
    /// Loss over zero loss, mean of the last `steps` steps: above about 1, nothing was learned.
    #[must_use]
    pub fn final_ratio(&self, steps: usize) -> f64 {
        let from = self.losses.len().saturating_sub(steps);
        let sum = |all: &[f32]| all[from..].iter().map(|v| f64::from(*v)).sum::<f64>();
        sum(&self.losses) / sum(&self.zero_losses)
    }
}
