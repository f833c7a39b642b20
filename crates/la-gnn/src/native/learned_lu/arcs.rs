//! The pass over the arcs of one step.
#![expect(
    clippy::needless_range_loop,
    reason = "lane loops index several arrays of fixed length alike; iterators hide the formula"
)]

use super::super::Element;
use super::super::lanes::{Lanes, activate, add_product, load, store};
use super::super::simd::{Kernel, LANES, Simd};
use super::layers::Layers;

/// Projections of the nodes for one step: as receivers, for the rows of the block, and as other ends, for all.
pub(super) struct Ends<'a, T, const G: usize> {
    pub receiver: &'a [Lanes<T, G>],
    pub other: &'a [Lanes<T, G>],
}

impl<'a, T, const G: usize> Ends<'a, T, G> {
    /// Cuts the projections of all nodes to a block of rows.
    pub(super) fn of(all: [&'a [Lanes<T, G>]; 2], block: &(usize, usize)) -> Self {
        Self {
            receiver: &all[0][block.0..block.1],
            other: all[1],
        }
    }
}

/// One block of consecutive rows in one step: hidden states of the arcs, their means over each row, and in the last step
/// the output of every arc.
///
/// `h⁰_ij = σ(r⁰_i + o⁰_j + w a_ij + v p_ij (+ u b_ij))`, then `h_ij ← σ(r_i + o_j + w a_ij + M h_ij)`.
pub(super) struct Arcs<'a, T, const G: usize> {
    pub layers: &'a Layers<T, G>,
    /// Number of the step.
    pub step: usize,
    pub relu: bool,
    /// Keep the states of every step, for a backward pass: `state` then holds those of the previous step, if there is one.
    pub keep: bool,
    /// Row pointers of the block, absolute, one more than its rows; positions of its loops, absolute.
    pub row_ptr: &'a [u32],
    pub diagonal: &'a [u32],
    /// Columns and entries of A of the block, and of ILU(0) or empty.
    pub col: &'a [u32],
    pub value: &'a [T],
    pub base: &'a [T],
    /// Of the first step (used in the first two) and of this one.
    pub first: Ends<'a, T, G>,
    pub ends: Ends<'a, T, G>,
    /// Hidden states of the block, empty where none are kept.
    pub state: &'a mut [Lanes<T, G>],
    pub mean: &'a mut [Lanes<T, G>],
    pub out: &'a mut [T],
}

/// What the arcs of a row have in common.
struct Row<T, L, const G: usize> {
    /// First step: r⁰ with the position code left of, on and right of the diagonal.
    first: [Lanes<T, G>; 3],
    /// Position of the loop in the block.
    diagonal: usize,
    /// This step: r.
    receiver: [L; G],
}

impl<T: Element, const G: usize> Kernel<T> for Arcs<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        // As many arcs at a time as keep their accumulators in registers.
        match G {
            1 => self.run_by::<S, 8>(simd),
            2 => self.run_by::<S, 4>(simd),
            _ => self.run_by::<S, 2>(simd),
        }
    }
}

impl<T: Element, const G: usize> Arcs<'_, T, G> {
    #[inline(always)]
    fn run_by<S: Simd<T>, const N: usize>(self, simd: S) {
        let last = self.step + 1 == self.layers.steps.len();
        // Kept states are read in the second step already.
        let step = if self.keep { 2 * self.step } else { self.step };
        match (step, last) {
            (0, false) => self.run_as::<S, N, 0, false>(simd),
            (0, true) => self.run_as::<S, N, 0, true>(simd),
            (1, false) => self.run_as::<S, N, 1, false>(simd),
            (1, true) => self.run_as::<S, N, 1, true>(simd),
            (_, false) => self.run_as::<S, N, 2, false>(simd),
            (_, true) => self.run_as::<S, N, 2, true>(simd),
        }
    }

    /// `STEP` is 0 where the state is made, 1 where it is made again, 2 where it is read.
    #[inline(always)]
    fn run_as<S: Simd<T>, const N: usize, const STEP: usize, const LAST: bool>(mut self, simd: S) {
        let base = self.row_ptr[0];
        let row_ptr = self.row_ptr;
        for (r, ends) in row_ptr.windows(2).enumerate() {
            let (start, end) = ((ends[0] - base) as usize, (ends[1] - base) as usize);
            let row = self.row::<S, STEP>(simd, r, (self.diagonal[r] - base) as usize);
            let mut total = [simd.splat(T::ZERO); G];
            let mut at = start;
            while at + N <= end {
                let mut arcs = [at; N];
                for k in 0..N {
                    arcs[k] = at + k;
                }
                let h = self.some::<S, N, STEP, LAST>(simd, &row, &arcs);
                for k in 0..N {
                    for g in 0..G {
                        total[g] = simd.add(total[g], h[k][g]);
                    }
                }
                at += N;
            }
            if at < end {
                // The last arc stands in for those that are missing; what it gives again is not counted.
                let mut arcs = [end - 1; N];
                for k in 0..end - at {
                    arcs[k] = at + k;
                }
                let h = self.some::<S, N, STEP, LAST>(simd, &row, &arcs);
                for k in 0..end - at {
                    for g in 0..G {
                        total[g] = simd.add(total[g], h[k][g]);
                    }
                }
            }
            if !LAST {
                let share = simd.splat(T::ONE / T::from_f64((end - start) as f64));
                for g in 0..G {
                    total[g] = simd.mul(total[g], share);
                }
                store(simd, total, &mut self.mean[r]);
            }
        }
    }

    #[inline(always)]
    fn row<S: Simd<T>, const STEP: usize>(
        &self,
        simd: S,
        r: usize,
        diagonal: usize,
    ) -> Row<T, S::Lanes, G> {
        let mut first = [[[T::ZERO; LANES]; G]; 3];
        if STEP < 2 {
            let own = load(simd, &self.first.receiver[r]);
            for (side, code) in [T::ZERO - T::ONE, T::ZERO, T::ONE].into_iter().enumerate() {
                let code = simd.splat(code);
                let mut x = own;
                for g in 0..G {
                    x[g] = simd.mul_add(simd.load(&self.layers.code[g]), code, x[g]);
                }
                store(simd, x, &mut first[side]);
            }
        }
        Row {
            first,
            diagonal,
            receiver: load(simd, &self.ends.receiver[r]),
        }
    }

    /// Hidden states of `N` arcs of one row in this step.
    #[inline(always)]
    fn some<S: Simd<T>, const N: usize, const STEP: usize, const LAST: bool>(
        &mut self,
        simd: S,
        row: &Row<T, S::Lanes, G>,
        arcs: &[usize; N],
    ) -> [[S::Lanes; G]; N] {
        let mut h = [row.receiver; N];
        if STEP < 2 {
            for k in 0..N {
                h[k] = self.first_hidden(simd, row, arcs[k]);
            }
        }
        if STEP > 0 {
            let mut old = [[[T::ZERO; LANES]; G]; N];
            for k in 0..N {
                if STEP == 1 {
                    store(simd, h[k], &mut old[k]);
                } else {
                    old[k] = self.state[arcs[k]];
                }
                let other = &self.ends.other[self.col[arcs[k]] as usize];
                let a = simd.splat(self.value[arcs[k]]);
                let skip = &self.layers.steps[self.step].skip;
                for g in 0..G {
                    let x = simd.add(row.receiver[g], simd.load(&other[g]));
                    h[k][g] = simd.mul_add(simd.load(&skip[g]), a, x);
                }
            }
            add_product(simd, &self.layers.steps[self.step].arc, &old, &mut h);
            for k in 0..N {
                h[k] = activate(simd, self.relu, h[k]);
            }
        }
        if self.keep || (STEP > 0 && !LAST) {
            for k in 0..N {
                store(simd, h[k], &mut self.state[arcs[k]]);
            }
        }
        if LAST {
            for k in 0..N {
                let mut dot = simd.splat(T::ZERO);
                for g in 0..G {
                    dot = simd.mul_add(h[k][g], simd.load(&self.layers.out[g]), dot);
                }
                self.out[arcs[k]] = simd.sum(dot) + self.layers.out_bias;
            }
        }
        h
    }

    /// Hidden state of an arc in the first step.
    #[inline(always)]
    fn first_hidden<S: Simd<T>>(
        &self,
        simd: S,
        row: &Row<T, S::Lanes, G>,
        at: usize,
    ) -> [S::Lanes; G] {
        let side = usize::from(at >= row.diagonal) + usize::from(at > row.diagonal);
        let other = &self.first.other[self.col[at] as usize];
        let a = simd.splat(self.value[at]);
        let mut x = load(simd, &row.first[side]);
        for g in 0..G {
            x[g] = simd.add(x[g], simd.load(&other[g]));
            x[g] = simd.mul_add(simd.load(&self.layers.entry[g]), a, x[g]);
        }
        if !self.base.is_empty() {
            let b = simd.splat(self.base[at]);
            for g in 0..G {
                x[g] = simd.mul_add(simd.load(&self.layers.base[g]), b, x[g]);
            }
        }
        activate(simd, self.relu, x)
    }
}
