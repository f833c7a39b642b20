//! The K-optimal factor: its identities, worked values, and where it is the Cholesky factor.

mod common;

use common::{Csr, dense, dense_lower, noise, poisson2d, random_gram, symmetric};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use la_precond::classical::{Ic0, KOptimal, ShiftStrategy};
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

fn cycle() -> Csr {
    let edges = [(1, 0), (2, 1), (3, 0), (3, 2)].map(|(i, j)| (i, j, -1.0));
    symmetric(4, edges.into_iter().chain((0..4).map(|i| (i, i, 4.0))))
}

fn inverse(a: &Csr) -> Mat<f64> {
    let full = dense(a.view());
    full.llt(Side::Lower)
        .unwrap()
        .solve(Mat::<f64>::identity(a.rows(), a.cols()))
}

/// log K(Lᵀ A⁻¹ L) from its definition, and the largest deviation of the diagonal of Lᵀ A⁻¹ L from 1.
fn log_k(a: &Csr, factor: &IncompleteCholesky) -> (f64, f64) {
    let n = a.rows() as f64;
    let l = dense_lower(factor);
    let x = l.transpose() * inverse(a) * &l;
    let diagonal: Vec<f64> = (0..a.rows()).map(|i| x[(i, i)]).collect();
    let log_det: f64 = 2.0 * factor.diagonal().iter().map(|d| d.ln()).sum::<f64>()
        - 2.0 * {
            let c = dense(a.view()).llt(Side::Lower).unwrap();
            (0..a.rows()).map(|i| c.L()[(i, i)].ln()).sum::<f64>()
        };
    let deviation = diagonal.iter().fold(0.0_f64, |m, d| m.max((d - 1.0).abs()));
    (
        (diagonal.iter().sum::<f64>() / n).ln() - log_det / n,
        deviation,
    )
}

#[test]
fn four_cycle() {
    let a = cycle();
    let factor = KOptimal::default().factor(a.view()).unwrap();
    let l = dense_lower(&factor);
    for (i, j, value) in [
        (0, 0, 2.0),
        (1, 0, -0.5),
        (3, 0, -0.5),
        (1, 1, 1.932_183_57),
        (2, 1, -0.552_052_45),
        (2, 2, 1.932_183_57),
        (3, 2, -0.552_052_45),
        (3, 3, 1.851_640_2),
    ] {
        assert!(
            (l[(i, j)] - value).abs() < 1e-7,
            "({i}, {j}): {}",
            l[(i, j)]
        );
    }
    approx::assert_relative_eq!(log_k(&a, &factor).0, 1.113_59e-3, max_relative = 1e-5);
    let ic0 = Ic0::default().factor(a.view()).unwrap();
    approx::assert_relative_eq!(log_k(&a, &ic0).0, 1.318_77e-3, max_relative = 1e-5);
}

#[test]
fn diagonal_of_the_preconditioned_inverse_is_one_and_k_is_smallest() {
    for seed in 0..10 {
        let a = random_gram(40, 2, 0.05, seed);
        let factor = KOptimal::default().factor(a.view()).unwrap();
        let (best, deviation) = log_k(&a, &factor);
        assert!(deviation < 1e-11, "{deviation}");
        assert!(best >= -1e-12);
        // Moving any entry makes K larger, and so does IC(0).
        let lower = factor.to_lower();
        for p in (0..lower.nnz()).step_by(7) {
            for step in [-1e-3, 1e-3] {
                let mut moved = lower.clone();
                moved.data_mut()[p] += step * lower.data()[p].abs().max(0.1);
                let moved = IncompleteCholesky::from_lower(moved.view()).unwrap();
                assert!(log_k(&a, &moved).0 > best - 1e-13);
            }
        }
        let ic0 = Ic0::default().factor(a.view()).unwrap();
        assert!(log_k(&a, &ic0).0 > best);
    }
}

#[test]
fn without_fill_it_is_cholesky() {
    let mut next = noise(11);
    // A tree ordered from its leaves, a tridiagonal matrix, a full pattern.
    let tree: Vec<_> = (0..31)
        .map(|i| (30 - i / 2, 30 - i, next()))
        .filter(|e| e.0 != e.1)
        .collect();
    let path: Vec<_> = (1..31).map(|i| (i, i - 1, next())).collect();
    let full: Vec<_> = (0..31)
        .flat_map(|i| (0..i).map(move |j| (i, j)))
        .map(|(i, j)| (i, j, 0.05 * next()))
        .collect();
    for lower in [tree, path, full] {
        let n = 31;
        let a = symmetric(n, lower.into_iter().chain((0..n).map(|i| (i, i, 5.0))));
        let l = dense_lower(&KOptimal::default().factor(a.view()).unwrap());
        let oracle = dense(a.view()).llt(Side::Lower).unwrap();
        for i in 0..n {
            for j in 0..=i {
                assert!((l[(i, j)] - oracle.L()[(i, j)]).abs() < 1e-13, "({i}, {j})");
            }
        }
    }
}

#[test]
fn it_exists_where_ic0_does_not() {
    // Kershaw's matrix.
    let edges = [(1, 0, -2.0), (2, 1, -2.0), (3, 2, -2.0), (3, 0, 2.0)];
    let a = symmetric(4, edges.into_iter().chain((0..4).map(|i| (i, i, 3.0))));
    let plain = Ic0::default()
        .with_shift(ShiftStrategy::None)
        .factor(a.view());
    assert!(matches!(plain, Err(PrecondError::Breakdown { .. })));
    let factor = KOptimal::default().build(a.view()).unwrap();
    assert!(log_k(&a, &factor).1 < 1e-13);
    assert_eq!(factor.fill_ratio(), Some(1.0));
}

#[test]
fn scaling_rows_and_columns_scales_rows() {
    let a = poisson2d(9);
    let scale: Vec<f64> = (0..81).map(|i| 2.0_f64.powi(i % 7 - 3)).collect();
    let entries: Vec<_> = a
        .iter()
        .map(|(x, (i, j))| {
            (
                i as usize,
                j as usize,
                x * scale[i as usize] * scale[j as usize],
            )
        })
        .filter(|(i, j, _)| j <= i)
        .collect();
    let plain = KOptimal::default().factor(a.view()).unwrap();
    let other = KOptimal::default()
        .factor(symmetric(81, entries).view())
        .unwrap();
    for (i, factor) in scale.iter().enumerate() {
        assert_eq!(other.diagonal()[i], plain.diagonal()[i] * factor);
        for ((_, x), (_, y)) in other.row(i).zip(plain.row(i)) {
            assert_eq!(x, y * factor);
        }
    }
}

#[test]
fn bad_input() {
    let fails = |a: &Csr| KOptimal::default().factor(a.view()).unwrap_err();
    assert_eq!(
        fails(&Csr::zero((2, 2))),
        PrecondError::MissingDiagonal { row: 0 }
    );
    let nan = symmetric(3, [(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0), (2, 0, f64::NAN)]);
    assert_eq!(fails(&nan), PrecondError::NonFinite { row: 2, col: 0 });
    let indefinite = symmetric(2, [(0, 0, 1.0), (1, 0, 3.0), (1, 1, 1.0)]);
    assert!(matches!(
        fails(&indefinite),
        PrecondError::Breakdown { row: 1, .. }
    ));
    assert_eq!(
        KOptimal::default()
            .factor(Csr::zero((0, 0)).view())
            .unwrap()
            .nnz(),
        0
    );
    let one = symmetric(1, [(0, 0, 9.0)]);
    assert_eq!(
        KOptimal::default().factor(one.view()).unwrap().diagonal(),
        [3.0]
    );
}

#[test]
fn limits_are_known_before_anything_is_factored() {
    // In natural order every column of the factor of a 6 x 6 grid has about 6 entries.
    let a = poisson2d(6);
    let free = KOptimal::default().factor(a.view()).unwrap();
    let limited = |bytes, work| {
        KOptimal::default()
            .with_memory_limit(bytes)
            .with_work_limit(work)
            .factor(a.view())
    };
    let enough = limited(36 * 6 * 12, 1.5 * 36.0 * 36.0).unwrap();
    assert_eq!(enough.scaled_values(), free.scaled_values());
    assert!(matches!(
        limited(1000, 1e9),
        Err(PrecondError::TooMuchMemory { bytes, limit }) if bytes > limit && limit <= 1000
    ));
    assert!(matches!(
        limited(10_000, 1000.0),
        Err(PrecondError::TooMuchWork { operations, limit: 1000.0 }) if operations > 1000.0
    ));
    assert!(matches!(
        limited(10_000, f64::NAN),
        Err(PrecondError::InvalidOption {
            option: "work_limit",
            ..
        })
    ));
}
