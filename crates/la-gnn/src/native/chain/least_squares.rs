//! Small dense least squares.

/// Solves `(G + μ diag G) x = b` for a symmetric positive semidefinite G of order n, lower triangle stored by rows; `None` if a pivot is not positive.
pub(super) fn damped_solve(gram: &[f64], b: &[f64], damping: f64) -> Option<Vec<f64>> {
    let n = b.len();
    let mut c = gram.to_vec();
    let largest = (0..n).fold(0.0_f64, |m, i| m.max(gram[i * n + i]));
    for i in 0..n {
        c[i * n + i] += damping * c[i * n + i].max(1e-12 * largest);
    }
    for i in 0..n {
        let (done, rest) = c.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..=i {
            let other = if j < i { &done[j * n..j * n + n] } else { &[] };
            let sum: f64 = (0..j)
                .map(|k| row[k] * if j < i { other[k] } else { row[k] })
                .sum();
            let value = row[j] - sum;
            row[j] = if j < i {
                value / other[j]
            } else if value > 0.0 && value.is_finite() {
                value.sqrt()
            } else {
                return None;
            };
        }
    }
    let mut x = b.to_vec();
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| c[i * n + k] * x[k]).sum();
        x[i] = (x[i] - sum) / c[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| c[k * n + i] * x[k]).sum();
        x[i] = (x[i] - sum) / c[i * n + i];
    }
    Some(x)
}

/// The triangle of the orthogonalisation of rows of length n, by Givens rotations row by row: Gram matrices would lose half of the digits.
fn triangle(n: usize, rows: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
    let mut r = vec![0.0_f64; n * n];
    for mut row in rows {
        for k in 0..n {
            if row[k] == 0.0 {
                continue;
            }
            let (a, b) = (r[k * n + k], row[k]);
            let length = a.hypot(b);
            let (cos, sin) = (a / length, b / length);
            for j in k..n {
                let (top, below) = (r[k * n + j], row[j]);
                r[k * n + j] = cos * top + sin * below;
                row[j] = cos * below - sin * top;
            }
        }
    }
    r
}

/// The x of length n for which Σ (row · x − right-hand side)² is smallest; each row ends with its right-hand side. Columns are scaled, and a ridge of 1e-13 of their
/// size keeps coefficients small that the data do not determine. `None` if a column vanishes.
pub(super) fn least_squares(n: usize, rows: impl Iterator<Item = Vec<f64>>) -> Option<Vec<f64>> {
    let m = n + 1;
    let mut r = triangle(m, rows);
    let norms: Vec<f64> = (0..n)
        .map(|j| {
            (0..=j)
                .map(|i| r[i * m + j] * r[i * m + j])
                .sum::<f64>()
                .sqrt()
        })
        .collect();
    if norms.iter().any(|x| !(*x > 0.0 && x.is_finite())) {
        return None;
    }
    for i in 0..n {
        for j in i..n {
            r[i * m + j] /= norms[j];
        }
    }
    let ridge = (0..n).map(|k| {
        let mut row = vec![0.0; m];
        row[k] = 1e-13;
        row
    });
    let old = (0..m).map(|i| r[i * m..(i + 1) * m].to_vec());
    let r = triangle(m, old.chain(ridge));
    let mut x = vec![0.0; n];
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| r[i * m + k] * x[k]).sum();
        x[i] = (r[i * m + n] - sum) / r[i * m + i];
    }
    for (x, norm) in x.iter_mut().zip(&norms) {
        *x /= norm;
    }
    x.iter().all(|x| x.is_finite()).then_some(x)
}

/// The unit vector x for which ‖A x‖ is smallest, A given by rows of length n: inverse iteration with the triangle, so that small singular values keep their digits.
pub(super) fn smallest_direction(
    n: usize,
    rows: impl Iterator<Item = Vec<f64>>,
) -> Option<Vec<f64>> {
    let mut r = triangle(n, rows);
    // An exact null vector has a pivot of rounding size: keep it from zero.
    let largest = (0..n).fold(0.0_f64, |m, k| m.max(r[k * n + k].abs()));
    if !(largest > 0.0 && largest.is_finite()) {
        return None;
    }
    for k in 0..n {
        let d = &mut r[k * n + k];
        if d.abs() < 1e-18 * largest {
            *d = 1e-18 * largest;
        }
    }
    let mut x: Vec<f64> = (0..n).map(|k| 1.0 + 0.1 * k as f64).collect();
    for _ in 0..8 {
        // Rᵀ y = x, R x = y.
        for i in 0..n {
            let sum: f64 = (0..i).map(|k| r[k * n + i] * x[k]).sum();
            x[i] = (x[i] - sum) / r[i * n + i];
        }
        normalize(&mut x)?;
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n).map(|k| r[i * n + k] * x[k]).sum();
            x[i] = (x[i] - sum) / r[i * n + i];
        }
        normalize(&mut x)?;
    }
    Some(x)
}

fn normalize(x: &mut [f64]) -> Option<()> {
    let largest = x.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if !(largest > 0.0 && largest.is_finite()) {
        return None;
    }
    x.iter_mut().for_each(|v| *v /= largest);
    let norm = x.iter().map(|v| v * v).sum::<f64>().sqrt();
    x.iter_mut().for_each(|v| *v /= norm);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_systems() {
        // [4 2; 2 5] x = [8, 9].
        let x = damped_solve(&[4.0, 0.0, 2.0, 5.0], &[8.0, 9.0], 0.0).unwrap();
        assert!((x[0] - 1.375).abs() < 1e-15 && (x[1] - 1.25).abs() < 1e-15);
        assert!(damped_solve(&[1.0, 0.0, 2.0, 1.0], &[1.0, 1.0], 0.0).is_none());
        // Orthogonal to (1, 2, 2) and (2, 1, -2): (2, -2, 1) / 3.
        let rows = [
            vec![1.0, 2.0, 2.0],
            vec![2.0, 1.0, -2.0],
            vec![3.0, 3.0, 0.0],
        ];
        let x = smallest_direction(3, rows.into_iter()).unwrap();
        let sign = x[0].signum();
        for (x, wanted) in x.iter().zip([2.0, -2.0, 1.0]) {
            assert!((sign * x - wanted / 3.0).abs() < 1e-14);
        }
        assert!(smallest_direction(2, std::iter::once(vec![0.0, 0.0])).is_none());
        // The line nearest to (0, 1), (1, 3), (2, 4): 7/6 + 3/2 t.
        let rows = [
            vec![1.0, 0.0, 1.0],
            vec![1.0, 1.0, 3.0],
            vec![1.0, 2.0, 4.0],
        ];
        let x = least_squares(2, rows.into_iter()).unwrap();
        assert!((x[0] - 7.0 / 6.0).abs() < 1e-11 && (x[1] - 1.5).abs() < 1e-11);
        assert!(least_squares(2, std::iter::once(vec![1.0, 0.0, 1.0])).is_none());
    }
}
