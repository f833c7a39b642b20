//! Square matrices of the size of the rank, in `f64` whatever the scalars are.

/// The Cholesky factor of `G + ρ I`, for a symmetric G of r rows that are `stride` numbers apart, r × r. False if it is not positive definite.
fn cholesky(r: usize, stride: usize, gram: &[f64], rho: f64, lower: &mut [f64]) -> bool {
    for i in 0..r {
        for j in 0..=i {
            let (done, rest) = lower.split_at_mut(i * r);
            let row = &rest[..=i];
            let other = if j < i {
                &done[j * r..j * r + j]
            } else {
                &row[..j]
            };
            let dot: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            let shift = if i == j { rho } else { 0.0 };
            let value = gram[i * stride + j] + shift - dot;
            lower[i * r + j] = if i > j {
                value / lower[j * r + j]
            } else if value > 0.0 && value.is_finite() {
                value.sqrt()
            } else {
                return false;
            };
        }
    }
    true
}

/// `det(G)^(1 / r)`, or 0 if G is not positive definite. `lower` is room for r × r numbers.
pub(super) fn geometric_mean(r: usize, stride: usize, gram: &[f64], lower: &mut [f64]) -> f64 {
    if !cholesky(r, stride, gram, 0.0, lower) {
        return 0.0;
    }
    let logarithms: f64 = (0..r).map(|i| lower[i * r + i].ln()).sum();
    (2.0 * logarithms / r as f64).exp()
}

/// `(G + ρ I)⁻¹` by a Cholesky factorisation, for a symmetric G of r rows that are `stride` numbers apart. `out` is r × r; `lower` is room for as much.
/// False if it is not positive definite.
pub(super) fn shifted_inverse(
    r: usize,
    stride: usize,
    gram: &[f64],
    rho: f64,
    lower: &mut [f64],
    out: &mut [f64],
) -> bool {
    if !cholesky(r, stride, gram, rho, lower) {
        return false;
    }
    // Column c of L⁻¹ stands in row c of `out`, then `(G + ρ I)⁻¹ = L⁻ᵀ L⁻¹` takes its place from the upper left on: entry (a, b) needs columns a and b from
    // max(a, b) on.
    for c in 0..r {
        let column = &mut out[c * r..(c + 1) * r];
        column[..c].fill(0.0);
        column[c] = 1.0 / lower[c * r + c];
        for i in c + 1..r {
            let row = &lower[i * r..i * r + i];
            let dot: f64 = row[c..].iter().zip(&column[c..i]).map(|(a, b)| a * b).sum();
            column[i] = -dot / lower[i * r + i];
        }
    }
    for a in 0..r {
        for b in a..r {
            let (x, y) = (&out[a * r + b..(a + 1) * r], &out[b * r + b..(b + 1) * r]);
            let dot: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
            lower[a * r + b] = dot;
        }
    }
    for a in 0..r {
        for b in a..r {
            out[a * r + b] = lower[a * r + b];
            out[b * r + a] = lower[a * r + b];
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{geometric_mean, shifted_inverse};

    #[test]
    fn inverse_times_matrix_is_one() {
        for r in [1, 2, 3, 7] {
            let stride = r + 1;
            let entry = |i: usize, j: usize| 1.0 / (1.0 + i as f64 + j as f64);
            let mut gram = vec![9.0; r * stride];
            for i in 0..r {
                for j in 0..r {
                    gram[i * stride + j] = entry(i, j);
                }
            }
            let (mut lower, mut inverse) = (vec![0.0; r * r], vec![0.0; r * r]);
            assert!(shifted_inverse(
                r,
                stride,
                &gram,
                0.3,
                &mut lower,
                &mut inverse
            ));
            for i in 0..r {
                for j in 0..r {
                    let one: f64 = (0..r)
                        .map(|k| {
                            (entry(i, k) + if i == k { 0.3 } else { 0.0 }) * inverse[k * r + j]
                        })
                        .sum();
                    assert!((one - if i == j { 1.0 } else { 0.0 }).abs() < 1e-12);
                }
            }
        }
        assert!(!shifted_inverse(1, 1, &[-1.0], 0.5, &mut [0.0], &mut [0.0]));
    }

    #[test]
    fn the_geometric_mean_of_eigenvalues() {
        // Eigenvalues 1 and 9, rows three numbers apart.
        let gram = [5.0, 4.0, 7.0, 4.0, 5.0, 7.0];
        let mean = geometric_mean(2, 3, &gram, &mut [0.0; 4]);
        assert!((mean - 3.0).abs() < 1e-14, "{mean}");
        let singular = geometric_mean(2, 2, &[1.0, 1.0, 1.0, 1.0], &mut [0.0; 4]);
        assert!(singular < 1e-7, "{singular}");
        assert_eq!(geometric_mean(1, 1, &[-1.0], &mut [0.0]), 0.0);
    }
}
