//! The pass over the arcs of one step.
#![expect(
    clippy::needless_range_loop,
    reason = "lane loops index several arrays of fixed length alike; iterators hide the formula"
)]

use super::super::Element;
use super::super::lanes::{Lanes, activate, add_product, load, store};
use super::super::simd::{Kernel, LANES, Simd};
use super::layers::{Layers, Step};

/// One block of consecutive rows in one step: `h_ij ← σ(r_i + o_j + M h_ij)`, the mean over each row, and in the last step the
/// decoded scalar of every arc.
pub(super) struct Arcs<'a, T, const G: usize> {
    pub layers: &'a Layers<T, G>,
    pub step: &'a Step<T, G>,
    pub relu: bool,
    /// The first step encodes the entries of A itself; the last one decodes.
    pub first: bool,
    pub last: bool,
    /// Row pointers of the block, absolute, one more than its rows.
    pub row_ptr: &'a [u32],
    /// Positions of the loops of the block, absolute; empty where arcs have no position code.
    pub diagonal: &'a [u32],
    /// Columns and entries of A of the block.
    pub col: &'a [u32],
    pub value: &'a [T],
    /// r of the rows of the block, o of all nodes.
    pub receiver: &'a [Lanes<T, G>],
    pub other: &'a [Lanes<T, G>],
    /// Hidden states of the block (empty in a network of one step), row means, decoded arcs (last step only).
    pub state: &'a mut [Lanes<T, G>],
    pub mean: &'a mut [Lanes<T, G>],
    pub decoded: &'a mut [T],
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
    fn run_by<S: Simd<T>, const N: usize>(mut self, simd: S) {
        let base = self.row_ptr[0];
        let row_ptr = self.row_ptr;
        for (r, ends) in row_ptr.windows(2).enumerate() {
            let (start, end) = ((ends[0] - base) as usize, (ends[1] - base) as usize);
            let row = load(simd, &self.receiver[r]);
            let diagonal = self.diagonal.get(r).map(|d| (d - base) as usize);
            let mut total = [simd.splat(T::ZERO); G];
            let mut at = start;
            while at + N <= end {
                self.some::<S, N>(simd, &row, diagonal, at, &mut total);
                at += N;
            }
            while at < end {
                self.some::<S, 1>(simd, &row, diagonal, at, &mut total);
                at += 1;
            }
            if !self.last {
                let share = simd.splat(T::ONE / T::from_f64((end - start) as f64));
                store(simd, total.map(|t| simd.mul(t, share)), &mut self.mean[r]);
            }
        }
    }

    /// Arcs `at .. at + N`.
    #[inline(always)]
    fn some<S: Simd<T>, const N: usize>(
        &mut self,
        simd: S,
        row: &[S::Lanes; G],
        diagonal: Option<usize>,
        at: usize,
        total: &mut [S::Lanes; G],
    ) {
        let mut h = [[[T::ZERO; LANES]; G]; N];
        let mut acc = [*row; N];
        for k in 0..N {
            let other = &self.other[self.col[at + k] as usize];
            for g in 0..G {
                acc[k][g] = simd.add(acc[k][g], simd.load(&other[g]));
            }
            if self.first {
                // σ(w a_ij + v p_ij + b)
                let a = simd.splat(self.value[at + k]);
                let side =
                    diagonal.map_or(1, |d| usize::from(at + k >= d) + usize::from(at + k > d));
                let mut pre = load(simd, &self.layers.arc_bias[side]);
                for g in 0..G {
                    pre[g] = simd.mul_add(simd.load(&self.layers.arc_in[g]), a, pre[g]);
                }
                store(simd, activate(simd, self.relu, pre), &mut h[k]);
            } else {
                h[k] = self.state[at + k];
            }
        }
        add_product(simd, &self.step.arc, &h, &mut acc);
        for k in 0..N {
            acc[k] = activate(simd, self.relu, acc[k]);
            for g in 0..G {
                total[g] = simd.add(total[g], acc[k][g]);
            }
            let to = if self.last {
                &mut h[k]
            } else {
                &mut self.state[at + k]
            };
            store(simd, acc[k], to);
        }
        if self.last {
            let mut acc = [load(simd, &self.layers.decoder_bias); N];
            add_product(simd, &self.layers.decoder, &h, &mut acc);
            for k in 0..N {
                let t = activate(simd, self.relu, acc[k]);
                let mut dot = simd.splat(T::ZERO);
                for g in 0..G {
                    dot = simd.mul_add(t[g], simd.load(&self.layers.decoder_out[g]), dot);
                }
                self.decoded[at + k] = simd.sum(dot) + self.layers.decoder_out_bias;
            }
        }
    }
}
