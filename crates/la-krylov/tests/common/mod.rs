//! Small systems and preconditioners that several tests use.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses some of them"
)]

use la_krylov::sprs::{CsMatI, TriMatI};
use la_krylov::{Definiteness, Host, Preconditioner, PreconditionerError, Solution};

pub type Matrix = CsMatI<f64, u32>;

/// The matrix with these rows.
pub fn dense<const N: usize>(rows: [[f64; N]; N]) -> Matrix {
    let mut t = TriMatI::new((N, N));
    for (i, row) in rows.iter().enumerate() {
        for (j, v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            t.add_triplet(i, j, *v);
        }
    }
    t.to_csr()
}

/// The five-point Laplacian of a k × k grid plus `shift` times the identity.
pub fn laplacian(k: usize, shift: f64) -> Matrix {
    let n = k * k;
    let mut t = TriMatI::new((n, n));
    for i in 0..n {
        t.add_triplet(i, i, 4.0 + shift);
        for j in [(i % k > 0).then(|| i - 1), (i >= k).then(|| i - k)]
            .into_iter()
            .flatten()
        {
            t.add_triplet(i, j, -1.0);
            t.add_triplet(j, i, -1.0);
        }
    }
    t.to_csr()
}

/// A right-hand side without symmetry.
pub fn rhs(n: usize) -> Vec<f64> {
    (0..n).map(|i| (1.3 * i as f64).sin() + 0.2).collect()
}

pub fn norm(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// `‖b − A x‖`, computed with `sprs` alone.
pub fn residual_norm(a: &Matrix, b: &[f64], x: &[f64]) -> f64 {
    let mut r = b.to_vec();
    for (i, row) in a.outer_iterator().enumerate() {
        r[i] -= row.iter().map(|(j, v)| v * x[j]).sum::<f64>();
    }
    norm(&r)
}

/// The reported residual is the true one, and no worse than that of `x = 0`.
pub fn assert_honest(a: &Matrix, b: &[f64], solution: &Solution) {
    let true_norm = residual_norm(a, b, &solution.x);
    let scale = norm(b);
    approx::assert_relative_eq!(
        solution.residual_norm,
        true_norm,
        max_relative = 1e-10,
        epsilon = 1e-14 * scale
    );
    assert!(
        solution.residual_norm <= scale * (1.0 + 1e-14),
        "worse than zero: {solution}"
    );
    assert_eq!(
        solution.status.is_converged(),
        solution.residual_norm <= solution.target
    );
}

/// Division by the diagonal.
pub struct Diagonal(pub Vec<f64>);

impl Diagonal {
    pub fn of(a: &Matrix) -> Self {
        Self(a.diag().to_dense().to_vec())
    }
}

impl Preconditioner for Diagonal {
    fn dimension(&self) -> usize {
        self.0.len()
    }
    fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        for ((z, r), d) in z.iter_mut().zip(r).zip(&self.0) {
            *z = r / d;
        }
        Ok(())
    }
    fn definiteness(&self) -> Definiteness {
        Definiteness::Symmetric
    }
}

/// Convection and diffusion on a k × k grid, upwind differences: not symmetric.
pub fn convection(k: usize, wind: f64) -> Matrix {
    let mut t = TriMatI::new((k * k, k * k));
    for (v, (i, j)) in laplacian(k, 0.0).iter() {
        let (i, j) = (i as usize, j as usize);
        let wind = wind * (1.0 + (i % k) as f64 / k as f64);
        let upwind = j + 1 == i || j + k == i;
        let diagonal = if i == j { 2.0 * wind } else { 0.0 };
        t.add_triplet(i, j, v + diagonal - if upwind { wind } else { 0.0 });
    }
    t.to_csr()
}

/// Division by the absolute values of the diagonal: positive definite.
pub struct Absolute(pub Diagonal);

impl Preconditioner for Absolute {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }
    fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        for ((z, r), d) in z.iter_mut().zip(r).zip(&self.0.0) {
            *z = r / d.abs();
        }
        Ok(())
    }
    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
}
