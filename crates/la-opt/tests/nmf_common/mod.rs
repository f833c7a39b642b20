//! What the tests of factorisations share.
#![allow(dead_code, reason = "each test uses some of it")]

use la_opt::nmf::{Data, Factors, NmfOptions};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Matrix B of the golden values: 12 × 9 of rank 3, mean 1.
pub(crate) fn golden_b() -> Vec<f64> {
    let a = |i: usize, c: usize| ((7 * i + 3 * c) % 11) as f64 / 10.0;
    let b = |j: usize, c: usize| ((5 * j + 4 * c) % 13) as f64 / 10.0;
    let entry = |at: usize| (0..3).map(|c| a(at / 9, c) * b(at % 9, c)).sum::<f64>();
    let v: Vec<f64> = (0..108).map(entry).collect();
    let mean = v.iter().sum::<f64>() / 108.0;
    v.into_iter().map(|x| x / mean).collect()
}

/// Matrix A of the golden values: 4 × 3 of rank 2, mean 1.
pub(crate) fn golden_a() -> Vec<f64> {
    let v = [
        162., 174., 46., 24., 20., 2., 132., 122., 21., 126., 138., 38.,
    ];
    v.iter().map(|x| x / 83.75).collect()
}

pub(crate) fn uniform(len: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| rng.random::<f64>()).collect()
}

pub(crate) fn factors(m: usize, n: usize, rank: usize, seed: u64) -> Factors {
    Factors::new(rank, uniform(m * rank, seed), uniform(n * rank, seed + 1)).unwrap()
}

/// The error, entry by entry.
pub(crate) fn rmse(v: &[f64], factors: &Factors) -> f64 {
    let square: f64 = factors
        .product()
        .iter()
        .zip(v)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    (square / v.len() as f64).sqrt()
}

pub(crate) fn transposed(m: usize, n: usize, v: &[f64]) -> Vec<f64> {
    (0..m * n).map(|at| v[at % m * n + at / m]).collect()
}

pub(crate) fn dense(m: usize, n: usize, v: &[f64]) -> Data<'static> {
    Data::dense(m, n, v.to_vec()).unwrap()
}

/// So many iterations, and a record of each.
pub(crate) fn fixed(iterations: usize) -> NmfOptions {
    NmfOptions::default()
        .with_max_iters(iterations)
        .with_kkt_tol(0.0)
}

pub(crate) fn assert_close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let size = b.iter().fold(1e-300, |m: f64, x| m.max(x.abs()));
    for (k, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * size,
            "{what}, entry {k}: {a} is not {b}"
        );
    }
}
