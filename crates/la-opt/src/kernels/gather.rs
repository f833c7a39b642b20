//! Products of sparse rows with a matrix of few columns.
//!
//! Loops are by index: chains of zipped iterators are not inlined into functions for other instructions.

use super::Kernels;
use super::register::Register;
use super::vector::Avx2;
use crate::Real;

narrow_kernel! {
    /// `out += Σ value_k narrow_{index_k}` for rows of `stride` numbers.
    gather, gather_body, gather_avx2, (stride: usize, indices: &[u32], values: &[T], narrow: &[T], out: &mut [T])
}

/// Up to three registers of the sum stay in registers.
#[inline(always)]
fn gather_body<T: Real, V: Register<T>>(
    stride: usize,
    indices: &[u32],
    values: &[T],
    narrow: &[T],
    out: &mut [T],
) {
    let registers = stride / V::WIDTH;
    let strips = registers.div_ceil(3);
    for k in 0..strips {
        let (from, to) = (k * registers / strips, (k + 1) * registers / strips);
        let at = from * V::WIDTH;
        match to - from {
            1 => strip::<T, V, 1>(stride, at, indices, values, narrow, out),
            2 => strip::<T, V, 2>(stride, at, indices, values, narrow, out),
            _ => strip::<T, V, 3>(stride, at, indices, values, narrow, out),
        }
    }
}

#[inline(always)]
fn strip<T: Real, V: Register<T>, const C: usize>(
    stride: usize,
    at: usize,
    indices: &[u32],
    values: &[T],
    narrow: &[T],
    out: &mut [T],
) {
    let width = C * V::WIDTH;
    let out = &mut out[at..at + width];
    let mut sums = [V::splat(T::ZERO); C];
    for l in 0..C {
        sums[l] = V::load(&out[l * V::WIDTH..]);
    }
    let values = &values[..indices.len()];
    for k in 0..indices.len() {
        let row = &narrow[indices[k] as usize * stride + at..][..width];
        let value = V::splat(values[k]);
        for l in 0..C {
            sums[l] = V::load(&row[l * V::WIDTH..]).mul_add(value, sums[l]);
        }
    }
    for l in 0..C {
        sums[l].store(&mut out[l * V::WIDTH..]);
    }
}
