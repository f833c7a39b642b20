//! Half-steps of the solver forward with everything kept, and backward.

use super::super::super::Element;
use super::super::super::panel::{Left, Panel, add_product};
use super::network::Entries;
use super::weights::{add, product, transposed};
use crate::training::factormer::INNER_STEPS;

/// What the way back through a half-step needs.
#[derive(Debug, Clone)]
pub(super) struct HalfTape<T> {
    /// `(Wᵀ W + ρ I)⁻¹`, r × r.
    inverse: Panel<T>,
    /// Y and H of each step, n × r.
    steps: Vec<[Panel<T>; 2]>,
    rho: T,
}

impl<T: Element> HalfTape<T> {
    /// The better H.
    pub(super) fn result(&self) -> &Panel<T> {
        &self.steps[INNER_STEPS - 1][1]
    }
}

/// A better H from multipliers that are zero, by the steps that `torch::factormer::half_step` states. `columns` is Vᵀ, n × m.
pub(super) fn half<T: Element>(
    w: &Panel<T>,
    h: &Panel<T>,
    columns: &Panel<T>,
    rho: f64,
) -> HalfTape<T> {
    let inverse = inverse(w, rho);
    let rho = T::from_f64(rho);
    let cross = product(Left::of(columns), h.rows, w);
    let mut dual: Panel<T> = Panel::zeros(h.rows, h.columns);
    let mut steps: Vec<[Panel<T>; 2]> = Vec::with_capacity(INNER_STEPS);
    for k in 0..INNER_STEPS {
        let before = if k == 0 { h } else { &steps[k - 1][1] };
        let mut rhs = cross.clone();
        let both = before.flat().iter().zip(dual.flat());
        for (to, (&h, &u)) in rhs.data.as_flattened_mut().iter_mut().zip(both) {
            *to += rho * (h + u);
        }
        let y = product(Left::of(&rhs), h.rows, &inverse);
        let mut new = y.clone();
        let both = dual.data.as_flattened_mut().iter_mut().zip(y.flat());
        for (h, (u, &y)) in new.data.as_flattened_mut().iter_mut().zip(both) {
            let free = y - *u;
            // NaN stays.
            *h = if free < T::ZERO { T::ZERO } else { free };
            *u += *h - y;
        }
        steps.push([y, new]);
    }
    HalfTape {
        inverse,
        steps,
        rho,
    }
}

/// Backward through [`half`]: adds to the derivative of W and makes that of the old H of that of the new one.
pub(super) fn half_back<T: Element>(
    tape: &HalfTape<T>,
    w: &Panel<T>,
    rows: &Panel<T>,
    mut slope: Panel<T>,
    w_slope: &mut Panel<T>,
) -> Panel<T> {
    let rank = w.columns;
    let mut dual: Panel<T> = Panel::zeros(slope.rows, rank);
    let mut cross: Panel<T> = Panel::zeros(slope.rows, rank);
    let mut gram: Panel<T> = Panel::zeros(rank, rank);
    for [y, h] in tape.steps.iter().rev() {
        // U ← U + H − Y, H ← max(Y − U, 0).
        let mut y_slope: Panel<T> = Panel::zeros(slope.rows, rank);
        let duals = dual.data.as_flattened_mut().iter_mut().zip(h.flat());
        let slopes = slope.flat().iter().zip(y_slope.data.as_flattened_mut());
        for ((u, &h), (&s, y)) in duals.zip(slopes) {
            let free = if h > T::ZERO { s + *u } else { T::ZERO };
            *y = free - *u;
            *u = *u - free;
        }
        let rhs = product(Left::of(&y_slope), slope.rows, &tape.inverse);
        add_product(Left::transpose(y), &rhs, &mut gram);
        add(rhs.flat(), cross.data.as_flattened_mut());
        let through = slope
            .data
            .as_flattened_mut()
            .iter_mut()
            .zip(dual.data.as_flattened_mut());
        for ((s, u), &r) in through.zip(rhs.flat()) {
            *s = tape.rho * r;
            *u += tape.rho * r;
        }
    }
    add_product(Left::of(rows), &cross, w_slope);
    // The Gram matrix is symmetric; its derivative was taken with the other sign.
    let mut both = transposed(&gram);
    add(gram.flat(), both.data.as_flattened_mut());
    for x in both.data.as_flattened_mut() {
        *x = T::ZERO - *x;
    }
    add_product(Left::of(w), &both, w_slope);
    slope
}

/// One iteration: H, then W with the new H.
#[derive(Debug, Clone)]
pub(super) struct IterationTape<T> {
    pub(super) h: HalfTape<T>,
    pub(super) w: HalfTape<T>,
}

pub(super) fn iterate<T: Element>(
    [w, h]: [&Panel<T>; 2],
    v: &Entries<T>,
    rho: f64,
) -> IterationTape<T> {
    let h = half(w, h, &v.columns, rho);
    let w = half(h.result(), w, &v.rows, rho);
    IterationTape { h, w }
}

/// Backward through [`iterate`], from the factors that went in.
pub(super) fn iterate_back<T: Element>(
    tape: &IterationTape<T>,
    w: &Panel<T>,
    v: &Entries<T>,
    [w_slope, mut h_slope]: [Panel<T>; 2],
) -> [Panel<T>; 2] {
    let mut w_slope = half_back(&tape.w, tape.h.result(), &v.columns, w_slope, &mut h_slope);
    let h_slope = half_back(&tape.h, w, &v.rows, h_slope, &mut w_slope);
    [w_slope, h_slope]
}

/// `½ ‖W Hᵀ − V‖²` times a factor; adds its derivatives, times a weight.
pub(super) fn objective<T: Element>(
    [w, h]: [&Panel<T>; 2],
    v: &Entries<T>,
    factor: f64,
    weight: f64,
    slopes: &mut [Panel<T>; 2],
) -> f64 {
    let mut residual = product(Left::of(w), w.rows, &transposed(h));
    let scale = T::from_f64(factor * weight);
    let mut squares = 0.0;
    for i in 0..residual.rows {
        let mut sum = T::ZERO;
        for (r, &v) in residual.row_mut(i).iter_mut().zip(v.rows.row(i)) {
            let apart = *r - v;
            sum += apart * apart;
            *r = apart * scale;
        }
        squares += sum.to_f64();
    }
    add_product(Left::of(&residual), h, &mut slopes[0]);
    add_product(Left::transpose(&residual), w, &mut slopes[1]);
    0.5 * factor * squares
}

/// `(Wᵀ W + ρ I)⁻¹`, in double precision: it is small.
fn inverse<T: Element>(w: &Panel<T>, rho: f64) -> Panel<T> {
    let r = w.columns;
    let gram = product(Left::transpose(w), r, w);
    let mut l = vec![0.0; r * r];
    for i in 0..r {
        for j in 0..=i {
            let mut sum = gram.row(i)[j].to_f64() + if i == j { rho } else { 0.0 };
            for k in 0..j {
                sum -= l[i * r + k] * l[j * r + k];
            }
            l[i * r + j] = if i == j {
                sum.sqrt()
            } else {
                sum / l[j * r + j]
            };
        }
    }
    let mut out = Panel::zeros(r, r);
    let mut x = vec![0.0; r];
    for c in 0..r {
        x.fill(0.0);
        x[c] = 1.0;
        for i in c..r {
            let known: f64 = (c..i).map(|k| l[i * r + k] * x[k]).sum();
            x[i] = (x[i] - known) / l[i * r + i];
        }
        for i in (0..r).rev() {
            let known: f64 = (i + 1..r).map(|k| l[k * r + i] * x[k]).sum();
            x[i] = (x[i] - known) / l[i * r + i];
        }
        for (i, &x) in x.iter().enumerate() {
            out.row_mut(i)[c] = T::from_f64(x);
        }
    }
    out
}
