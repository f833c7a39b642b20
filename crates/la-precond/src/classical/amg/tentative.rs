//! The tentative prolongator: near-null-space vectors, cut at the borders of the aggregates and made
//! orthonormal there.

use super::aggregate::{ALONE, Aggregates};

/// A tentative prolongator `T` and the coarse near-null space, `T B_c = B`.
#[derive(Debug, Clone)]
pub(crate) struct Tentative {
    /// `block` × `count` numbers for each node, by rows: its only block of `T`. Zero for nodes that
    /// stay alone.
    pub(crate) values: Vec<f64>,
    /// `B_c` by rows: `count` × `count` numbers for each aggregate.
    pub(crate) coarse: Vec<f64>,
}

/// Columns that keep less than this part of their norm after orthogonalisation count as dependent.
const DEPENDENT: f64 = 1e-10;

/// Local QR: in each aggregate `B = Q R`, `T` takes `Q` and `B_c` takes `R`. O(n count²).
///
/// A vector that depends on those before it on an aggregate gives a zero column of `T`. Modified
/// Gram–Schmidt, twice where the first pass cancelled.
///
/// P. Vaněk, M. Brezina, J. Mandel, *Numer. Math.* 88, 559–579, 2001, section 3.
pub(crate) fn fit(
    aggregates: &Aggregates,
    candidates: &[f64],
    block: usize,
    count: usize,
) -> Tentative {
    if block == 1 && count == 1 {
        return fit_scalar(aggregates, candidates);
    }
    let size = block * count;
    let mut values = vec![0.0; candidates.len()];
    let mut coarse = vec![0.0; aggregates.count * count * count];
    let (starts, members) = members(aggregates);
    // Columns of the aggregate at hand, one after another.
    let mut local = Vec::new();
    for (k, r) in coarse.chunks_exact_mut(count * count).enumerate() {
        let nodes = &members[starts[k] as usize..starts[k + 1] as usize];
        let m = nodes.len() * block;
        local.clear();
        for c in 0..count {
            for &i in nodes {
                let rows = candidates[i as usize * size..][..size].chunks_exact(count);
                local.extend(rows.map(|row| row[c]));
            }
        }
        orthonormalise(&mut local, m, count, r);
        for c in 0..count {
            for (position, &i) in nodes.iter().enumerate() {
                for row in 0..block {
                    values[i as usize * size + row * count + c] =
                        local[c * m + position * block + row];
                }
            }
        }
    }
    Tentative { values, coarse }
}

fn fit_scalar(aggregates: &Aggregates, candidates: &[f64]) -> Tentative {
    let mut coarse = vec![0.0; aggregates.count];
    for (&aggregate, b) in aggregates.of.iter().zip(candidates) {
        if aggregate != ALONE {
            coarse[aggregate as usize] += b * b;
        }
    }
    for norm in &mut coarse {
        *norm = norm.sqrt();
    }
    let entry = |(&aggregate, b): (&u32, &f64)| {
        if aggregate == ALONE || coarse[aggregate as usize] == 0.0 {
            0.0
        } else {
            b / coarse[aggregate as usize]
        }
    };
    let values = aggregates.of.iter().zip(candidates).map(entry).collect();
    Tentative { values, coarse }
}

/// QR of `m` × `count` columns in place; `r` is filled by rows.
fn orthonormalise(q: &mut [f64], m: usize, count: usize, r: &mut [f64]) {
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    for c in 0..count {
        let (before, rest) = q.split_at_mut(c * m);
        let column = &mut rest[..m];
        let original = norm(column);
        let mut current = original;
        for _ in 0..2 {
            for (p, q) in before.chunks_exact(m).enumerate() {
                let dot: f64 = q.iter().zip(&*column).map(|(q, v)| q * v).sum();
                r[p * count + c] += dot;
                for (v, q) in column.iter_mut().zip(q) {
                    *v -= dot * q;
                }
            }
            let previous = std::mem::replace(&mut current, norm(column));
            if current > 0.7 * previous {
                break;
            }
        }
        if current > DEPENDENT * original {
            r[c * count + c] = current;
            column.iter_mut().for_each(|v| *v /= current);
        } else {
            column.fill(0.0);
        }
    }
}

/// Nodes of each aggregate, in increasing order.
pub(crate) fn members(aggregates: &Aggregates) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; aggregates.count + 1];
    let grouped = || {
        aggregates
            .of
            .iter()
            .enumerate()
            .filter(|(_, a)| **a != ALONE)
    };
    for (_, &a) in grouped() {
        starts[a as usize + 1] += 1;
    }
    for k in 0..aggregates.count {
        starts[k + 1] += starts[k];
    }
    let mut next = starts.clone();
    let mut nodes = vec![0; starts[aggregates.count] as usize];
    for (i, &a) in grouped() {
        nodes[next[a as usize] as usize] = i as u32;
        next[a as usize] += 1;
    }
    (starts, nodes)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn linear_functions_by_hand() {
        // Constant and x on the points 0, 1 | 2, 3.
        let aggregates = Aggregates {
            of: vec![0, 0, 1, 1],
            count: 2,
        };
        let b = [1.0, 0.0, 1.0, 1.0, 1.0, 2.0, 1.0, 3.0];
        let t = fit(&aggregates, &b, 1, 2);
        let s = 0.5_f64.sqrt();
        for (x, y) in t.values.iter().zip([s, -s, s, s, s, -s, s, s]) {
            assert_relative_eq!(*x, y, max_relative = 1e-14);
        }
        let root = 2.0_f64.sqrt();
        for (x, y) in t
            .coarse
            .iter()
            .zip([root, s, 0.0, s, root, 5.0 * s, 0.0, s])
        {
            assert_relative_eq!(*x, y, max_relative = 1e-14);
        }
    }

    #[test]
    fn dependent_columns_vanish() {
        let aggregates = Aggregates {
            of: vec![0, ALONE],
            count: 1,
        };
        let t = fit(&aggregates, &[1.0, 2.0, 1.0, 5.0], 1, 2);
        assert_eq!(t.values, [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(t.coarse, [1.0, 2.0, 0.0, 0.0]);
        let t = fit(&aggregates, &[0.0, 1.0], 1, 1);
        assert_eq!((t.values, t.coarse), (vec![0.0, 0.0], vec![0.0]));
    }
}
