//! What graph neural preconditioners are trained on: Arnoldi spaces and batches.
#![cfg(feature = "learned")]

mod common;
mod gnp_fixture;

use common::{Csr, matrix, times};
use faer::Mat;
use gnp_fixture::Fixture;
use la_precond::PrecondError;
use la_precond::learned::gnp::{
    Arnoldi, Batches, ColumnScale, Distribution, SubspaceSamples, prescaled,
};

fn second_difference(n: usize) -> Csr {
    let lower = (1..n).flat_map(|i| [(i, i - 1, -1.0), (i - 1, i, -1.0)]);
    matrix(n, (0..n).map(|i| (i, i, 2.0)).chain(lower))
}

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut next = common::noise(seed);
    (0..n).map(|_| next()).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// Largest entry of `A V − V̄ H̄`.
fn defect(a: &Csr, space: &Arnoldi) -> f64 {
    let mut top = 0.0_f64;
    for j in 0..space.steps() {
        let mut w = times(a, space.vector(j));
        for i in 0..space.vectors() {
            let h = space.entry(i, j);
            w.iter_mut()
                .zip(space.vector(i))
                .for_each(|(w, v)| *w -= h * v);
        }
        top = w.iter().fold(top, |m, w| m.max(w.abs()));
    }
    top
}

/// Largest deviation of `V̄ᵀ V̄` from the identity.
fn skewness(space: &Arnoldi) -> f64 {
    let mut top = 0.0_f64;
    for i in 0..space.vectors() {
        for j in 0..=i {
            let expected = f64::from(u8::from(i == j));
            top = top.max((dot(space.vector(i), space.vector(j)) - expected).abs());
        }
    }
    top
}

#[test]
fn arnoldi_relation() {
    let a = second_difference(1000);
    let space = Arnoldi::new(&a, &noise(1000, 1), 40).unwrap();
    assert_eq!((space.steps(), space.vectors()), (40, 41));
    assert!(defect(&a, &space) <= 1e-12 * 4.0);
    assert!(skewness(&space) <= 1e-8);
}

#[test]
fn arnoldi_stops_where_the_space_is_invariant() {
    // Three different eigenvalues.
    let a = matrix(50, (0..50).map(|i| (i, i, 1.0 + (i % 3) as f64)));
    let space = Arnoldi::new(&a, &noise(50, 2), 40).unwrap();
    assert_eq!((space.steps(), space.vectors()), (3, 3));
    assert!(defect(&a, &space) <= 1e-12);
    let samples = SubspaceSamples::new(&space).unwrap();
    // Diagonal, so symmetric: singular values are eigenvalues.
    for (sigma, expected) in samples.singular_values().iter().zip([3.0, 2.0, 1.0]) {
        approx::assert_relative_eq!(*sigma, expected, max_relative = 1e-12);
    }
    let small = Arnoldi::new(&second_difference(5), &noise(5, 3), 40).unwrap();
    assert_eq!((small.steps(), small.vectors()), (5, 5));
}

#[test]
fn singular_matrices_lose_components_only() {
    let mut entries: Vec<_> = (0..20).map(|i| (i, i, 1.0 + i as f64)).collect();
    entries[7].2 = 0.0;
    let a = matrix(20, entries);
    let samples = SubspaceSamples::of_operator(&a, &noise(20, 4), 40).unwrap();
    assert_eq!(samples.rank(), 19);
    let mut b = vec![1.0; 20];
    samples.combine(&[1.0; 19], &mut b);
    assert!(
        b.iter().all(|b| b.is_finite()) && b[7].abs() < 1e-10,
        "{b:?}"
    );
    let bad = |start: &[f64], steps| Arnoldi::new(&a, start, steps).unwrap_err();
    assert!(matches!(bad(&[0.0; 20], 3), PrecondError::Builder { .. }));
    assert!(matches!(
        bad(&[f64::NAN; 20], 3),
        PrecondError::Builder { .. }
    ));
    assert!(matches!(
        bad(&[1.0; 19], 3),
        PrecondError::DimensionMismatch { found: 19, .. }
    ));
    assert!(matches!(
        bad(&[1.0; 20], 0),
        PrecondError::InvalidOption { .. }
    ));
}

#[test]
fn the_process_of_the_reference() {
    let Some(file) = Fixture::read("random200_arnoldi") else {
        return;
    };
    let Some(network) = Fixture::read("random200_network") else {
        return;
    };
    let a = network.matrix();
    let space = Arnoldi::new(&a, &file.doubles("v0"), 40).unwrap();
    assert_eq!(space.vectors(), 41);
    let (v, h) = (file.doubles("V"), file.doubles("H"));
    // Rounding errors grow with the step: the first half to more digits.
    for j in 0..41 {
        let tolerance = if j < 20 { 1e-11 } else { 1e-8 };
        for (i, value) in space.vector(j).iter().enumerate() {
            approx::assert_abs_diff_eq!(*value, v[41 * i + j], epsilon = tolerance);
        }
    }
    for j in 0..40 {
        for i in 0..41 {
            approx::assert_abs_diff_eq!(space.entry(i, j), h[40 * i + j], epsilon = 1e-8);
        }
    }
    let samples = SubspaceSamples::new(&space).unwrap();
    for (ours, theirs) in samples.singular_values().iter().zip(file.doubles("svd.S")) {
        approx::assert_relative_eq!(*ours, theirs, max_relative = 1e-7);
    }
    // b = A x lies in the range of our samples, whose columns are orthonormal.
    let (b, x) = (file.doubles("b"), file.doubles("x"));
    let unit = |k: usize| (0..40).map(move |i| f64::from(u8::from(i == k))).collect();
    let columns: Vec<Vec<f64>> = (0..40)
        .map(|k| {
            let (mut column, e): (_, Vec<f64>) = (vec![0.0; 200], unit(k));
            samples.combine(&e, &mut column);
            column
        })
        .collect();
    for sample in 0..8 {
        let of = |all: &[f64]| -> Vec<f64> { (0..200).map(|i| all[8 * i + sample]).collect() };
        let b = of(&b);
        for (product, b) in times(&a, &of(&x)).iter().zip(&b) {
            approx::assert_abs_diff_eq!(*product, *b, epsilon = 1e-9);
        }
        let mut rest = b.clone();
        for column in &columns {
            let e = dot(column, &b);
            rest.iter_mut().zip(column).for_each(|(r, c)| *r -= e * c);
        }
        assert!(dot(&rest, &rest).sqrt() < 1e-6 * dot(&b, &b).sqrt());
    }
}

#[test]
fn samples_of_the_subspace_are_white() {
    let a = second_difference(200);
    let (scaled, _) = prescaled(a.view()).unwrap();
    let mut batches = Batches::new(scaled.view(), Distribution::Subspace, 5).unwrap();
    let rank = batches.subspace().unwrap().rank();
    assert_eq!(rank, 40);
    let columns: Vec<Vec<f64>> = (0..rank)
        .map(|k| {
            let mut e = vec![0.0; rank];
            e[k] = 1.0;
            let mut column = vec![0.0; 200];
            batches.subspace().unwrap().combine(&e, &mut column);
            column
        })
        .collect();
    let count = 20_000;
    let mut covariance = Mat::<f64>::zeros(rank, rank);
    let mut b = vec![0.0; 200 * 100];
    for step in 0..(count / 100) as u64 {
        batches.draw(step, &mut b);
        for b in b.chunks_exact(200) {
            let e: Vec<f64> = columns.iter().map(|c| dot(c, b)).collect();
            for i in 0..rank {
                for j in 0..rank {
                    covariance[(i, j)] += e[i] * e[j] / count as f64;
                }
            }
        }
    }
    for i in 0..rank {
        for j in 0..rank {
            let expected = f64::from(u8::from(i == j));
            assert!((covariance[(i, j)] - expected).abs() < 0.05, "({i}, {j})");
        }
    }
}

#[test]
fn batches_are_what_their_distribution_says() {
    let a = common::random(300, 6, 0.3, 9);
    let (scaled, _) = prescaled(a.view()).unwrap();
    let n = 300;
    let draw = |distribution, seed, step| {
        let mut b = vec![0.0; n * 16];
        let mut batches = Batches::new(scaled.view(), distribution, seed).unwrap();
        batches.draw(step, &mut b);
        b
    };
    // The same seed and step, the same batch; another one, another.
    let mixture = draw(Distribution::Mixture, 0, 7);
    assert_eq!(mixture, draw(Distribution::Mixture, 0, 7));
    assert_ne!(mixture, draw(Distribution::Mixture, 0, 8));
    assert_ne!(mixture, draw(Distribution::Mixture, 1, 7));
    // Halves: E‖b‖² = 40 in the subspace, ‖A‖_F² for Gaussian x.
    let squares = |b: &[f64]| dot(b, b) / (b.len() / n) as f64;
    let frobenius = dot(scaled.data(), scaled.data());
    let (mut subspace, mut normal) = (0.0, 0.0);
    let mut batches = Batches::new(scaled.view(), Distribution::Mixture, 3).unwrap();
    let mut b = vec![0.0; n * 16];
    for step in 0..200 {
        batches.draw(step, &mut b);
        subspace += squares(&b[..8 * n]) / 200.0;
        normal += squares(&b[8 * n..]) / 200.0;
    }
    approx::assert_relative_eq!(subspace, 40.0, max_relative = 0.05);
    approx::assert_relative_eq!(normal, frobenius, max_relative = 0.05);
    let rhs = draw(Distribution::NormalRhs, 0, 0);
    approx::assert_relative_eq!(squares(&rhs), n as f64, max_relative = 0.1);
    let unit = Batches::new(scaled.view(), Distribution::Mixture, 0).unwrap();
    unit.with_scale(ColumnScale::Unit).draw(0, &mut b);
    for b in b.chunks_exact(n) {
        approx::assert_relative_eq!(dot(b, b), n as f64, max_relative = 1e-12);
    }
}
