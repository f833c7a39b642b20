//! What an agent knows: its own convex function.

mod distance;
mod eigen;
mod glm;
mod least_squares;
mod program;
mod quadratic;
mod scales;
mod separable;

pub use distance::SquaredDistance;
pub(super) use distance::{require_finite, require_length};
pub use glm::{GeneralizedLinear, Link};
pub use least_squares::LeastSquares;
pub use program::LocalProgram;
pub use quadratic::Quadratic;
pub use separable::{Separable, SeparableQuadratic};

use super::LocalFailure;

/// A convex function of n numbers that its agent can minimise together with a proximal term.
///
/// # Examples
/// A function of one's own, `f(x) = |x|` in one dimension:
/// ```
/// use la_opt::admm::{LocalFailure, LocalObjective};
///
/// struct Magnitude;
///
/// impl LocalObjective for Magnitude {
///     fn dim(&self) -> usize {
///         1
///     }
///     fn value(&self, x: &[f64]) -> f64 {
///         x[0].abs()
///     }
///     fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
///         x[0] = centre[0].signum() * (centre[0].abs() - 1.0 / weight).max(0.0);
///         Ok(())
///     }
/// }
///
/// let mut x = [0.0];
/// Magnitude.prox(2.0, &[3.0], &mut x)?;
/// assert_eq!(x, [2.5]);
/// # Ok::<(), LocalFailure>(())
/// ```
pub trait LocalObjective: Send {
    /// n.
    fn dim(&self) -> usize;

    /// f(x), infinite where x is not allowed.
    fn value(&self, x: &[f64]) -> f64;

    /// Replaces x by the minimiser of `f(x) + weight / 2 ‖x − centre‖²`. On entry x is the agent's last one, a warm start.
    ///
    /// # Errors
    /// [`LocalFailure`] if there is no such x or it was not found; the solve then ends and names the agent.
    fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure>;

    /// Whether [`LocalObjective::prox_scaled`] is there. It matters where agents have variables of their own ([`Variables`](super::Variables)): those that an agent has in common with few neighbours, or with none,
    /// then move faster, for several times fewer iterations.
    fn takes_scales(&self) -> bool {
        false
    }

    /// Replaces x by the minimiser of `f(x) + weight / 2 Σ_j scales_j (x_j − centre_j)²`, with n positive scales, the same ones in every call. Never called where [`LocalObjective::takes_scales`] says no.
    ///
    /// # Errors
    /// As [`LocalObjective::prox`].
    fn prox_scaled(
        &mut self,
        weight: f64,
        scales: &[f64],
        centre: &[f64],
        x: &mut [f64],
    ) -> Result<(), LocalFailure> {
        let _ = (weight, scales, centre, x);
        Err(LocalFailure::Other("the function takes no scales".into()))
    }

    /// Writes the gradient at x and returns `true`, if f has one and the methods that need it are to be used.
    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> bool {
        let _ = (x, gradient);
        false
    }
}

impl<F: LocalObjective + ?Sized> LocalObjective for Box<F> {
    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn value(&self, x: &[f64]) -> f64 {
        (**self).value(x)
    }

    fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
        (**self).prox(weight, centre, x)
    }

    fn takes_scales(&self) -> bool {
        (**self).takes_scales()
    }

    fn prox_scaled(
        &mut self,
        weight: f64,
        scales: &[f64],
        centre: &[f64],
        x: &mut [f64],
    ) -> Result<(), LocalFailure> {
        (**self).prox_scaled(weight, scales, centre, x)
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> bool {
        (**self).gradient(x, gradient)
    }
}
