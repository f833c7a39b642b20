//! Smoothing the tentative prolongator.

use super::aggregate::{ALONE, Aggregates};
use super::block::BlockCsr;
use super::product::sort_indices;
use super::width::{Width, with_two_widths};

/// One block of `T` per node that belongs to an aggregate, as a matrix.
pub(crate) fn unsmoothed(
    aggregates: &Aggregates,
    t: &[f64],
    block: usize,
    count: usize,
) -> BlockCsr<f64> {
    let size = block * count;
    let mut starts = vec![0];
    let (mut indices, mut values) = (Vec::new(), Vec::with_capacity(t.len()));
    for (i, &aggregate) in aggregates.of.iter().enumerate() {
        if aggregate != ALONE {
            indices.push(aggregate);
            values.extend_from_slice(&t[i * size..(i + 1) * size]);
        }
        starts.push(indices.len() as u32);
    }
    BlockCsr {
        cols: aggregates.count,
        height: block,
        width: count,
        starts,
        indices,
        values,
    }
}

/// `P = (I − weight · D⁻¹ A) T`, with the point diagonal `D`. One pass over `A`.
///
/// P. Vaněk, J. Mandel, M. Brezina, *Computing* 56, 179–196, 1996, equation (12).
pub(crate) fn jacobi(
    a: &BlockCsr<f64>,
    inverse_diagonal: &[f64],
    weight: f64,
    aggregates: &Aggregates,
    t: &[f64],
    count: usize,
) -> BlockCsr<f64> {
    with_two_widths!(a.height, count, (b, c) => jacobi_sized(
        b, c, a, inverse_diagonal, weight, aggregates, t
    ))
}

fn jacobi_sized(
    b: impl Width,
    c: impl Width,
    a: &BlockCsr<f64>,
    inverse_diagonal: &[f64],
    weight: f64,
    aggregates: &Aggregates,
    t: &[f64],
) -> BlockCsr<f64> {
    let (b, c) = (b.get(), c.get());
    let size = b * c;
    let mut place = vec![u32::MAX; aggregates.count];
    let mut starts = Vec::with_capacity(a.rows() + 1);
    let mut indices = Vec::with_capacity(2 * a.rows());
    let mut values = Vec::with_capacity(2 * a.rows() * size);
    starts.push(0);
    for i in 0..a.rows() {
        let start = indices.len();
        for &j in a.columns(i) {
            let aggregate = aggregates.of[j as usize];
            if aggregate != ALONE {
                let at = place[aggregate as usize] as usize;
                if at < start || at >= indices.len() {
                    place[aggregate as usize] = indices.len() as u32;
                    indices.push(aggregate);
                }
            }
        }
        sort_indices(&mut indices[start..]);
        for (k, &aggregate) in indices[start..].iter().enumerate() {
            place[aggregate as usize] = (start + k) as u32;
        }
        values.resize(indices.len() * size, 0.0);
        let scale = &inverse_diagonal[i * b..][..b];
        for k in a.range(i) {
            let j = a.indices[k] as usize;
            let aggregate = aggregates.of[j];
            if aggregate == ALONE {
                continue;
            }
            let at = place[aggregate as usize] as usize;
            let target = &mut values[at * size..][..size];
            let tentative = &t[j * size..][..size];
            let block = &a.values[k * b * b..][..b * b];
            for r in 0..b {
                for p in 0..b {
                    let factor = weight * scale[r] * block[r * b + p];
                    let row = &tentative[p * c..][..c];
                    for (x, t) in target[r * c..][..c].iter_mut().zip(row) {
                        *x -= factor * t;
                    }
                }
            }
            if j == i {
                for (x, t) in target.iter_mut().zip(tentative) {
                    *x += t;
                }
            }
        }
        starts.push(indices.len() as u32);
    }
    BlockCsr {
        cols: aggregates.count,
        height: b,
        width: c,
        starts,
        indices,
        values,
    }
}
