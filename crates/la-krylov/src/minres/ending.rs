//! The end of one Lanczos process, and of the solve where the system has no solution.

use crate::{Real, Status};

/// How a Lanczos process ends.
pub(super) enum Ending {
    Done(Status),
    /// The residual was replaced by the true one.
    Restart,
    /// By the recurrence, the residual is orthogonal to the range.
    Orthogonal,
}

/// What one Lanczos process leaves to the next one. Norms of the preconditioned operator.
#[derive(Default)]
pub(super) struct Seen {
    /// The largest column of T, at most the norm of the operator.
    pub(super) size: f64,
    /// After a residual that ought to be orthogonal to the range: `‖r‖` and `‖A r‖` of the true one
    /// when it was last looked at.
    pub(super) claimed: Option<(f64, f64)>,
}

impl Seen {
    /// The status if the true residual, of norm `norm`, ends the solve; `product` is `‖A M⁻¹ r‖` and
    /// `gamma` is `‖r‖` in the norm of M⁻¹.
    pub(super) fn verdict<T: Real>(
        &mut self,
        norm: f64,
        product: f64,
        gamma: f64,
    ) -> Option<Status> {
        let (last_norm, last_product) = self.claimed?;
        // What the rounding errors of b − A x leave: to go on from there would divide by them.
        if product <= T::EPSILON.to_f64().sqrt() * self.size * gamma {
            return Some(Status::LeastSquares);
        }
        let fell = norm <= 0.5 * last_norm || product <= 0.5 * last_product;
        self.claimed = Some((norm, product));
        (!fell).then_some(Status::Stagnated)
    }
}
