//! Vectors of conjugate gradients, kept between solves.

use crate::run::State;
use crate::{CgOptions, Host, KrylovError, Real, Solution, VectorSpace};

/// The vectors of [`cg`](crate::cg), to be used for many solves of one size.
///
/// Six vectors: iterate, residual, direction, its product with A, preconditioned residual, best
/// iterate.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, CgWorkspace, Host, IdentityPreconditioner, cg_with, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let (m, options) = (IdentityPreconditioner::new(2), CgOptions::default());
/// let mut workspace = CgWorkspace::<Host>::new(2, &options);
/// for b in [[1.0, 2.0], [3.0, 4.0]] {
///     let solution = cg_with(&mut workspace, &a, &b, &m, &options)?;
///     assert!(solution.status.is_converged());
/// }
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
#[derive(Debug)]
pub struct CgWorkspace<S: VectorSpace = Host<f64>> {
    pub(super) space: S,
    pub(super) state: State<S>,
    pub(super) p: S::Owned,
    pub(super) q: S::Owned,
    pub(super) z: S::Owned,
}

impl<T: Real> CgWorkspace<Host<T>> {
    /// Room for systems of order `n` in main memory, and for the history that `options` asks for.
    #[must_use]
    pub fn new(n: usize, options: &CgOptions) -> Self {
        Self::new_in(Host::new(n), options)
    }
}

impl<S: VectorSpace> CgWorkspace<S> {
    /// Room for systems in `space`.
    #[must_use]
    pub fn new_in(space: S, options: &CgOptions) -> Self {
        let limits = options.limits();
        let mut state = State::new(&space, &limits);
        let spectrum = &mut state.solution.spectrum;
        spectrum.reserve_tridiagonal(limits.history_capacity());
        Self {
            state,
            p: space.zeros(),
            q: space.zeros(),
            z: space.zeros(),
            space,
        }
    }

    /// Lets the next solve, and only that one, start from `x0` instead of zero.
    ///
    /// # Errors
    /// [`KrylovError::DimensionMismatch`] if `x0` is not of this space.
    pub fn set_initial_guess(&mut self, x0: &S::Vector) -> Result<(), KrylovError> {
        self.state.set_guess(&self.space, x0)
    }

    /// Gives up the vectors and keeps the result of the last solve.
    pub fn into_solution(self) -> Solution<S::Owned> {
        self.state.solution
    }
}
