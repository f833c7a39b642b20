//! Pricing of a short list of rows.

use super::least_distance::LeastDistance;
use super::solution::Side;
use super::working_set::Flags;
use crate::Real;

/// A row of the list is taken while it is violated by this share of the largest violation of the last look at all rows.
const WORTH: f64 = 0.5;

/// Rows that were violated most when all were looked at.
#[derive(Debug, Clone)]
pub(super) struct Candidates<T> {
    limit: usize,
    /// Violation and row.
    list: Vec<(T, usize)>,
    /// The largest violation of the last look at all rows.
    largest: T,
}

impl<T: Real> Candidates<T> {
    /// A list of at most `limit` rows out of m; of none: there is no list.
    pub(super) fn new(limit: usize, m: usize) -> Self {
        Self {
            limit,
            list: Vec::with_capacity(if limit > 0 { m } else { 0 }),
            largest: T::ZERO,
        }
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// Takes the most violated rows, from the products of all rows with u.
    pub(super) fn collect(
        &mut self,
        ldp: &LeastDistance<T>,
        flags: &[Flags],
        products: &[T],
        tol: T,
    ) {
        self.list.clear();
        self.largest = T::ZERO;
        for (j, &product) in products.iter().enumerate() {
            let (violation, _) = violation(ldp, j, product);
            if violation > tol * ldp.scale[j] && flags[j].may_enter() {
                self.list.push((violation, j));
                self.largest = self.largest.max(violation);
            }
        }
        if self.list.len() > self.limit {
            let order = |a: &(T, usize), b: &(T, usize)| {
                b.0.to_f64().total_cmp(&a.0.to_f64()).then(a.1.cmp(&b.1))
            };
            self.list.select_nth_unstable_by(self.limit, order);
            self.list.truncate(self.limit);
        }
    }

    /// The row of the list that is violated most at u, if that is worth it; rows that are met leave the list.
    pub(super) fn best(
        &mut self,
        ldp: &LeastDistance<T>,
        flags: &[Flags],
        u: &[T],
        tol: T,
    ) -> Option<(usize, Side)> {
        let mut best = None;
        let mut most = T::from_f64(WORTH) * self.largest;
        self.list.retain(|&(_, j)| {
            let (from, row) = ldp.row(j);
            let product = ldp.kernels.dot(row, &u[from..from + row.len()]);
            let (violation, side) = violation(ldp, j, product);
            if !(violation > tol * ldp.scale[j] && flags[j].may_enter()) {
                return false;
            }
            if violation >= most {
                most = violation;
                best = Some((j, side));
            }
            true
        });
        best
    }
}

/// By how much the row is violated, and at which side.
fn violation<T: Real>(ldp: &LeastDistance<T>, j: usize, product: T) -> (T, Side) {
    let (above, below) = (product - ldp.upper[j], ldp.lower[j] - product);
    if above >= below {
        (above, Side::Upper)
    } else {
        (below, Side::Lower)
    }
}
