//! A half step on some rows of a factor.

use super::block::Block;
use super::options::DualStart;
use super::rule::{Rule, Work};
use crate::Real;
use crate::kernels::Kernels;
use crate::kernels::tile::tile_rows;

/// Room for a share of the rows, and what they add to the sums over all.
#[derive(Debug, Clone)]
pub(super) struct Part<T> {
    tiles: Tiles<T>,
    square: Vec<T>,
    /// Gram matrices of the rows, and of the rows before they were extrapolated, stride × stride.
    pub(super) gram: Vec<f64>,
    pub(super) candidate_gram: Vec<f64>,
    /// Inner product of the rows with their products.
    pub(super) inner: f64,
    /// `‖H − Y‖², ‖H‖², ‖H − H_before‖², ‖U‖²` of a single inner step.
    pub(super) norms: [f64; 4],
}

/// Some rows of the factor, transposed.
#[derive(Debug, Clone)]
struct Tiles<T> {
    /// Right-hand sides.
    f: Vec<T>,
    /// The factor.
    x: Vec<T>,
    /// Its dual.
    u: Vec<T>,
    /// What they were.
    old_x: Vec<T>,
    old_u: Vec<T>,
    room: [Vec<T>; 2],
}

impl<T: Real> Part<T> {
    pub(super) fn new(rank: usize, stride: usize) -> Self {
        let tile = || vec![T::ZERO; rank * tile_rows::<T>()];
        Self {
            tiles: Tiles {
                f: tile(),
                x: tile(),
                u: tile(),
                old_x: tile(),
                old_u: tile(),
                room: [tile(), tile()],
            },
            square: vec![T::ZERO; stride * stride],
            gram: vec![0.0; stride * stride],
            candidate_gram: vec![0.0; stride * stride],
            inner: 0.0,
            norms: [0.0; 4],
        }
    }

    pub(super) fn clear(&mut self) {
        self.gram.fill(0.0);
        self.candidate_gram.fill(0.0);
        self.inner = 0.0;
        self.norms = [0.0; 4];
    }

    /// Does the work on the rows of a block.
    pub(super) fn update(
        &mut self,
        kernels: Kernels,
        stride: usize,
        rule: &Rule<T>,
        work: Work,
        block: &mut Block<'_, T>,
    ) {
        let (r, lanes) = (rule.rank, tile_rows::<T>());
        let rows = block.products.len() / stride;
        let tiles = &mut self.tiles;
        for first in (0..rows).step_by(lanes) {
            let range = first * stride..(first + lanes).min(rows) * stride;
            load(r, stride, &block.products[range.clone()], &mut tiles.f);
            let factor = &mut block.factor[range.clone()];
            load(r, stride, factor, &mut tiles.x);
            match work {
                Work::Sweeps(sweeps) => {
                    let (g, d) = (&rule.negative, &rule.reciprocal);
                    kernels.tile_sweep(r, sweeps, g, d, &tiles.f, &mut tiles.x);
                }
                Work::Multiply => tiles.multiply(kernels, rule),
                Work::Admm {
                    steps,
                    start,
                    guarded,
                } => {
                    let kept = !block.dual.is_empty();
                    if kept && start == DualStart::Warm {
                        load(r, stride, &block.dual[range.clone()], &mut tiles.u);
                    } else {
                        tiles.u.fill(T::ZERO);
                    }
                    tiles.split(kernels, rule, steps);
                    if kept {
                        store(r, stride, &tiles.u, &mut block.dual[range]);
                    }
                    if guarded {
                        tiles.guard(kernels, rule);
                    }
                }
                Work::WatchedStep => {
                    load(r, stride, &block.dual[range.clone()], &mut tiles.u);
                    tiles.old_u.copy_from_slice(&tiles.u);
                    tiles.split(kernels, rule, 1);
                    tiles.add_norms(factor.len() / stride, &mut self.norms);
                    store(r, stride, &tiles.u, &mut block.dual[range]);
                }
                Work::Guard => {
                    load(r, stride, &block.before[range], &mut tiles.old_x);
                    tiles.guard(kernels, rule);
                }
            }
            store(r, stride, &tiles.x, factor);
        }
    }

    /// Adds the rows to the sums.
    pub(super) fn add(&mut self, kernels: Kernels, stride: usize, block: &Block<'_, T>) {
        let (square, gram) = (&mut self.square, &mut self.gram);
        add_gram(kernels, stride, block.factor, square, gram);
        let rows = if block.candidate.is_empty() {
            &*block.factor
        } else {
            let gram = &mut self.candidate_gram;
            add_gram(kernels, stride, block.candidate, square, gram);
            &*block.candidate
        };
        self.inner += kernels.dot(block.products, rows).to_f64();
    }

    /// Adds `rowsᵀ rows` to another matrix.
    pub(super) fn add_gram(&mut self, kernels: Kernels, stride: usize, rows: &[T], to: &mut [f64]) {
        add_gram(kernels, stride, rows, &mut self.square, to);
    }
}

fn add_gram<T: Real>(
    kernels: Kernels,
    stride: usize,
    rows: &[T],
    square: &mut [T],
    gram: &mut [f64],
) {
    square.fill(T::ZERO);
    kernels.panel_transposed(stride, stride, 0, rows, rows, square);
    for (sum, &x) in gram.iter_mut().zip(&*square) {
        *sum += x.to_f64();
    }
}

impl<T: Real> Tiles<T> {
    fn multiply(&mut self, kernels: Kernels, rule: &Rule<T>) {
        kernels.tile_times(rule.rank, &rule.gram, &self.x, &mut self.u);
        for ((x, &f), &d) in self.x.iter_mut().zip(&self.f).zip(&self.u) {
            // Where the denominator is 0 the factor is 0 in this row or does not matter.
            if d > T::ZERO {
                *x *= f / d;
            }
        }
    }

    /// Steps of ADMM: `Y = (F + ρ (H + U)) (G + ρ I)⁻¹`, `H = max(Y − U, 0)`, `U = U + H − Y`. With `Z = Y − U` the last two are the positive and the negative part of Z, and their sum is `|Z|`.
    fn split(&mut self, kernels: Kernels, rule: &Rule<T>, steps: usize) {
        let r = rule.rank;
        let [c, next] = &mut self.room;
        self.old_x.copy_from_slice(&self.x);
        kernels.tile_times(r, &rule.inverse, &self.f, c);
        for (x, &u) in self.x.iter_mut().zip(&self.u) {
            *x += u;
        }
        kernels.tile_split(r, steps, &rule.scaled, c, [&mut self.x, &mut self.u, next]);
        for (x, &u) in self.x.iter_mut().zip(&self.u) {
            *x -= u;
        }
    }

    fn add_norms(&self, rows: usize, norms: &mut [f64; 4]) {
        let lanes = tile_rows::<T>();
        let now = self.x.chunks_exact(lanes).zip(self.u.chunks_exact(lanes));
        let before = self
            .old_x
            .chunks_exact(lanes)
            .zip(self.old_u.chunks_exact(lanes));
        for ((x, u), (old_x, old_u)) in now.zip(before) {
            for lane in 0..rows {
                let square = |x: T| x.to_f64() * x.to_f64();
                norms[0] += square(u[lane] - old_u[lane]);
                norms[1] += square(x[lane]);
                norms[2] += square(x[lane] - old_x[lane]);
                norms[3] += square(u[lane]);
            }
        }
    }

    /// Rows whose part of the loss rises are replaced by a sweep from where they were. The change is
    /// `(h − h₀)ᵀ (½ G (h + h₀) − f)`, which has no cancellation of large sums.
    fn guard(&mut self, kernels: Kernels, rule: &Rule<T>) {
        let (r, lanes) = (rule.rank, tile_rows::<T>());
        let [sum, gradient] = &mut self.room;
        let half = T::from_f64(0.5);
        for ((s, &x), &old) in sum.iter_mut().zip(&self.x).zip(&self.old_x) {
            *s = half * (x + old);
        }
        kernels.tile_times(r, &rule.gram, sum, gradient);
        // The first row of the room takes the changes.
        let change = &mut sum[..lanes];
        change.fill(T::ZERO);
        for k in 0..r {
            let range = k * lanes..(k + 1) * lanes;
            let moved = self.x[range.clone()].iter().zip(&self.old_x[range.clone()]);
            let slope = gradient[range.clone()].iter().zip(&self.f[range]);
            for ((c, (&x, &old)), (&g, &f)) in change.iter_mut().zip(moved).zip(slope) {
                *c += (x - old) * (g - f);
            }
        }
        if change.iter().all(|&c| c <= T::ZERO) {
            return;
        }
        let (negative, reciprocal) = (&rule.negative, &rule.reciprocal);
        kernels.tile_sweep(r, 1, negative, reciprocal, &self.f, &mut self.old_x);
        for (x, old) in self
            .x
            .chunks_exact_mut(lanes)
            .zip(self.old_x.chunks_exact(lanes))
        {
            for ((x, &old), &change) in x.iter_mut().zip(old).zip(&*change) {
                let fell = change <= T::ZERO;
                // Also where the change is NaN.
                if !fell {
                    *x = old;
                }
            }
        }
    }
}

/// Rows to lanes; lanes without a row are 0.
fn load<T: Real>(r: usize, stride: usize, rows: &[T], tile: &mut [T]) {
    let lanes = tile_rows::<T>();
    if rows.len() < lanes * stride {
        tile.fill(T::ZERO);
    }
    for (lane, row) in rows.chunks_exact(stride).enumerate() {
        for (k, &x) in row.iter().take(r).enumerate() {
            tile[k * lanes + lane] = x;
        }
    }
}

/// Lanes to rows; what is beyond the rank stays 0.
fn store<T: Real>(r: usize, stride: usize, tile: &[T], rows: &mut [T]) {
    let lanes = tile_rows::<T>();
    for (lane, row) in rows.chunks_exact_mut(stride).enumerate() {
        for (k, x) in row.iter_mut().take(r).enumerate() {
            *x = tile[k * lanes + lane];
        }
    }
}
