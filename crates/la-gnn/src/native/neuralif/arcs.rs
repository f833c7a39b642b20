//! Forward pass over the arcs.

use super::super::Element;
use super::step::Step;
use crate::neuralif::NODE_WIDTH;

/// Which end of an arc receives the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Node i of entry (i, j) receives; messages are averaged over the row.
    Lower,
    /// Node j receives; messages are summed over the column.
    Upper,
}

/// One block of consecutive rows and what the pass reads.
#[derive(Clone, Copy)]
pub(super) struct ArcsIn<'a, T, const H: usize> {
    pub step: &'a Step<T, H>,
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
    pub row_projection: &'a [[T; H]],
    pub col_projection: &'a [[T; H]],
}

/// Projects node states through the first layer: `rows` for the row's role, `cols` for the column's.
#[inline(always)]
pub(super) fn project<T: Element, const H: usize, const FMA: bool>(
    step: &Step<T, H>,
    direction: Direction,
    nodes: &[[T; NODE_WIDTH]],
    rows: &mut [[T; H]],
    cols: &mut [[T; H]],
) {
    let (of_row, of_col) = match direction {
        Direction::Lower => (&step.receiver, &step.other),
        Direction::Upper => (&step.other, &step.receiver),
    };
    for ((x, r), c) in nodes.iter().zip(rows).zip(cols) {
        let (mut a, mut b) = (step.bias, [T::ZERO; H]);
        for d in 0..NODE_WIDTH {
            for l in 0..H {
                a[l] = of_row[d][l].mul_add_if::<FMA>(x[d], a[l]);
                b[l] = of_col[d][l].mul_add_if::<FMA>(x[d], b[l]);
            }
        }
        *r = a;
        *c = b;
    }
}

/// Applies the nonlinearity to every lane.
#[inline(always)]
pub(super) fn activate<T: Element, const H: usize, const FMA: bool, const RELU: bool>(
    x: [T; H],
) -> [T; H] {
    if RELU {
        x.map(|v| if v < T::ZERO { T::ZERO } else { v })
    } else {
        T::tanh::<FMA, H>(x)
    }
}

/// Sum of the lanes as a tree, so that the compiler may keep them in one register.
#[inline(always)]
pub(super) fn lane_sum<T: Element, const H: usize>(mut x: [T; H]) -> T {
    let mut width = H / 2;
    while width > 0 {
        for l in 0..width {
            x[l] = x[l] + x[l + width];
        }
        width /= 2;
    }
    x[0]
}

/// Hidden lanes of one arc.
#[inline(always)]
pub(super) fn hidden<
    T: Element,
    const H: usize,
    const FMA: bool,
    const RELU: bool,
    const SKIP: bool,
>(
    step: &Step<T, H>,
    row: &[T; H],
    col: &[T; H],
    state: T,
    original: T,
) -> [T; H] {
    let mut x = [T::ZERO; H];
    for l in 0..H {
        x[l] = step.arc[l].mul_add_if::<FMA>(state, row[l] + col[l]);
        if SKIP {
            x[l] = step.skip[l].mul_add_if::<FMA>(original, x[l]);
        }
    }
    activate::<T, H, FMA, RELU>(x)
}

/// New arc states of a block of rows; `aggregate` gets the row means (lower; one per row of the
/// block) or is added the column sums (upper; one per node).
#[inline(always)]
pub(super) fn forward<T: Element, const H: usize, const FMA: bool>(
    input: ArcsIn<'_, T, H>,
    new_state: &mut [T],
    aggregate: &mut [T],
) {
    match (input.relu, input.step.has_skip) {
        (false, false) => forward_as::<T, H, FMA, false, false>(input, new_state, aggregate),
        (false, true) => forward_as::<T, H, FMA, false, true>(input, new_state, aggregate),
        (true, false) => forward_as::<T, H, FMA, true, false>(input, new_state, aggregate),
        (true, true) => forward_as::<T, H, FMA, true, true>(input, new_state, aggregate),
    }
}

#[inline(always)]
fn forward_as<T: Element, const H: usize, const FMA: bool, const RELU: bool, const SKIP: bool>(
    input: ArcsIn<'_, T, H>,
    new_state: &mut [T],
    aggregate: &mut [T],
) {
    let step = input.step;
    let base = input.row_ptr[0];
    for (r, ends) in input.row_ptr.windows(2).enumerate() {
        let range = (ends[0] - base) as usize..(ends[1] - base) as usize;
        let count = range.len();
        let row = &input.row_projection[input.first_row + r];
        let mut sum = T::ZERO;
        let old = input.state[range.clone()]
            .iter()
            .zip(&input.original[range.clone()]);
        for ((new, &j), (&state, &original)) in new_state[range.clone()]
            .iter_mut()
            .zip(&input.col[range])
            .zip(old)
        {
            let j = j as usize;
            let h = hidden::<T, H, FMA, RELU, SKIP>(
                step,
                row,
                &input.col_projection[j],
                state,
                original,
            );
            let mut products = [T::ZERO; H];
            for l in 0..H {
                products[l] = h[l] * step.out[l];
            }
            let e = lane_sum(products) + step.out_bias;
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
