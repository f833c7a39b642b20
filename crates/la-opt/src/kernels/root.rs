//! The root of a matrix and the inverse of the root, in tiles of four rows and eight columns.
//!
//! Loops are by index: chains of zipped iterators cost more than the operations in them where matrices are small.

use super::triangle::upper_row;
use super::vector::{Array, Avx2, LANES, Vector};
use super::{Kernels, axpy_body};
use crate::Real;

kernel! {
    /// Factors an upper triangle in place, `RᵀR`. Fails with the first pivot that is not above `smallest`.
    cholesky, cholesky_body, cholesky_avx2, (n: usize, upper: &mut [T], smallest: T) -> Result<(), (usize, T)>
}
kernel! {
    /// The same for a matrix without entries farther than `band` from its diagonal.
    cholesky_band, cholesky_band_body, cholesky_band_avx2, (n: usize, band: usize, upper: &mut [T], smallest: T) -> Result<(), (usize, T)>
}
kernel! {
    /// Inverts an upper triangle without entries farther than `band` from its diagonal, in place; `room` is for four of its rows.
    invert_upper, invert_upper_body, invert_upper_avx2, (n: usize, band: usize, upper: &mut [T], room: &mut Vec<T>)
}

/// Rows of a tile.
const TALL: usize = 4;

/// Eight numbers from an index on; zeros where there are none.
#[inline(always)]
fn load<T: Real, V: Vector<T>>(x: &[T], at: usize) -> V {
    match x.get(at..).and_then(<[T]>::first_chunk) {
        Some(eight) => V::load(eight),
        None => V::splat(T::ZERO),
    }
}

#[inline(always)]
fn store<T: Real, V: Vector<T>>(vector: V, x: &mut [T], at: usize) {
    if let Some(eight) = x[at..].first_chunk_mut() {
        vector.store(eight);
    }
}

/// The four rows and columns of a tile that hold its part of the diagonal, or the unit matrix in place of rows that are not there.
#[inline(always)]
fn diagonal_block<T: Real, V: Vector<T>>(
    tile: [V; TALL],
    at: usize,
    rows: usize,
) -> [[T; TALL]; TALL] {
    let mut block = [[T::ZERO; TALL]; TALL];
    for r in 0..TALL {
        let mut row = [T::ZERO; LANES];
        tile[r].store(&mut row);
        block[r].copy_from_slice(&row[at..at + TALL]);
        if r >= rows {
            block[r] = [T::ZERO; TALL];
            block[r][r] = T::ONE;
        }
    }
    block
}

/// Tile by tile from the left of four rows to their end: what the rows above leave of it, then its own four steps.
#[inline(always)]
fn cholesky_body<T: Real, V: Vector<T>>(
    n: usize,
    upper: &mut [T],
    smallest: T,
) -> Result<(), (usize, T)> {
    let wide = n.next_multiple_of(LANES);
    let zero = V::splat(T::ZERO);
    for k in (0..n).step_by(TALL) {
        let rows = (n - k).min(TALL);
        let left = k - k % LANES;
        // R of the diagonal block without its diagonal, negative, and the inverse of that diagonal.
        let mut minus = [[T::ZERO; TALL]; TALL];
        let mut inverse = [T::ONE; TALL];
        for first in (left..wide).step_by(LANES) {
            let mut tile = [zero; TALL];
            for (r, tile) in tile.iter_mut().enumerate() {
                if r < rows {
                    *tile = load(upper, (k + r) * wide + first);
                }
            }
            let (eights, fours) = (upper.as_chunks::<LANES>().0, upper.as_chunks::<TALL>().0);
            let mut sums = [zero; TALL];
            for p in 0..k {
                let above = V::load(&eights[(p * wide + first) / LANES]);
                let factors = fours[(p * wide + k) / TALL];
                sums[0] = above.mul_add(V::splat(factors[0]), sums[0]);
                sums[1] = above.mul_add(V::splat(factors[1]), sums[1]);
                sums[2] = above.mul_add(V::splat(factors[2]), sums[2]);
                sums[3] = above.mul_add(V::splat(factors[3]), sums[3]);
            }
            for r in 0..TALL {
                tile[r] = sums[r].mul_add(V::splat(-T::ONE), tile[r]);
            }
            if first == left {
                let mut block = diagonal_block::<T, V>(tile, k - left, rows);
                for r in 0..TALL {
                    let pivot = block[r][r];
                    if !(pivot > smallest && pivot.is_finite()) {
                        return Err((k + r, pivot));
                    }
                    inverse[r] = T::ONE / pivot.sqrt();
                    for c in r + 1..TALL {
                        minus[r][c] = -(block[r][c] * inverse[r]);
                    }
                    for i in r + 1..TALL {
                        for c in i..TALL {
                            block[i][c] = V::scalar_mul_add(minus[r][i], -minus[r][c], block[i][c]);
                        }
                    }
                }
            }
            for r in 0..TALL {
                for p in 0..r {
                    tile[r] = tile[p].mul_add(V::splat(minus[p][r]), tile[r]);
                }
                tile[r] = tile[r].mul_add(V::splat(inverse[r]), zero);
            }
            for (r, &tile) in tile.iter().enumerate() {
                if r < rows {
                    store(tile, upper, (k + r) * wide + first);
                }
            }
        }
        // What the first tile has left of the diagonal.
        for r in 0..rows {
            upper[(k + r) * wide + left..][..k + r - left].fill(T::ZERO);
        }
    }
    Ok(())
}

/// Four rows of the inverse at a time, from the last ones on: `S_i = D⁻¹ (E_i − Σ R_ik S_k)` over the rows k behind them, D their block of the diagonal.
#[inline(always)]
fn invert_upper_body<T: Real, V: Vector<T>>(
    n: usize,
    band: usize,
    upper: &mut [T],
    room: &mut Vec<T>,
) {
    let wide = n.next_multiple_of(LANES);
    let zero = V::splat(T::ZERO);
    room.clear();
    room.resize(TALL * wide, T::ZERO);
    for k in (0..n).step_by(TALL).rev() {
        let rows = (n - k).min(TALL);
        let left = k - k % LANES;
        // R of the four rows, column by column, negative.
        let (factors, _) = room.as_chunks_mut::<TALL>();
        for r in 0..TALL {
            let row = &upper[(k + r).min(n - 1) * wide..][..wide];
            for p in k + TALL..n {
                factors[p][r] = if r < rows { -row[p] } else { T::ZERO };
            }
        }
        let near = n.min((k + TALL).saturating_add(band));
        let mut own = [zero; TALL];
        for (r, own) in own.iter_mut().enumerate() {
            if r < rows {
                *own = load(upper, (k + r) * wide + left);
            }
        }
        let block = diagonal_block::<T, V>(own, k - left, rows);
        let mut inverse = [T::ONE; TALL];
        for r in 0..TALL {
            inverse[r] = T::ONE / block[r][r];
        }
        for first in (left..wide).step_by(LANES) {
            let mut tile = [zero; TALL];
            if first == left {
                for r in 0..TALL {
                    let mut unit = [T::ZERO; LANES];
                    unit[k - left + r] = T::ONE;
                    tile[r] = V::load(&unit);
                }
            }
            let (eights, _) = upper.as_chunks::<LANES>();
            for p in k + TALL..near.min(first + LANES) {
                let below = V::load(&eights[(p * wide + first) / LANES]);
                let factors = factors[p];
                tile[0] = below.mul_add(V::splat(factors[0]), tile[0]);
                tile[1] = below.mul_add(V::splat(factors[1]), tile[1]);
                tile[2] = below.mul_add(V::splat(factors[2]), tile[2]);
                tile[3] = below.mul_add(V::splat(factors[3]), tile[3]);
            }
            for r in (0..TALL).rev() {
                for c in r + 1..TALL {
                    tile[r] = tile[c].mul_add(V::splat(-block[r][c]), tile[r]);
                }
                tile[r] = tile[r].mul_add(V::splat(inverse[r]), zero);
            }
            for (r, &tile) in tile.iter().enumerate() {
                if r < rows {
                    store(tile, upper, (k + r) * wide + first);
                }
            }
        }
    }
}

#[inline(always)]
fn cholesky_band_body<T: Real, V: Vector<T>>(
    n: usize,
    band: usize,
    upper: &mut [T],
    smallest: T,
) -> Result<(), (usize, T)> {
    let wide = n.next_multiple_of(LANES);
    for p in 0..n {
        let (done, later) = upper.split_at_mut((p + 1) * wide);
        let len = (n - p).min(band + 1);
        let row = &mut done[upper_row(n, p)][..len];
        if !(row[0] > smallest && row[0].is_finite()) {
            return Err((p, row[0]));
        }
        let inverse = T::ONE / row[0].sqrt();
        for r in &mut *row {
            *r *= inverse;
        }
        for i in 1..len {
            let target = &mut later[(i - 1) * wide + p + i..][..len - i];
            axpy_body::<T, V>(-row[i], &row[i..], target);
        }
    }
    Ok(())
}
