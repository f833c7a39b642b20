//! Multiplicative updates for the divergence of Kullback and Leibler.
//!
//! D. D. Lee, H. S. Seung, *NIPS 13*, 556–562, 2000, Theorem 2: `h_jc ← h_jc · Σ_i w_ic v_ij / q_ij / Σ_i w_ic` with q = W Hᵀ, sums over the known entries.

use super::data::{Data, Entries};
use super::metric::{Piece, TALL, WIDE};
use super::options::Method;
use super::products::Side;
use super::state::{Setting, State};
use super::{NmfWorkspace, Unstored};
use crate::Real;

impl<T: Real> NmfWorkspace<'_, T> {
    /// One outer iteration.
    pub(super) fn iterate_divergence(&mut self) {
        let (setting, data) = (self.setting, self.data);
        let Method::ScalarNewton { sweeps } = self.options.method else {
            self.met = self.both_sides(true);
            return;
        };
        let Self { w, h, newton, .. } = self;
        if let Some(newton) = newton {
            let of_h = newton.update(setting, data, h, &w.factor, sweeps);
            let of_w = newton.update(setting, data, w, &h.factor, sweeps);
            self.met = (of_h + of_w).sqrt();
        }
    }

    /// Norm of the projected gradient of the divergence.
    pub(super) fn divergence_gradient(&mut self) -> f64 {
        self.both_sides(false)
    }

    fn both_sides(&mut self, multiply: bool) -> f64 {
        let (setting, data) = (self.setting, self.data);
        let Self {
            w, h, piece, sums, ..
        } = self;
        let room = (&mut *piece, &mut sums[..]);
        let of_h = projected_gradient(setting, data, h, &w.factor, multiply, room);
        let room = (piece, &mut sums[..]);
        let of_w = projected_gradient(setting, data, w, &h.factor, multiply, room);
        (of_h + of_w).sqrt()
    }
}

/// Squared norm of the projected gradient of one side, where the other is `held`; with `multiply` the factor is updated too. Entries that are not fitted at all are passed
/// over: their gradient is not finite.
fn projected_gradient<T: Real>(
    setting: Setting,
    data: &Data<'_, T>,
    own: &mut State<T>,
    held: &[T],
    multiply: bool,
    (piece, sums): (&mut Piece<T>, &mut [T]),
) -> f64 {
    products(setting, data, own, held, piece);
    let mut square = 0.0;
    rows(setting, data, own, held, sums, |row, products, sums| {
        square += slope(row, products, sums);
        if !multiply {
            return;
        }
        for ((x, &p), &s) in row.iter_mut().zip(products).zip(sums) {
            if s > T::ZERO {
                *x *= p / s;
            }
        }
    });
    square
}

/// The part of a row: the gradient where the factor is positive, its negative part where it is 0.
fn slope<T: Real>(row: &[T], products: &[T], sums: &[T]) -> f64 {
    let mut square = 0.0;
    for ((&x, &p), &s) in row.iter().zip(products).zip(sums) {
        let gradient = (s - p).to_f64();
        if x > T::ZERO || gradient < 0.0 {
            square += gradient * gradient;
        }
    }
    square
}

/// `(V ⊘ W Hᵀ) H` or `(V ⊘ W Hᵀ)ᵀ W`.
fn products<T: Real>(
    setting: Setting,
    data: &Data<'_, T>,
    own: &mut State<T>,
    held: &[T],
    piece: &mut Piece<T>,
) {
    own.products.fill(T::ZERO);
    let (side, stride) = (own.side, setting.stride);
    match &data.entries {
        Entries::Dense { values, .. } => {
            let (w, h) = match side {
                Side::W => (&own.factor[..], held),
                Side::H => (held, &own.factor[..]),
            };
            dense(
                setting,
                data.columns,
                values,
                side,
                w,
                h,
                piece,
                &mut own.products,
            );
        }
        Entries::Sparse { values, .. } => {
            let values = match side {
                Side::W => &values.by_rows,
                Side::H => &values.by_columns,
            };
            let rows = own.factor.chunks_exact(stride);
            for (i, (row, out)) in rows.zip(own.products.chunks_exact_mut(stride)).enumerate() {
                let (indices, values) = values.line(i);
                for (j, &v) in indices.iter().zip(values) {
                    let other = &held[*j as usize * stride..][..stride];
                    let ratio = [ratio(v, setting.kernels.dot(row, other))];
                    setting.kernels.gather(stride, &[*j], &ratio, held, out);
                }
            }
        }
    }
}

/// Zeros of V have the ratio 0, whatever the fit; other entries with a fit of 0 would have none, and their rows cannot get better.
fn ratio<T: Real>(v: T, fit: T) -> T {
    if v > T::ZERO && fit > T::ZERO {
        v / fit
    } else {
        T::ZERO
    }
}

/// `(V ⊘ W Hᵀ) H` or `(V ⊘ W Hᵀ)ᵀ W`, piece by piece. Missing entries stand as zeros.
#[expect(clippy::too_many_arguments, reason = "two factors, two products")]
fn dense<T: Real>(
    setting: Setting,
    n: usize,
    values: &[T],
    side: Side,
    w: &[T],
    h: &[T],
    piece: &mut Piece<T>,
    out: &mut [T],
) {
    let stride = setting.stride;
    for (k, h) in h.chunks(WIDE * stride).enumerate() {
        piece.turn(setting, h);
        let (first, count) = (k * WIDE, h.len() / stride);
        for (l, w) in w.chunks(TALL * stride).enumerate() {
            piece.form(setting, w);
            let rows = w.len() / stride;
            for i in 0..rows {
                // In place, and without the columns that a last piece does not have.
                for j in 0..count {
                    let v = values[(l * TALL + i) * n + first + j];
                    piece.fit[i * count + j] = ratio(v, piece.fit[i * WIDE + j]);
                }
            }
            let ratios = &piece.fit[..rows * count];
            match side {
                Side::W => {
                    let out = &mut out[l * TALL * stride..][..rows * stride];
                    setting.kernels.panel_times(count, stride, ratios, h, out);
                }
                Side::H => {
                    let out = &mut out[first * stride..][..count * stride];
                    setting
                        .kernels
                        .panel_transposed(count, stride, 0, ratios, w, out);
                }
            }
        }
    }
}

/// Calls a function with each row, its products, and the sums of the other factor over the known entries of its line of V.
fn rows<T: Real>(
    setting: Setting,
    data: &Data<'_, T>,
    own: &mut State<T>,
    held: &[T],
    sums: &mut [T],
    mut call: impl FnMut(&mut [T], &[T], &[T]),
) {
    let (side, stride) = (own.side, setting.stride);
    let (all, sums) = sums.split_at_mut(stride);
    total(setting, held, all);
    let lines = own.factor.chunks_exact_mut(stride);
    for (i, (row, products)) in lines.zip(own.products.chunks_exact(stride)).enumerate() {
        known(setting, data, side, i, held, all, sums);
        call(row, products, sums);
    }
}

/// The sums of the columns of a factor.
pub(super) fn total<T: Real>(setting: Setting, factor: &[T], all: &mut [T]) {
    all.fill(T::ZERO);
    for row in factor.chunks_exact(setting.stride) {
        setting.kernels.axpy(T::ONE, row, all);
    }
}

/// The same over the known entries of a line of V.
pub(super) fn known<T: Real>(
    setting: Setting,
    data: &Data<'_, T>,
    side: Side,
    i: usize,
    held: &[T],
    all: &[T],
    sums: &mut [T],
) {
    let Setting {
        kernels, stride, ..
    } = setting;
    match &data.entries {
        Entries::Dense {
            gaps: Some(gaps), ..
        } => {
            let gaps = match side {
                Side::W => &gaps.by_rows,
                Side::H => &gaps.by_columns,
            };
            let gaps = gaps.line(i).0;
            if 2 * gaps.len() <= held.len() / stride {
                sums.copy_from_slice(all);
                for &j in gaps {
                    kernels.axpy(-T::ONE, &held[j as usize * stride..][..stride], sums);
                }
            } else {
                // What is left of a difference of large sums would be rounding.
                sums.fill(T::ZERO);
                let mut gaps = gaps.iter().peekable();
                for (j, row) in held.chunks_exact(stride).enumerate() {
                    if gaps.next_if(|&&gap| gap as usize == j).is_none() {
                        kernels.axpy(T::ONE, row, sums);
                    }
                }
            }
        }
        Entries::Sparse {
            values,
            unstored: Unstored::Missing,
        } => {
            let values = match side {
                Side::W => &values.by_rows,
                Side::H => &values.by_columns,
            };
            sums.fill(T::ZERO);
            for &j in values.line(i).0 {
                kernels.axpy(T::ONE, &held[j as usize * stride..][..stride], sums);
            }
        }
        _ => sums.copy_from_slice(all),
    }
}
