//! Reverse pass over the arcs.

use super::super::Element;
use super::arcs::{ArcsIn, Direction, hidden, lane_sum};
use super::nodes::slope;
use super::step::{ARC_INPUT, Step};
use crate::neuralif::NODE_WIDTH;

/// Sums over all arcs that the parameter gradients need.
#[derive(Debug, Clone)]
struct Sums<const H: usize> {
    arc: [f64; H],
    skip: [f64; H],
    out: [f64; H],
    out_bias: f64,
}

/// Reverse of the forward pass over all rows.
///
/// `grad_state` holds the gradient with respect to the new arc states and becomes the one with
/// respect to the old; `grad_aggregate` is that of the row means or column sums; `grad_rows`,
/// `grad_cols` are overwritten with the gradients of the two projections. Parameter gradients of the
/// arc perceptron's state, skip and output columns are added.
#[inline(always)]
pub(super) fn backward<T: Element, const H: usize, const FMA: bool>(
    input: ArcsIn<'_, T, H>,
    grad_aggregate: &[T],
    grad_state: &mut [T],
    grad_rows: &mut [[T; H]],
    grad_cols: &mut [[T; H]],
    gradient: &mut [f64],
) {
    let sums = match (input.relu, input.step.has_skip) {
        (false, false) => {
            run::<T, H, FMA, false, false>(input, grad_aggregate, grad_state, grad_rows, grad_cols)
        }
        (false, true) => {
            run::<T, H, FMA, false, true>(input, grad_aggregate, grad_state, grad_rows, grad_cols)
        }
        (true, false) => {
            run::<T, H, FMA, true, false>(input, grad_aggregate, grad_state, grad_rows, grad_cols)
        }
        (true, true) => {
            run::<T, H, FMA, true, true>(input, grad_aggregate, grad_state, grad_rows, grad_cols)
        }
    };
    let place = &input.step.place;
    for l in 0..place.hidden {
        gradient[place.arc_lin1(l, ARC_INPUT)] += sums.arc[l];
        if input.step.has_skip {
            gradient[place.arc_lin1(l, ARC_INPUT + 1)] += sums.skip[l];
        }
        gradient[place.arc_out(l)] += sums.out[l];
    }
    gradient[place.arc_out_bias()] += sums.out_bias;
}

#[inline(always)]
fn run<T: Element, const H: usize, const FMA: bool, const RELU: bool, const SKIP: bool>(
    input: ArcsIn<'_, T, H>,
    grad_aggregate: &[T],
    grad_state: &mut [T],
    grad_rows: &mut [[T; H]],
    grad_cols: &mut [[T; H]],
) -> Sums<H> {
    let step = input.step;
    let lower = input.direction == Direction::Lower;
    let mut total = Sums {
        arc: [0.0; H],
        skip: [0.0; H],
        out: [0.0; H],
        out_bias: 0.0,
    };
    grad_cols.fill([T::ZERO; H]);
    for (i, ends) in input.row_ptr.windows(2).enumerate() {
        let range = ends[0] as usize..ends[1] as usize;
        let row = &input.row_projection[i];
        let of_mean = if lower {
            grad_aggregate[i] / T::from_f64(range.len() as f64)
        } else {
            T::ZERO
        };
        // Row sums in T, totals in f64: rows are short, the matrix is long.
        let (mut s_row, mut s_arc, mut s_skip, mut s_out) =
            ([T::ZERO; H], [T::ZERO; H], [T::ZERO; H], [T::ZERO; H]);
        let mut s_bias = T::ZERO;
        let old = input.state[range.clone()]
            .iter()
            .zip(&input.original[range.clone()]);
        for ((g_state, &j), (&state, &original)) in grad_state[range.clone()]
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
            let g = *g_state + if lower { of_mean } else { grad_aggregate[j] };
            s_bias += g;
            let col = &mut grad_cols[j];
            let mut back = [T::ZERO; H];
            for l in 0..H {
                s_out[l] = h[l].mul_add_if::<FMA>(g, s_out[l]);
                let d = g * step.out[l] * slope::<T, RELU>(h[l]);
                s_row[l] += d;
                col[l] += d;
                s_arc[l] = d.mul_add_if::<FMA>(state, s_arc[l]);
                if SKIP {
                    s_skip[l] = d.mul_add_if::<FMA>(original, s_skip[l]);
                }
                back[l] = d * step.arc[l];
            }
            *g_state = lane_sum(back);
        }
        grad_rows[i] = s_row;
        for l in 0..H {
            total.arc[l] += s_arc[l].to_f64();
            total.skip[l] += s_skip[l].to_f64();
            total.out[l] += s_out[l].to_f64();
        }
        total.out_bias += s_bias.to_f64();
    }
    total
}

/// Reverse of the projection: adds to the node gradients and to the parameter gradients.
#[inline(always)]
pub(super) fn project_backward<T: Element, const H: usize, const FMA: bool>(
    step: &Step<T, H>,
    direction: Direction,
    nodes: &[[T; NODE_WIDTH]],
    grad_rows: &[[T; H]],
    grad_cols: &[[T; H]],
    grad_nodes: &mut [[T; NODE_WIDTH]],
    gradient: &mut [f64],
) {
    let (of_row, of_col, row_input, col_input) = match direction {
        Direction::Lower => (&step.receiver, &step.other, 0, NODE_WIDTH),
        Direction::Upper => (&step.other, &step.receiver, NODE_WIDTH, 0),
    };
    let mut d_row = [[0.0f64; H]; NODE_WIDTH];
    let mut d_col = [[0.0f64; H]; NODE_WIDTH];
    let mut d_bias = [0.0f64; H];
    for (((x, r), c), g) in nodes.iter().zip(grad_rows).zip(grad_cols).zip(grad_nodes) {
        for d in 0..NODE_WIDTH {
            let mut back = [T::ZERO; H];
            for l in 0..H {
                d_row[d][l] += r[l].to_f64() * x[d].to_f64();
                d_col[d][l] += c[l].to_f64() * x[d].to_f64();
                back[l] = of_row[d][l].mul_add_if::<FMA>(r[l], of_col[d][l] * c[l]);
            }
            g[d] += lane_sum(back);
        }
        for l in 0..H {
            d_bias[l] += r[l].to_f64();
        }
    }
    let place = &step.place;
    for l in 0..place.hidden {
        for d in 0..NODE_WIDTH {
            gradient[place.arc_lin1(l, row_input + d)] += d_row[d][l];
            gradient[place.arc_lin1(l, col_input + d)] += d_col[d][l];
        }
        gradient[place.arc_bias(l)] += d_bias[l];
    }
}
