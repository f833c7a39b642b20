//! Block Jacobi and FSAI: small dense systems.

mod common;

use common::{Csr, dense, noise, poisson2d, random_gram, symmetric};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use la_krylov::{CgOptions, Host, Preconditioner, cg};
use la_precond::PrecondError;
use la_precond::classical::{BlockJacobi, Fsai, FsaiPattern, Jacobi};

fn applied(m: &impl Preconditioner<Host<f64>>, r: &[f64]) -> Vec<f64> {
    let mut z = vec![f64::NAN; r.len()];
    m.apply(&Host::new(r.len()), r, &mut z).unwrap();
    z
}

fn vector(n: usize) -> Vec<f64> {
    let mut next = noise(5);
    (0..n).map(|_| next()).collect()
}

/// The solution of a dense positive definite system.
fn oracle(a: &Mat<f64>, b: &[f64]) -> Vec<f64> {
    let rhs = Mat::from_fn(b.len(), 1, |i, _| b[i]);
    let x = a.llt(Side::Lower).unwrap().solve(rhs);
    (0..b.len()).map(|i| x[(i, 0)]).collect()
}

#[test]
fn blocks_solve_their_diagonal_blocks() {
    let a = random_gram(50, 3, 0.5, 1);
    let r = vector(50);
    let full = dense(a.view());
    for starts in [
        vec![0, 50],
        vec![0, 7, 14, 21, 28, 35, 42, 49, 50],
        vec![0, 1, 30, 50],
    ] {
        let m = BlockJacobi::with_blocks(a.view(), starts.clone()).unwrap();
        let block = |i: usize| starts.iter().filter(|&&s| s <= i).count();
        let part = Mat::from_fn(50, 50, |i, j| {
            if block(i) == block(j) {
                full[(i, j)]
            } else {
                0.0
            }
        });
        let wanted = oracle(&part, &r);
        for (x, y) in applied(&m, &r).iter().zip(&wanted) {
            assert!((x - y).abs() < 1e-12 * y.abs().max(1.0));
        }
    }
    let sevens = BlockJacobi::new(a.view(), 7).unwrap();
    assert_eq!(sevens.num_blocks(), 8);
    let ones = BlockJacobi::new(a.view(), 1).unwrap();
    for (x, y) in applied(&ones, &r)
        .iter()
        .zip(applied(&Jacobi::new(a.view()).unwrap(), &r))
    {
        approx::assert_relative_eq!(*x, y, max_relative = 1e-15);
    }
}

#[test]
fn general_blocks_solve_their_diagonal_blocks() {
    // Neither symmetric nor with a sound diagonal.
    let mut a = random_gram(50, 8, 0.5, 2);
    for (i, mut row) in a.outer_iterator_mut().enumerate() {
        for (j, value) in row.iter_mut() {
            *value = if i == j && i % 3 == 0 {
                0.0
            } else {
                *value * (1.0 + (3.0 * i as f64 + j as f64).sin()) + f64::from(u8::from(i == j))
            };
        }
    }
    let (r, full) = (vector(50), dense(a.view()));
    for starts in [vec![0, 50], vec![0, 9, 20, 31, 50]] {
        let m = BlockJacobi::with_general_blocks(a.view(), starts.clone()).unwrap();
        let block = |i: usize| starts.iter().filter(|&&s| s <= i).count();
        let part = Mat::from_fn(50, 50, |i, j| {
            if block(i) == block(j) {
                full[(i, j)]
            } else {
                0.0
            }
        });
        let lu = part.partial_piv_lu();
        let rhs = Mat::from_fn(50, 1, |i, _| r[i]);
        let wanted = faer::prelude::Solve::solve(&lu, &rhs);
        let scale = (0..50).map(|i| wanted[(i, 0)].abs()).fold(0.0, f64::max);
        for (i, x) in applied(&m, &r).iter().enumerate() {
            assert!((x - wanted[(i, 0)]).abs() < 1e-9 * scale, "{i}");
        }
    }
    // A definite matrix has one inverse.
    let a = random_gram(40, 3, 0.5, 1);
    let (cholesky, lu) = (
        BlockJacobi::new(a.view(), 6).unwrap(),
        BlockJacobi::general(a.view(), 6).unwrap(),
    );
    for (x, y) in applied(&cholesky, &r[..40])
        .iter()
        .zip(applied(&lu, &r[..40]))
    {
        approx::assert_relative_eq!(*x, y, max_relative = 1e-9, epsilon = 1e-12);
    }
    let singular = symmetric(3, [(0, 0, 1.0), (1, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0)]);
    assert!(matches!(
        BlockJacobi::general(singular.view(), 3).unwrap_err(),
        PrecondError::Breakdown { row: 1, .. }
    ));
    let nan = symmetric(2, [(0, 0, 1.0), (1, 1, 1.0), (1, 0, f64::NAN)]);
    assert_eq!(
        BlockJacobi::general(nan.view(), 2).unwrap_err(),
        PrecondError::NonFinite { row: 0, col: 1 }
    );
}

/// `G A Gᵀ`.
fn preconditioned(a: &Csr, m: &Fsai) -> Mat<f64> {
    let n = a.rows();
    let mut g = Mat::zeros(n, n);
    for i in 0..n {
        for (j, value) in m.row(i) {
            g[(i, j)] = value;
        }
    }
    &g * dense(a.view()) * g.transpose()
}

#[test]
fn fsai_has_a_unit_diagonal_and_annihilates_its_pattern() {
    for a in [poisson2d(7), random_gram(60, 3, 0.1, 3)] {
        let m = Fsai::new(a.view(), FsaiPattern::Matrix).unwrap();
        let x = preconditioned(&a, &m);
        for i in 0..a.rows() {
            assert!((x[(i, i)] - 1.0).abs() < 1e-12);
        }
        // Row i of G A vanishes at the positions of row i left of the diagonal.
        let full = dense(a.view());
        for i in 0..a.rows() {
            for (j, _) in m.row(i).filter(|(j, _)| *j < i) {
                let product: f64 = m.row(i).map(|(k, g)| g * full[(k, j)]).sum();
                assert!(product.abs() < 1e-12);
            }
        }
        assert_eq!(m.stats().fill_ratio, Some(1.0));
    }
}

#[test]
fn fsai_on_a_full_pattern_is_the_inverse() {
    // The square of a star's matrix is full.
    let star = (1..12).map(|i| (i, 0, -0.4));
    let a = symmetric(12, star.chain((0..12).map(|i| (i, i, 3.0))));
    let m = Fsai::new(a.view(), FsaiPattern::Square).unwrap();
    assert_eq!(m.nnz(), 78);
    let r = vector(12);
    for (x, y) in applied(&m, &r).iter().zip(oracle(&dense(a.view()), &r)) {
        assert!((x - y).abs() < 1e-14);
    }
}

#[test]
fn more_positions_and_larger_blocks_take_fewer_iterations() {
    let a = poisson2d(40);
    let b = vector(1600);
    let count = |m: &dyn Preconditioner<Host<f64>>| {
        let solution = cg(&a, &b, m, &CgOptions::default().with_rtol(1e-8)).unwrap();
        assert!(solution.status.is_converged());
        solution.iterations
    };
    let none = count(&Jacobi::new(a.view()).unwrap());
    let lines = count(&BlockJacobi::new(a.view(), 40).unwrap());
    let near = count(&Fsai::new(a.view(), FsaiPattern::Matrix).unwrap());
    let far = count(&Fsai::new(a.view(), FsaiPattern::Square).unwrap());
    assert!(
        lines < none && near < none && far < near,
        "{none} {lines} {near} {far}"
    );
}

#[test]
fn scaling_by_powers_of_four_scales_exactly() {
    let a = random_gram(40, 3, 0.1, 8);
    let r = vector(40);
    let scaled = a.map(|x| x * 4.0_f64.powi(30));
    let back = |z: Vec<f64>| {
        z.into_iter()
            .map(|x| x * 4.0_f64.powi(30))
            .collect::<Vec<_>>()
    };
    for pattern in [FsaiPattern::Matrix, FsaiPattern::Square] {
        let (m, other) = (
            Fsai::new(a.view(), pattern).unwrap(),
            Fsai::new(scaled.view(), pattern).unwrap(),
        );
        assert_eq!(applied(&m, &r), back(applied(&other, &r)));
    }
    let (m, other) = (
        BlockJacobi::new(a.view(), 6).unwrap(),
        BlockJacobi::new(scaled.view(), 6).unwrap(),
    );
    assert_eq!(applied(&m, &r), back(applied(&other, &r)));
}

#[test]
fn bad_input() {
    let indefinite = symmetric(3, [(0, 0, 1.0), (1, 1, 1.0), (2, 1, 3.0), (2, 2, 1.0)]);
    let breakdown = PrecondError::Breakdown {
        row: 2,
        shift: 0.0,
        attempts: 1,
    };
    let nan = symmetric(3, [(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0), (2, 1, f64::NAN)]);
    let infinite = PrecondError::NonFinite { row: 2, col: 1 };
    let blocks = |a: &Csr, size| BlockJacobi::new(a.view(), size).unwrap_err();
    assert_eq!(blocks(&indefinite, 3), breakdown);
    assert_eq!(blocks(&nan, 3), infinite);
    assert!(matches!(
        blocks(&nan, 0),
        PrecondError::InvalidOption { option: "size", .. }
    ));
    assert_eq!(
        blocks(&Csr::zero((2, 3)), 1),
        PrecondError::NotSquare { rows: 2, cols: 3 }
    );
    for starts in [vec![], vec![0, 2], vec![0, 2, 2, 3], vec![1, 3]] {
        let error = BlockJacobi::with_blocks(poisson2d(2).view(), starts).unwrap_err();
        assert!(
            matches!(error, PrecondError::DimensionMismatch { .. }),
            "{error}"
        );
    }
    let fsai = |a: &Csr| Fsai::new(a.view(), FsaiPattern::Square).unwrap_err();
    assert_eq!(fsai(&indefinite), breakdown);
    assert_eq!(fsai(&nan), infinite);
    assert_eq!(
        fsai(&Csr::zero((1, 1))),
        PrecondError::MissingDiagonal { row: 0 }
    );
    let empty = Fsai::new(Csr::zero((0, 0)).view(), FsaiPattern::Matrix).unwrap();
    assert!(applied(&empty, &[]).is_empty());
    let m = BlockJacobi::new(poisson2d(2).view(), 2).unwrap();
    assert!(m.apply(&Host::new(3), &[0.0; 3], &mut [0.0; 3]).is_err());
}
