//! Vectors of GMRES, kept between solves.

use std::fmt;

use super::cycle::{Arnoldi, Room};
use crate::run::State;
use crate::{GmresOptions, Host, KrylovError, Real, Solution, VectorSpace};

/// The vectors of [`gmres`](crate::gmres), to be used for many solves of one size.
///
/// `restart + 5` vectors and two matrices of `restart · (restart + 1)` numbers.
///
/// # Examples
/// ```
/// use la_krylov::{GmresOptions, GmresWorkspace, Host, IdentityPreconditioner, gmres_with, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let (m, options) = (IdentityPreconditioner::new(2), GmresOptions::default());
/// let mut workspace = GmresWorkspace::<Host>::new(2, &options);
/// for b in [[1.0, 2.0], [3.0, 4.0]] {
///     let solution = gmres_with(&mut workspace, &a, &b, &m, &options)?;
///     assert!(solution.status.is_converged());
/// }
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub struct GmresWorkspace<S: VectorSpace = Host<f64>> {
    pub(super) space: S,
    pub(super) state: State<S>,
    pub(super) arnoldi: Arnoldi<S>,
    pub(super) room: Room<S>,
}

impl<S: VectorSpace> fmt::Debug for GmresWorkspace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GmresWorkspace")
            .field("dimension", &self.space.dimension())
            .finish_non_exhaustive()
    }
}

impl<T: Real> GmresWorkspace<Host<T>> {
    /// Room for systems of order `n` in main memory, for the cycles and the history that `options`
    /// asks for.
    #[must_use]
    pub fn new(n: usize, options: &GmresOptions) -> Self {
        Self::new_in(Host::new(n), options)
    }
}

impl<S: VectorSpace> GmresWorkspace<S> {
    /// Room for systems in `space`.
    #[must_use]
    pub fn new_in(space: S, options: &GmresOptions) -> Self {
        let mut state = State::new(&space, &options.limits());
        let columns = options.columns().min(space.dimension());
        state.solution.spectrum.reserve_hessenberg(columns);
        Self {
            state,
            arnoldi: Arnoldi::new(&space, options.columns(), false),
            room: Room::new(&space),
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
