//! Vectors of LSMR, kept between solves.

use crate::run::State;
use crate::{Host, KrylovError, LsmrOptions, Real, Solution, VectorSpace};

/// The vectors of [`lsmr`](crate::lsmr), to be used for many solves of one shape.
///
/// Six vectors of the length of x (iterate, best iterate, two of the bidiagonalization, two directions)
/// and three of the length of b.
///
/// # Examples
/// ```
/// use la_krylov::{Host, LsmrOptions, LsmrWorkspace, lsmr_with, sprs::CsMat};
///
/// let a = CsMat::<f64>::new((3, 1), vec![0, 1, 2, 3], vec![0, 0, 0], vec![1.0, 1.0, 1.0]);
/// let options = LsmrOptions::default();
/// let mut workspace = LsmrWorkspace::<Host>::new(3, 1, &options);
/// for (b, mean) in [([1.0, 2.0, 3.0], 2.0), ([0.0, 0.0, 3.0], 1.0)] {
///     let solution = lsmr_with(&mut workspace, &a, &b, &options)?;
///     assert!((solution.x[0] - mean).abs() < 1e-12);
/// }
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
#[derive(Debug)]
pub struct LsmrWorkspace<S: VectorSpace = Host<f64>> {
    pub(super) domain: S,
    pub(super) range: S,
    pub(super) state: State<S>,
    pub(super) u: S::Owned,
    pub(super) au: S::Owned,
    pub(super) v: S::Owned,
    pub(super) av: S::Owned,
    pub(super) h: S::Owned,
    pub(super) h_bar: S::Owned,
}

impl<T: Real> LsmrWorkspace<Host<T>> {
    /// Room for operators of this shape in main memory, and for the history that `options` asks for.
    #[must_use]
    pub fn new(rows: usize, cols: usize, options: &LsmrOptions) -> Self {
        Self::new_in(Host::new(cols), Host::new(rows), options)
    }
}

impl<S: VectorSpace> LsmrWorkspace<S> {
    /// Room for operators from `domain` to `range`.
    #[must_use]
    pub fn new_in(domain: S, range: S, options: &LsmrOptions) -> Self {
        Self {
            state: State::between(&domain, &range, &options.limits()),
            u: range.zeros(),
            au: range.zeros(),
            v: domain.zeros(),
            av: domain.zeros(),
            h: domain.zeros(),
            h_bar: domain.zeros(),
            domain,
            range,
        }
    }

    /// Lets the next solve, and only that one, start from `x0` instead of zero.
    ///
    /// # Errors
    /// [`KrylovError::DimensionMismatch`] if `x0` is not of the domain.
    pub fn set_initial_guess(&mut self, x0: &S::Vector) -> Result<(), KrylovError> {
        self.state.set_guess(&self.domain, x0)
    }

    /// Gives up the vectors and keeps the result of the last solve.
    pub fn into_solution(self) -> Solution<S::Owned> {
        self.state.solution
    }
}
