//! The largest eigenvalue of `D⁻¹ A`.

use super::block::BlockCsr;

/// How much an estimate may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// 8 products: enough to damp a Jacobi step.
    Quick,
    /// Up to 30 products, until the estimate hardly grows: for polynomials, which may diverge beyond it.
    Careful,
}

/// Relative size of the residual of the Ritz pair that is small enough.
const RESIDUAL: f64 = 0.01;
/// Relative growth of the Ritz value in one step that counts as none; seen twice, it ends the search.
const GROWTH: f64 = 2e-3;
/// Between the largest Ritz value θ and θ plus its residual norm lies an eigenvalue; while Lanczos is far
/// from convergence the largest one is found near this part of the way.
const ADVANCE: f64 = 0.8;

/// Largest eigenvalue of `D⁻¹ A` for a symmetric `A` and the positive diagonal matrix `D`, to one or two
/// per cent if it is not far from the others.
///
/// Lanczos in the inner product of `D`, in which `D⁻¹ A` is symmetric, from a fixed pseudo-random
/// vector. Unknowns with `inverse[i] = 0` do not take part. Three vectors of memory.
pub(crate) fn spectral_radius(
    a: &BlockCsr<f64>,
    diagonal: &[f64],
    inverse: &[f64],
    effort: Effort,
) -> f64 {
    largest_eigenvalue(diagonal, inverse, effort, |x, y| {
        y.fill(0.0);
        a.add_product(x, y);
    })
}

/// The same for a matrix that is known by its products `y = A x`.
pub(crate) fn largest_eigenvalue(
    diagonal: &[f64],
    inverse: &[f64],
    effort: Effort,
    mut multiply: impl FnMut(&[f64], &mut [f64]),
) -> f64 {
    // A first vector that by chance has little of the last eigenvector needs some steps to find it.
    let (min_steps, max_steps) = match effort {
        Effort::Quick => (6, 8),
        Effort::Careful => (10, 30),
    };
    let n = diagonal.len();
    let mut state = 0x5eed_u64;
    // Of the same expected size in every unknown, in the norm of D.
    let start = |d: &f64| {
        if *d > 0.0 {
            noise(&mut state) * d.sqrt()
        } else {
            0.0
        }
    };
    let mut current: Vec<f64> = inverse.iter().map(start).collect();
    let squares = |d: &[f64], v: &[f64]| d.iter().zip(v).map(|(d, v)| d * v * v).sum::<f64>();
    let mut norm = squares(diagonal, &current).sqrt();
    if norm == 0.0 {
        return 0.0;
    }
    let mut previous = vec![0.0; n];
    let mut product = vec![0.0; n];
    let (mut alphas, mut betas): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut previous_norm = 1.0;
    let (mut theta, mut residual, mut quiet) = (0.0_f64, 0.0, 0);
    for step in 0..max_steps.min(n) {
        // The Lanczos vectors are current/norm and previous/previous_norm.
        multiply(&current, &mut product);
        let dot: f64 = current.iter().zip(&product).map(|(x, y)| x * y).sum();
        let alpha = dot / (norm * norm);
        alphas.push(alpha);
        let beta = betas.last().copied().unwrap_or(0.0);
        // z = D⁻¹ A q − α q − β q₋
        let (s, t, u) = (1.0 / norm, alpha / norm, beta / previous_norm);
        let mut next_squares = 0.0;
        for i in 0..n {
            let z = s * inverse[i] * product[i] - t * current[i] - u * previous[i];
            previous[i] = z;
            next_squares += diagonal[i] * z * z;
        }
        let next_norm = next_squares.sqrt();
        let (ritz, last) = largest_ritz_pair(&alphas, &betas);
        let growth = ritz - theta;
        theta = ritz;
        quiet = if growth <= GROWTH * theta {
            quiet + 1
        } else {
            0
        };
        residual = next_norm * last;
        let invariant = next_norm <= 16.0 * f64::EPSILON * theta.abs();
        let settled = residual <= RESIDUAL * theta.abs() || quiet >= 2;
        if invariant || (step + 1 >= min_steps && settled) {
            break;
        }
        betas.push(next_norm);
        std::mem::swap(&mut current, &mut previous);
        previous_norm = norm;
        norm = next_norm;
    }
    theta + ADVANCE * residual
}

/// Largest eigenvalue of a symmetric tridiagonal matrix by bisection with Sturm sequences, and the
/// size of the last entry of its unit eigenvector.
fn largest_ritz_pair(alphas: &[f64], betas: &[f64]) -> (f64, f64) {
    let k = alphas.len();
    let beta = |i: usize| if i < k - 1 { betas[i] } else { 0.0 };
    let reach = |i: usize| beta(i).abs() + if i > 0 { beta(i - 1).abs() } else { 0.0 };
    let mut high = (0..k)
        .map(|i| alphas[i] + reach(i))
        .fold(f64::MIN, f64::max);
    let mut low = alphas.iter().copied().fold(f64::MIN, f64::max);
    // T − x I has no positive pivot if and only if x lies above all eigenvalues.
    let above = |x: f64| {
        let mut pivot = alphas[0] - x;
        for (alpha, beta) in alphas[1..].iter().zip(betas) {
            if pivot >= 0.0 {
                return false;
            }
            pivot = alpha - x - beta * beta / pivot;
        }
        pivot < 0.0
    };
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if above(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    let theta = high;
    let (mut before, mut entry, mut squares) = (0.0, 1.0_f64, 1.0);
    let mut lower = 0.0;
    for (alpha, beta) in alphas.iter().zip(betas) {
        let next = ((theta - alpha) * entry - lower * before) / beta;
        (before, entry, lower) = (entry, next, *beta);
        squares += entry * entry;
    }
    (theta, entry.abs() / squares.sqrt())
}

/// Uniform in (−1, 1): the generator SplitMix64.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn tridiagonal_by_hand() {
        // [2 1; 1 2]: eigenvalue 3, vector (1, 1) / √2
        let (theta, last) = largest_ritz_pair(&[2.0, 2.0], &[1.0]);
        assert_relative_eq!(theta, 3.0, max_relative = 1e-14);
        assert_relative_eq!(last, 0.5_f64.sqrt(), max_relative = 1e-7);
        assert_eq!(largest_ritz_pair(&[5.0], &[]).0, 5.0);
    }

    #[test]
    fn laplacian_of_a_path() {
        // D⁻¹ A of tridiag(−1, 2, −1): largest eigenvalue 1 + cos(π / (n + 1))
        for n in [1_usize, 2, 3, 40, 1000] {
            let mut a = BlockCsr {
                cols: n,
                height: 1,
                width: 1,
                starts: vec![0],
                indices: vec![],
                values: vec![],
            };
            for i in 0..n {
                for j in i.saturating_sub(1)..(i + 2).min(n) {
                    a.indices.push(j as u32);
                    a.values.push(if i == j { 2.0 } else { -1.0 });
                }
                a.starts.push(a.indices.len() as u32);
            }
            let exact = 1.0 + (std::f64::consts::PI / (n + 1) as f64).cos();
            for effort in [Effort::Quick, Effort::Careful] {
                let rho = spectral_radius(&a, &vec![2.0; n], &vec![0.5; n], effort);
                assert!((rho / exact - 1.0).abs() < 0.02, "{n}: {rho}");
                if n <= 3 {
                    assert_relative_eq!(rho, exact, max_relative = 1e-6);
                }
            }
        }
    }
}
