//! Small symmetric positive definite systems, by L D Lᵀ.

/// Factors `H + shift · I` (row-major, lower triangle read): L strictly below the diagonal of `factor`, the inverse of D on it.
#[inline]
pub(super) fn factor(hessian: &[f64], shift: f64, n: usize, factor: &mut [f64]) {
    for i in 0..n {
        for j in 0..i {
            let mut sum = hessian[i * n + j];
            for k in 0..j {
                // L D is kept above the diagonal until its row of L is complete.
                sum -= factor[i * n + k] * factor[k * n + j];
            }
            factor[j * n + i] = sum;
            factor[i * n + j] = sum * factor[j * n + j];
        }
        let mut pivot = hessian[i * n + i] + shift;
        for k in 0..i {
            pivot -= factor[i * n + k] * factor[k * n + i];
        }
        factor[i * n + i] = 1.0 / pivot;
    }
}

/// Solves with what [`factor`] left, in place.
#[inline]
pub(super) fn solve(factor: &[f64], n: usize, x: &mut [f64]) {
    for i in 0..n {
        for k in 0..i {
            x[i] -= factor[i * n + k] * x[k];
        }
    }
    for i in (0..n).rev() {
        x[i] *= factor[i * n + i];
        for k in i + 1..n {
            x[i] -= factor[k * n + i] * x[k];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_satisfy_the_system() {
        for n in 1..6usize {
            let wave = |i: usize, j: usize| ((i * 5 + j * 3 + 1) as f64).sin();
            let b: Vec<f64> = (0..n * n).map(|p| wave(p / n, p % n)).collect();
            let mut h = vec![0.0; n * n];
            for p in 0..n * n {
                h[p] = (0..n).map(|k| b[k * n + p / n] * b[k * n + p % n]).sum();
            }
            let right: Vec<f64> = (0..n).map(|i| wave(i, 9)).collect();
            let (mut f, mut x) = (vec![0.0; n * n], right.clone());
            factor(&h, 0.3, n, &mut f);
            solve(&f, n, &mut x);
            for i in 0..n {
                let row: f64 = (0..n).map(|j| h[i * n + j] * x[j]).sum();
                assert!((row + 0.3 * x[i] - right[i]).abs() < 1e-12);
            }
        }
    }
}
