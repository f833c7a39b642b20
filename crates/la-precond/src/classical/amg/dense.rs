//! Small dense symmetric matrices: generalised inverses of blocks and of the coarsest matrix.

/// Eigenvalues and eigenvectors of a symmetric matrix, stored by rows, by cyclic Jacobi rotations.
///
/// Returns the eigenvalues and a matrix whose *row* `k` is the eigenvector of eigenvalue `k`.
/// O(n³) per sweep, usually 5 to 10 sweeps.
///
/// G. H. Golub, C. F. Van Loan, *Matrix Computations*, 4th ed., 2013, algorithm 8.5.3.
fn symmetric_eigen(a: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = a.to_vec();
    let mut v = vec![0.0; n * n];
    for i in 0..n {
        v[i * n + i] = 1.0;
    }
    let total: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..50 {
        let off: f64 = (0..n)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| a[i * n + j] * a[i * n + j])
            .sum();
        if off <= total * 1e-34 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut v, n, p, q);
            }
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), v)
}

/// Annihilates entry (p, q).
fn rotate(a: &mut [f64], v: &mut [f64], n: usize, p: usize, q: usize) {
    let apq = a[p * n + q];
    if apq == 0.0 {
        return;
    }
    let tau = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    let t = tau.signum() / (tau.abs() + tau.hypot(1.0));
    let (c, s) = (1.0 / t.hypot(1.0), t / t.hypot(1.0));
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
        let (x, y) = (v[p * n + k], v[q * n + k]);
        v[p * n + k] = c * x - s * y;
        v[q * n + k] = s * x + c * y;
    }
}

/// Eigenvalues of a matrix with unit diagonal count as zero up to this size.
const NULL: f64 = 1e-13;

/// A symmetric generalised inverse of a symmetric positive semidefinite matrix, stored by rows.
///
/// The matrix is scaled to unit diagonal, `S A S`, and the result is `S (S A S)⁺ S`: the inverse where
/// there is one, insensitive to the units of the unknowns. Unknowns whose diagonal entry does not
/// exceed their `floor` are left out. Cholesky where that is stable, else eigenvalues.
/// `None` if the matrix is indefinite.
pub(crate) fn generalised_inverse(a: &[f64], n: usize, floors: &[f64]) -> Option<Vec<f64>> {
    let mut scale = vec![0.0; n];
    for i in 0..n {
        let d = a[i * n + i];
        if d < -floors[i] {
            return None;
        }
        if d > floors[i] {
            scale[i] = 1.0 / d.sqrt();
        }
    }
    let mut scaled = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            let mean = 0.5 * (a[i * n + j] + a[j * n + i]);
            scaled[i * n + j] = scale[i] * mean * scale[j];
        }
    }
    let mut inverse = match cholesky_inverse(&scaled, n, &scale) {
        Some(inverse) => inverse,
        None => pseudo_inverse(&scaled, n, NULL * n as f64)?,
    };
    for i in 0..n {
        for j in 0..n {
            inverse[i * n + j] *= scale[i] * scale[j];
        }
    }
    Some(inverse)
}

/// Inverse by Cholesky; unknowns of scale 0 are passed over. `None` if a pivot is small.
fn cholesky_inverse(a: &[f64], n: usize, scale: &[f64]) -> Option<Vec<f64>> {
    let mut l = a.to_vec();
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let rest = l[i * n + j] - dot;
            l[i * n + j] = if i != j {
                if scale[j] == 0.0 {
                    0.0
                } else {
                    rest / l[j * n + j]
                }
            } else if scale[i] == 0.0 {
                1.0
            } else if rest > 1e-6 {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    // Rows of L⁻¹, then L⁻ᵀ L⁻¹.
    let mut m = vec![0.0; n * n];
    for i in 0..n {
        m[i * n + i] = if scale[i] == 0.0 {
            0.0
        } else {
            1.0 / l[i * n + i]
        };
        for j in 0..i {
            let dot: f64 = (j..i).map(|k| l[i * n + k] * m[k * n + j]).sum();
            m[i * n + j] = -dot / l[i * n + i];
        }
    }
    let mut inverse = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let sum = (i..n).map(|k| m[k * n + i] * m[k * n + j]).sum();
            inverse[i * n + j] = sum;
            inverse[j * n + i] = sum;
        }
    }
    Some(inverse)
}

/// Pseudo-inverse of a symmetric positive semidefinite matrix. Eigenvalues up to `floor` count as
/// zero. `None` if one lies below `-floor`.
fn pseudo_inverse(a: &[f64], n: usize, floor: f64) -> Option<Vec<f64>> {
    let mut inverse = vec![0.0; n * n];
    let (values, vectors) = symmetric_eigen(a, n);
    for (lambda, vector) in values.iter().zip(vectors.chunks_exact(n.max(1))) {
        if *lambda < -floor {
            return None;
        }
        if *lambda > floor {
            for i in 0..n {
                for j in 0..n {
                    inverse[i * n + j] += vector[i] * vector[j] / lambda;
                }
            }
        }
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn inverse_by_hand() {
        // inv [2 1; 1 2] = [2 -1; -1 2] / 3
        for inverse in [
            generalised_inverse(&[2.0, 1.0, 1.0, 2.0], 2, &[0.0; 2]),
            pseudo_inverse(&[2.0, 1.0, 1.0, 2.0], 2, 0.0),
        ] {
            for (x, y) in inverse.unwrap().iter().zip([2.0, -1.0, -1.0, 2.0]) {
                assert_relative_eq!(*x, y / 3.0, max_relative = 1e-14);
            }
        }
    }

    #[test]
    fn singular_matrices_are_inverted_on_their_range() {
        // Laplacian of a path of three nodes: A G A = A.
        let a = [1.0, -1.0, 0.0, -1.0, 2.0, -1.0, 0.0, -1.0, 1.0];
        let p = generalised_inverse(&a, 3, &[0.0; 3]).unwrap();
        for i in 0..3 {
            for j in 0..3 {
                let mut apa = 0.0;
                for k in 0..3 {
                    for l in 0..3 {
                        apa += a[i * 3 + k] * p[k * 3 + l] * a[l * 3 + j];
                    }
                }
                assert_relative_eq!(apa, a[i * 3 + j], epsilon = 1e-13);
                assert_eq!(p[i * 3 + j], p[j * 3 + i]);
            }
        }
    }

    #[test]
    fn unknowns_without_energy_are_left_out() {
        let a = [4.0, 0.0, 0.0, 1e-20];
        let inverse = generalised_inverse(&a, 2, &[1e-13; 2]).unwrap();
        assert_eq!(inverse, [0.25, 0.0, 0.0, 0.0]);
        let a = [1e-20, 0.0, 0.0, 4.0];
        let inverse = generalised_inverse(&a, 2, &[1e-13; 2]).unwrap();
        assert_eq!(inverse, [0.0, 0.0, 0.0, 0.25]);
    }

    #[test]
    fn indefinite_matrices_are_told() {
        assert!(generalised_inverse(&[1.0, 2.0, 2.0, 1.0], 2, &[0.0; 2]).is_none());
        assert!(generalised_inverse(&[-1.0], 1, &[0.0]).is_none());
        assert_eq!(generalised_inverse(&[], 0, &[]).unwrap(), [0.0; 0]);
    }
}
