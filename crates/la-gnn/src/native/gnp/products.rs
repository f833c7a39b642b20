//! Products of small matrices with the states of several nodes.

use super::super::Element;
use super::super::lanes::{Lanes, activate, load, store};
use super::super::simd::{LANES, Simd};
use super::maps::Map;
use super::{State, TILE};

/// Groups of lanes of a result that are made at once: with the six nodes of a tile, twelve sums and their operands fill the registers.
const PAIR: usize = 2;

/// `acc_r += Σ_j x_rj column_j` for a tile, groups of lanes from `first` on.
#[inline(always)]
pub(super) fn multiply<T: Element, S: Simd<T>, const I: usize, const O: usize>(
    simd: S,
    columns: &[[Lanes<T, O>; LANES]; I],
    first: usize,
    x: &[State<T, I>; TILE],
    acc: &mut [[S::Lanes; PAIR]; TILE],
) {
    for g in 0..I {
        for l in 0..LANES {
            let column = &columns[g][l].as_chunks::<PAIR>().0[first / PAIR];
            let column = load(simd, column);
            for r in 0..TILE {
                let v = simd.splat(x[r][g][l]);
                for k in 0..PAIR {
                    acc[r][k] = simd.mul_add(column[k], v, acc[r][k]);
                }
            }
        }
    }
}

/// `y = σ(map x)` of a tile.
#[inline(always)]
pub(super) fn apply<T: Element, S: Simd<T>, const I: usize, const O: usize>(
    simd: S,
    relu: bool,
    map: &Map<T, I, O>,
    x: &[State<T, I>; TILE],
    y: &mut [State<T, O>; TILE],
) {
    for first in (0..O).step_by(PAIR) {
        let bias = &map.bias.as_chunks::<PAIR>().0[first / PAIR];
        let mut acc = [load(simd, bias); TILE];
        multiply(simd, &map.columns, first, x, &mut acc);
        for r in 0..TILE {
            let to = &mut y[r].as_chunks_mut::<PAIR>().0[first / PAIR];
            store(simd, activate(simd, relu, acc[r]), to);
        }
    }
}

/// `y_r = σ'(h_r) ⊙ Mᵀ g_r` with σ' in terms of the value h, for a tile: back through a map and the nonlinearity before it.
#[inline(always)]
pub(super) fn back<T: Element, S: Simd<T>, const I: usize, const O: usize>(
    simd: S,
    relu: bool,
    transposed: &[[Lanes<T, O>; LANES]; I],
    g: &[State<T, I>; TILE],
    h: &[State<T, O>; TILE],
    y: &mut [State<T, O>; TILE],
) {
    for first in (0..O).step_by(PAIR) {
        let mut acc = [[simd.splat(T::ZERO); PAIR]; TILE];
        multiply(simd, transposed, first, g, &mut acc);
        for r in 0..TILE {
            let h = &h[r].as_chunks::<PAIR>().0[first / PAIR];
            let to = &mut y[r].as_chunks_mut::<PAIR>().0[first / PAIR];
            store(simd, masked(simd, relu, acc[r], h), to);
        }
    }
}

/// `σ'(h) ⊙ g`.
#[inline(always)]
pub(super) fn masked<T: Element, S: Simd<T>, const O: usize>(
    simd: S,
    relu: bool,
    mut g: [S::Lanes; O],
    h: &Lanes<T, O>,
) -> [S::Lanes; O] {
    for o in 0..O {
        let h = simd.load(&h[o]);
        let slope = if relu {
            simd.relu_slope(h)
        } else {
            simd.tanh_slope(h)
        };
        g[o] = simd.mul(g[o], slope);
    }
    g
}

/// `to_jo += Σ_r x_rj g_ro`: the gradient of a map, in the layout of its columns. Eight sums at a time stay in registers.
#[inline(always)]
pub(super) fn outer<T: Element, S: Simd<T>, const I: usize, const O: usize>(
    simd: S,
    x: &[State<T, I>],
    g: &[State<T, O>],
    to: &mut [[Lanes<T, O>; LANES]; I],
) {
    const INPUTS: usize = 4;
    const GROUPS: usize = 2;
    for i in 0..I {
        for first in (0..LANES).step_by(INPUTS) {
            for o in (0..O).step_by(GROUPS) {
                let mut acc = [[simd.splat(T::ZERO); GROUPS]; INPUTS];
                for (x, g) in x.iter().zip(g) {
                    let mut own = [simd.splat(T::ZERO); GROUPS];
                    for k in 0..GROUPS {
                        own[k] = simd.load(&g[o + k]);
                    }
                    for j in 0..INPUTS {
                        let v = simd.splat(x[i][first + j]);
                        for k in 0..GROUPS {
                            acc[j][k] = simd.mul_add(own[k], v, acc[j][k]);
                        }
                    }
                }
                for j in 0..INPUTS {
                    for k in 0..GROUPS {
                        let place = &mut to[i][first + j][o + k];
                        simd.store(simd.add(simd.load(place), acc[j][k]), place);
                    }
                }
            }
        }
    }
}

/// `to += Σ_r v_r g_r`.
#[inline(always)]
pub(super) fn weighted_sum<T: Element, S: Simd<T>, const O: usize>(
    simd: S,
    v: &[T],
    g: &[State<T, O>],
    to: &mut Lanes<T, O>,
) {
    let mut acc = load(simd, to);
    for (v, g) in v.iter().zip(g) {
        let v = simd.splat(*v);
        for o in 0..O {
            acc[o] = simd.mul_add(simd.load(&g[o]), v, acc[o]);
        }
    }
    store(simd, acc, to);
}

/// `to += Σ_r g_r`.
#[inline(always)]
pub(super) fn sum<T: Element, S: Simd<T>, const O: usize>(
    simd: S,
    g: &[State<T, O>],
    to: &mut Lanes<T, O>,
) {
    let mut acc = load(simd, to);
    for g in g {
        for o in 0..O {
            acc[o] = simd.add(simd.load(&g[o]), acc[o]);
        }
    }
    store(simd, acc, to);
}

/// `wᵀ h + bias`.
#[inline(always)]
pub(super) fn dot<T: Element, S: Simd<T>, const I: usize>(
    simd: S,
    w: &Lanes<T, I>,
    h: &Lanes<T, I>,
    bias: T,
) -> T {
    let mut sum = simd.splat(T::ZERO);
    for g in 0..I {
        sum = simd.mul_add(simd.load(&w[g]), simd.load(&h[g]), sum);
    }
    simd.sum(sum) + bias
}
