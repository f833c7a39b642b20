//! Losses on the spectrum of the preconditioned matrix, with gradients, by dense algebra.

use faer::{Mat, Side};
use la_gnn::native::mpgnn::EdgeLoss;
use sprs::CsMatViewI;

use crate::PrecondError;
use crate::classical::SymmetryCheck;
use crate::classical::factor::LowerPattern;
use crate::classical::input::{lower_pattern, with_rows};

/// A function of the eigenvalues λ of `P = L⁻¹ A L⁻ᵀ`, n of them.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum SpectralGoal {
    /// `log K(P)`, `K(X) = (tr X / n) / (det X)^(1/n)`: large eigenvalues count most.
    Kaporin,
    /// `log K(P⁻¹)`, what K-optimal factors minimise: small eigenvalues count most.
    KaporinInverse,
    /// The sum of both.
    KaporinBoth,
    /// The variance of log λ.
    LogVariance,
    /// Logarithm of the norm of the residual, relative to its first value, after so many steps of the minimal residual method on a right-hand side with
    /// the same component in each eigenvector, divided by the number of steps: what iterations depend on.
    Residual {
        /// Steps.
        steps: usize,
    },
}

impl SpectralGoal {
    /// A short name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kaporin => "kaporin",
            Self::KaporinInverse => "kaporin-inverse",
            Self::KaporinBoth => "kaporin-both",
            Self::LogVariance => "log-variance",
            Self::Residual { .. } => "residual",
        }
    }

    /// The value at these eigenvalues, and its derivatives with respect to their logarithms.
    fn evaluate(self, lambda: &[f64]) -> (f64, Vec<f64>) {
        let n = lambda.len() as f64;
        let mean_log = lambda.iter().map(|l| l.ln()).sum::<f64>() / n;
        let large = || {
            let sum: f64 = lambda.iter().sum();
            let g: Vec<f64> = lambda.iter().map(|l| l / sum - 1.0 / n).collect();
            ((sum / n).ln() - mean_log, g)
        };
        let small = || {
            let sum: f64 = lambda.iter().map(|l| 1.0 / l).sum();
            let g: Vec<f64> = lambda.iter().map(|l| 1.0 / n - 1.0 / (l * sum)).collect();
            ((sum / n).ln() + mean_log, g)
        };
        match self {
            Self::Kaporin => large(),
            Self::KaporinInverse => small(),
            Self::KaporinBoth => {
                let ((x, g), (y, h)) = (large(), small());
                (x + y, g.iter().zip(&h).map(|(g, h)| g + h).collect())
            }
            Self::LogVariance => {
                let apart: Vec<f64> = lambda.iter().map(|l| l.ln() - mean_log).collect();
                let value = apart.iter().map(|d| d * d).sum::<f64>() / n;
                (value, apart.iter().map(|d| 2.0 * d / n).collect())
            }
            Self::Residual { steps } => residual(lambda, steps),
        }
    }
}

/// The conjugate residual method on diag(λ) from the residual of ones. Its polynomial p is optimal, so that the derivative of the
/// norm is that with p kept: `Σ p p′ dλ / Σ p²`.
fn residual(lambda: &[f64], steps: usize) -> (f64, Vec<f64>) {
    let n = lambda.len();
    let dot = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| x * y).sum() };
    let weighted = |x: &[f64]| -> f64 { lambda.iter().zip(x).map(|(l, x)| l * x * x).sum() };
    // Residual and direction as polynomials in λ, and their derivatives.
    let (mut r, mut p) = (vec![1.0; n], vec![1.0; n]);
    let (mut dr, mut dp) = (vec![0.0; n], vec![0.0; n]);
    let mut rho = weighted(&r);
    let mut done = 0;
    while done < steps && dot(&r, &r) > 1e-24 * n as f64 {
        let below: f64 = lambda.iter().zip(&p).map(|(l, p)| (l * p) * (l * p)).sum();
        let alpha = rho / below;
        for k in 0..n {
            dr[k] -= alpha * (p[k] + lambda[k] * dp[k]);
            r[k] -= alpha * lambda[k] * p[k];
        }
        let new = weighted(&r);
        let beta = new / rho;
        rho = new;
        for k in 0..n {
            p[k] = r[k] + beta * p[k];
            dp[k] = dr[k] + beta * dp[k];
        }
        done += 1;
    }
    let square = dot(&r, &r);
    let share = 1.0 / done.max(1) as f64;
    let gradient = (0..n).map(|k| share * r[k] * dr[k] * lambda[k] / square);
    (0.5 * share * (square / n as f64).ln(), gradient.collect())
}

/// A [`SpectralGoal`] of factors of one matrix, on the pattern of its lower triangle.
///
/// An evaluation costs an eigenvalue decomposition of order n and `n nnz` operations, memory a few dense matrices: for n up to a few
/// hundred.
///
/// # Examples
/// ```
/// use la_gnn::native::mpgnn::EdgeLoss;
/// use la_precond::learned::{Spectral, SpectralGoal};
/// use la_precond::sprs::CsMatI;
///
/// let a = CsMatI::<f64, u32>::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let loss = Spectral::new(a.view(), SpectralGoal::Kaporin)?;
/// let mut gradient = [0.0; 3];
/// // The Cholesky factor, row by row: all eigenvalues are 1.
/// assert!(loss.evaluate(&[2.0, 1.0, 3.0], &mut gradient).abs() < 1e-14);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
pub struct Spectral {
    goal: SpectralGoal,
    pattern: LowerPattern,
    /// The whole matrix, row by row.
    dense: Vec<f64>,
}

impl Spectral {
    /// A loss for the factors of `a`.
    ///
    /// # Errors
    /// Those of [`Ic0::factor`](crate::classical::Ic0::factor) that concern the pattern.
    pub fn new(a: CsMatViewI<'_, f64, u32>, goal: SpectralGoal) -> Result<Self, PrecondError> {
        with_rows(a, |rows, n| {
            let pattern = lower_pattern(&rows, n, SymmetryCheck::Count)?;
            let mut dense = vec![0.0; n * n];
            for i in 0..n {
                let (columns, values) = rows.row(i);
                let count = pattern.range(i).len() + 1;
                for (&j, &value) in columns.iter().zip(values).take(count) {
                    dense[i * n + j as usize] = value;
                    dense[j as usize * n + i] = value;
                }
            }
            Ok(Self {
                goal,
                pattern,
                dense,
            })
        })
    }

    /// Position of the diagonal entry of row i.
    fn diagonal(&self, i: usize) -> usize {
        self.pattern.indptr[i + 1] as usize + i
    }

    /// Overwrites the rows of X with those of L⁻¹ X.
    fn eliminate(&self, entries: &[f64], x: &mut [f64], n: usize) {
        for i in 0..n {
            let (done, rest) = x.split_at_mut(i * n);
            let row = &mut rest[..n];
            for k in self.pattern.range(i) {
                let l = entries[k + i];
                let from = &done[self.pattern.indices[k] as usize * n..][..n];
                for (x, &y) in row.iter_mut().zip(from) {
                    *x -= l * y;
                }
            }
            let inverse = 1.0 / entries[self.diagonal(i)];
            row.iter_mut().for_each(|x| *x *= inverse);
        }
    }

    /// Overwrites the rows of X with those of L⁻ᵀ X.
    fn substitute(&self, entries: &[f64], x: &mut [f64], n: usize) {
        for i in (0..n).rev() {
            let (before, rest) = x.split_at_mut(i * n);
            let row = &mut rest[..n];
            let inverse = 1.0 / entries[self.diagonal(i)];
            row.iter_mut().for_each(|x| *x *= inverse);
            for k in self.pattern.range(i) {
                let l = entries[k + i];
                let to = &mut before[self.pattern.indices[k] as usize * n..][..n];
                for (y, &x) in to.iter_mut().zip(row.iter()) {
                    *y -= l * x;
                }
            }
        }
    }
}

fn transpose(x: &[f64], n: usize) -> Vec<f64> {
    let mut y = vec![0.0; x.len()];
    for (i, row) in x.chunks_exact(n.max(1)).enumerate() {
        for (j, &v) in row.iter().enumerate() {
            y[j * n + i] = v;
        }
    }
    y
}

impl EdgeLoss for Spectral {
    fn evaluate(&self, entries: &[f64], gradient: &mut [f64]) -> f64 {
        let n = self.pattern.indptr.len() - 1;
        let positive = (0..n).all(|i| entries[self.diagonal(i)] > 0.0);
        if !positive || entries.iter().any(|v| !v.is_finite()) {
            return f64::NAN;
        }
        let mut x = self.dense.clone();
        self.eliminate(entries, &mut x, n);
        let mut x = transpose(&x, n);
        self.eliminate(entries, &mut x, n);
        let p = Mat::from_fn(n, n, |i, j| x[i * n + j]);
        let Ok(decomposed) = p.self_adjoint_eigen(Side::Lower) else {
            return f64::NAN;
        };
        let lambda: Vec<f64> = decomposed.S().column_vector().iter().copied().collect();
        // Rounding can push the smallest ones below zero.
        if lambda.iter().any(|l| l.is_nan() || *l <= 0.0) {
            return f64::NAN;
        }
        let (value, slopes) = self.goal.evaluate(&lambda);
        let vectors = decomposed.U();
        let u: Vec<f64> = (0..n * n).map(|k| vectors[(k / n, k % n)]).collect();
        let mut w = u.clone();
        self.substitute(entries, &mut w, n);
        for row in w.chunks_exact_mut(n.max(1)) {
            for (w, &g) in row.iter_mut().zip(&slopes) {
                *w *= -2.0 * g;
            }
        }
        // d log λ / d l_ij = −2 (L⁻ᵀ u)_i u_j.
        let of = |i: usize, j: usize| -> f64 {
            let (w, u) = (&w[i * n..][..n], &u[j * n..][..n]);
            w.iter().zip(u).map(|(w, u)| w * u).sum()
        };
        for i in 0..n {
            for k in self.pattern.range(i) {
                gradient[k + i] = of(i, self.pattern.indices[k] as usize);
            }
            gradient[self.diagonal(i)] = of(i, i);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classical::Ic0;
    use la_problems::TriangularGrid;

    #[test]
    fn gradients_are_those_of_differences() {
        let grid = TriangularGrid::default().with_points(4, 4);
        let a = grid.generate(3).unwrap();
        let factor = Ic0::default().factor(a.view()).unwrap();
        let l = super::super::view::entries(&factor);
        for goal in [
            SpectralGoal::Kaporin,
            SpectralGoal::KaporinInverse,
            SpectralGoal::KaporinBoth,
            SpectralGoal::LogVariance,
            SpectralGoal::Residual { steps: 4 },
        ] {
            let loss = Spectral::new(a.view(), goal).unwrap();
            let mut gradient = vec![0.0; l.len()];
            let value = loss.evaluate(&l, &mut gradient);
            let mut unused = gradient.clone();
            let largest = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            for k in 0..l.len() {
                let at = |h: f64, unused: &mut [f64]| {
                    let mut l = l.clone();
                    l[k] += h;
                    loss.evaluate(&l, unused)
                };
                let h = 1e-5 * l[k].abs();
                let slope = (at(h, &mut unused) - at(-h, &mut unused)) / (2.0 * h);
                let error = (slope - gradient[k]).abs();
                assert!(
                    error < 1e-6 * largest,
                    "{goal:?} {k}: {slope} {}",
                    gradient[k]
                );
            }
            // A multiple of the factor is as good.
            let doubled: Vec<f64> = l.iter().map(|v| 2.0 * v).collect();
            assert!((loss.evaluate(&doubled, &mut unused) - value).abs() < 1e-12);
            assert!(loss.evaluate(&vec![0.0; l.len()], &mut unused).is_nan());
        }
    }

    #[test]
    fn kaporin_of_the_inverse_is_that_of_factors() {
        let a = TriangularGrid::default().generate(1).unwrap();
        let factor = Ic0::default().factor(a.view()).unwrap();
        let loss = Spectral::new(a.view(), SpectralGoal::KaporinInverse).unwrap();
        let l = super::super::view::entries(&factor);
        let found = loss.evaluate(&l, &mut vec![0.0; l.len()]);
        let expected = crate::quality::log_k(a.view(), &factor).unwrap();
        assert!((found - expected).abs() < 1e-10, "{found} {expected}");
    }
}
