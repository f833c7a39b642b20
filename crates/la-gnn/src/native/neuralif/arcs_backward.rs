//! Reverse pass over the arcs.

use super::super::Element;
use super::super::simd::{Kernel, LANES, Simd};
use super::arcs::{ArcsIn, Direction, hidden, load};
use super::step::{ARC_INPUT, Lanes, Step};
use crate::neuralif::NODE_WIDTH;

/// Reverse of the forward pass over all rows.
///
/// `grad_state` holds the gradient with respect to the new arc states and becomes the one with
/// respect to the old; `grad_aggregate` is that of the row means or column sums; `grad_rows`,
/// `grad_cols` are overwritten with the gradients of the two projections. Parameter gradients of the
/// arc perceptron's state, skip and output columns are added.
pub(super) struct Backward<'a, T, const G: usize> {
    pub input: ArcsIn<'a, T, G>,
    pub grad_aggregate: &'a [T],
    pub grad_state: &'a mut [T],
    pub grad_rows: &'a mut [Lanes<T, G>],
    pub grad_cols: &'a mut [Lanes<T, G>],
    pub gradient: &'a mut [f64],
}

/// Sums over all arcs that the parameter gradients need.
struct Sums<const G: usize> {
    arc: Lanes<f64, G>,
    skip: Lanes<f64, G>,
    out: Lanes<f64, G>,
    out_bias: f64,
}

impl<T: Element, const G: usize> Kernel<T> for Backward<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(mut self, simd: S) {
        let has_skip = self.input.step.has_skip;
        let sums = match (self.input.relu, has_skip) {
            (false, false) => self.run_as::<S, false, false>(simd),
            (false, true) => self.run_as::<S, false, true>(simd),
            (true, false) => self.run_as::<S, true, false>(simd),
            (true, true) => self.run_as::<S, true, true>(simd),
        };
        let place = &self.input.step.place;
        for lane in 0..place.hidden {
            let (g, l) = (lane / LANES, lane % LANES);
            self.gradient[place.arc_lin1(lane, ARC_INPUT)] += sums.arc[g][l];
            if has_skip {
                self.gradient[place.arc_lin1(lane, ARC_INPUT + 1)] += sums.skip[g][l];
            }
            self.gradient[place.arc_out(lane)] += sums.out[g][l];
        }
        self.gradient[place.arc_out_bias()] += sums.out_bias;
    }
}

impl<T: Element, const G: usize> Backward<'_, T, G> {
    #[inline(always)]
    fn run_as<S: Simd<T>, const RELU: bool, const SKIP: bool>(&mut self, simd: S) -> Sums<G> {
        let input = self.input;
        let step = input.step;
        let lower = input.direction == Direction::Lower;
        let zero = [simd.splat(T::ZERO); G];
        let mut total = Sums {
            arc: [[0.0; LANES]; G],
            skip: [[0.0; LANES]; G],
            out: [[0.0; LANES]; G],
            out_bias: 0.0,
        };
        self.grad_cols.fill([[T::ZERO; LANES]; G]);
        for (i, ends) in input.row_ptr.windows(2).enumerate() {
            let range = ends[0] as usize..ends[1] as usize;
            let row = load(simd, &input.row_projection[i]);
            let of_mean = if lower {
                self.grad_aggregate[i] / T::from_f64(range.len() as f64)
            } else {
                T::ZERO
            };
            // Row sums in T, totals in f64: rows are short, the matrix is long.
            let (mut s_row, mut s_arc, mut s_skip, mut s_out) = (zero, zero, zero, zero);
            let mut s_bias = T::ZERO;
            let old = input.state[range.clone()]
                .iter()
                .zip(&input.original[range.clone()]);
            let arcs = self.grad_state[range.clone()]
                .iter_mut()
                .zip(&input.col[range])
                .zip(old);
            for ((g_state, &j), (&state, &original)) in arcs {
                let j = j as usize;
                let col = &input.col_projection[j];
                let h = hidden::<T, S, G, RELU, SKIP>(simd, step, &row, col, state, original);
                let g_new = *g_state
                    + if lower {
                        of_mean
                    } else {
                        self.grad_aggregate[j]
                    };
                s_bias += g_new;
                let (g_lanes, e_lanes, a_lanes) =
                    (simd.splat(g_new), simd.splat(state), simd.splat(original));
                let grad_col = &mut self.grad_cols[j];
                let mut back = simd.splat(T::ZERO);
                for g in 0..G {
                    s_out[g] = simd.mul_add(h[g], g_lanes, s_out[g]);
                    let slope = if RELU {
                        simd.relu_slope(h[g])
                    } else {
                        simd.tanh_slope(h[g])
                    };
                    let d = simd.mul(simd.mul(g_lanes, simd.load(&step.out[g])), slope);
                    s_row[g] = simd.add(s_row[g], d);
                    let sum = simd.add(simd.load(&grad_col[g]), d);
                    simd.store(sum, &mut grad_col[g]);
                    s_arc[g] = simd.mul_add(d, e_lanes, s_arc[g]);
                    if SKIP {
                        s_skip[g] = simd.mul_add(d, a_lanes, s_skip[g]);
                    }
                    back = simd.mul_add(d, simd.load(&step.arc[g]), back);
                }
                *g_state = simd.sum(back);
            }
            for g in 0..G {
                simd.store(s_row[g], &mut self.grad_rows[i][g]);
                add_lanes(simd, s_arc[g], &mut total.arc[g]);
                add_lanes(simd, s_skip[g], &mut total.skip[g]);
                add_lanes(simd, s_out[g], &mut total.out[g]);
            }
            total.out_bias += s_bias.to_f64();
        }
        total
    }
}

#[inline(always)]
fn add_lanes<T: Element, S: Simd<T>>(simd: S, lanes: S::Lanes, total: &mut [f64; LANES]) {
    let mut x = [T::ZERO; LANES];
    simd.store(lanes, &mut x);
    for l in 0..LANES {
        total[l] += x[l].to_f64();
    }
}

/// Reverse of [`super::arcs::Project`]: adds to the node gradients and to the parameter gradients.
pub(super) struct ProjectBackward<'a, T, const G: usize> {
    pub step: &'a Step<T, G>,
    pub direction: Direction,
    pub nodes: &'a [[T; NODE_WIDTH]],
    pub grad_rows: &'a [Lanes<T, G>],
    pub grad_cols: &'a [Lanes<T, G>],
    pub grad_nodes: &'a mut [[T; NODE_WIDTH]],
    pub gradient: &'a mut [f64],
}

impl<T: Element, const G: usize> Kernel<T> for ProjectBackward<'_, T, G> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let step = self.step;
        let (of_row, of_col, row_input, col_input) = match self.direction {
            Direction::Lower => (&step.receiver, &step.other, 0, NODE_WIDTH),
            Direction::Upper => (&step.other, &step.receiver, NODE_WIDTH, 0),
        };
        let mut d_row = [[[0.0f64; LANES]; G]; NODE_WIDTH];
        let mut d_col = [[[0.0f64; LANES]; G]; NODE_WIDTH];
        let mut d_bias = [[0.0f64; LANES]; G];
        let sides = self
            .grad_rows
            .iter()
            .zip(self.grad_cols)
            .zip(self.grad_nodes);
        for (x, ((r, c), grad)) in self.nodes.iter().zip(sides) {
            for d in 0..NODE_WIDTH {
                let mut back = simd.splat(T::ZERO);
                for g in 0..G {
                    back = simd.mul_add(simd.load(&of_row[d][g]), simd.load(&r[g]), back);
                    back = simd.mul_add(simd.load(&of_col[d][g]), simd.load(&c[g]), back);
                    for l in 0..LANES {
                        d_row[d][g][l] += r[g][l].to_f64() * x[d].to_f64();
                        d_col[d][g][l] += c[g][l].to_f64() * x[d].to_f64();
                    }
                }
                grad[d] += simd.sum(back);
            }
            for g in 0..G {
                for l in 0..LANES {
                    d_bias[g][l] += r[g][l].to_f64();
                }
            }
        }
        let place = &step.place;
        for lane in 0..place.hidden {
            let (g, l) = (lane / LANES, lane % LANES);
            for d in 0..NODE_WIDTH {
                self.gradient[place.arc_lin1(lane, row_input + d)] += d_row[d][g][l];
                self.gradient[place.arc_lin1(lane, col_input + d)] += d_col[d][g][l];
            }
            self.gradient[place.arc_bias(lane)] += d_bias[g][l];
        }
    }
}
