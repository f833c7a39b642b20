//! The elimination.

use std::cmp::Ordering;
use std::sync::Arc;

use la_krylov::Real;
use sprs::SpIndex;

use super::super::check::sorted;
use super::super::factor::Pattern;
use super::super::frame::Frame;
use super::super::level::{EMPTY, Slot, larger, overflown, row_norm};
use super::bits::BitTree;
use super::select::Largest;
use super::{Ilut, IncompleteLu, LuFill};
use crate::PrecondError;
use crate::classical::input::Rows;

/// What the elimination did.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) matrix_nnz: usize,
    pub(super) replaced: usize,
    pub(super) swaps: usize,
}

/// A finished row of one factor, growing.
struct Triangle<T> {
    pattern: Pattern,
    values: Vec<T>,
}

impl<T: Real> Triangle<T> {
    fn new(n: usize) -> Self {
        let mut indptr = Vec::with_capacity(n + 1);
        indptr.push(0);
        Self {
            pattern: Pattern {
                indptr,
                indices: Vec::new(),
            },
            values: Vec::new(),
        }
    }

    #[inline]
    fn push(&mut self, col: u32, value: T) {
        self.pattern.indices.push(col);
        self.values.push(value);
    }

    fn truncate(&mut self, len: usize) {
        self.pattern.indices.truncate(len);
        self.values.truncate(len);
    }

    fn end_row(&mut self, n: usize) -> Result<(), PrecondError> {
        let nnz = self.values.len();
        let end = u32::try_from(nnz).map_err(|_| PrecondError::TooLarge { rows: n, nnz })?;
        self.pattern.indptr.push(end);
        Ok(())
    }
}

/// Places of columns while they are exchanged; empty without pivoting.
struct Places {
    /// Position of each column.
    position: Vec<u32>,
    /// Column at each position.
    column: Vec<u32>,
}

/// A multiplier `l_ik` with its column and the size it is judged by.
struct Multiplier<T> {
    k: u32,
    value: T,
    size: T,
}

/// Saad's ILUT, with column pivoting if `PIVOTING`, row by row. `û_kj = u_kj / u_kk` is stored, so that
/// the update `w_j −= l_ik u_kj` becomes `w_j −= w_k û_kj`.
struct Elimination<'o, T, const PIVOTING: bool> {
    options: &'o Ilut,
    lower: Triangle<T>,
    upper: Triangle<T>,
    inverse: Vec<T>,
    /// `max_j |u_kj|` of the finished rows.
    height: Vec<T>,
    places: Places,
    /// The row in work, by columns.
    work: Vec<Slot<T>>,
    /// Positions left of the diagonal that are still to be eliminated.
    pending: BitTree,
    /// Multipliers of the row in work.
    left: Vec<Multiplier<T>>,
    /// Its columns right of the diagonal.
    right: Vec<u32>,
    sizes: Vec<T>,
    counts: Counts,
}

pub(super) fn factor<T: Real, I: SpIndex, const PIVOTING: bool>(
    a: &Rows<'_, T, I>,
    n: usize,
    options: &Ilut,
) -> Result<(IncompleteLu<T>, Counts), PrecondError> {
    let empty = Slot {
        value: T::ZERO,
        row: EMPTY,
    };
    let identity = || {
        if PIVOTING {
            (0..n as u32).collect()
        } else {
            vec![]
        }
    };
    let mut elimination = Elimination::<T, PIVOTING> {
        options,
        lower: Triangle::new(n),
        upper: Triangle::new(n),
        inverse: Vec::with_capacity(n),
        height: Vec::with_capacity(n),
        places: Places {
            position: identity(),
            column: identity(),
        },
        work: vec![empty; n],
        pending: BitTree::new(n),
        left: Vec::new(),
        right: Vec::new(),
        sizes: Vec::new(),
        counts: Counts::default(),
    };
    let drop_tol = T::from_f64(options.drop_tol);
    let mut overall = None;
    for i in 0..n {
        let (cols, values) = a.row(i);
        sorted(i, cols)?;
        let norm = row_norm(a, n, i, &mut overall)?;
        let share = T::ONE / T::from_f64(cols.len().max(1) as f64);
        // Each term is divided, so that the sum does not overflow.
        let mean = values.iter().fold(T::ZERO, |m, v| m + v.abs() * share);
        elimination.load(i, cols, values);
        elimination.eliminate(i, drop_tol * mean);
        if PIVOTING {
            elimination.exchange(i);
        }
        elimination.keep(i, norm, drop_tol * mean)?;
    }
    Ok(elimination.finish())
}

impl<T: Real, const PIVOTING: bool> Elimination<'_, T, PIVOTING> {
    /// The column on the diagonal of row `i`.
    fn own(&self, i: usize) -> u32 {
        if PIVOTING {
            self.places.column[i]
        } else {
            i as u32
        }
    }

    /// Spreads a row of the matrix.
    fn load<I: SpIndex>(&mut self, i: usize, cols: &[I], values: &[T]) {
        let row = i as u32;
        self.counts.matrix_nnz += cols.len();
        let value = T::ZERO;
        let own = self.own(i) as usize;
        self.work[own] = Slot { value, row };
        self.left.clear();
        self.right.clear();
        for (col, &value) in cols.iter().zip(values) {
            let col = col.index();
            self.work[col] = Slot { value, row };
            let at = if PIVOTING {
                self.places.position[col]
            } else {
                col as u32
            };
            match at.cmp(&row) {
                Ordering::Less => self.pending.insert(at as usize),
                Ordering::Equal => {}
                Ordering::Greater => self.right.push(col as u32),
            }
        }
    }

    /// Subtracts multiples of finished rows; multipliers below `tau` are left out.
    fn eliminate(&mut self, i: usize, tau: T) {
        let row = i as u32;
        while let Some(k) = self.pending.pop() {
            let col = if PIVOTING {
                self.places.column[k] as usize
            } else {
                k
            };
            let wk = self.work[col].value;
            let value = wk * self.inverse[k];
            let size = value.abs() * self.height[k];
            if size <= tau {
                continue;
            }
            let k32 = k as u32;
            self.left.push(Multiplier {
                k: k32,
                value,
                size,
            });
            let pattern = &self.upper.pattern;
            let range = pattern.indptr[k] as usize..pattern.indptr[k + 1] as usize;
            let (cols, values) = (&pattern.indices[range.clone()], &self.upper.values[range]);
            for (&j, &u) in cols.iter().zip(values) {
                let slot = &mut self.work[j as usize];
                if slot.row == row {
                    slot.value -= wk * u;
                    continue;
                }
                let value = -(wk * u);
                *slot = Slot { value, row };
                let at = if PIVOTING {
                    self.places.position[j as usize]
                } else {
                    j
                };
                if at < row {
                    self.pending.insert(at as usize);
                } else {
                    self.right.push(j);
                }
            }
        }
    }

    /// Exchanges columns if the diagonal entry is too small against another one of the row.
    fn exchange(&mut self, i: usize) {
        let own = self.own(i);
        let size = |c: u32| self.work[c as usize].value.abs();
        let position = &self.places.position;
        let mut top = size(own);
        let mut best = None;
        for (k, &c) in self.right.iter().enumerate() {
            let first = match best {
                // Of equal candidates the one that stands first, whatever the order of the list.
                Some(b) if size(c) == top => {
                    position[c as usize] < position[self.right[b as usize] as usize]
                }
                _ => false,
            };
            if size(c) > top || first {
                top = size(c);
                best = Some(k as u32);
            }
        }
        let tolerance = T::from_f64(self.options.pivot_tolerance);
        let Some(best) = best.filter(|_| top * tolerance > size(own)) else {
            return;
        };
        let chosen = std::mem::replace(&mut self.right[best as usize], own);
        let at = self.places.position[chosen as usize];
        self.places.column.swap(i, at as usize);
        self.places.position[own as usize] = at;
        self.places.position[chosen as usize] = i as u32;
        self.counts.swaps += 1;
    }

    /// Drops small entries of `U`, keeps the largest of what is left, stores the row.
    fn keep(&mut self, i: usize, norm: T, tau: T) -> Result<(), PrecondError> {
        let own = self.own(i) as usize;
        let (pivot, mut replaced) = self.options.pivot.apply(self.work[own].value, norm);
        let mut inverse = T::ONE / pivot;
        let work = &self.work;
        let size = |j: u32| work[j as usize].value.abs();
        // What is not a number stays and is found below.
        self.right
            .retain(|&j| size(j) > tau || !size(j).is_finite());
        let (mut keep_left, mut keep_right) = (Largest::all(), Largest::all());
        let mut joint = false;
        match self.options.fill {
            LuFill::Unlimited => {}
            LuFill::PerRow(p) => {
                if self.left.len() > p {
                    self.sizes.clear();
                    self.sizes.extend(self.left.iter().map(|e| e.size));
                    keep_left = Largest::of(&mut self.sizes, p);
                }
                if self.right.len() > p {
                    self.sizes.clear();
                    self.sizes.extend(self.right.iter().map(|&j| size(j)));
                    keep_right = Largest::of(&mut self.sizes, p);
                }
            }
            LuFill::Total(ratio) => {
                let used = self.lower.values.len() + self.upper.values.len() + i + 1;
                let total = (ratio * self.counts.matrix_nnz as f64) as usize;
                let allowed = total.saturating_sub(used);
                if self.left.len() + self.right.len() > allowed {
                    self.sizes.clear();
                    self.sizes.extend(self.left.iter().map(|e| e.size));
                    self.sizes.extend(self.right.iter().map(|&j| size(j)));
                    keep_left = Largest::of(&mut self.sizes, allowed);
                    joint = true;
                }
            }
        }
        let (left_start, right_start) = (self.lower.values.len(), self.upper.values.len());
        let mut finite = inverse.is_finite() && inverse != T::ZERO;
        for e in self.left.iter().filter(|e| keep_left.keeps(e.size)) {
            self.lower.push(e.k, e.value);
            finite &= e.value.is_finite();
        }
        let keep_right = if joint {
            &mut keep_left
        } else {
            &mut keep_right
        };
        self.right.retain(|&j| keep_right.keeps(size(j)));
        if !PIVOTING {
            self.right.sort_unstable();
        }
        let mut height = pivot.abs();
        for &j in &self.right {
            let scaled = work[j as usize].value * inverse;
            self.upper.push(j, scaled);
            height = larger(height, size(j));
            finite &= scaled.is_finite();
        }
        if !finite {
            self.lower.truncate(left_start);
            self.upper.truncate(right_start);
            (inverse, height, replaced) = (overflown(i, norm)?, norm, true);
        }
        self.counts.replaced += usize::from(replaced);
        let n = self.work.len();
        self.lower.end_row(n)?;
        self.upper.end_row(n)?;
        self.inverse.push(inverse);
        self.height.push(height);
        Ok(())
    }

    fn finish(mut self) -> (IncompleteLu<T>, Counts) {
        if PIVOTING {
            renumber(&mut self.upper, &self.places.position);
        }
        for triangle in [&mut self.lower, &mut self.upper] {
            triangle.pattern.indices.shrink_to_fit();
            triangle.values.shrink_to_fit();
        }
        let factor = IncompleteLu::assemble(
            (Arc::new(self.lower.pattern), self.lower.values),
            (Arc::new(self.upper.pattern), self.upper.values),
            self.inverse,
        );
        let mut frame = Frame::default();
        if self.counts.swaps > 0 {
            frame.cols = self.places.column;
        }
        (factor.framed(frame), self.counts)
    }
}

/// Columns become positions, increasing in each row.
fn renumber<T: Real>(upper: &mut Triangle<T>, position: &[u32]) {
    let mut row: Vec<(u32, T)> = Vec::new();
    for i in 0..upper.pattern.indptr.len() - 1 {
        let range = upper.pattern.range(i);
        let (cols, values) = (
            &mut upper.pattern.indices[range.clone()],
            &mut upper.values[range],
        );
        row.clear();
        row.extend(
            cols.iter()
                .zip(&*values)
                .map(|(&c, &v)| (position[c as usize], v)),
        );
        row.sort_unstable_by_key(|e| e.0);
        for (k, &(col, value)) in row.iter().enumerate() {
            (cols[k], values[k]) = (col, value);
        }
    }
}
