//! Losses, entry by entry.

use std::ops::Range;

use super::compressed::Compressed;
use super::data::{Data, Entries};
use super::state::Setting;
use super::{Loss, Unstored};
use crate::Real;

/// Rows and columns of the piece of `W Hᵀ` that is looked at together.
pub(super) const TALL: usize = 32;
pub(super) const WIDE: usize = 256;

/// Room for a piece of `W Hᵀ`.
#[derive(Debug, Clone)]
pub(super) struct Piece<T> {
    /// Some rows of H, transposed.
    turned: Vec<T>,
    pub(super) fit: Vec<T>,
}

impl<T: Real> Piece<T> {
    pub(super) fn new(setting: Setting) -> Self {
        Self {
            turned: vec![T::ZERO; setting.stride * WIDE],
            fit: vec![T::ZERO; TALL * WIDE],
        }
    }

    /// Transposes up to [`WIDE`] rows of H.
    pub(super) fn turn(&mut self, setting: Setting, h: &[T]) {
        for (j, row) in h.chunks_exact(setting.stride).enumerate() {
            for (k, &x) in row.iter().enumerate() {
                self.turned[k * WIDE + j] = x;
            }
        }
    }

    /// Forms `W Hᵀ` for up to [`TALL`] rows of W, in rows of [`WIDE`] numbers.
    pub(super) fn form(&mut self, setting: Setting, w: &[T]) {
        let rows = w.len() / setting.stride;
        let fit = &mut self.fit[..rows * WIDE];
        fit.fill(T::ZERO);
        setting
            .kernels
            .panel_times(setting.stride, WIDE, w, &self.turned, fit);
    }
}

/// The part of a loss at one entry; in a sum over entries.
fn part(loss: Loss, v: f64, q: f64) -> f64 {
    match loss {
        Loss::Frobenius => 0.5 * (v - q) * (v - q),
        Loss::KullbackLeibler if v > 0.0 => v * (v / q).ln() - v + q,
        Loss::KullbackLeibler => q,
    }
}

impl<T: Real> Data<'_, T> {
    /// The loss over the known entries, without cancellation.
    pub(super) fn loss(
        &self,
        setting: Setting,
        loss: Loss,
        w: &[T],
        h: &[T],
        piece: &mut Piece<T>,
    ) -> f64 {
        match &self.entries {
            Entries::Dense { values, gaps } => self.sum_over(setting, w, h, piece, |i, j, fit| {
                let row = &values[i * self.columns + j..][..fit.len()];
                let sum = |range: Range<usize>| -> f64 {
                    let terms = row[range.clone()].iter().zip(&fit[range]);
                    terms.map(|(v, q)| part(loss, v.to_f64(), q.to_f64())).sum()
                };
                let Some(gaps) = gaps else {
                    return sum(0..fit.len());
                };
                let (gaps, _) = gaps.by_rows.window(i, j, fit.len());
                between(gaps, j, fit.len(), sum)
            }),
            Entries::Sparse { values, unstored } => {
                if *unstored == Unstored::Zero && loss == Loss::Frobenius {
                    let square = gram_square(setting, self.square, &values.by_rows, w, h);
                    if square >= T::EPSILON.to_f64().sqrt() * self.square {
                        return 0.5 * square;
                    }
                    return self.sum_over(setting, w, h, piece, |i, j, fit| {
                        let (indices, values) = values.by_rows.window(i, j, fit.len());
                        let stored = indices
                            .iter()
                            .zip(values)
                            .map(|(&k, v)| part(loss, v.to_f64(), fit[k as usize - j].to_f64()));
                        let zeros = |range: Range<usize>| -> f64 {
                            fit[range].iter().map(|q| part(loss, 0.0, q.to_f64())).sum()
                        };
                        stored.sum::<f64>() + between(indices, j, fit.len(), zeros)
                    });
                }
                let (mut sum, mut fit) = (0.0, 0.0);
                for i in 0..self.rows {
                    let (indices, values) = values.by_rows.line(i);
                    for (&j, v) in indices.iter().zip(values) {
                        let q = fitted(setting, w, h, i, j as usize);
                        sum += part(loss, v.to_f64(), q);
                        fit += q;
                    }
                }
                if *unstored == Unstored::Zero {
                    // The divergence at a zero is the fit.
                    let stride = setting.stride;
                    let total = |factor: &[T], k: usize| -> f64 {
                        let column = factor.iter().skip(k).step_by(stride);
                        column.map(|x| x.to_f64()).sum()
                    };
                    let all: f64 = (0..setting.rank).map(|k| total(w, k) * total(h, k)).sum();
                    sum += (all - fit).max(0.0);
                }
                sum
            }
        }
    }

    /// Sums a function of row, first column and fit over pieces of rows of `W Hᵀ`.
    fn sum_over(
        &self,
        setting: Setting,
        w: &[T],
        h: &[T],
        piece: &mut Piece<T>,
        mut call: impl FnMut(usize, usize, &[T]) -> f64,
    ) -> f64 {
        let stride = setting.stride;
        let mut sum = 0.0;
        for (k, h) in h.chunks(WIDE * stride).enumerate() {
            piece.turn(setting, h);
            let count = h.len() / stride;
            for (l, w) in w.chunks(TALL * stride).enumerate() {
                piece.form(setting, w);
                let rows = piece.fit.chunks_exact(WIDE).take(w.len() / stride);
                for (i, fit) in rows.enumerate() {
                    sum += call(l * TALL + i, k * WIDE, &fit[..count]);
                }
            }
        }
        sum
    }
}

/// `‖V‖² − 2 ⟨V, W Hᵀ⟩ + ⟨Wᵀ W, Hᵀ H⟩`, whose error is that of `‖V‖²`.
fn gram_square<T: Real>(
    setting: Setting,
    square: f64,
    values: &Compressed<T>,
    w: &[T],
    h: &[T],
) -> f64 {
    let Setting { rank, stride, .. } = setting;
    let mut inner = 0.0;
    for i in 0..w.len() / stride {
        let (indices, values) = values.line(i);
        for (&j, v) in indices.iter().zip(values) {
            inner += v.to_f64() * fitted(setting, w, h, i, j as usize);
        }
    }
    let gram = |factor: &[T], a: usize, b: usize| -> f64 {
        let rows = factor.chunks_exact(stride);
        rows.map(|row| row[a].to_f64() * row[b].to_f64()).sum()
    };
    let mut products = 0.0;
    for a in 0..rank {
        for b in 0..=a {
            let twice = if a == b { 1.0 } else { 2.0 };
            products += twice * gram(w, a, b) * gram(h, a, b);
        }
    }
    square - 2.0 * inner + products
}

/// Sums a function over the ranges of `0..len` between some of the columns, of which `first` is the one at 0.
fn between(columns: &[u32], first: usize, len: usize, sum: impl Fn(Range<usize>) -> f64) -> f64 {
    let (mut total, mut from) = (0.0, 0);
    for &column in columns {
        let at = column as usize - first;
        total += sum(from..at);
        from = at + 1;
    }
    total + sum(from..len)
}

/// One entry of `W Hᵀ`.
fn fitted<T: Real>(setting: Setting, w: &[T], h: &[T], i: usize, j: usize) -> f64 {
    let stride = setting.stride;
    let (w, h) = (&w[i * stride..][..stride], &h[j * stride..][..stride]);
    setting.kernels.dot(w, h).to_f64()
}
