//! Forward pass over the arcs.
#![expect(
    clippy::needless_range_loop,
    reason = "lane loops index several arrays of fixed length alike; iterators hide the formula"
)]

use super::super::Element;
use super::super::simd::{Kernel, LANES, Simd};
use super::step::{Lanes, Step};
use crate::neuralif::NODE_WIDTH;

/// Which end of an arc receives the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Node i of entry (i, j) receives; messages are averaged over the row.
    Lower,
    /// Node j receives; messages are summed over the column.
    Upper,
}

/// Projects node states through the first layer: `rows` for the row's role (bias included), `cols` for
/// the column's.
pub(super) struct Project<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub direction: Direction,
    pub nodes: &'a [[T; NODE_WIDTH]],
    pub rows: &'a mut [Lanes<T, G>],
    pub cols: &'a mut [Lanes<T, G>],
}

impl<T: Element, const G: usize> Kernel<T> for Project<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let (of_row, of_col) = match self.direction {
            Direction::Lower => (&self.step.receiver, &self.step.other),
            Direction::Upper => (&self.step.other, &self.step.receiver),
        };
        for ((x, r), c) in self.nodes.iter().zip(self.rows).zip(self.cols) {
            for g in 0..G {
                let (mut a, mut b) = (simd.load(&self.step.bias[g]), simd.splat(T::ZERO));
                for d in 0..NODE_WIDTH {
                    let x = simd.splat(x[d]);
                    a = simd.mul_add(simd.load(&of_row[d][g]), x, a);
                    b = simd.mul_add(simd.load(&of_col[d][g]), x, b);
                }
                simd.store(a, &mut r[g]);
                simd.store(b, &mut c[g]);
            }
        }
    }
}

/// One block of consecutive rows and what a pass over its arcs reads.
#[derive(Clone, Copy)]
pub(super) struct ArcsIn<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub relu: bool,
    pub direction: Direction,
    /// First row of the block.
    pub first_row: usize,
    /// Row pointers of the block, absolute, one more than its rows.
    pub row_ptr: &'a [u32],
    /// Columns, original entries and arc states of the block.
    pub col: &'a [u32],
    pub original: &'a [T],
    pub state: &'a [T],
    /// Per node: first layer applied to the row's node (bias included) and to the column's node.
    pub row_projection: &'a [Lanes<T, G>],
    pub col_projection: &'a [Lanes<T, G>],
}

/// Loads `G` groups of lanes. A loop, not a closure: closures are not compiled for the kernel's instructions.
#[inline(always)]
pub(super) fn load<T: Element, S: Simd<T>, const G: usize>(
    simd: S,
    x: &Lanes<T, G>,
) -> [S::Lanes; G] {
    let mut lanes = [simd.splat(T::ZERO); G];
    for g in 0..G {
        lanes[g] = simd.load(&x[g]);
    }
    lanes
}

/// Hidden lanes of one arc: `act(row + col + w_e e + w_a a)`.
#[inline(always)]
pub(super) fn hidden<T: Element, S: Simd<T>, const G: usize, const RELU: bool, const SKIP: bool>(
    simd: S,
    step: &Step<T, G>,
    row: &[S::Lanes; G],
    col: &Lanes<T, G>,
    state: T,
    original: T,
) -> [S::Lanes; G] {
    let (state, original) = (simd.splat(state), simd.splat(original));
    let mut h = *row;
    for g in 0..G {
        let mut x = simd.add(row[g], simd.load(&col[g]));
        x = simd.mul_add(simd.load(&step.arc[g]), state, x);
        if SKIP {
            x = simd.mul_add(simd.load(&step.skip[g]), original, x);
        }
        h[g] = if RELU { simd.relu(x) } else { simd.tanh(x) };
    }
    h
}

/// Lanes whose sums are the outputs of `N` arcs of one row, before the bias: `w_out act(...)`, see [`hidden`].
///
/// Several at a time, stage by stage, because one arc is a chain of 25 operations that wait for each other.
#[inline(always)]
fn products<
    T: Element,
    S: Simd<T>,
    const G: usize,
    const N: usize,
    const RELU: bool,
    const SKIP: bool,
>(
    simd: S,
    input: &ArcsIn<'_, T, G>,
    row: &[S::Lanes; G],
    at: usize,
) -> [S::Lanes; N] {
    let step = input.step;
    let (cols, states) = (&input.col[at..at + N], &input.state[at..at + N]);
    let originals = &input.original[at..at + N];
    let mut sums = [simd.splat(T::ZERO); N];
    for g in 0..G {
        let mut x = [row[g]; N];
        for k in 0..N {
            let col = &input.col_projection[cols[k] as usize];
            x[k] = simd.add(x[k], simd.load(&col[g]));
            x[k] = simd.mul_add(simd.load(&step.arc[g]), simd.splat(states[k]), x[k]);
            if SKIP {
                x[k] = simd.mul_add(simd.load(&step.skip[g]), simd.splat(originals[k]), x[k]);
            }
        }
        if RELU {
            for k in 0..N {
                x[k] = simd.relu(x[k]);
            }
        } else {
            x = simd.tanh_each(x);
        }
        for k in 0..N {
            sums[k] = if g == 0 {
                simd.mul(x[k], simd.load(&step.out[g]))
            } else {
                simd.mul_add(x[k], simd.load(&step.out[g]), sums[k])
            };
        }
    }
    sums
}

/// New arc states of a block of rows; `aggregate` gets the row means (lower; one per row of the
/// block) or is added the column sums (upper; one per node).
pub(super) struct Forward<'a, T, const G: usize> {
    pub input: ArcsIn<'a, T, G>,
    pub new_state: &'a mut [T],
    pub aggregate: &'a mut [T],
}

impl<T: Element, const G: usize> Kernel<T> for Forward<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        match (self.input.relu, self.input.step.has_skip) {
            (false, false) => self.run_as::<S, false, false>(simd),
            (false, true) => self.run_as::<S, false, true>(simd),
            (true, false) => self.run_as::<S, true, false>(simd),
            (true, true) => self.run_as::<S, true, true>(simd),
        }
    }
}

impl<T: Element, const G: usize> Forward<'_, T, G> {
    #[inline(always)]
    fn run_as<S: Simd<T>, const RELU: bool, const SKIP: bool>(self, simd: S) {
        let Self {
            input,
            new_state,
            aggregate,
        } = self;
        let step = input.step;
        let bias = simd.splat(step.out_bias);
        let base = input.row_ptr[0];
        for (r, ends) in input.row_ptr.windows(2).enumerate() {
            let (start, end) = ((ends[0] - base) as usize, (ends[1] - base) as usize);
            let row = load(simd, &input.row_projection[input.first_row + r]);
            let (mut at, mut sum, mut total) = (start, T::ZERO, simd.splat(T::ZERO));
            while at + LANES <= end {
                let mut lanes = [simd.splat(T::ZERO); LANES];
                for part in 0..LANES / OVERLAP {
                    let some: [S::Lanes; OVERLAP] = products::<T, S, G, OVERLAP, RELU, SKIP>(
                        simd,
                        &input,
                        &row,
                        at + part * OVERLAP,
                    );
                    for k in 0..OVERLAP {
                        lanes[part * OVERLAP + k] = some[k];
                    }
                }
                let e = simd.add(simd.sum_each(lanes), bias);
                if let Some(new) = new_state[at..].first_chunk_mut::<LANES>() {
                    simd.store(e, new);
                }
                total = simd.add(total, e);
                at += LANES;
            }
            while at < end {
                let [lanes] = products::<T, S, G, 1, RELU, SKIP>(simd, &input, &row, at);
                let e = simd.sum(lanes) + step.out_bias;
                new_state[at] = e;
                sum += e;
                at += 1;
            }
            match input.direction {
                Direction::Lower => {
                    sum += simd.sum(total);
                    aggregate[r] = sum / T::from_f64((end - start) as f64);
                }
                Direction::Upper => {
                    for (e, &j) in new_state[start..end].iter().zip(&input.col[start..end]) {
                        aggregate[j as usize] += *e;
                    }
                }
            }
        }
    }
}

/// Arcs whose chains of operations overlap; more do not fit the sixteen registers.
const OVERLAP: usize = 4;

const _: () = assert!(LANES == NODE_WIDTH, "a node state fills one group of lanes");
