//! Vectors of flexible conjugate gradients, kept between solves.

use crate::run::State;
use crate::{FcgOptions, Host, KrylovError, Real, Solution, VectorSpace};

/// A direction, its product with A, and `pᵀ A p`.
#[derive(Debug)]
pub(super) struct Direction<V> {
    pub(super) p: V,
    pub(super) q: V,
    pub(super) pq: f64,
}

/// The vectors of [`fcg`](crate::fcg), to be used for many solves of one size.
///
/// `4 + 2·memory` vectors.
///
/// # Examples
/// ```
/// use la_krylov::{FcgOptions, FcgWorkspace, Host, IdentityPreconditioner, fcg_with, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let (m, options) = (IdentityPreconditioner::new(2), FcgOptions::default());
/// let mut workspace = FcgWorkspace::<Host>::new(2, &options);
/// for b in [[1.0, 2.0], [3.0, 4.0]] {
///     let solution = fcg_with(&mut workspace, &a, &b, &m, &options)?;
///     assert!(solution.status.is_converged());
/// }
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
#[derive(Debug)]
pub struct FcgWorkspace<S: VectorSpace = Host<f64>> {
    pub(super) space: S,
    pub(super) state: State<S>,
    pub(super) z: S::Owned,
    pub(super) directions: Vec<Direction<S::Owned>>,
}

impl<T: Real> FcgWorkspace<Host<T>> {
    /// Room for systems of order `n` in main memory, for the directions and the history that
    /// `options` asks for.
    #[must_use]
    pub fn new(n: usize, options: &FcgOptions) -> Self {
        Self::new_in(Host::new(n), options)
    }
}

impl<S: VectorSpace> FcgWorkspace<S> {
    /// Room for systems in `space`.
    #[must_use]
    pub fn new_in(space: S, options: &FcgOptions) -> Self {
        let limits = options.limits();
        let mut state = State::new(&space, &limits);
        let spectrum = &mut state.solution.spectrum;
        spectrum.reserve_tridiagonal(limits.history_capacity());
        let mut workspace = Self {
            state,
            z: space.zeros(),
            directions: Vec::new(),
            space,
        };
        workspace.make_room(options.directions());
        workspace
    }

    /// Adds directions until there are `memory` of them.
    pub(super) fn make_room(&mut self, memory: usize) {
        let Self {
            space, directions, ..
        } = self;
        while directions.len() < memory {
            directions.push(Direction {
                p: space.zeros(),
                q: space.zeros(),
                pq: 0.0,
            });
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
