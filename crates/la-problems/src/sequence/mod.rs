//! Sequences of systems whose matrices share one pattern.

mod heat;
mod newton;

pub use heat::{HeatEquation, HeatSteps};
pub use newton::{NewtonSteps, NonlinearFlow, Nonlinearity};

use crate::error::ProblemError;
use crate::system::LinearSystem;

/// Linear systems one after the other: same pattern, other values, and each depends on the solution of the last.
///
/// For methods that analyse a pattern once and reuse it, or that carry something over from one system to the next.
/// The matrix keeps its row pointers and column indices; [`advance`](Self::advance) writes new values into the same
/// arrays and allocates nothing.
///
/// # Examples
/// ```
/// use la_problems::{HeatEquation, SystemSequence};
///
/// /// The number of systems, solving each with `solve`.
/// fn run(
///     sequence: &mut impl SystemSequence,
///     solve: impl Fn(&la_problems::LinearSystem) -> Vec<f64>,
/// ) -> Result<usize, la_problems::ProblemError> {
///     loop {
///         let x = solve(sequence.system());
///         if !sequence.advance(&x)? {
///             return Ok(sequence.step() + 1);
///         }
///     }
/// }
///
/// let mut steps = HeatEquation::default().with_steps(3).start(0)?;
/// // Jacobi is a poor solver, but good enough to walk through the sequence.
/// let jacobi = |s: &la_problems::LinearSystem| {
///     s.rhs.iter().enumerate().map(|(i, b)| b / s.matrix.get(i, i).unwrap()).collect()
/// };
/// assert_eq!(run(&mut steps, jacobi)?, 3);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
pub trait SystemSequence {
    /// The system to solve now.
    fn system(&self) -> &LinearSystem;

    /// Number of the system, from 0.
    fn step(&self) -> usize;

    /// What the sequence has computed so far: the field at the last time, or the Newton iterate. Length n.
    fn state(&self) -> &[f64];

    /// Where a solver may start: a vector near the solution of [`system`](Self::system), length n; `None` if there is
    /// nothing better than 0.
    fn initial_guess(&self) -> Option<&[f64]>;

    /// Takes the solution of the present system and sets up the next one. False when the sequence has ended: the
    /// state contains the last solution, the system stays as it is, and later calls change nothing. O(nnz).
    ///
    /// # Errors
    /// [`ProblemError::WrongLength`] if `solution` does not have length n, [`ProblemError::NotFinite`] if it, or the
    /// state that follows from it, holds NaN or an infinity. The sequence is then as it was before the call.
    fn advance(&mut self, solution: &[f64]) -> Result<bool, ProblemError>;
}
