//! Which couplings count as strong.

use super::aggregate::Graph;
use super::block::BlockCsr;

/// `|a_ij|² ≥ θ² |a_ii a_jj|`, with Frobenius norms where the entries are blocks.
///
/// Zero blocks are weak for θ > 0 and, as every stored entry, strong for θ = 0. O(nnz).
///
/// P. Vaněk, J. Mandel, M. Brezina, *Computing* 56, 179–196, 1996, equation (8).
pub(crate) fn symmetric(a: &BlockCsr<f64>, theta: f64) -> Graph {
    if theta == 0.0 {
        return Graph {
            starts: a.starts.clone(),
            neighbours: a.indices.clone(),
        };
    }
    // Exact for matrices scaled by a power of two, and safe from overflow.
    let scale = inverse_power_of_two(a.values.iter().fold(0.0, |m: f64, v| m.max(v.abs())));
    let square = |k: usize| a.block(k).iter().map(|v| (v * scale).powi(2)).sum::<f64>();
    let diagonal: Vec<f64> = (0..a.rows())
        .map(|i| {
            let at = a.columns(i).binary_search(&(i as u32));
            at.map_or(0.0, |k| square(a.starts[i] as usize + k))
        })
        .collect();
    let fourth = theta.powi(4);
    filter(a, |i, j, k| {
        // (|a_ij|²)² ≥ θ⁴ |a_ii|² |a_jj|²
        square(k).powi(2) >= fourth * diagonal[i] * diagonal[j]
    })
}

/// `|a_ij| ≥ θ max_{k≠i} |a_ik|`, with the largest entries where these are blocks. Not symmetric.
///
/// W. L. Briggs, V. E. Henson, S. F. McCormick, *A Multigrid Tutorial*, 2nd ed., 2000, (8.6), with
/// absolute values.
pub(crate) fn classical(a: &BlockCsr<f64>, theta: f64) -> Graph {
    let largest = |k: usize| a.block(k).iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let row_max: Vec<f64> = (0..a.rows())
        .map(|i| {
            let off = a.range(i).filter(|&k| a.indices[k] as usize != i);
            off.map(largest).fold(0.0, f64::max)
        })
        .collect();
    filter(a, |i, _, k| {
        let size = largest(k);
        size > 0.0 && size >= theta * row_max[i]
    })
}

/// Keeps the diagonal and the couplings `(i, j)` at position `k` that are strong.
fn filter(a: &BlockCsr<f64>, strong: impl Fn(usize, usize, usize) -> bool) -> Graph {
    let mut starts = Vec::with_capacity(a.rows() + 1);
    let mut neighbours = Vec::with_capacity(a.indices.len());
    starts.push(0);
    for i in 0..a.rows() {
        for k in a.range(i) {
            let j = a.indices[k] as usize;
            if j == i || strong(i, j, k) {
                neighbours.push(j as u32);
            }
        }
        starts.push(neighbours.len() as u32);
    }
    Graph { starts, neighbours }
}

/// The filtered matrix: weak couplings are added to the diagonal and left out.
///
/// Row sums stay. Rows in which that would leave little of a diagonal entry keep their diagonal.
///
/// P. Vaněk, J. Mandel, M. Brezina, *Computing* 56, 179–196, 1996, equation (13).
pub(crate) fn filtered(a: &BlockCsr<f64>, strong: &Graph) -> BlockCsr<f64> {
    const LEAST: f64 = 0.01;
    let (b, size) = (a.height, a.height * a.width);
    let mut starts = Vec::with_capacity(a.rows() + 1);
    let mut indices = Vec::with_capacity(strong.neighbours.len());
    let mut values = Vec::with_capacity(strong.neighbours.len() * size);
    let mut lumped = vec![0.0; size];
    starts.push(0);
    for i in 0..a.rows() {
        let range = strong.starts[i] as usize..strong.starts[i + 1] as usize;
        let mut kept = strong.neighbours[range].iter().peekable();
        lumped.fill(0.0);
        let mut diagonal = None;
        for k in a.range(i) {
            let j = a.indices[k];
            if kept.next_if_eq(&&j).is_some() {
                if j as usize == i {
                    diagonal = Some(values.len());
                }
                indices.push(j);
                values.extend_from_slice(a.block(k));
            } else {
                lumped.iter_mut().zip(a.block(k)).for_each(|(l, v)| *l += v);
            }
        }
        if let Some(at) = diagonal {
            let block = &mut values[at..at + size];
            let least = |r: usize| block[r * b + r] + lumped[r * b + r] >= LEAST * block[r * b + r];
            if (0..b).all(least) {
                block.iter_mut().zip(&lumped).for_each(|(v, l)| *v += l);
            }
        }
        starts.push(indices.len() as u32);
    }
    BlockCsr {
        cols: a.cols,
        height: b,
        width: b,
        starts,
        indices,
        values,
    }
}

/// `max_i Σ_j |a_ij| / d_i` over scalar rows with a diagonal: no eigenvalue of `D⁻¹A` is larger.
pub(crate) fn gershgorin(a: &BlockCsr<f64>, inverse_diagonal: &[f64]) -> f64 {
    let b = a.height;
    let row = |i: usize, r: usize| -> f64 {
        let entries = a.range(i).flat_map(|k| &a.block(k)[r * b..(r + 1) * b]);
        entries.map(|v| v.abs()).sum::<f64>() * inverse_diagonal[i * b + r]
    };
    let rows = (0..a.rows()).flat_map(|i| (0..b).map(move |r| (i, r)));
    rows.map(|(i, r)| row(i, r)).fold(0.0, f64::max)
}

/// `2^-e` for the power of two next below `x`; 1 for zero.
pub(crate) fn inverse_power_of_two(x: f64) -> f64 {
    if !(x >= f64::MIN_POSITIVE && x.is_finite()) {
        return 1.0;
    }
    let exponent = (x.to_bits() >> 52) as i32 - 1023;
    2f64.powi(-exponent.clamp(-1022, 1022))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [4 -1 -0.1; -1 4 -1; -0.1 -1 1]
    fn matrix() -> BlockCsr<f64> {
        BlockCsr {
            cols: 3,
            height: 1,
            width: 1,
            starts: vec![0, 3, 6, 9],
            indices: vec![0, 1, 2, 0, 1, 2, 0, 1, 2],
            values: vec![4.0, -1.0, -0.1, -1.0, 4.0, -1.0, -0.1, -1.0, 1.0],
        }
    }

    #[test]
    fn symmetric_by_hand() {
        assert_eq!(symmetric(&matrix(), 0.0).neighbours.len(), 9);
        // a_01: 1 ≥ 0.25 · 4; a_12: 1 ≥ 0.25 · 2; a_02: 0.1 < 0.25 · 2
        let graph = symmetric(&matrix(), 0.25);
        assert_eq!(graph.neighbours, [0, 1, 0, 1, 2, 1, 2]);
        assert_eq!(symmetric(&matrix(), 0.26).neighbours, [0, 1, 2, 1, 2]);
    }

    #[test]
    fn classical_by_hand() {
        let graph = classical(&matrix(), 0.5);
        assert_eq!(graph.starts, [0, 2, 5, 7]);
        assert_eq!(graph.neighbours, [0, 1, 0, 1, 2, 1, 2]);
    }

    #[test]
    fn filtering_by_hand() {
        // a_02 = -0.1 is weak and goes to the diagonal.
        let f = filtered(&matrix(), &symmetric(&matrix(), 0.25));
        assert_eq!(f.indices, [0, 1, 0, 1, 2, 1, 2]);
        assert_eq!(f.values, [3.9, -1.0, -1.0, 4.0, -1.0, -1.0, 0.9]);
        assert_eq!(gershgorin(&f, &[0.5, 0.25, 1.0]), 0.5 * 4.9);
        // Without any strong coupling the diagonal would vanish: it is kept.
        let alone = Graph {
            starts: vec![0, 1, 2, 3],
            neighbours: vec![0, 1, 2],
        };
        assert_eq!(filtered(&matrix(), &alone).values, [2.9, 2.0, 1.0]);
    }

    #[test]
    fn powers_of_two_leave_it_alone() {
        for e in [-700, -1, 1, 600] {
            let mut scaled = matrix();
            scaled.values.iter_mut().for_each(|v| *v *= 2f64.powi(e));
            let (x, y) = (symmetric(&scaled, 0.25), symmetric(&matrix(), 0.25));
            assert_eq!(x.neighbours, y.neighbours);
        }
    }
}
