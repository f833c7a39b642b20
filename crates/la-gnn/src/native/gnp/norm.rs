//! Batch normalisation: moments of a batch, the way forward and back.

use super::super::Element;
use super::super::lanes::{Lanes, activate, load, store};
use super::super::simd::{LANES, Simd};
use super::maps::Layer;
use super::{D, Row, TILE, Tile};
use crate::gnp::NORM_EPS;

/// Channels.
const C: usize = D * LANES;

/// Count, mean and sum of squared deviations of each channel, merged without cancellation.
///
/// T. F. Chan, G. H. Golub, R. J. LeVeque, *Am. Stat.* 37, 242–247, 1983.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub count: f64,
    pub mean: [f64; C],
    pub squares: [f64; C],
}

impl Moments {
    pub(super) const ZERO: Self = Self {
        count: 0.0,
        mean: [0.0; C],
        squares: [0.0; C],
    };

    pub(super) fn merge(&mut self, other: &Self) {
        let count = self.count + other.count;
        if count == 0.0 {
            return;
        }
        let (share, weight) = (other.count / count, self.count * other.count / count);
        for c in 0..C {
            let d = other.mean[c] - self.mean[c];
            self.mean[c] += d * share;
            self.squares[c] += other.squares[c] + d * d * weight;
        }
        self.count = count;
    }

    /// Adds some nodes, at least one: their mean first, then deviations from it, while they are in the cache.
    #[inline(always)]
    pub(super) fn add<T: Element, S: Simd<T>>(&mut self, simd: S, rows: &[Row<T>]) {
        let mut sum = [simd.splat(T::ZERO); D];
        for row in rows {
            for d in 0..D {
                sum[d] = simd.add(sum[d], simd.load(&row[d]));
            }
        }
        let count = rows.len() as f64;
        let minus = simd.splat(T::from_f64(-1.0 / count));
        for d in 0..D {
            sum[d] = simd.mul(sum[d], minus);
        }
        let mut squares = [simd.splat(T::ZERO); D];
        for row in rows {
            for d in 0..D {
                let v = simd.add(simd.load(&row[d]), sum[d]);
                squares[d] = simd.mul_add(v, v, squares[d]);
            }
        }
        let mut stored = [[[T::ZERO; LANES]; D]; 2];
        store(simd, sum, &mut stored[0]);
        store(simd, squares, &mut stored[1]);
        let mut other = Self {
            count,
            ..Self::ZERO
        };
        for c in 0..C {
            other.mean[c] = -stored[0][c / LANES][c % LANES].to_f64();
            other.squares[c] = stored[1][c / LANES][c % LANES].to_f64();
        }
        self.merge(&other);
    }
}

/// Sums over nodes of a gradient g and of g ⊙ (v − mean), with v what was normalised.
#[derive(Debug, Clone, Copy)]
pub(super) struct GradientSums {
    pub plain: [f64; C],
    pub centred: [f64; C],
}

impl GradientSums {
    pub(super) const ZERO: Self = Self {
        plain: [0.0; C],
        centred: [0.0; C],
    };

    pub(super) fn merge(&mut self, other: &Self) {
        for c in 0..C {
            self.plain[c] += other.plain[c];
            self.centred[c] += other.centred[c];
        }
    }

    #[inline(always)]
    pub(super) fn add<T: Element, S: Simd<T>>(
        &mut self,
        simd: S,
        norm: &Norm<T>,
        g: &[Row<T>],
        v: &[Row<T>],
    ) {
        let shift = load(simd, &norm.minus_mean);
        let mut sums = [[simd.splat(T::ZERO); D]; 2];
        for (g, v) in g.iter().zip(v) {
            for d in 0..D {
                let g = simd.load(&g[d]);
                sums[0][d] = simd.add(sums[0][d], g);
                sums[1][d] = simd.mul_add(g, simd.add(simd.load(&v[d]), shift[d]), sums[1][d]);
            }
        }
        let mut stored = [[[T::ZERO; LANES]; D]; 2];
        store(simd, sums[0], &mut stored[0]);
        store(simd, sums[1], &mut stored[1]);
        for c in 0..C {
            self.plain[c] += stored[0][c / LANES][c % LANES].to_f64();
            self.centred[c] += stored[1][c / LANES][c % LANES].to_f64();
        }
    }
}

/// `y = (v − mean) a + shift` with a = w / √(var + ε); the identity where nothing is normalised.
#[derive(Debug, Clone)]
pub(super) struct Norm<T> {
    minus_mean: Lanes<T, D>,
    scale: Lanes<T, D>,
    shift: Lanes<T, D>,
    /// `√(var + ε)⁻¹`.
    pub inverse: [f64; C],
}

fn each<T: Element>(value: impl Fn(usize) -> f64) -> Lanes<T, D> {
    let mut lanes = [[T::ZERO; LANES]; D];
    for (c, v) in lanes.as_flattened_mut().iter_mut().enumerate() {
        *v = T::from_f64(value(c));
    }
    lanes
}

impl<T: Element> Norm<T> {
    pub(super) fn identity() -> Self {
        Self {
            minus_mean: each(|_| 0.0),
            scale: each(|_| 1.0),
            shift: each(|_| 0.0),
            inverse: [1.0; C],
        }
    }

    /// With the statistics of a batch.
    pub(super) fn of_batch(layer: &Layer<T>, moments: &Moments) -> Self {
        let (weight, shift) = &layer.norm;
        let mut inverse = [0.0; C];
        for c in 0..C {
            inverse[c] = 1.0 / (moments.squares[c] / moments.count + NORM_EPS).sqrt();
        }
        Self {
            minus_mean: each(|c| -moments.mean[c]),
            scale: each(|c| weight.as_flattened()[c].to_f64() * inverse[c]),
            shift: *shift,
            inverse,
        }
    }

    /// `σ(y)` of a tile.
    #[inline(always)]
    pub(super) fn forward<S: Simd<T>>(&self, simd: S, relu: bool, v: &Tile<T>, to: &mut Tile<T>) {
        let minus_mean = load(simd, &self.minus_mean);
        let scale = load(simd, &self.scale);
        let shift = load(simd, &self.shift);
        for r in 0..TILE {
            let mut y = load(simd, &v[r]);
            for d in 0..D {
                y[d] = simd.mul_add(simd.add(y[d], minus_mean[d]), scale[d], shift[d]);
            }
            store(simd, activate(simd, relu, y), &mut to[r]);
        }
    }
}

/// Back through the normalisation: `g ← a (g − mean g − x̂ mean(g x̂))`, x̂ = (v − mean) / √(var + ε), means over the batch.
#[derive(Debug, Clone)]
pub(super) struct NormBack<T> {
    minus_mean: Lanes<T, D>,
    scale: Lanes<T, D>,
    constant: Lanes<T, D>,
    slope: Lanes<T, D>,
}

impl<T: Element> NormBack<T> {
    /// `rows` nodes and columns in all; `normalised` false where [`Norm`] is the identity.
    pub(super) fn new(norm: &Norm<T>, sums: &GradientSums, rows: f64, normalised: bool) -> Self {
        let part = if normalised { -1.0 / rows } else { 0.0 };
        let scale = |c: usize| norm.scale.as_flattened()[c].to_f64() * part;
        Self {
            minus_mean: norm.minus_mean,
            scale: norm.scale,
            constant: each(|c| scale(c) * sums.plain[c]),
            slope: each(|c| scale(c) * sums.centred[c] * norm.inverse[c] * norm.inverse[c]),
        }
    }

    #[inline(always)]
    pub(super) fn apply<S: Simd<T>>(&self, simd: S, v: &Tile<T>, g: &mut Tile<T>) {
        let minus_mean = load(simd, &self.minus_mean);
        let scale = load(simd, &self.scale);
        let constant = load(simd, &self.constant);
        let slope = load(simd, &self.slope);
        for r in 0..TILE {
            for d in 0..D {
                let v = simd.add(simd.load(&v[r][d]), minus_mean[d]);
                let rest = simd.mul_add(v, slope[d], constant[d]);
                simd.store(
                    simd.mul_add(simd.load(&g[r][d]), scale[d], rest),
                    &mut g[r][d],
                );
            }
        }
    }
}
