//! Matrices shared by the tests.
#![allow(dead_code, reason = "each test file uses its own part")]

use faer::Mat;
use la_precond::IncompleteCholesky;
use la_precond::sprs::{CsMatI, CsMatViewI, TriMatI};

pub(crate) type Csr = CsMatI<f64, u32>;

/// Five-point Laplacian on a k × k grid, natural order.
pub(crate) fn poisson2d(k: usize) -> Csr {
    let mut t = TriMatI::new((k * k, k * k));
    for i in 0..k * k {
        t.add_triplet(i, i, 4.0);
        if i % k > 0 {
            t.add_triplet(i, i - 1, -1.0);
            t.add_triplet(i - 1, i, -1.0);
        }
        if i >= k {
            t.add_triplet(i, i - k, -1.0);
            t.add_triplet(i - k, i, -1.0);
        }
    }
    t.to_csr()
}

/// Symmetric matrix from its lower triangle.
pub(crate) fn symmetric(n: usize, lower: impl IntoIterator<Item = (usize, usize, f64)>) -> Csr {
    let mut t = TriMatI::new((n, n));
    for (i, j, value) in lower {
        t.add_triplet(i, j, value);
        if i != j {
            t.add_triplet(j, i, value);
        }
    }
    t.to_csr()
}

/// `B Bᵀ + shift · I` for the sparse matrix `B` of the triplets.
pub(crate) fn gram(n: usize, entries: &[(usize, usize, f64)], shift: f64) -> Csr {
    let mut t = TriMatI::<f64, u32>::new((n, n));
    for &(i, j, value) in entries {
        t.add_triplet(i, j, value);
    }
    let b: Csr = t.to_csr();
    let a = &(&b * &b.transpose_view().to_csr()) + &(Csr::eye(n).map(|x| x * shift));
    a.to_csr()
}

/// Pseudo-random numbers in (-1, 1) that are the same everywhere.
pub(crate) fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15);
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// A Gram matrix with `per_row` random entries in each row of the root.
pub(crate) fn random_gram(n: usize, per_row: usize, shift: f64, seed: u64) -> Csr {
    let mut next = noise(seed);
    let mut index = || ((next() + 1.0) / 2.0 * n as f64) as usize % n;
    let places: Vec<_> = (0..n * per_row).map(|_| (index(), index())).collect();
    let mut next = noise(seed + 1);
    let entries: Vec<_> = places.into_iter().map(|(i, j)| (i, j, next())).collect();
    gram(n, &entries, shift)
}

pub(crate) fn dense(a: CsMatViewI<'_, f64, u32>) -> Mat<f64> {
    let mut full = Mat::zeros(a.rows(), a.cols());
    for (i, row) in a.outer_iterator().enumerate() {
        for (j, &value) in row.iter() {
            full[(i, j)] = value;
        }
    }
    full
}

pub(crate) fn dense_lower(factor: &IncompleteCholesky) -> Mat<f64> {
    dense(factor.to_lower().view())
}

/// Largest entry of `x − y`, relative to the largest of `y`.
pub(crate) fn relative_error(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    let top = y.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let error = x
        .iter()
        .zip(y)
        .fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
    if error == 0.0 { 0.0 } else { error / top }
}

/// A matrix from triplets; those of one place are added.
pub(crate) fn matrix(n: usize, entries: impl IntoIterator<Item = (usize, usize, f64)>) -> Csr {
    let mut t = TriMatI::new((n, n));
    for (i, j, value) in entries {
        t.add_triplet(i, j, value);
    }
    t.to_csr()
}

/// Nonsymmetric in pattern and values, `dominance · per_row` on the diagonal.
pub(crate) fn random(n: usize, per_row: usize, dominance: f64, seed: u64) -> Csr {
    let mut next = noise(seed);
    let mut entries = Vec::new();
    for i in 0..n {
        entries.push((i, i, dominance * per_row as f64));
        for _ in 0..per_row {
            let j = ((next() + 1.0) / 2.0 * n as f64) as usize % n;
            entries.push((i, j, next()));
        }
    }
    matrix(n, entries)
}

/// `A x`.
pub(crate) fn times(a: &Csr, x: &[f64]) -> Vec<f64> {
    a.outer_iterator()
        .map(|row| row.iter().map(|(j, v)| v * x[j]).sum())
        .collect()
}
