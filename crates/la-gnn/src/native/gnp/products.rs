//! Products of small matrices with the states of several nodes.

use super::super::Element;
use super::super::lanes::{Lanes, activate, load, store};
use super::super::simd::{LANES, Simd};
use super::TILE;
use super::maps::Map;

/// Nodes whose hidden states are in registers at once: three times four vectors and their operands fill them.
const PART: usize = 3;

/// `acc_r += Σ_j x_rj column_j` for `R` nodes at once.
#[inline(always)]
pub(super) fn multiply<T: Element, S: Simd<T>, const I: usize, const O: usize, const R: usize>(
    simd: S,
    columns: &[[Lanes<T, O>; LANES]; I],
    x: &[Lanes<T, I>; R],
    acc: &mut [[S::Lanes; O]; R],
) {
    for g in 0..I {
        for l in 0..LANES {
            let mut column = [simd.splat(T::ZERO); O];
            for o in 0..O {
                column[o] = simd.load(&columns[g][l][o]);
            }
            for r in 0..R {
                let v = simd.splat(x[r][g][l]);
                for o in 0..O {
                    acc[r][o] = simd.mul_add(column[o], v, acc[r][o]);
                }
            }
        }
    }
}

/// `y = σ(map x)` of `R` nodes.
#[inline(always)]
pub(super) fn apply<T: Element, S: Simd<T>, const I: usize, const O: usize, const R: usize>(
    simd: S,
    relu: bool,
    map: &Map<T, I, O>,
    x: &[Lanes<T, I>; R],
    y: &mut [Lanes<T, O>; R],
) {
    let mut acc = [load(simd, &map.bias); R];
    multiply(simd, &map.columns, x, &mut acc);
    for r in 0..R {
        store(simd, activate(simd, relu, acc[r]), &mut y[r]);
    }
}

/// The same of a tile with four groups of lanes, some nodes at a time.
#[inline(always)]
pub(super) fn apply_wide<T: Element, S: Simd<T>, const I: usize, const O: usize>(
    simd: S,
    relu: bool,
    map: &Map<T, I, O>,
    x: &[Lanes<T, I>; TILE],
    y: &mut [Lanes<T, O>; TILE],
) {
    let (x, y) = (x.as_chunks::<PART>().0, y.as_chunks_mut::<PART>().0);
    for (x, y) in x.iter().zip(y) {
        apply(simd, relu, map, x, y);
    }
}

/// `y_r = σ'(h_r) ⊙ Mᵀ g_r` with σ' in terms of the value h, for `R` nodes: back through a map and the nonlinearity before it.
#[inline(always)]
pub(super) fn back<T: Element, S: Simd<T>, const I: usize, const O: usize, const R: usize>(
    simd: S,
    relu: bool,
    transposed: &[[Lanes<T, O>; LANES]; I],
    g: &[Lanes<T, I>; R],
    h: &[Lanes<T, O>; R],
    y: &mut [Lanes<T, O>; R],
) {
    let mut acc = [[simd.splat(T::ZERO); O]; R];
    multiply(simd, transposed, g, &mut acc);
    for r in 0..R {
        store(simd, masked(simd, relu, acc[r], &h[r]), &mut y[r]);
    }
}

/// The same of a tile with four groups of lanes, some nodes at a time.
#[inline(always)]
pub(super) fn back_wide<T: Element, S: Simd<T>, const I: usize, const O: usize>(
    simd: S,
    relu: bool,
    transposed: &[[Lanes<T, O>; LANES]; I],
    g: &[Lanes<T, I>; TILE],
    h: &[Lanes<T, O>; TILE],
    y: &mut [Lanes<T, O>; TILE],
) {
    let (g, h) = (g.as_chunks::<PART>().0, h.as_chunks::<PART>().0);
    for ((g, h), y) in g.iter().zip(h).zip(y.as_chunks_mut::<PART>().0) {
        back(simd, relu, transposed, g, h, y);
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
    x: &[Lanes<T, I>],
    g: &[Lanes<T, O>],
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
    g: &[Lanes<T, O>],
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
    g: &[Lanes<T, O>],
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
