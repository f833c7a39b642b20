//! Algebraic multigrid by smoothed aggregation.

mod aggregate;
mod block;
mod candidates;
mod coarse;
mod cycle;
mod dense;
mod energy;
mod evolution;
mod multigrid;
mod options;
mod product;
mod prolongate;
mod relax;
mod segments;
mod setup;
pub(crate) mod spectrum;
mod stats;
mod strength;
mod sweep;
mod tentative;
mod threads;
pub(crate) mod width;

use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::SymmetryCheck;
use super::input::{require_whole, with_rows};
use crate::PrecondError;
pub use candidates::NearNullSpace;
pub use multigrid::Multigrid;
pub use options::{Cycle, Improvement, ProlongationSmoother, Smoother, Strength};
pub use stats::{LevelStats, MultigridStats};

/// Smoothed aggregation: options of an algebraic multigrid hierarchy for a symmetric positive definite
/// matrix; [`build`](Self::build) makes a [`Multigrid`] preconditioner for CG.
///
/// Nodes are aggregated along strong couplings; on each aggregate the near-null-space vectors become
/// coarse basis functions, one Jacobi step smooths these to a prolongator `P`, and the coarse matrix is
/// `Pᵀ A P`; again until few nodes are left.
///
/// # When to use it, and when not
/// For discretised elliptic equations (diffusion, linear elasticity), where the number of CG iterations
/// hardly grows with the size: about 10 to 20 to 1e-8 for the Poisson equation from 1e4 to 1e6 unknowns,
/// while that of incomplete Cholesky grows with √n in 2-D. Elasticity needs its
/// [rigid-body modes](NearNullSpace::rigid_body_2d), anisotropy a threshold or
/// [`Strength::Evolution`]. Not for matrices without a smooth near-null space: random sparse ones,
/// indefinite ones (Helmholtz), strongly nonsymmetric ones. For small or very ill-shaped systems a
/// direct solver or [`Ict`](crate::classical::Ict) is often faster.
///
/// # Cost
/// Set-up: about 15 products with `A`, plus two sparse products `Pᵀ (A P)`. One V-cycle: 3 passes over
/// every level with the default smoother, times the operator complexity (1.2 to 1.6 usually). Memory:
/// 12 bytes per entry times the operator complexity, plus the prolongators (about a third of that) and
/// three vectors; see [`Multigrid::stats`].
///
/// # Threads
/// With feature `rayon` the levels with 16384 nodes and more are shared by the threads of the current
/// pool. Gauss–Seidel then needs parts that do not wait for each other: on levels with 2¹⁹ entries and
/// more it sweeps over segments of consecutive rows, each with the values that the others had before.
/// How many segments there are (at most 64, and so few that at most one row in eight is coupled to
/// another) depends on the matrix alone, with and without the feature, and so does every bit of the
/// result. Matrices that are smaller, or whose rows are coupled all over, are swept as a whole, on one
/// thread. The coarsest levels, the set-up, and the vector updates of W- and K-cycles stay on one.
///
/// # Shapes
/// - `a`: n × n, symmetric, stored whole with sorted rows and every diagonal entry positive.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, cg};
/// use la_precond::classical::SmoothedAggregation;
/// use la_precond::sprs::TriMat;
///
/// let n = 1000;
/// let mut t = TriMat::new((n, n));
/// for i in 0..n {
///     t.add_triplet(i, i, 2.0);
///     if i > 0 {
///         t.add_triplet(i, i - 1, -1.0);
///         t.add_triplet(i - 1, i, -1.0);
///     }
/// }
/// let a = t.to_csr::<usize>();
/// let m = SmoothedAggregation::default().build(a.view())?;
/// let solution = cg(&a, &vec![1.0; n], &m, &CgOptions::default().with_rtol(1e-8))?;
/// assert!(solution.status.is_converged() && solution.iterations < 15);
/// assert!(m.stats().operator_complexity() < 1.6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// P. Vaněk, J. Mandel, M. Brezina, *Computing* 56, 179–196, 1996; P. Vaněk, M. Brezina, J. Mandel,
/// *Numer. Math.* 88, 559–579, 2001. Defaults as in PyAMG (N. Bell, L. N. Olson, J. Schroder,
/// B. Southworth, *J. Open Source Softw.* 8(87), 5495, 2023), so that iteration counts agree. Segments:
/// A. H. Baker, R. D. Falgout, T. V. Kolev, U. M. Yang, *SIAM J. Sci. Comput.* 33(5), 2864–2887, 2011 (hybrid
/// ℓ₁ Gauss–Seidel); deviates: the number of segments is not that of the threads.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SmoothedAggregation {
    /// Which couplings are strong. Default: symmetric, θ = 0.
    pub strength: Strength,
    /// How the prolongator is smoothed. Default: Jacobi, ω = 4/3.
    pub prolongation: ProlongationSmoother,
    /// What relaxes on each level. Default: one symmetric Gauss–Seidel sweep on each side.
    pub smoother: Smoother,
    /// Order of visits. Default: V.
    pub cycle: Cycle,
    /// Relaxation of the near-null space. Default: 4 sweeps.
    pub improvement: Improvement,
    /// Levels at most, at least 1. Default `10`.
    pub max_levels: usize,
    /// A level with at most this many nodes is the coarsest, at least 1. Default `10`. Up to 300 unknowns
    /// are inverted there; more, also where coarsening ends early, are relaxed.
    pub max_coarse: usize,
    /// How much of the symmetry is checked. Default: the number of entries.
    pub symmetry: SymmetryCheck,
}

impl Default for SmoothedAggregation {
    fn default() -> Self {
        Self {
            strength: Strength::Symmetric { theta: 0.0 },
            prolongation: ProlongationSmoother::Jacobi { omega: 4.0 / 3.0 },
            smoother: Smoother::SymmetricGaussSeidel { sweeps: 1 },
            cycle: Cycle::V,
            improvement: Improvement::Sweeps(4),
            max_levels: 10,
            max_coarse: 10,
            symmetry: SymmetryCheck::Count,
        }
    }
}

impl SmoothedAggregation {
    /// Sets which couplings are strong.
    #[must_use]
    pub fn with_strength(mut self, strength: Strength) -> Self {
        self.strength = strength;
        self
    }

    /// Sets how the prolongator is smoothed.
    #[must_use]
    pub fn with_prolongation(mut self, prolongation: ProlongationSmoother) -> Self {
        self.prolongation = prolongation;
        self
    }

    /// Sets the smoother.
    #[must_use]
    pub fn with_smoother(mut self, smoother: Smoother) -> Self {
        self.smoother = smoother;
        self
    }

    /// Sets the cycle.
    #[must_use]
    pub fn with_cycle(mut self, cycle: Cycle) -> Self {
        self.cycle = cycle;
        self
    }

    /// Sets the relaxation of the near-null space.
    #[must_use]
    pub fn with_improvement(mut self, improvement: Improvement) -> Self {
        self.improvement = improvement;
        self
    }

    /// Sets the largest number of levels.
    #[must_use]
    pub fn with_max_levels(mut self, max_levels: usize) -> Self {
        self.max_levels = max_levels;
        self
    }

    /// Sets the number of nodes below which a level is the coarsest.
    #[must_use]
    pub fn with_max_coarse(mut self, max_coarse: usize) -> Self {
        self.max_coarse = max_coarse;
        self
    }

    /// Sets how much of the symmetry is checked.
    #[must_use]
    pub fn with_symmetry(mut self, symmetry: SymmetryCheck) -> Self {
        self.symmetry = symmetry;
        self
    }

    /// Checks the ranges; building starts with it.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] names the first field out of range.
    pub fn validate(&self) -> Result<(), PrecondError> {
        self.strength.validate()?;
        self.prolongation.validate()?;
        self.smoother.validate()?;
        for (option, value) in [
            ("max_levels", self.max_levels),
            ("max_coarse", self.max_coarse),
        ] {
            if value == 0 {
                return options::out_of_range(option, 0.0, "an integer that is at least 1");
            }
        }
        Ok(())
    }

    /// Builds the hierarchy of a scalar problem, whose near-null space is the constant.
    ///
    /// The set-up runs in double precision; a matrix in single precision gives a hierarchy in single
    /// precision.
    ///
    /// # Errors
    /// Names the row: [`PrecondError::MissingDiagonal`], [`PrecondError::NonPositiveDiagonal`] (a zero
    /// row too), [`PrecondError::NonFinite`], [`PrecondError::UnsortedRow`],
    /// [`PrecondError::NotSymmetric`] (one triangle only, too), [`PrecondError::Indefinite`] if a level
    /// shows it. Also [`PrecondError::NotSquare`], [`PrecondError::TooLarge`],
    /// [`PrecondError::InvalidOption`].
    ///
    /// # Examples
    /// See [`SmoothedAggregation`].
    pub fn build<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<Multigrid<T>, PrecondError> {
        self.build_with(a, &NearNullSpace::constant(a.rows()))
    }

    /// Builds the hierarchy for a given near-null space and its unknowns per node.
    ///
    /// # Errors
    /// As [`build`](Self::build); also [`PrecondError::DimensionMismatch`] if the near-null space does
    /// not fit the matrix.
    ///
    /// # Examples
    /// ```
    /// use la_precond::classical::{NearNullSpace, SmoothedAggregation};
    /// use la_precond::sprs::CsMat;
    ///
    /// // A truss of two nodes in the plane, both held by springs.
    /// let a = CsMat::new(
    ///     (4, 4),
    ///     vec![0, 2, 3, 5, 6],
    ///     vec![0, 2, 1, 0, 2, 3],
    ///     vec![2.0, -1.0, 1.0, -1.0, 2.0, 1.0],
    /// );
    /// let modes = NearNullSpace::rigid_body_2d(&[[-0.5, 0.0], [0.5, 0.0]]);
    /// let m = SmoothedAggregation::default().build_with(a.view(), &modes)?;
    /// assert_eq!(m.stats().levels[0].block, 2);
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    pub fn build_with<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
        near_null_space: &NearNullSpace,
    ) -> Result<Multigrid<T>, PrecondError> {
        let start = Instant::now();
        let matrix = self.read(a, near_null_space)?;
        let values = near_null_space.values.clone();
        let parts = setup::build(self, matrix, values, near_null_space.count(), None)?;
        Ok(Multigrid::assemble(self, near_null_space, parts, start))
    }

    fn read<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
        near_null_space: &NearNullSpace,
    ) -> Result<block::BlockCsr<f64>, PrecondError> {
        self.validate()?;
        with_rows(a, |rows, n| {
            if n > 0 {
                near_null_space.validate(n)?;
            }
            let matrix = block::read(&rows, n, near_null_space.block())?;
            require_whole(&rows, n, self.symmetry)?;
            Ok(matrix)
        })
    }
}
