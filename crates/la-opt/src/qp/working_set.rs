//! The working set: its order, its multipliers and its factor.

use super::factor::GramFactor;
use super::least_distance::LeastDistance;
use super::solution::Side;
use crate::Real;

/// Where a constraint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags {
    /// In the working set.
    pub(super) active: bool,
    /// Sits at its lower bound, or was last seen there.
    pub(super) lower: bool,
    /// Never leaves or enters: an equality, or a row that says nothing.
    pub(super) fixed: bool,
    /// May be violated at a price.
    pub(super) soft: bool,
    /// Soft, and met exactly as long as its multiplier is not above the linear part of its price.
    pub(super) held: bool,
    /// Follows from others, as far as rounding lets one see; for the time of a solve.
    pub(super) implied: bool,
}

impl Flags {
    /// Whether the constraint is one to look at.
    pub(super) fn may_enter(self) -> bool {
        !(self.active || self.fixed || self.implied)
    }

    /// Whether it may be violated as things stand.
    pub(super) fn gives_way(self) -> bool {
        self.soft && !self.held
    }

    /// The bound that it sits at.
    pub(super) fn side(self) -> Side {
        if self.lower { Side::Lower } else { Side::Upper }
    }
}

/// Tolerances of the factor.
#[derive(Debug, Clone, Copy)]
pub(super) struct FactorTolerances<T> {
    pub(super) dual: T,
    pub(super) pivot: T,
    pub(super) singular: T,
    pub(super) rho_soft: T,
}

/// Ordered constraints W with multipliers λ, and the stationary point of the dual on them:
/// `(M_W M_Wᵀ) λ* = −d_W`.
#[derive(Debug, Clone)]
pub(super) struct WorkingSet<T> {
    pub(super) tolerances: FactorTolerances<T>,
    pub(super) order: Vec<usize>,
    pub(super) lambda: Vec<T>,
    /// λ* where the factor is regular, the direction p of the null space where it is not.
    pub(super) star: Vec<T>,
    pub(super) factor: GramFactor<T>,
    /// `y = −L⁻¹ d_W`, of which the first `reuse` entries are valid.
    y: Vec<T>,
    reuse: usize,
    /// The last row depends on the others.
    pub(super) singular: bool,
    /// Number of soft constraints in the set that give way.
    soft: usize,
    products: Vec<T>,
}

impl<T: Real> WorkingSet<T> {
    pub(super) fn with_capacity(
        capacity: usize,
        ldp: &LeastDistance<T>,
        tolerances: FactorTolerances<T>,
    ) -> Self {
        Self {
            tolerances,
            order: Vec::with_capacity(capacity),
            lambda: Vec::with_capacity(capacity),
            star: Vec::with_capacity(capacity),
            factor: GramFactor::with_capacity(capacity, ldp.kernels),
            y: Vec::with_capacity(capacity),
            reuse: 0,
            singular: false,
            soft: 0,
            products: Vec::with_capacity(capacity),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are as many constraints in the set as directions, beside those that give way.
    pub(super) fn is_full(&self, directions: usize) -> bool {
        self.order.len() >= directions + self.soft
    }

    /// Makes λ* the multipliers at hand.
    pub(super) fn keep_star(&mut self) {
        if self.star.len() == self.lambda.len() {
            std::mem::swap(&mut self.lambda, &mut self.star);
        }
    }

    /// Whether a soft constraint in the set gives way.
    pub(super) fn has_soft(&self) -> bool {
        self.soft > 0
    }

    pub(super) fn clear(&mut self, flags: &mut [Flags]) {
        for &j in &self.order {
            flags[j].active = false;
        }
        self.order.clear();
        self.lambda.clear();
        self.factor.clear();
        (self.reuse, self.singular, self.soft) = (0, false, 0);
    }

    /// The bounds or the sides have changed: y is no longer valid.
    pub(super) fn forget(&mut self) {
        self.reuse = 0;
    }

    /// Smallest pivot; infinite for an empty set.
    pub(super) fn smallest_pivot(&self) -> T {
        let mut smallest = T::INFINITY;
        for &d in self.factor.pivots() {
            if d < smallest {
                smallest = d;
            }
        }
        smallest
    }

    /// Appends constraint j with this multiplier, at the side that its flag says; no pivoting.
    pub(super) fn append(
        &mut self,
        ldp: &LeastDistance<T>,
        flags: &mut [Flags],
        j: usize,
        lambda: T,
    ) {
        let n = ldp.n;
        self.products.clear();
        ldp.products_with(&self.order, j, &mut self.products);
        let mut square = ldp.product(j, j);
        if flags[j].gives_way() {
            square += ldp.softness(j, flags[j], self.tolerances.rho_soft);
            self.soft += 1;
        }
        self.products.push(square);
        let pivot = self.factor.append(&mut self.products);
        let full = self.is_full(n);
        self.order.push(j);
        self.lambda.push(lambda);
        flags[j].active = true;
        let independent = pivot >= self.tolerances.singular;
        if !independent || full {
            self.factor.zero_last();
            self.singular = true;
        }
    }

    /// Removes the constraint at a position; no pivoting. Returns it.
    pub(super) fn remove(&mut self, flags: &mut [Flags], position: usize) -> usize {
        let j = self.order.remove(position);
        self.lambda.remove(position);
        self.factor.remove(position);
        flags[j].active = false;
        self.soft -= usize::from(flags[j].gives_way());
        self.reuse = self.reuse.min(position);
        self.singular = false;
        if let Some(&last) = self.factor.pivots().last() {
            let independent = last >= self.tolerances.singular;
            if !independent {
                self.factor.zero_last();
                self.singular = true;
            }
        }
        j
    }

    /// Moves a small pivot behind a larger one that follows it.
    pub(super) fn pivot(&mut self, ldp: &LeastDistance<T>, flags: &mut [Flags]) {
        // A removal shortens the tail that has to be looked at, so that this ends.
        let mut rounds = self.len();
        while !self.singular && rounds > 1 {
            rounds -= 1;
            let [.., before, last] = *self.factor.pivots() else {
                return;
            };
            if !(before < self.tolerances.pivot && before < last) {
                return;
            }
            let position = self.len() - 2;
            let lambda = self.lambda[position];
            let j = self.remove(flags, position);
            if self.singular {
                return;
            }
            self.pivot(ldp, flags);
            if self.singular {
                return;
            }
            self.append(ldp, flags, j, lambda);
        }
    }

    /// `λ*`, reusing the part of the forward substitution that has not changed.
    pub(super) fn stationary_point(&mut self, ldp: &LeastDistance<T>, flags: &[Flags]) {
        let k = self.len();
        self.y.truncate(self.reuse);
        for &j in &self.order[self.reuse..] {
            let bound = if flags[j].lower {
                ldp.lower[j]
            } else {
                ldp.upper[j]
            };
            let mut target = -bound;
            if flags[j].gives_way() {
                let rho = ldp.softness(j, flags[j], self.tolerances.rho_soft);
                target += rho * ldp.threshold(j, flags[j]);
            }
            self.y.push(target);
        }
        self.factor.forward(&mut self.y, self.reuse);
        self.star.clear();
        for (&y, &d) in self.y.iter().zip(self.factor.pivots()) {
            self.star.push(y / d);
        }
        self.factor.backward(&mut self.star);
        self.reuse = k;
    }

    /// `p` with `M_Wᵀ p = 0` along which the dual objective falls.
    pub(super) fn null_direction(&mut self, flags: &[Flags]) {
        let k = self.len();
        self.star.clear();
        self.star.resize(k, T::ZERO);
        self.factor.null_vector(&mut self.star);
        if flags[self.order[k - 1]].lower {
            for p in &mut self.star {
                *p = -*p;
            }
        }
    }

    /// `u = −M_Wᵀ λ*`; returns twice the dual objective, `‖u‖² + Σ ρ (λ*² − π²)` over soft constraints that give way, with linear prices π.
    pub(super) fn primal_point(&self, ldp: &LeastDistance<T>, flags: &[Flags], u: &mut [T]) -> T {
        u.fill(T::ZERO);
        ldp.add_rows(&self.order, &self.star, -T::ONE, u);
        let mut soft = T::ZERO;
        if self.has_soft() {
            for (&j, &star) in self.order.iter().zip(&self.star) {
                if flags[j].gives_way() {
                    let rho = ldp.softness(j, flags[j], self.tolerances.rho_soft);
                    let threshold = ldp.threshold(j, flags[j]);
                    soft += rho * (star * star - threshold * threshold);
                }
            }
        }
        ldp.kernels.dot(u, u) + soft
    }

    /// One step of iterative refinement of λ* and u: with `r = M_W u − d_W`, `(L D Lᵀ) Δλ = r`. Returns the largest |r| of before in the
    /// units of the bounds.
    pub(super) fn refine(&mut self, ldp: &LeastDistance<T>, flags: &[Flags], u: &mut [T]) -> T {
        let mut largest = T::ZERO;
        self.products.clear();
        for (&j, &star) in self.order.iter().zip(&self.star) {
            let (from, row) = ldp.row(j);
            let bound = if flags[j].lower {
                ldp.lower[j]
            } else {
                ldp.upper[j]
            };
            let mut r = ldp.kernels.dot(row, &u[from..from + row.len()]) - bound;
            if flags[j].gives_way() {
                let rho = ldp.softness(j, flags[j], self.tolerances.rho_soft);
                r -= rho * (star - ldp.threshold(j, flags[j]));
            }
            largest = largest.max(r.abs() / ldp.scale[j]);
            self.products.push(r);
        }
        self.factor.forward(&mut self.products, 0);
        for (x, &d) in self.products.iter_mut().zip(self.factor.pivots()) {
            *x = *x / d;
        }
        self.factor.backward(&mut self.products);
        for ((&j, star), &delta) in self.order.iter().zip(&mut self.star).zip(&self.products) {
            *star += delta;
            ldp.add_row(j, -delta, u);
        }
        self.reuse = 0;
        largest
    }

    /// `w = (M_W M_Wᵀ)⁻¹ e` for the unit vector of a position, and `q = M_Wᵀ w`: the direction that is orthogonal to all other rows
    /// of the set and has product 1 with this one. Returns `‖q‖² = w_position`, or nothing if that is not a positive number.
    pub(super) fn orthogonal_direction(
        &mut self,
        ldp: &LeastDistance<T>,
        position: usize,
        q: &mut [T],
    ) -> Option<T> {
        let k = self.len();
        self.products.clear();
        self.products.resize(k, T::ZERO);
        self.products[position] = T::ONE;
        self.factor.forward(&mut self.products, position + 1);
        for (x, &d) in self.products.iter_mut().zip(self.factor.pivots()) {
            *x = *x / d;
        }
        self.factor.backward(&mut self.products);
        let square = self.products[position];
        if !(square > T::ZERO && square.is_finite()) {
            return None;
        }
        q.fill(T::ZERO);
        ldp.add_rows(&self.order, &self.products, T::ONE, q);
        Some(square)
    }

    /// The part q of the row at a position that is orthogonal to those before it, and its squared length, the pivot.
    pub(super) fn leading_direction(
        &mut self,
        ldp: &LeastDistance<T>,
        position: usize,
        q: &mut [T],
    ) -> T {
        self.products.clear();
        self.products.resize(position + 1, T::ZERO);
        self.products[position] = T::ONE;
        self.factor.backward(&mut self.products);
        q.fill(T::ZERO);
        ldp.add_rows(&self.order[..=position], &self.products, T::ONE, q);
        self.factor.pivots()[position]
    }
}
