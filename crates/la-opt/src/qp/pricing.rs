//! Which violated constraint enters.

use super::candidates::Candidates;
use super::least_distance::LeastDistance;
use super::options::Pricing;
use super::solution::Side;
use super::working_set::{Flags, WorkingSet};
use crate::Real;
use crate::kernels::{EdgeStep, Scores};

/// Steps after which products that were updated are computed anew.
const RENEW: usize = 50;

/// Distances from the span of a guess are measured when this many times the constraints that entered are as many as there are.
const WAIT: usize = 4;

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
    /// Distances are those from the span of the working set; until then the largest violation enters.
    measured: bool,
    /// Constraints that entered since the solve began.
    entries: usize,
    candidates: Candidates<T>,
    smallest_distance: T,
    /// q and `M q`.
    direction: Vec<T>,
    along: Vec<T>,
}

impl<T: Real> Prices<T> {
    pub(super) fn new(rule: Pricing, primal_tol: T, n: usize, m: usize) -> Self {
        let steepest = rule == Pricing::SteepestEdge;
        let candidates = match rule {
            Pricing::Partial { candidates } => candidates,
            _ => 0,
        };
        Self {
            rule,
            primal_tol,
            u: crate::zeros(n),
            products: crate::zeros(m),
            age: None,
            distances: vec![T::ONE; if steepest { m } else { 0 }],
            measured: false,
            entries: 0,
            candidates: Candidates::new(candidates, m),
            smallest_distance: T::EPSILON.sqrt(),
            direction: crate::zeros(if steepest { n } else { 0 }),
            along: crate::zeros(if steepest { m } else { 0 }),
        }
    }

    /// u has so many entries from now on.
    pub(super) fn resize(&mut self, n: usize) {
        self.u.resize(n, T::ZERO);
        if self.steepest() {
            self.direction.resize(n, T::ZERO);
        }
    }

    fn steepest(&self) -> bool {
        self.rule == Pricing::SteepestEdge
    }

    /// Distances are followed once they are known, while all rows are there.
    fn follows(&self, ldp: &LeastDistance<T>) -> bool {
        self.steepest() && self.measured && ldp.complete
    }

    /// A solve begins. The distances from the span of a working set that a guess or the last solve left are not known, and measuring them is put off: a good set
    /// needs a few more constraints, for which the largest violation costs less and is as good.
    pub(super) fn begin(&mut self) {
        self.distances.fill(T::ONE);
        self.candidates.clear();
        self.age = None;
        self.measured = false;
        self.entries = 0;
    }

    /// The working set has been built anew in the middle of a solve: its distances are measured before the next constraint enters.
    pub(super) fn restart(&mut self) {
        let entries = self.entries;
        self.begin();
        self.entries = entries.max(self.products.len());
    }

    /// Measures the distances from the span of the working set: γ = 1 − Σ (M q_t)² / δ_t with the rows q_t of `L⁻¹ M_W`. 2 m n operations and more for each
    /// of its constraints, half of an iteration.
    fn measure(&mut self, ldp: &LeastDistance<T>, set: &mut WorkingSet<T>) {
        self.measured = true;
        // The products at hand are of an earlier u.
        self.age = None;
        self.distances.fill(T::ONE);
        for position in 0..set.len() {
            let pivot = set.leading_direction(ldp, position, &mut self.direction);
            if !(pivot > T::ZERO && pivot.is_finite()) {
                continue;
            }
            ldp.products_into(&self.direction, &mut self.along);
            let weight = T::ONE / pivot;
            for (distance, &along) in self.distances.iter_mut().zip(&self.along) {
                *distance -= along * along * weight;
            }
        }
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
        self.entries += 1;
        if !self.follows(ldp) {
            return;
        }
        let Some(square) = set.orthogonal_direction(ldp, position, &mut self.direction) else {
            self.age = None;
            return;
        };
        ldp.products_into(&self.direction, &mut self.along);
        let j = set.order[position];
        let bound = if flags[j].lower {
            ldp.lower[j]
        } else {
            ldp.upper[j]
        };
        let step = bound - self.products[j];
        let weight = if spans { -T::ONE / square } else { T::ZERO };
        self.follow(ldp, step, weight, set.has_soft());
    }

    /// The constraint at a position is about to be removed; the factor is regular.
    pub(super) fn leaves(
        &mut self,
        ldp: &LeastDistance<T>,
        set: &mut WorkingSet<T>,
        position: usize,
    ) {
        if !self.follows(ldp) {
            return;
        }
        let Some(square) = set.orthogonal_direction(ldp, position, &mut self.direction) else {
            self.age = None;
            return;
        };
        ldp.products_into(&self.direction, &mut self.along);
        let weight = T::ONE / square;
        let step = -ldp.kernels.dot(&self.u, &self.direction) * weight;
        self.follow(ldp, step, weight, set.has_soft());
    }

    /// The span of the working set has grown (negative weight) or shrunk along q; `u += step q`, and its products with it.
    fn follow(&mut self, ldp: &LeastDistance<T>, step: T, weight: T, soft: bool) {
        let moves = EdgeStep {
            along: &self.along,
            step,
            weight,
        };
        ldp.kernels
            .follow_edge(moves, &mut self.products, &mut self.distances);
        match self.age {
            Some(age) if age < RENEW && !soft => {
                ldp.kernels.axpy(step, &self.direction, &mut self.u);
                self.age = Some(age + 1);
            }
            // Products that are not those of u are computed anew before they are read.
            _ => self.age = None,
        }
    }

    /// The constraint that should enter, and the bound that it violates: violations count from `primal_tol` on in original units.
    ///
    /// Products that were updated are computed anew before "none" is said.
    pub(super) fn entering(
        &mut self,
        ldp: &LeastDistance<T>,
        set: &mut WorkingSet<T>,
        flags: &[Flags],
    ) -> Option<(usize, Side)> {
        // Measuring costs half an iteration for each constraint of the set: it waits until that would be a good part of what is done anyway.
        if self.steepest() && !self.measured && WAIT * self.entries >= set.len() {
            self.measure(ldp, set);
        }
        if let Pricing::Partial { .. } = self.rule {
            return self.entering_of_candidates(ldp, flags);
        }
        if self.age.is_none() || !self.follows(ldp) {
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

    /// The same of the short list, and of all rows where that has none.
    fn entering_of_candidates(
        &mut self,
        ldp: &LeastDistance<T>,
        flags: &[Flags],
    ) -> Option<(usize, Side)> {
        let tol = self.primal_tol;
        let found = self.candidates.best(ldp, flags, &self.u, tol);
        if found.is_some() {
            return found;
        }
        ldp.products_into(&self.u, &mut self.products);
        self.candidates.collect(ldp, flags, &self.products, tol);
        self.best(ldp, flags)
    }

    fn best(&self, ldp: &LeastDistance<T>, flags: &[Flags]) -> Option<(usize, Side)> {
        let rows = Scores {
            products: &self.products,
            lower: &ldp.lower,
            upper: &ldp.upper,
            scale: &ldp.scale,
            distances: &self.distances,
        };
        let (tol, smallest) = (self.primal_tol, self.smallest_distance);
        let (j, score) = ldp.kernels.highest_score(rows, tol, smallest);
        if score == T::ZERO {
            return None;
        }
        if flags[j].may_enter() {
            let above = self.products[j] - ldp.upper[j] >= ldp.lower[j] - self.products[j];
            return Some((j, if above { Side::Upper } else { Side::Lower }));
        }
        // One that may not enter is in front: rare, it has drifted from its bound or follows from others.
        match self.rule {
            Pricing::LargestViolation | Pricing::Partial { .. } => {
                self.best_by(ldp, flags, |_, violation| violation)
            }
            Pricing::SteepestEdge => self.best_by(ldp, flags, |j, violation| {
                violation * violation / self.distances[j].max(smallest)
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
