//! Strength of connection from a few steps of relaxation.

use super::aggregate::Graph;
use super::block::BlockCsr;
use super::dense;

/// Measured distances below this count as this: explained perfectly.
const PERFECT: f64 = 1e-4;
/// An impulse that is explained to this part only is not explained.
const UNEXPLAINED: f64 = 1e-4;

/// Evolution measure: couplings along which the near-null space explains how an impulse spreads.
///
/// For each unknown `i`, `z = (I − D⁻¹A/ρ)² e_i` on its neighbours (of the same component, in systems)
/// is compared with the best `B x` that agrees with it in `i`; the distance to neighbour `j` is
/// `|1 − (B x)_j / z_j|`. Neighbours up to `epsilon` times as far as the nearest are strong. The graph
/// is made symmetric, and that of nodes if these have several unknowns. O(Σ squared row lengths).
///
/// L. N. Olson, J. Schroder, R. S. Tuminaro, *Numer. Linear Algebra Appl.* 17, 713–733, 2010,
/// algorithm 2, with k = 2.
pub(crate) fn measure(
    a: &BlockCsr<f64>,
    inverse_diagonal: &[f64],
    rho: f64,
    near_null: &[f64],
    count: usize,
    epsilon: f64,
) -> Graph {
    let b = a.height;
    let scalar = scalars(a);
    let n = inverse_diagonal.len();
    let step = if rho > 0.0 { 1.0 / rho } else { 0.0 };
    // Arcs between nodes, both ways.
    let mut arcs: Vec<(u32, u32)> = (0..a.rows() as u32).map(|i| (i, i)).collect();
    let mut impulse = vec![0.0; n];
    let mut near: Vec<(usize, f64)> = Vec::new();
    for i in 0..n {
        // v = S e_i with S = I − step D⁻¹A; A is symmetric, so its row is the column.
        for k in scalar.range(i) {
            let j = scalar.indices[k] as usize;
            impulse[j] =
                f64::from(u8::from(i == j)) - step * inverse_diagonal[j] * scalar.values[k];
        }
        near.clear();
        for k in scalar.range(i) {
            let j = scalar.indices[k] as usize;
            if j % b != i % b {
                continue;
            }
            // (S v)_j
            let flow: f64 = scalar
                .range(j)
                .map(|l| scalar.values[l] * impulse[scalar.indices[l] as usize])
                .sum();
            let z = impulse[j] - step * inverse_diagonal[j] * flow;
            if z != 0.0 {
                near.push((j, z));
            }
        }
        for &j in scalar.columns(i) {
            impulse[j as usize] = 0.0;
        }
        distances(i, &mut near, near_null, count);
        let nearest = near.iter().map(|(_, d)| *d).fold(f64::INFINITY, f64::min);
        for &(j, distance) in &near {
            if distance < epsilon * nearest {
                let (i, j) = ((i / b) as u32, (j / b) as u32);
                arcs.extend([(i, j), (j, i)]);
            }
        }
    }
    arcs.sort_unstable();
    arcs.dedup();
    let mut starts = vec![0_u32; a.rows() + 1];
    for (i, _) in &arcs {
        starts[*i as usize + 1] += 1;
    }
    for i in 0..a.rows() {
        starts[i + 1] += starts[i];
    }
    let neighbours = arcs.into_iter().map(|(_, j)| j).collect();
    Graph { starts, neighbours }
}

/// The matrix without blocks and without stored zeros.
fn scalars(a: &BlockCsr<f64>) -> BlockCsr<f64> {
    let csr = a.to_csr();
    let mut scalar = BlockCsr {
        cols: csr.cols(),
        height: 1,
        width: 1,
        starts: vec![0],
        indices: Vec::with_capacity(csr.nnz()),
        values: Vec::with_capacity(csr.nnz()),
    };
    for row in csr.outer_iterator() {
        for (j, v) in row.iter().filter(|(_, v)| **v != 0.0) {
            scalar.indices.push(j as u32);
            scalar.values.push(*v);
        }
        scalar.starts.push(scalar.indices.len() as u32);
    }
    scalar
}

/// Replaces the values `z` of the neighbours by their distances; `i` itself and neighbours that are
/// not explained at all are removed.
fn distances(i: usize, near: &mut Vec<(usize, f64)>, near_null: &[f64], count: usize) {
    let Some(&(_, centre)) = near.iter().find(|(j, _)| *j == i) else {
        return near.clear();
    };
    let row = |j: usize| &near_null[j * count..(j + 1) * count];
    let x = if count == 1 {
        let b = if row(i)[0] == 0.0 { 1.0 } else { row(i)[0] };
        vec![centre / b]
    } else {
        fit(row(i), centre, near, row)
    };
    near.retain_mut(|(j, z)| {
        let explained: f64 = row(*j).iter().zip(&x).map(|(b, x)| b * x).sum();
        let ratio = explained / *z;
        *z = (1.0 - ratio).abs();
        if *z < f64::EPSILON.sqrt() {
            *z = PERFECT;
        }
        *j != i && ratio >= UNEXPLAINED
    });
}

/// The `x` that minimises `‖z − B x‖` under `b_iᵀ x = z_i`.
fn fit<'a>(
    own: &[f64],
    centre: f64,
    near: &[(usize, f64)],
    row: impl Fn(usize) -> &'a [f64],
) -> Vec<f64> {
    let count = own.len();
    let mut gram = vec![0.0; count * count];
    let mut right = vec![0.0; count];
    for &(j, z) in near {
        let b = row(j);
        for (k, bk) in b.iter().enumerate() {
            right[k] += bk * z;
            let gram = &mut gram[k * count..(k + 1) * count];
            gram.iter_mut().zip(b).for_each(|(g, b)| *g += bk * b);
        }
    }
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let Some(inverse) = dense::generalised_inverse(&gram, count, &vec![0.0; count]) else {
        return vec![0.0; count];
    };
    let times =
        |y: &[f64]| -> Vec<f64> { inverse.chunks_exact(count).map(|g| dot(g, y)).collect() };
    let (mut x, correction) = (times(&right), times(own));
    let weight = dot(own, &correction);
    if weight > 0.0 {
        let missing = (centre - dot(own, &x)) / weight;
        x.iter_mut()
            .zip(&correction)
            .for_each(|(x, c)| *x += missing * c);
    }
    x
}
