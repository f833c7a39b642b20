//! Checks that the tests of the families share.

use la_problems::CsrMatrix;

pub(crate) fn multiply(a: &CsrMatrix, x: &[f64]) -> Vec<f64> {
    a.outer_iterator()
        .map(|row| row.iter().map(|(j, v)| v * x[j]).sum())
        .collect()
}

pub(crate) fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// `A v = λ v` to rounding.
pub(crate) fn assert_eigenpair(a: &CsrMatrix, lambda: f64, v: &[f64]) {
    let av = multiply(a, v);
    let residual: Vec<f64> = av.iter().zip(v).map(|(av, v)| av - lambda * v).collect();
    assert!(
        norm(&residual) < 1e-12 * norm(v) * (1.0 + lambda.abs()),
        "{}",
        norm(&residual)
    );
}

pub(crate) fn assert_symmetric(a: &CsrMatrix) {
    assert_eq!(a, &a.transpose_view().to_csr());
}

/// Positive diagonal, no positive entry beside it, no negative row sum beyond rounding.
pub(crate) fn is_m_matrix(a: &CsrMatrix) -> bool {
    let signs = a
        .iter()
        .all(|(&v, (i, j))| if i == j { v > 0.0 } else { v <= 0.0 });
    let scale = a.data().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    signs
        && multiply(a, &vec![1.0; a.cols()])
            .iter()
            .all(|&s| s >= -1e-13 * scale)
}
