//! Vectors of flexible GMRES, kept between solves.

use std::fmt;

use crate::gmres::{Arnoldi, Room};
use crate::run::State;
use crate::{FgmresOptions, Host, KrylovError, Real, Solution, VectorSpace};

/// The vectors of [`fgmres`](crate::fgmres), to be used for many solves of one size.
///
/// `2·restart + 5` vectors and two matrices of `restart · (restart + 1)` numbers.
///
/// # Examples
/// ```
/// use la_krylov::{FgmresOptions, FgmresWorkspace, Host, IdentityPreconditioner, fgmres_with, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let (m, options) = (IdentityPreconditioner::new(2), FgmresOptions::default());
/// let mut workspace = FgmresWorkspace::<Host>::new(2, &options);
/// for b in [[1.0, 2.0], [3.0, 4.0]] {
///     let solution = fgmres_with(&mut workspace, &a, &b, &m, &options)?;
///     assert!(solution.status.is_converged());
/// }
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub struct FgmresWorkspace<S: VectorSpace = Host<f64>> {
    pub(super) space: S,
    pub(super) state: State<S>,
    pub(super) arnoldi: Arnoldi<S>,
    pub(super) room: Room<S>,
}

impl<S: VectorSpace> fmt::Debug for FgmresWorkspace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FgmresWorkspace")
            .field("dimension", &self.space.dimension())
            .finish_non_exhaustive()
    }
}

impl<T: Real> FgmresWorkspace<Host<T>> {
    /// Room for systems of order `n` in main memory, for the cycles and the history that `options`
    /// asks for.
    #[must_use]
    pub fn new(n: usize, options: &FgmresOptions) -> Self {
        Self::new_in(Host::new(n), options)
    }
}

impl<S: VectorSpace> FgmresWorkspace<S> {
    /// Room for systems in `space`.
    #[must_use]
    pub fn new_in(space: S, options: &FgmresOptions) -> Self {
        let mut state = State::new(&space, &options.limits());
        let columns = options.columns().min(space.dimension());
        state.solution.spectrum.reserve_hessenberg(columns);
        Self {
            state,
            arnoldi: Arnoldi::new(&space, options.columns(), true),
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
