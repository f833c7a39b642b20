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
        let base = input.row_ptr[0];
        for (r, ends) in input.row_ptr.windows(2).enumerate() {
            let range = (ends[0] - base) as usize..(ends[1] - base) as usize;
            let count = range.len();
            let row = load(simd, &input.row_projection[input.first_row + r]);
            let mut sum = T::ZERO;
            let old = input.state[range.clone()]
                .iter()
                .zip(&input.original[range.clone()]);
            let arcs = new_state[range.clone()]
                .iter_mut()
                .zip(&input.col[range])
                .zip(old);
            for ((new, &j), (&state, &original)) in arcs {
                let j = j as usize;
                let col = &input.col_projection[j];
                let h = hidden::<T, S, G, RELU, SKIP>(simd, step, &row, col, state, original);
                let mut products = simd.mul(h[0], simd.load(&step.out[0]));
                for g in 1..G {
                    products = simd.mul_add(h[g], simd.load(&step.out[g]), products);
                }
                let e = simd.sum(products) + step.out_bias;
                *new = e;
                match input.direction {
                    Direction::Lower => sum += e,
                    Direction::Upper => aggregate[j] += e,
                }
            }
            if input.direction == Direction::Lower {
                aggregate[r] = sum / T::from_f64(count as f64);
            }
        }
    }
}

const _: () = assert!(LANES == NODE_WIDTH, "a node state fills one group of lanes");
