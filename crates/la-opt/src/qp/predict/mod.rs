//! Guesses of the active set from experience with similar problems.

mod gate;
mod metric;
mod neighbours;

pub use gate::{Gate, GateSample};
pub use neighbours::{Neighbours, SolvedExample};

use super::problem::QuadraticProgram;
use super::solution::Side;
use crate::OptError;

/// Guesses which constraints of a problem are active.
///
/// What it guesses goes into [`WarmStart::Ranked`](super::WarmStart::Ranked): whatever it says the answer of the solver is the same, only sooner or
/// later.
///
/// # Examples
/// One that remembers a list.
/// ```
/// use la_opt::OptError;
/// use la_opt::qp::{ActiveSetPredictor, Hessian, QpOptions, QpWorkspace, QuadraticProgram, Side, WarmStart};
///
/// struct Remembered(Vec<(usize, Side, f64)>);
///
/// impl ActiveSetPredictor<f64> for Remembered {
///     fn predict(
///         &mut self,
///         _: &QuadraticProgram,
///         guess: &mut Vec<(usize, Side, f64)>,
///     ) -> Result<(), OptError> {
///         guess.clone_from(&self.0);
///         Ok(())
///     }
/// }
///
/// let problem = QuadraticProgram::new(Hessian::Identity, vec![-3.0, 0.0])?
///     .with_bounds(vec![-1.0; 2], vec![1.0; 2])?;
/// let mut workspace = QpWorkspace::new(problem, QpOptions::default())?;
/// let (mut predictor, mut guess) = (Remembered(vec![(0, Side::Upper, 0.9)]), Vec::new());
/// predictor.predict(workspace.problem(), &mut guess)?;
/// workspace.warm_start(WarmStart::Ranked(&guess))?;
/// assert_eq!(workspace.solve().iterations, 1);
/// # Ok::<(), OptError>(())
/// ```
pub trait ActiveSetPredictor<T> {
    /// Replaces `guess` by the constraints that are likely to be active, each with its side and a score from 0 to 1. In any order.
    ///
    /// # Errors
    /// [`OptError`] if the problem is not of the shape that the predictor was made for.
    fn predict(
        &mut self,
        problem: &QuadraticProgram<T>,
        guess: &mut Vec<(usize, Side, T)>,
    ) -> Result<(), OptError>;
}
