//! The largest of many scores, without a branch per row.

use super::Kernels;
use super::vector::{Array, Avx2, LANES, Vector};
use crate::Real;

kernel! {
    /// The row with the highest score, the first of equals, and that score; 0 where no row is violated by more than `tol · scale_i`. The violation is
    /// `max(p_i − u_i, l_i − p_i)`, the score itself, or its square over `max(γ_i, smallest)` where there are γ.
    highest_score, highest_score_body, highest_score_avx2, (rows: Scores<'_, T>, tol: T, smallest: T) -> (usize, T)
}
kernel! {
    /// `p += step a` and `γ = min(1, γ + weight a²)`, in one pass over a.
    follow_edge, follow_edge_body, follow_edge_avx2, (edge: EdgeStep<'_, T>, products: &mut [T], distances: &mut [T])
}

/// The products a of all rows with a direction, how far u goes along it, and what a square of a product changes in a distance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EdgeStep<'a, T> {
    pub(crate) along: &'a [T],
    pub(crate) step: T,
    pub(crate) weight: T,
}

/// Products p, their bounds l and u, scales, and γ or nothing. All of one length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scores<'a, T> {
    pub(crate) products: &'a [T],
    pub(crate) lower: &'a [T],
    pub(crate) upper: &'a [T],
    pub(crate) scale: &'a [T],
    pub(crate) distances: &'a [T],
}

/// Left to the compiler: it makes eight lanes of this, and `V` only tells for which machine.
#[inline(always)]
fn highest_score_body<T: Real, V: Vector<T>>(
    rows: Scores<'_, T>,
    tol: T,
    smallest: T,
) -> (usize, T) {
    if rows.distances.is_empty() {
        scan::<T, false>(rows, rows.scale, tol, smallest)
    } else {
        scan::<T, true>(rows, rows.distances, tol, smallest)
    }
}

/// Left to the compiler as well.
#[inline(always)]
fn follow_edge_body<T: Real, V: Vector<T>>(
    edge: EdgeStep<'_, T>,
    products: &mut [T],
    distances: &mut [T],
) {
    let rows = products.iter_mut().zip(distances).zip(edge.along);
    for ((product, distance), &along) in rows {
        *product = V::scalar_mul_add(edge.step, along, *product);
        let longer = V::scalar_mul_add(along * along, edge.weight, *distance);
        *distance = if longer < T::ONE { longer } else { T::ONE };
    }
}

#[inline(always)]
fn score<T: Real, const STEEPEST: bool>(
    [product, lower, upper, scale, distance]: [T; 5],
    tol: T,
    smallest: T,
) -> T {
    let (above, below) = (product - upper, lower - product);
    let violation = if above >= below { above } else { below };
    let score = if STEEPEST {
        let distance = if distance > smallest {
            distance
        } else {
            smallest
        };
        violation * violation / distance
    } else {
        violation
    };
    if violation > tol * scale {
        score
    } else {
        T::ZERO
    }
}

#[inline(always)]
fn scan<T: Real, const STEEPEST: bool>(
    rows: Scores<'_, T>,
    distances: &[T],
    tol: T,
    smallest: T,
) -> (usize, T) {
    let (p, p_rest) = rows.products.as_chunks::<LANES>();
    let (l, l_rest) = rows.lower.as_chunks::<LANES>();
    let (u, u_rest) = rows.upper.as_chunks::<LANES>();
    let (s, s_rest) = rows.scale.as_chunks::<LANES>();
    let (d, d_rest) = distances.as_chunks::<LANES>();
    let mut most = [T::ZERO; LANES];
    let mut block_of_most = [T::ZERO; LANES];
    let mut block = T::ZERO;
    for ((((p, l), u), s), d) in p.iter().zip(l).zip(u).zip(s).zip(d) {
        for lane in 0..LANES {
            let row = [p[lane], l[lane], u[lane], s[lane], d[lane]];
            let score = score::<T, STEEPEST>(row, tol, smallest);
            let better = score > most[lane];
            most[lane] = if better { score } else { most[lane] };
            block_of_most[lane] = if better { block } else { block_of_most[lane] };
        }
        block += T::ONE;
    }
    let mut best = (0, T::ZERO);
    for lane in 0..LANES {
        let at = block_of_most[lane].to_f64() as usize * LANES + lane;
        if most[lane] > best.1 || (most[lane] == best.1 && at < best.0) {
            best = (at, most[lane]);
        }
    }
    let first = p.len() * LANES;
    for (i, &product) in p_rest.iter().enumerate() {
        let row = [product, l_rest[i], u_rest[i], s_rest[i], d_rest[i]];
        let score = score::<T, STEEPEST>(row, tol, smallest);
        if score > best.1 {
            best = (first + i, score);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_highest_scores_is_found() {
        for m in [0, 1, 7, 8, 9, 31, 64] {
            for seed in 0..20 {
                let draw = |salt: usize| -> Vec<f64> {
                    let value = |i: usize| (((i + 1) * (seed + salt + 3) * 7919) % 17) as f64;
                    (0..m).map(value).collect()
                };
                let products = draw(1);
                let lower: Vec<f64> = draw(2).iter().map(|l| l - 9.0).collect();
                let upper: Vec<f64> = draw(3)
                    .iter()
                    .map(|&u| if u == 5.0 { f64::INFINITY } else { u })
                    .collect();
                let scale: Vec<f64> = draw(4).iter().map(|s| s + 1.0).collect();
                let gamma: Vec<f64> = draw(5).iter().map(|g| g / 4.0).collect();
                for distances in [&gamma[..], &[]] {
                    let (mut expected, mut most) = (0, 0.0);
                    for i in 0..m {
                        let violation = f64::max(products[i] - upper[i], lower[i] - products[i]);
                        let score = match distances.get(i) {
                            Some(d) => violation * violation / d.max(0.5),
                            None => violation,
                        };
                        if violation > 0.1 * scale[i] && score > most {
                            (expected, most) = (i, score);
                        }
                    }
                    let rows = Scores {
                        products: &products,
                        lower: &lower,
                        upper: &upper,
                        scale: &scale,
                        distances,
                    };
                    for kernels in [Kernels::Portable, Kernels::detect()] {
                        let (at, score) = kernels.highest_score(rows, 0.1, 0.5);
                        assert_eq!(score, most);
                        assert!(score == 0.0 || at == expected, "{at} {expected}");
                    }
                }
            }
        }
    }
}
