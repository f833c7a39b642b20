//! Textbook conjugate gradients, to check that test problems are positive definite.

use la_problems::CsrMatrix;

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

/// Solution and iterations, or `None` if the matrix is not positive definite or the limit of 20 n steps is reached.
pub(crate) fn solve(a: &CsrMatrix, b: &[f64], rtol: f64) -> Option<(Vec<f64>, usize)> {
    let (mut x, mut r, mut p) = (vec![0.0; b.len()], b.to_vec(), b.to_vec());
    let (mut rr, limit) = (dot(b, b), rtol * rtol * dot(b, b));
    for iteration in 0..20 * b.len() + 1 {
        if rr <= limit {
            return Some((x, iteration));
        }
        let q: Vec<f64> = a
            .outer_iterator()
            .map(|row| row.iter().map(|(j, v)| v * p[j]).sum())
            .collect();
        let curvature = dot(&p, &q);
        if curvature <= 0.0 {
            return None;
        }
        let alpha = rr / curvature;
        for i in 0..b.len() {
            x[i] += alpha * p[i];
            r[i] -= alpha * q[i];
        }
        let next = dot(&r, &r);
        for i in 0..b.len() {
            p[i] = r[i] + next / rr * p[i];
        }
        rr = next;
    }
    None
}
