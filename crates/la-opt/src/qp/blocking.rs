//! What stops the multipliers on their way to the stationary point of the dual.

use super::least_distance::LeastDistance;
use super::working_set::{Flags, WorkingSet};
use crate::Real;

/// What stops λ on its way to λ*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocking {
    /// The multiplier of the constraint at this position would change its sign.
    Leaves(usize),
    /// The multiplier of the soft constraint at this position passes its linear price: it gives way from here on, or no longer.
    Turns(usize),
}

impl<T: Real> WorkingSet<T> {
    /// Where λ stops on its way to λ* (or along p): the first constraint whose multiplier would change its sign, or pass the linear price of a soft one. λ is moved
    /// there.
    pub(super) fn step_to_blocking(
        &mut self,
        ldp: &LeastDistance<T>,
        flags: &[Flags],
    ) -> Option<Blocking> {
        let tol = self.tolerances.dual;
        let mut first: Option<(Blocking, T)> = None;
        for (position, &j) in self.order.iter().enumerate() {
            let (lambda, star, flag) = (self.lambda[position], self.star[position], flags[j]);
            let star_up = if flag.lower { -star } else { star };
            // What gives way has no part in a null vector, but for rounding.
            if self.singular && flag.gives_way() {
                continue;
            }
            let wrong = star_up < -tol && !flag.fixed;
            if !(wrong || flag.soft) {
                continue;
            }
            let threshold = if flag.soft {
                ldp.threshold(j, flag)
            } else {
                T::ZERO
            };
            let limit = threshold.abs();
            let mut stops = None;
            if limit > T::ZERO {
                // Rounding does not make a constraint turn.
                let tol = tol.max(T::from_f64(1e6) * T::EPSILON * limit);
                let beyond = if self.singular {
                    star_up
                } else {
                    star_up - limit
                };
                if (flag.held && beyond > tol) || (!flag.held && beyond < -tol) {
                    stops = Some((Blocking::Turns(position), threshold));
                }
            }
            if stops.is_none() && wrong {
                stops = Some((Blocking::Leaves(position), T::ZERO));
            }
            let Some((blocking, end)) = stops else {
                continue;
            };
            let way = if self.singular { star } else { star - lambda };
            let mut alpha = (end - lambda) / way;
            if blocking == Blocking::Turns(position) {
                alpha = alpha.max(T::ZERO);
            }
            if first.is_none_or(|(_, least)| alpha < least) {
                first = Some((blocking, alpha));
            }
        }
        let (blocking, alpha) = first?;
        for (lambda, &star) in self.lambda.iter_mut().zip(&self.star) {
            let way = if self.singular { star } else { star - *lambda };
            *lambda += alpha * way;
        }
        Some(blocking)
    }
}
