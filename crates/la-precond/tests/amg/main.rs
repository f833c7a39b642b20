//! Smoothed aggregation: the identities a hierarchy obeys, convergence, bad input.

#[path = "../common/mod.rs"]
mod common;

mod convergence;
mod identities;
mod input;
mod property;
mod segments;

use common::{Csr, noise, poisson2d};
use la_krylov::{Host, Preconditioner};
use la_precond::classical::{NearNullSpace, Smoother};
use la_precond::sprs::TriMatI;

pub(crate) fn vector(n: usize, seed: u64) -> Vec<f64> {
    let mut next = noise(seed);
    (0..n).map(|_| next()).collect()
}

pub(crate) fn apply(m: &impl Preconditioner, r: &[f64]) -> Vec<f64> {
    let mut z = vec![f64::NAN; r.len()];
    m.apply(&Host::new(r.len()), r, &mut z).unwrap();
    z
}

/// Plane elasticity of a k × k lattice of springs, axial and diagonal, held at the bottom.
pub(crate) fn lattice(k: usize) -> (Csr, Vec<[f64; 2]>) {
    let n = k * k;
    let centre = (k as f64 - 1.0) / 2.0;
    let points: Vec<[f64; 2]> = (0..n)
        .map(|i| [(i % k) as f64 - centre, (i / k) as f64 - centre])
        .collect();
    let mut t = TriMatI::<f64, u32>::new((2 * n, 2 * n));
    for i in 0..n {
        let (x, y) = (i % k, i / k);
        let neighbours = [(1, 0), (0, 1), (1, 1), (-1, 1)];
        for (dx, dy) in neighbours {
            let (Some(u), v) = (x.checked_add_signed(dx), y + dy) else {
                continue;
            };
            if u >= k || v >= k {
                continue;
            }
            let j = u + k * v;
            let length = ((dx * dx) as f64 + (dy * dy) as f64).sqrt();
            let d = [dx as f64 / length, dy as f64 / length];
            for r in 0..2 {
                for c in 0..2 {
                    let s = d[r] * d[c] / length;
                    t.add_triplet(2 * i + r, 2 * i + c, s);
                    t.add_triplet(2 * j + r, 2 * j + c, s);
                    t.add_triplet(2 * i + r, 2 * j + c, -s);
                    t.add_triplet(2 * j + r, 2 * i + c, -s);
                }
            }
        }
        if y == 0 {
            t.add_triplet(2 * i, 2 * i, 10.0);
            t.add_triplet(2 * i + 1, 2 * i + 1, 10.0);
        }
    }
    (t.to_csr(), points)
}

pub(crate) fn hierarchies() -> Vec<(Csr, NearNullSpace)> {
    let (elastic, points) = lattice(9);
    let poisson = poisson2d(17);
    let n = poisson.rows();
    let two = NearNullSpace::from_vectors(1, &[vec![1.0; n], vector(n, 3)]).unwrap();
    vec![
        (poisson.clone(), NearNullSpace::constant(n)),
        (poisson, two),
        (elastic.clone(), NearNullSpace::rigid_body_2d(&points)),
        (elastic, NearNullSpace::constants(81, 2)),
    ]
}

pub(crate) fn smoothers() -> [Smoother; 6] {
    [
        Smoother::SymmetricGaussSeidel { sweeps: 1 },
        Smoother::SymmetricGaussSeidel { sweeps: 2 },
        Smoother::GaussSeidel { sweeps: 1 },
        Smoother::GaussSeidel { sweeps: 2 },
        Smoother::Jacobi {
            sweeps: 2,
            omega: 1.2,
        },
        Smoother::Chebyshev { degree: 3 },
    ]
}
