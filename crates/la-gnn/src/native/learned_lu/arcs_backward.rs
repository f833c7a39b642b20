//! Reverse pass over the arcs of one step.
#![expect(
    clippy::needless_range_loop,
    reason = "lane loops index several arrays of fixed length alike; iterators hide the formula"
)]

use super::super::lanes::{Lanes, Square, add_product, load, store};
use super::super::simd::{Kernel, LANES, Simd};
use super::super::{CoatesGraph, Element};
use super::layers::Layers;

/// Rows whose sums are taken in `T` before they are added to the totals.
const ROWS: usize = 16;

/// Reverse of [`super::arcs::Arcs`] over all rows.
///
/// `grad` holds the gradient with respect to the hidden states of this step (nothing in the last one) and becomes the one with respect
/// to those of the step before; `receiver` and `other` are overwritten with the gradients of the projections.
pub(super) struct ArcsBackward<'a, T, const G: usize> {
    pub graph: &'a CoatesGraph<T>,
    pub layers: &'a Layers<T, G>,
    pub step: usize,
    pub relu: bool,
    /// Entries of ILU(0), or empty.
    pub base: &'a [T],
    /// Hidden states of this step and of the one before (empty for the first).
    pub hidden: &'a [Lanes<T, G>],
    pub previous: &'a [Lanes<T, G>],
    /// Last step: gradient with respect to the output. Others: with respect to the row means.
    pub grad_out: &'a [T],
    pub grad_mean: &'a [Lanes<T, G>],
    pub grad: &'a mut [Lanes<T, G>],
    pub receiver: &'a mut [Lanes<T, G>],
    pub other: &'a mut [Lanes<T, G>],
    /// Gradients of the folded parameters, added to.
    pub sums: &'a mut Layers<f64, G>,
}

/// Sums over some arcs.
struct Sums<T, const G: usize> {
    entry: Lanes<T, G>,
    code: Lanes<T, G>,
    base: Lanes<T, G>,
    skip: Lanes<T, G>,
    out: Lanes<T, G>,
    arc: Square<T, G>,
    out_bias: T,
}

impl<T: Element, const G: usize> Sums<T, G> {
    fn zero() -> Self {
        let zero = [[T::ZERO; LANES]; G];
        Self {
            entry: zero,
            code: zero,
            base: zero,
            skip: zero,
            out: zero,
            arc: [[zero; LANES]; G],
            out_bias: T::ZERO,
        }
    }
}

/// Adds `from` to `to`.
pub(super) fn add<T: Element>(from: &[[T; LANES]], to: &mut [[f64; LANES]]) {
    for (f, t) in from.as_flattened().iter().zip(to.as_flattened_mut()) {
        *t += f.to_f64();
    }
}

impl<T: Element, const G: usize> Kernel<T> for ArcsBackward<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        match G {
            1 => self.run_by::<S, 8>(simd),
            2 => self.run_by::<S, 4>(simd),
            _ => self.run_by::<S, 2>(simd),
        }
    }
}

impl<T: Element, const G: usize> ArcsBackward<'_, T, G> {
    #[inline(always)]
    fn run_by<S: Simd<T>, const N: usize>(self, simd: S) {
        let last = self.step + 1 == self.layers.steps.len();
        match (self.step > 0, last) {
            (false, false) => self.run_as::<S, N, false, false>(simd),
            (false, true) => self.run_as::<S, N, false, true>(simd),
            (true, false) => self.run_as::<S, N, true, false>(simd),
            (true, true) => self.run_as::<S, N, true, true>(simd),
        }
    }

    #[inline(always)]
    fn run_as<S: Simd<T>, const N: usize, const INNER: bool, const LAST: bool>(mut self, simd: S) {
        self.other.fill([[T::ZERO; LANES]; G]);
        let mut sums = Sums::zero();
        let n = self.graph.num_nodes();
        for i in 0..n {
            let (start, end) = (
                self.graph.row_ptr[i] as usize,
                self.graph.row_ptr[i + 1] as usize,
            );
            let mut mean = [simd.splat(T::ZERO); G];
            if !LAST {
                let share = simd.splat(T::ONE / T::from_f64((end - start) as f64));
                mean = load(simd, &self.grad_mean[i]);
                for g in 0..G {
                    mean[g] = simd.mul(mean[g], share);
                }
            }
            let mut total = [simd.splat(T::ZERO); G];
            let mut at = start;
            while at < end {
                let count = N.min(end - at);
                let delta = self.some::<S, N, INNER, LAST>(simd, i, at, count, &mean, &mut sums);
                for k in 0..N {
                    for g in 0..G {
                        total[g] = simd.add(total[g], delta[k][g]);
                    }
                }
                at += count;
            }
            store(simd, total, &mut self.receiver[i]);
            if (i + 1) % ROWS == 0 || i + 1 == n {
                self.flush::<INNER>(&mut sums);
            }
        }
    }

    /// `count` arcs of row i from `at` on: gradients with respect to what is activated, zero from `count` on.
    #[inline(always)]
    fn some<S: Simd<T>, const N: usize, const INNER: bool, const LAST: bool>(
        &mut self,
        simd: S,
        i: usize,
        at: usize,
        count: usize,
        mean: &[S::Lanes; G],
        sums: &mut Sums<T, G>,
    ) -> [[S::Lanes; G]; N] {
        let graph = self.graph;
        let zero = [simd.splat(T::ZERO); G];
        let mut delta = [zero; N];
        let mut deltas = [[[T::ZERO; LANES]; G]; N];
        let mut inputs = [[[T::ZERO; LANES]; G]; N];
        let mut out = load(simd, &sums.out);
        let (mut skip, mut entry) = (load(simd, &sums.skip), load(simd, &sums.entry));
        for k in 0..count {
            let arc = at + k;
            let h = load(simd, &self.hidden[arc]);
            let mut d = *mean;
            if LAST {
                let g_out = simd.splat(self.grad_out[arc]);
                sums.out_bias += self.grad_out[arc];
                for g in 0..G {
                    out[g] = simd.mul_add(h[g], g_out, out[g]);
                    d[g] = simd.mul(simd.load(&self.layers.out[g]), g_out);
                }
            } else {
                for g in 0..G {
                    d[g] = simd.add(d[g], simd.load(&self.grad[arc][g]));
                }
            }
            for g in 0..G {
                let slope = if self.relu {
                    simd.relu_slope(h[g])
                } else {
                    simd.tanh_slope(h[g])
                };
                d[g] = simd.mul(d[g], slope);
            }
            let other = &mut self.other[graph.col[arc] as usize];
            let a = simd.splat(graph.value[arc]);
            for g in 0..G {
                let sum = simd.add(simd.load(&other[g]), d[g]);
                simd.store(sum, &mut other[g]);
                if INNER {
                    skip[g] = simd.mul_add(d[g], a, skip[g]);
                } else {
                    entry[g] = simd.mul_add(d[g], a, entry[g]);
                }
            }
            if INNER {
                inputs[k] = self.previous[arc];
            } else {
                self.first(simd, i, arc, &d, sums);
            }
            store(simd, d, &mut deltas[k]);
            delta[k] = d;
        }
        store(simd, out, &mut sums.out);
        store(simd, skip, &mut sums.skip);
        store(simd, entry, &mut sums.entry);
        if INNER {
            // dM += δ hᵀ, a column for every component of h.
            for group in 0..G {
                for lane in 0..LANES {
                    let column = &mut sums.arc[group][lane];
                    let mut acc = load(simd, column);
                    for k in 0..N {
                        let x = simd.splat(inputs[k][group][lane]);
                        for g in 0..G {
                            acc[g] = simd.mul_add(delta[k][g], x, acc[g]);
                        }
                    }
                    store(simd, acc, column);
                }
            }
            let mut back = [zero; N];
            let transposed = &self.layers.steps[self.step].arc_transposed;
            add_product(simd, transposed, &deltas, &mut back);
            for k in 0..count {
                store(simd, back[k], &mut self.grad[at + k]);
            }
        }
        delta
    }

    /// What only the first step has.
    #[inline(always)]
    fn first<S: Simd<T>>(
        &self,
        simd: S,
        i: usize,
        arc: usize,
        d: &[S::Lanes; G],
        sums: &mut Sums<T, G>,
    ) {
        let loops = self.graph.diagonal[i] as usize;
        let code = match arc.cmp(&loops) {
            std::cmp::Ordering::Less => T::ZERO - T::ONE,
            std::cmp::Ordering::Equal => T::ZERO,
            std::cmp::Ordering::Greater => T::ONE,
        };
        let code = simd.splat(code);
        for g in 0..G {
            let sum = simd.mul_add(d[g], code, simd.load(&sums.code[g]));
            simd.store(sum, &mut sums.code[g]);
        }
        if !self.base.is_empty() {
            let b = simd.splat(self.base[arc]);
            for g in 0..G {
                let sum = simd.mul_add(d[g], b, simd.load(&sums.base[g]));
                simd.store(sum, &mut sums.base[g]);
            }
        }
    }

    fn flush<const INNER: bool>(&mut self, sums: &mut Sums<T, G>) {
        let total = &mut *self.sums;
        let step = &mut total.steps[self.step];
        add(&sums.out, &mut total.out);
        total.out_bias += sums.out_bias.to_f64();
        if INNER {
            add(&sums.skip, &mut step.skip);
            add(
                sums.arc.as_flattened().as_flattened(),
                step.arc.as_flattened_mut().as_flattened_mut(),
            );
        } else {
            add(&sums.entry, &mut total.entry);
            add(&sums.code, &mut total.code);
            add(&sums.base, &mut total.base);
        }
        *sums = Sums::zero();
    }
}
