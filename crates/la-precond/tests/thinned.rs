//! Factors of matrices without their small entries.

mod common;

use common::{gram, noise, poisson2d};
use la_krylov::{CgOptions, cg};
use la_precond::classical::{Ic0, Thinned};
use la_precond::sprs::CsMatI;
use la_precond::{IncompleteCholeskyBuilder, PrecondError};

/// Gram matrix of a random sparse matrix: entries of a row differ widely.
fn random_gram(n: usize) -> common::Csr {
    let mut noise = noise(3);
    let entries: Vec<_> = (0..8 * n)
        .map(|k| {
            let column = ((noise() + 1.0) * 0.5 * n as f64) as usize % n;
            (k % n, column, noise())
        })
        .collect();
    gram(n, &entries, 1e-2)
}

#[test]
fn nothing_is_left_out_at_zero_but_zeros() {
    let a = poisson2d(9);
    let thin = Thinned::new(Ic0::default(), 0.0);
    assert_eq!(thin.matrix(a.view()).unwrap(), a);
    let factor = thin.build(a.view()).unwrap();
    let plain = Ic0::default().factor(a.view()).unwrap();
    assert_eq!(factor.to_lower(), plain.to_lower());
    assert_eq!(factor.stats().fill_ratio, Some(1.0));
}

#[test]
fn the_fill_counts_the_lower_triangle_of_what_was_given() {
    let a = poisson2d(5);
    let lower: common::Csr = Ic0::default().factor(a.view()).unwrap().to_lower();
    let empty = common::Csr::zero((0, 0));
    let thin = Thinned::new(Ic0::default(), 0.0);
    for (matrix, wanted) in [(&lower, 1.0), (&empty, 0.0)] {
        let factor = thin.build(matrix.view()).unwrap();
        assert_eq!(factor.stats().fill_ratio, Some(wanted));
    }
}

#[test]
fn small_entries_go_from_both_triangles_and_scaling_changes_nothing() {
    let a = random_gram(60);
    let thin = Thinned::new(Ic0::default(), 0.2);
    let kept = thin.matrix(a.view()).unwrap();
    assert!(kept.nnz() < a.nnz() && kept.nnz() > a.rows());
    assert_eq!(kept, kept.transpose_view().to_csr());
    for (&value, (i, j)) in a.iter() {
        let (i, j) = (i as usize, j as usize);
        let size = value.abs() / (a.get(i, i).unwrap() * a.get(j, j).unwrap()).sqrt();
        assert_eq!(kept.get(i, j).is_some(), size > 0.2, "entry ({i}, {j})");
    }
    // D A D with powers of two: the same pattern.
    let scale = |i: usize| 2.0f64.powi(i as i32 % 9 - 4);
    let mut scaled = a.clone();
    for (i, mut row) in scaled.outer_iterator_mut().enumerate() {
        for (j, value) in row.iter_mut() {
            *value *= scale(i) * scale(j);
        }
    }
    let scaled = thin.matrix(scaled.view()).unwrap();
    assert_eq!(scaled.indices(), kept.indices());
}

#[test]
fn a_thinned_factor_preconditions_the_whole_matrix() {
    let a = random_gram(400);
    let b = vec![1.0; 400];
    let factor = Thinned::new(Ic0::default(), 0.1).build(a.view()).unwrap();
    let whole = Ic0::default().factor(a.view()).unwrap();
    assert!(factor.nnz() < whole.nnz());
    let solution = cg(&a, &b, &factor, &CgOptions::default()).unwrap();
    assert!(solution.status.is_converged());
}

#[test]
fn bad_input_is_named() {
    let a = poisson2d(3);
    for tau in [-0.1, 1.0, f64::NAN] {
        let error = Thinned::new(Ic0::default(), tau)
            .build(a.view())
            .unwrap_err();
        assert!(matches!(
            error,
            PrecondError::InvalidOption { option: "tau", .. }
        ));
    }
    let hole = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 2], vec![0, 0], vec![1.0, 1.0]);
    let error = Thinned::new(Ic0::default(), 0.1)
        .build(hole.view())
        .unwrap_err();
    assert!(matches!(error, PrecondError::MissingDiagonal { row: 1 }));
    let negative = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 2], vec![0, 1], vec![1.0, -1.0]);
    let error = Thinned::new(Ic0::default(), 0.1)
        .build(negative.view())
        .unwrap_err();
    assert!(matches!(
        error,
        PrecondError::NonPositiveDiagonal { row: 1, .. }
    ));
    let nan = CsMatI::<f64, u32>::new(
        (2, 2),
        vec![0, 2, 4],
        vec![0, 1, 0, 1],
        vec![1.0, f64::NAN, f64::NAN, 1.0],
    );
    let error = Thinned::new(Ic0::default(), 0.1)
        .build(nan.view())
        .unwrap_err();
    assert!(matches!(error, PrecondError::NonFinite { .. }), "{error}");
}
