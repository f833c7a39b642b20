//! Vectors of BiCGSTAB, kept between solves.

use crate::run::State;
use crate::{BicgstabOptions, Host, KrylovError, Real, Solution, VectorSpace};

/// The vectors of [`bicgstab`](crate::bicgstab), to be used for many solves of one size.
///
/// Nine vectors: iterate, residual, best iterate, shadow residual, direction, two products with A, and
/// two preconditioned vectors.
///
/// # Examples
/// ```
/// use la_krylov::{BicgstabOptions, BicgstabWorkspace, Host, IdentityPreconditioner, bicgstab_with, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let (m, options) = (IdentityPreconditioner::new(2), BicgstabOptions::default());
/// let mut workspace = BicgstabWorkspace::<Host>::new(2, &options);
/// for b in [[1.0, 2.0], [3.0, 4.0]] {
///     let solution = bicgstab_with(&mut workspace, &a, &b, &m, &options)?;
///     assert!(solution.status.is_converged());
/// }
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
#[derive(Debug)]
pub struct BicgstabWorkspace<S: VectorSpace = Host<f64>> {
    pub(super) space: S,
    pub(super) state: State<S>,
    pub(super) shadow: S::Owned,
    pub(super) p: S::Owned,
    pub(super) v: S::Owned,
    pub(super) t: S::Owned,
    pub(super) p_hat: S::Owned,
    pub(super) s_hat: S::Owned,
}

impl<T: Real> BicgstabWorkspace<Host<T>> {
    /// Room for systems of order `n` in main memory, and for the history that `options` asks for.
    #[must_use]
    pub fn new(n: usize, options: &BicgstabOptions) -> Self {
        Self::new_in(Host::new(n), options)
    }
}

impl<S: VectorSpace> BicgstabWorkspace<S> {
    /// Room for systems in `space`.
    #[must_use]
    pub fn new_in(space: S, options: &BicgstabOptions) -> Self {
        let state = State::new(&space, &options.limits());
        Self {
            state,
            shadow: space.zeros(),
            p: space.zeros(),
            v: space.zeros(),
            t: space.zeros(),
            p_hat: space.zeros(),
            s_hat: space.zeros(),
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
