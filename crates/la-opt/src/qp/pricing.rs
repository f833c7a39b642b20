//! Which violated constraint enters.

use super::least_distance::LeastDistance;
use super::options::Pricing;
use super::solution::Side;
use super::working_set::{Flags, WorkingSet};
use crate::Real;

/// Steps after which products that were updated are computed anew.
const RENEW: usize = 50;

/// The point u, its products with all rows and, for steepest edge, the squared distances of the rows from the span of the working set.
#[derive(Debug, Clone)]
pub(super) struct Prices<T> {
    rule: Pricing,
    primal_tol: T,
    pub(super) u: Vec<T>,
    /// `M u`.
    products: Vec<T>,
    /// Updates since the products were computed from u; none: they are not those of u.
    age: Option<usize>,
    /// γ, at most 1.
    distances: Vec<T>,
    smallest_distance: T,
    /// q and `M q`.
    direction: Vec<T>,
    along: Vec<T>,
}

impl<T: Real> Prices<T> {
    pub(super) fn new(rule: Pricing, primal_tol: T, n: usize, m: usize) -> Self {
        Self {
            rule,
            primal_tol,
            u: vec![T::ZERO; n],
            products: vec![T::ZERO; m],
            age: None,
            distances: vec![T::ONE; m],
            smallest_distance: T::EPSILON.sqrt(),
            direction: vec![T::ZERO; n],
            along: vec![T::ZERO; m],
        }
    }

    fn steepest(&self) -> bool {
        self.rule == Pricing::SteepestEdge
    }

    /// A solve begins with a working set whose span is not accounted for: distances are those from the span of what enters from now
    /// on (a reference framework, Forrest & Goldfarb 1992, section 4).
    pub(super) fn begin(&mut self) {
        self.distances.fill(T::ONE);
        self.age = None;
    }

    /// u has been computed anew from multipliers.
    pub(super) fn moved(&mut self) {
        self.age = None;
    }

    /// The last constraint of the set has been appended, at `bound`; the factor is regular.
    pub(super) fn entered(
        &mut self,
        ldp: &LeastDistance<T>,
        set: &mut WorkingSet<T>,
        flags: &[Flags],
        position: usize,
        spans: bool,
    ) {
        if !self.steepest() {
            return;
        }
        let Some(square) = set.orthogonal_direction(ldp, position, &mut self.direction) else {
            self.age = None;
            return;
        };
        ldp.products_into(&self.direction, &mut self.along);
        if spans {
            let weight = T::ONE / square;
            for (distance, &along) in self.distances.iter_mut().zip(&self.along) {
                *distance -= along * along * weight;
            }
        }
        let j = set.order[position];
        let bound = if flags[j].lower {
            ldp.lower[j]
        } else {
            ldp.upper[j]
        };
        let step = bound - self.products[j];
        self.follow(ldp, step, set.has_soft());
    }

    /// The constraint at a position is about to be removed; the factor is regular.
    pub(super) fn leaves(
        &mut self,
        ldp: &LeastDistance<T>,
        set: &mut WorkingSet<T>,
        position: usize,
    ) {
        if !self.steepest() {
            return;
        }
        let Some(square) = set.orthogonal_direction(ldp, position, &mut self.direction) else {
            self.age = None;
            return;
        };
        ldp.products_into(&self.direction, &mut self.along);
        let weight = T::ONE / square;
        for (distance, &along) in self.distances.iter_mut().zip(&self.along) {
            *distance += along * along * weight;
            if *distance > T::ONE {
                *distance = T::ONE;
            }
        }
        let step = -ldp.kernels.dot(&self.u, &self.direction) * weight;
        self.follow(ldp, step, set.has_soft());
    }

    /// `u += step q`, and its products with it.
    fn follow(&mut self, ldp: &LeastDistance<T>, step: T, soft: bool) {
        match self.age {
            Some(age) if age < RENEW && !soft => {
                ldp.kernels.axpy(step, &self.direction, &mut self.u);
                ldp.kernels.axpy(step, &self.along, &mut self.products);
                self.age = Some(age + 1);
            }
            _ => self.age = None,
        }
    }

    /// The constraint that should enter, and the bound that it violates: violations count from `primal_tol` on in original units.
    ///
    /// Products that were updated are computed anew before "none" is said.
    pub(super) fn entering(
        &mut self,
        ldp: &LeastDistance<T>,
        flags: &[Flags],
    ) -> Option<(usize, Side)> {
        if self.age.is_none() || !self.steepest() {
            ldp.products_into(&self.u, &mut self.products);
            self.age = Some(0);
        }
        let found = self.best(ldp, flags);
        if found.is_none() && self.age != Some(0) {
            ldp.products_into(&self.u, &mut self.products);
            self.age = Some(0);
            return self.best(ldp, flags);
        }
        found
    }

    fn best(&self, ldp: &LeastDistance<T>, flags: &[Flags]) -> Option<(usize, Side)> {
        match self.rule {
            Pricing::LargestViolation => self.best_by(ldp, flags, |_, violation| violation),
            Pricing::SteepestEdge => self.best_by(ldp, flags, |j, violation| {
                violation * violation / self.distances[j].max(self.smallest_distance)
            }),
        }
    }

    /// The violated constraint with the highest score, the first of equals.
    #[inline(always)]
    fn best_by(
        &self,
        ldp: &LeastDistance<T>,
        flags: &[Flags],
        score: impl Fn(usize, T) -> T,
    ) -> Option<(usize, Side)> {
        let mut best = None;
        let mut most = T::ZERO;
        let bounds = ldp.lower.iter().zip(&ldp.upper);
        for (j, (&product, (&lower, &upper))) in self.products.iter().zip(bounds).enumerate() {
            let (above, below) = (product - upper, lower - product);
            let violation = if above >= below { above } else { below };
            // Most rows are not violated, and of those that are most are not the worst: what is rare is asked last.
            if violation > T::ZERO {
                let score = score(j, violation);
                if score > most
                    && violation > self.primal_tol * ldp.scale[j]
                    && flags[j].may_enter()
                {
                    most = score;
                    best = Some((j, above >= below));
                }
            }
        }
        let (j, above) = best?;
        Some((j, if above { Side::Upper } else { Side::Lower }))
    }
}
