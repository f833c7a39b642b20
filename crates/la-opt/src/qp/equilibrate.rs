//! Scales of the variables.

use super::problem::{Hessian, QuadraticProgram};
use crate::Real;

/// Sweeps; norms are then within a few per cent of 1 unless the pattern forbids it.
const SWEEPS: usize = 10;

/// D, for which the columns of `[D P D; E A D]` have largest entries near 1, E the scales of the rows: powers of two. A column of zeros has 1.
///
/// D. Ruiz, *A scaling algorithm to equilibrate both rows and columns norms in matrices*, RAL-TR-2001-034. Deviates: simple bounds do not count,
/// any scale of a row of the identity would do.
pub(super) fn ruiz<T: Real>(problem: &QuadraticProgram<T>) -> Vec<f64> {
    let n = problem.linear.len();
    let mut columns = vec![1.0f64; n];
    let mut rows = vec![1.0f64; problem.lower.len() - problem.bounds];
    for _ in 0..SWEEPS {
        let mut of_columns = vec![0.0f64; n];
        let mut of_rows = vec![0.0f64; rows.len()];
        match &problem.hessian {
            Hessian::Dense(p) => {
                for (i, row) in p.chunks_exact(n.max(1)).enumerate() {
                    for (j, p) in row.iter().enumerate() {
                        let size = p.to_f64().abs() * columns[i] * columns[j];
                        of_columns[j] = of_columns[j].max(size);
                    }
                }
            }
            Hessian::Sparse(p) => {
                for i in 0..n {
                    for (j, p) in p.row(i) {
                        let size = p.to_f64().abs() * columns[i] * columns[j];
                        of_columns[j] = of_columns[j].max(size);
                        of_columns[i] = of_columns[i].max(size);
                    }
                }
            }
            Hessian::Diagonal(p) => {
                for ((most, p), d) in of_columns.iter_mut().zip(p).zip(&columns) {
                    *most = p.to_f64().abs() * d * d;
                }
            }
            Hessian::Identity => {
                for (most, d) in of_columns.iter_mut().zip(&columns) {
                    *most = d * d;
                }
            }
            Hessian::Zero => {}
        }
        problem.rows.for_each(n, |i, j, a| {
            let size = a.to_f64().abs() * rows[i] * columns[j];
            of_rows[i] = of_rows[i].max(size);
            of_columns[j] = of_columns[j].max(size);
        });
        let shrink = |scales: &mut [f64], norms: &[f64]| {
            for (scale, &norm) in scales.iter_mut().zip(norms) {
                if norm > 0.0 && norm.is_finite() {
                    *scale /= norm.sqrt();
                }
            }
        };
        shrink(&mut columns, &of_columns);
        shrink(&mut rows, &of_rows);
    }
    for d in &mut columns {
        *d = d.log2().round().clamp(-100.0, 100.0).exp2();
    }
    columns
}

/// Largest entry of `D P D`; 1 for a zero P.
pub(super) fn largest_curvature<T: Real>(problem: &QuadraticProgram<T>, scales: &[f64]) -> f64 {
    let n = scales.len();
    let diagonal = |i: usize| match &problem.hessian {
        Hessian::Dense(p) => p[i * n + i].to_f64(),
        Hessian::Sparse(p) => p.diagonal(i).to_f64(),
        Hessian::Diagonal(p) => p[i].to_f64(),
        Hessian::Identity => 1.0,
        Hessian::Zero => 0.0,
    };
    let most = (0..n).fold(0.0f64, |most, i| {
        most.max(diagonal(i) * scales[i] * scales[i])
    });
    if most > 0.0 { most } else { 1.0 }
}
