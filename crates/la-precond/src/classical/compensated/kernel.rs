//! One elimination sweep, for every rule of compensation.

use std::sync::Arc;

use la_krylov::Real;
use sprs::SpIndex;

use super::policy::Policy;
use super::support::{Side, support};
use super::triangle::{Entry, Triangle, Values};
use super::wide;
use crate::IncompleteCholesky;
use crate::classical::input::Rows;

/// Pivots at most this large, relative to the entry of the matrix, count as breakdown.
const SMALLEST_PIVOT: f64 = 1e-10;

/// Columns with more later neighbours get no support search.
pub(crate) const LONGEST_SEARCH: usize = 20;

/// The numbers of one attempt; kept between attempts. `R` is what a policy knows of a row.
#[derive(Debug, Clone)]
pub(crate) struct Sweep<T, R> {
    /// The matrix; after the turn of a row its entries are those of `L̂`, divided by the diagonal entry of the row.
    pub(crate) values: Values<T>,
    /// `δ_k`, after its turn `l_kk = √d_k`.
    pivots: Vec<T>,
    /// `1 / √d_k`.
    roots: Vec<T>,
    pub(crate) rows: Vec<R>,
    /// Pivots that were raised to their floor.
    pub(crate) raised: usize,
}

impl<T: Real, R> Default for Sweep<T, R> {
    fn default() -> Self {
        Self {
            values: Values {
                entries: Vec::new(),
                diagonal: Vec::new(),
            },
            pivots: Vec::new(),
            roots: Vec::new(),
            rows: Vec::new(),
            raised: 0,
        }
    }
}

impl<T: Real, R> Sweep<T, R> {
    /// Reads `V A V` and eliminates it, see [`run`](Self::run).
    ///
    /// # Errors
    /// The row whose pivot is too small.
    pub(crate) fn attempt<I: SpIndex, P: Policy<T, Row = R>>(
        &mut self,
        (a, vector): (&Rows<'_, T, I>, Option<&[T]>),
        triangle: &Triangle,
        policy: &mut P,
        shift: f64,
    ) -> Result<(), usize> {
        self.values.read(a, &triangle.pattern, vector);
        self.run(triangle, policy, shift)
    }

    /// Eliminates `A + shift · diag(A)` on its own pattern, right-looking:
    ///
    /// ```text
    /// d_k  = pivot of the policy from δ_k, the sums of row k and Σ_{i>k} |s_ik|
    /// s_ij ← s_ij − f,   f = s_ik s_jk / d_k        (i > j > k, both neighbours of k, (i, j) stored)
    /// sums of rows i and j ← sums + f               (i > j > k, both neighbours of k, (i, j) not stored)
    /// δ_j  ← δ_j − s_jk² / d_k
    /// ```
    ///
    /// Uses up the values; `A` is to be read again for another attempt.
    ///
    /// # Errors
    /// The row whose pivot is too small.
    pub(crate) fn run<P: Policy<T, Row = R>>(
        &mut self,
        triangle: &Triangle,
        policy: &mut P,
        shift: f64,
    ) -> Result<(), usize> {
        let weight = T::from_f64(1.0 + shift);
        self.pivots.clear();
        self.pivots
            .extend(self.values.diagonal.iter().map(|&d| d * weight));
        self.roots.clear();
        self.roots.resize(self.pivots.len(), T::ZERO);
        self.raised = 0;
        policy.begin(&mut self.rows, self.pivots.len());
        wide::eliminate(self, triangle, policy)
    }

    /// The elimination; compiled for more than one set of instructions.
    #[inline(always)]
    pub(super) fn eliminate<P: Policy<T, Row = R>, const FMA: bool>(
        &mut self,
        triangle: &Triangle,
        policy: &mut P,
    ) -> Result<(), usize> {
        let smallest = T::from_f64(SMALLEST_PIVOT);
        let pattern = &triangle.pattern;
        let (values, rows) = (&mut self.values.entries[..], &mut self.rows[..]);
        let (pivots, roots) = (&mut self.pivots[..], &mut self.roots[..]);
        for (k, &a_kk) in self.values.diagonal.iter().enumerate() {
            let column = triangle.column(k);
            let own = pattern.indptr[k] as usize..pattern.indptr[k + 1] as usize;
            let earlier = &pattern.indices[own.clone()];
            let mut outward = T::ZERO;
            if P::OUTWARD {
                for entry in column {
                    outward += values[entry.place as usize].abs();
                }
            }
            if P::WATCHES {
                let mut heard = P::Heard::default();
                for (&j, &s) in earlier.iter().zip(&values[own.clone()]) {
                    P::hear(&mut heard, &rows[j as usize], s.abs() * roots[j as usize]);
                }
                policy.heard(heard);
            }
            let pivot = policy.pivot::<FMA>(&mut rows[k], pivots[k], outward);
            let d = pivot.value;
            let inverse = T::ONE / d;
            if !(d > a_kk * smallest && d.is_finite() && inverse.is_finite()) {
                return Err(k);
            }
            self.raised += usize::from(pivot.raised);
            let root = d.sqrt();
            let inverse_root = T::ONE / root;
            (pivots[k], roots[k]) = (root, inverse_root);
            for (&j, value) in earlier.iter().zip(&mut values[own]) {
                *value = *value * roots[j as usize] * inverse_root;
            }
            for (p, &Entry { row: j, place }) in column.iter().enumerate() {
                let s = values[place as usize];
                let l = s * inverse;
                pivots[j as usize] -= s * l;
                let rest = &column[p + 1..];
                if rest.is_empty() {
                    break;
                }
                let kept = triangle.column(j as usize);
                let mut at = 0;
                for &Entry { row: i, place: q } in rest {
                    let f = l * values[q as usize];
                    while at < kept.len() && kept[at].row < i {
                        at += 1;
                    }
                    if at < kept.len() && kept[at].row == i {
                        values[kept[at].place as usize] -= f;
                        continue;
                    }
                    let mut supported = T::ONE;
                    if P::SUPPORT && f > T::ZERO {
                        supported = T::ZERO;
                        if column.len() <= LONGEST_SEARCH {
                            let side = |i, place| Side::new(triangle, values, i, place);
                            supported = support(side(i, q), side(j, place), values, f);
                        }
                    }
                    policy.drop(rows, [i, j], f, supported);
                }
            }
        }
        Ok(())
    }

    /// The factor, back from `V A V` to `A`; leaves the other memory behind.
    pub(crate) fn finish(
        &mut self,
        triangle: &Triangle,
        vector: Option<&[T]>,
    ) -> IncompleteCholesky<T> {
        if let Some(vector) = vector {
            for (pivot, &v) in self.pivots.iter_mut().zip(vector) {
                *pivot = *pivot / v;
            }
        }
        let values = std::mem::take(&mut self.values.entries);
        let pivots = std::mem::take(&mut self.pivots);
        IncompleteCholesky::assemble(Arc::clone(&triangle.pattern), values, pivots)
    }
}
