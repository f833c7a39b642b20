//! Some rows of a factor with everything that belongs to them.

use super::part::Part;
use crate::Real;

/// Rows of `stride` numbers each. Slices of what is not kept are empty.
pub(super) struct Block<'a, T> {
    /// The first row.
    pub(super) first: usize,
    pub(super) products: &'a mut [T],
    pub(super) factor: &'a mut [T],
    /// The dual variable of ADMM.
    pub(super) dual: &'a mut [T],
    /// The factor at the start of the half step.
    pub(super) before: &'a [T],
    /// What an extrapolation goes away from, and what it goes through.
    pub(super) accepted: &'a [T],
    pub(super) candidate: &'a mut [T],
}

impl<'a, T: Real> Block<'a, T> {
    fn rows(&self, stride: usize) -> usize {
        self.factor.len() / stride
    }

    /// The first rows, and the others.
    fn split(self, stride: usize, rows: usize) -> (Self, Self) {
        let at = |len: usize| (rows * stride).min(len);
        let (products, rest_products) = self.products.split_at_mut(at(self.products.len()));
        let (factor, rest_factor) = self.factor.split_at_mut(at(self.factor.len()));
        let (dual, rest_dual) = self.dual.split_at_mut(at(self.dual.len()));
        let (before, rest_before) = self.before.split_at(at(self.before.len()));
        let (accepted, rest_accepted) = self.accepted.split_at(at(self.accepted.len()));
        let (candidate, rest_candidate) = self.candidate.split_at_mut(at(self.candidate.len()));
        let head = Self {
            first: self.first,
            products,
            factor,
            dual,
            before,
            accepted,
            candidate,
        };
        let rest = Self {
            first: self.first + rows,
            products: rest_products,
            factor: rest_factor,
            dual: rest_dual,
            before: rest_before,
            accepted: rest_accepted,
            candidate: rest_candidate,
        };
        (head, rest)
    }

    /// Calls a function with the blocks of so many rows, in order.
    pub(super) fn each(self, stride: usize, rows: usize, mut call: impl FnMut(Block<'_, T>)) {
        let mut rest = self;
        while rest.rows(stride) > rows {
            let (head, tail) = rest.split(stride, rows);
            call(head);
            rest = tail;
        }
        call(rest);
    }

    /// Calls a function with each part and its share of the rows; in the pool if `parallel`.
    pub(super) fn share(
        self,
        stride: usize,
        share: usize,
        parts: &mut [Part<T>],
        parallel: bool,
        call: &(impl Fn(&mut Part<T>, Block<'_, T>) + Sync),
    ) {
        #[cfg(feature = "rayon")]
        if parallel && parts.len() > 1 {
            let middle = parts.len() / 2;
            let (left, right) = parts.split_at_mut(middle);
            let (head, tail) = self.split(stride, middle * share);
            rayon::join(
                || head.share(stride, share, left, true, call),
                || tail.share(stride, share, right, true, call),
            );
            return;
        }
        let _ = parallel;
        let mut parts = parts.iter_mut();
        self.each(stride, share, |rows| {
            if let Some(part) = parts.next() {
                call(part, rows);
            }
        });
    }
}
