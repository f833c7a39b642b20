//! Graph neural preconditioners: a network for one matrix, inside flexible GMRES.
//!
//! A network M with `M(b) ≈ A⁻¹ b` is trained for a single matrix A, on right-hand sides that are made up as they are needed, by
//! lowering the mean of `|A M(b) − b|`. It reads A through products only, has some ten thousand parameters whatever the size of A, and is
//! nonlinear: [`fgmres`](la_krylov::fgmres) takes it, [`gmres`](la_krylov::gmres) and [`cg`](la_krylov::cg) refuse it. Whatever it returns, the
//! solver measures the residual of the system itself: a bad network costs iterations, never correctness.
//!
//! # When to use it
//! Rarely. Where incomplete LU with matching ([`Reordered`](crate::classical::Reordered)) can be built and fits into memory, it wins
//! by orders of magnitude, training left out (see below): use a network where nothing else works and one matrix serves very many right-hand sides. Not for a handful of solves, not for SPD matrices with a multigrid.
//!
//! # What it costs
//! With n rows, k = 16 columns and 2000 steps: about `33 000 n k` and `256 nnz k` multiply-adds a step in single precision, memory
//! `12 · 16 n k` numbers. An application: `9 280 n + 128 nnz`. The [samples](Batches) take 40 products and 40 vectors once.
//!
//! # What the paper promises
//! With `A Z = V H̄` and Q an orthonormal basis of the range of `A Z`, the residual after m steps is `(I − Q Qᵀ) r₀` for any M. For a fixed
//! matrix M̃ with `A M̃ = X Λ X⁻¹` the difference to its run is all that is lost: the bound of Theorem 1, stated at
//! [`fgmres`](la_krylov::fgmres#references), with Corollary 2. Neither says anything beforehand: both are a posteriori.
//!
//! # The constant vector
//! With its biases an *untrained* network maps its first input nearly to a constant vector. Test problems with the solution `x = 1`
//! (as in the paper) are then solved by the bias, not by learning: compare with an untrained network
//! ([`GnpBuilder::from_parameters`]), with [`Parameters::without_biases`](la_gnn::gnp::Parameters::without_biases), and on
//! random solutions.
//!
//! # Improvements
//! All off in [`GnpBuilder::paper`], each an option of its own:
//!
//! | option | what it does |
//! | --- | --- |
//! | [`Equilibration`] | scales rows and columns, or moves large entries to the diagonal; the solver still sees the system as it is |
//! | [`Base`], [`Composition`] | a cheap linear preconditioner first; the network learns what that leaves |
//! | [`StepLength`] | along what the network says to the smallest residual or error: never worse than the base alone |
//! | [`ColumnScale`] | columns of one size, so that no distribution drowns the other |
//! | [`Selection`] | the snapshot that is best on held-out columns, instead of the luckiest batch |
//! | [`OnPolicy`] | trains on the vectors that FGMRES really asks for |
//! | [`Parity`], and a network without biases and with an odd nonlinearity | `M(−b) = −M(b)` |
//! | [`Gnp::refine`] | the next matrix of a sequence, from the network of the last |
//! | [`GnpBuilder::definite`] | directions of descent for [`fcg`](la_krylov::fcg) |
//!
//! # What was measured
//! Final relative residuals of FGMRES(10) after at most 100 iterations, geometric mean over three Gaussian solutions; 150 training
//! steps, seed 0 (`cargo run --release -p la-precond --features learned --example gnp_variants -- FILE 150`). "Alone": without a network;
//! the base is incomplete LU with threshold 1e-3 and ten times the entries of A at most.
//!
//! | matrix | none | untrained | paper | scaling (Ruiz) alone | scaling + network | matching + LU alone | matching + LU + network |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | gre_1107 | 7.5e-1 | 9.7e-1 | 6.8e-1 | 7.7e-1 | 7.1e-1 | 9.9e-1 | 9.9e-1 |
//! | circuit204 | 1.8e-1 | 5.8e-1 | 2.1e-1 | 2.0e-3 | 9.6e-4 | 3.7e-9 | 3.7e-2 |
//! | mahindas | 2.0e-5 | 1.7e-5 | 1.4e-5 | 2.0e-2 | 2.3e-3 | 3.7e-9 | 2.0e-9 |
//! | pores_2 | 1.1e-1 | 7.9e-1 | 1.1e-1 | 2.2e-4 | 2.5e-5 | 6.5e-9 | 4.9e-9 |
//! | west1505 | 8.8e-1 | 4.4e-1 | 7.6e-1 | 6.2e-1 | 3.1e-1 | 6.8e-10 | 3.8e-9 |
//! | cavity05 | 1.5e-4 | 5.6e-1 | 5.3e-5 | 2.2e-3 | 2.1e-5 | 5.8e-11 | 3.9e-11 |
//! | cryg2500 | 1.2e-3 | 2.0e-1 | 7.3e-4 | 1.1e-2 | 4.2e-4 | 6.5e-9 | 4.6e-9 |
//! | add20 | 9.3e-5 | 4.5e-1 | 1.4e-5 | 2.3e-6 | 9.2e-5 | 6.5e-9 | 5.9e-9 |
//! | pde2961 | 1.4e-4 | 6.5e-1 | 3.5e-6 | 8.9e-5 | 1.5e-5 | 1.8e-9 | 1.1e-9 |
//! | lhr02 | 9.9e-1 | 9.9e-1 | 9.8e-1 | 9.9e-1 | 9.5e-1 | 7.4e-10 | 6.4e-10 |
//!
//! Scaling helps the network where it helps at all (circuit204, pores_2) and harms where the solver without it did well (mahindas, add20); the
//! median gain over the paper's variant is 1.4. On top of scaling the network gains on nine of ten, up to a factor of 100. The threshold
//! LU solves nine of ten in at most 18 iterations. A network behind it, with a step to the smallest residual, saves none of them an iteration and
//! costs cryg2500 nine (19 for 10) and circuit204 convergence (15 iterations without it): FGMRES loses the polynomials in `A P` that
//! a linear preconditioner has. [`StepLength::Selective`] is there for that; with it ([`GnpBuilder::improved`]) iterations are those of the base.
//!
//! Sequences: 900 unknowns, loss on 64 held-out columns over that of a cold training, of the network of the matrix before as it is and refined at a
//! tenth of the steps; every entry changes by up to 5 % from matrix to matrix, 2000 steps cold, 200 to refine (`gnp_sequence -- 2000 SEED changes`):
//!
//! | seed | first change | second | third |
//! | --- | --- | --- | --- |
//! | 1 | 1.008, 0.990 | 0.989, 0.976 | 0.972, 0.966 |
//! | 2 | 1.018, 0.998 | 1.008, 0.998 | 0.989, 0.982 |
//! | 3 | 1.004, 0.985 | 0.987, 0.978 | 0.986, 0.979 |
//!
//! Refining reaches the cold loss in all nine, after 140 or 160 of the 200 steps where the network before it did not. Trainings that are
//! far from their end leave it less to gain, in fewer steps (`gnp_sequence -- 300 SEED`: 300 steps cold, 30 to refine):
//!
//! | sequence, seed | first change | second | third |
//! | --- | --- | --- | --- |
//! | every entry changes by up to 5 %, 1 | 1.040, 1.020 | 1.004, 0.989 | 1.014, 1.005 |
//! | the same, 2 | 1.061, 1.061 | 1.032, 1.025 | |
//! | the same, 3 | 0.992, 0.966 | 0.965, 0.951 | |
//! | time steps of a heat equation, 1 | 0.982, 0.959 | 0.998, 0.992 | 0.972, 0.936 |
//! | the same, 2 | 0.992, 0.968 | 0.985, 0.985 | 1.030, 1.030 |
//! | the same, 3 | 0.990, 0.986 | 0.995, 0.956 | 0.966, 0.940 |
//! | Newton steps, which change more, 1 | 1.213, 1.114 | 1.101, 1.036 | 0.946, 0.924 |
//!
//! The rate of [`Gnp::refine`] was chosen on seed 0, its measure is the others. On seed 0, at 300 steps, a constant rate of 0.3 of the first
//! training's, falling rates of 0.5 and 1 without a rise, 0.5 and 3 with one, gained nothing on one or more of the sequences; the mean of the
//! last iterates gained as much as a falling rate of 0.3; 2 with a rise gained everywhere.
//!
//! # Several right-hand sides
//! [`Gnp::apply_columns`], one column after the other. Applications are bound by arithmetic, so that columns together take no less time
//! than one by one. The methods of la-krylov for several columns take fixed preconditioners only: solve with
//! [`fgmres_with`](la_krylov::fgmres_with), one after the other.
//!
//! # References
//! J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR 2025.

mod arnoldi;
mod base;
mod builder;
mod core;
mod preconditioner;
mod prepare;
mod refine;
mod samples;
mod scaling;
mod source;
mod subspace;
mod train;

pub use self::core::{Composition, Parity, StepLength};
pub use arnoldi::Arnoldi;
pub use base::Base;
pub use builder::{GnpBuilder, OnPolicy, Selection};
pub use preconditioner::Gnp;
pub use prepare::Equilibration;
pub use samples::{Batches, ColumnScale, Distribution};
pub use scaling::{fingerprint, prescaled, prescaling_factor};
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
