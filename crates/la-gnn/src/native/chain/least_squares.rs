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

/// The unit vector x for which ‖A x‖ is smallest, A given by rows of length n: orthogonalisation by Givens rotations row by row, then inverse iteration
/// with the triangle, so that small singular values keep their digits.
pub(super) fn smallest_direction(
    n: usize,
    rows: impl Iterator<Item = Vec<f64>>,
) -> Option<Vec<f64>> {
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
    }
}
