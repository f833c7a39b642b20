//! Losses on the spectrum of the preconditioned matrix B = L⁻¹ A L⁻ᵀ.
#![expect(
    clippy::needless_range_loop,
    reason = "row i of the matrix belongs to entry i of several vectors; iterators hide the formula"
)]

use super::super::{Element, LowerGraph};
use super::loss::{
    LossParts, LossWorkspace, solve, symmetric_product, transpose_product, transpose_solve,
};

/// Two vectors whose outer product is A⁻¹ on average: `E[x yᵀ] = A⁻¹`.
///
/// Either `y` is standard normal and `x = A⁻¹ y`, or `x = y` is normal with covariance A⁻¹. The second is
/// to be had where a square root of A is known: for `A = M Mᵀ + α I` it is
/// `A⁻¹ (M g + √α h)` with standard normal g and h, and its estimates are never negative.
#[derive(Debug, Clone, PartialEq)]
pub struct InversePair {
    /// First vector, one entry per row of A.
    pub x: Vec<f64>,
    /// Second vector, one entry per row of A.
    pub y: Vec<f64>,
}

/// `log(tr(Bᵐ)/n)/m` estimated as `log(zᵀBᵐz/n)/m`; its gradient is added to `grad`.
///
/// With `y₀ = z`, `u_k = L⁻ᵀ y_k`, `y_{k+1} = L⁻¹ A u_k` and `dB = −L⁻¹ dL B − B dLᵀ L⁻ᵀ`,
/// `d(zᵀBᵐz)/dl_ij = −2 Σ_k (u_k)_i (y_{m−k})_j`.
fn power_trace<T: Element>(
    graph: &LowerGraph<T>,
    factor: &[T],
    z: &[f64],
    power: usize,
    ws: &mut LossWorkspace,
    grad: &mut [T],
) -> f64 {
    let n = z.len();
    ws.krylov.resize_with(2 * power + 1, Vec::new);
    // y_0 … y_m, then u_0 … u_{m−1}.
    let (y, u) = ws.krylov.split_at_mut(power + 1);
    y[0].clear();
    y[0].extend_from_slice(z);
    for k in 0..power {
        u[k].clone_from(&y[k]);
        transpose_solve(graph, factor, &mut u[k]);
        y[k + 1].resize(n, 0.0);
        symmetric_product(graph, &u[k], &mut y[k + 1]);
        solve(graph, factor, &mut y[k + 1]);
    }
    let trace: f64 = y[power / 2]
        .iter()
        .zip(&y[power - power / 2])
        .map(|(a, b)| a * b)
        .sum();
    let scale = -2.0 / (power as f64 * trace);
    for i in 0..n {
        let range = graph.row(i);
        for (arc, &j) in range.clone().zip(&graph.col[range]) {
            let j = j as usize;
            let sum: f64 = (0..power).map(|k| u[k][i] * y[power - k][j]).sum();
            grad[arc] = T::from_f64(grad[arc].to_f64() + scale * sum);
        }
    }
    (trace / n as f64).ln() / power as f64
}

/// `log(tr(A⁻¹ L Lᵀ)/n)` estimated by the pairs; its gradient is added to `grad`. None, and nothing
/// added, when the estimate is not positive.
fn inverse_trace<T: Element>(
    graph: &LowerGraph<T>,
    factor: &[T],
    pairs: &[InversePair],
    ws: &mut LossWorkspace,
    grad: &mut [T],
) -> Option<f64> {
    let n = graph.num_nodes();
    let (u, v) = (&mut ws.u, &mut ws.v);
    let mut trace = 0.0;
    for pair in pairs {
        transpose_product(graph, factor, &pair.x, u);
        transpose_product(graph, factor, &pair.y, v);
        trace += u.iter().zip(v.iter()).map(|(a, b)| a * b).sum::<f64>();
    }
    if trace.is_nan() || trace <= 0.0 {
        return None;
    }
    for pair in pairs {
        if pairs.len() > 1 {
            transpose_product(graph, factor, &pair.x, u);
            transpose_product(graph, factor, &pair.y, v);
        }
        for i in 0..n {
            let (x, y) = (pair.x[i] / trace, pair.y[i] / trace);
            for arc in graph.row(i) {
                let j = graph.col[arc] as usize;
                grad[arc] = T::from_f64(grad[arc].to_f64() + x * v[j] + y * u[j]);
            }
        }
    }
    Some((trace / (n * pairs.len()) as f64).ln())
}

/// `log(det(L Lᵀ))/n`; its gradient is added to `grad`.
fn log_determinant<T: Element>(graph: &LowerGraph<T>, factor: &[T], grad: &mut [T]) -> f64 {
    let n = graph.num_nodes();
    let mut sum = 0.0;
    for i in 0..n {
        let last = graph.row(i).end - 1;
        let diagonal = factor[last].to_f64();
        sum += 2.0 * diagonal.ln();
        grad[last] = T::from_f64(grad[last].to_f64() + 2.0 / (n as f64 * diagonal));
    }
    sum / n as f64
}

/// Upper end by a power trace; lower end by the inverse trace of `pairs`, or by the determinant.
pub(super) fn gradient<T: Element>(
    graph: &LowerGraph<T>,
    factor: &[T],
    z: &[f64],
    power: usize,
    pairs: &[InversePair],
    ws: &mut LossWorkspace,
    grad: &mut [T],
) -> LossParts {
    grad.fill(T::ZERO);
    let upper = power_trace(graph, factor, z, power, ws, grad);
    let lower = inverse_trace(graph, factor, pairs, ws, grad)
        .unwrap_or_else(|| log_determinant(graph, factor, grad));
    LossParts {
        numerator: upper + lower,
        reference: 1.0,
    }
}
