//! Applying preconditioners: against dense solves, in both precisions, without allocation.

mod common;

use common::{dense, noise, poisson2d, random_gram, relative_error, symmetric};
use faer::Par;
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::prelude::Solve;
use la_krylov::{CgOptions, Definiteness, Host, Preconditioner, cg};
use la_precond::classical::{FillLimit, Ic0, Ict, Jacobi, Ssor};
use la_precond::sprs::CsMatI;
use la_precond::{IncompleteCholesky, PrecondError};

fn vector(n: usize, seed: u64) -> Vec<f64> {
    let mut next = noise(seed);
    (0..n).map(|_| next()).collect()
}

fn column(x: &[f64]) -> faer::Mat<f64> {
    faer::Mat::from_fn(x.len(), 1, |i, _| x[i])
}

#[test]
fn sweeps_agree_with_dense_triangular_solves() {
    for a in [
        poisson2d(8),
        random_gram(150, 6, 60.0, 7),
        random_gram(60, 2, 0.5, 8),
    ] {
        let factor = Ic0::default().factor(a.view()).unwrap();
        let l = dense(factor.to_lower().view());
        let r = vector(a.rows(), 1);
        let mut oracle = column(&r);
        solve_lower_triangular_in_place(l.as_ref(), oracle.as_mut(), Par::Seq);
        let mut x = r.clone();
        factor.forward_in_place(&mut x);
        assert!(relative_error(&x, oracle.col_as_slice(0)) < 1e-13);
        solve_upper_triangular_in_place(l.transpose(), oracle.as_mut(), Par::Seq);
        factor.backward_in_place(&mut x);
        assert!(relative_error(&x, oracle.col_as_slice(0)) < 1e-13);
        let mut z = vec![0.0; r.len()];
        factor.apply(&Host::new(r.len()), &r, &mut z).unwrap();
        assert_eq!(z, x);
    }
}

#[test]
fn ssor_is_its_definition() {
    let a = random_gram(40, 3, 1.0, 9);
    let n = a.rows();
    let full = dense(a.view());
    for omega in [0.7, 1.0, 1.6] {
        // M = ω/(2−ω) (D/ω + L) D⁻¹ (D/ω + Lᵀ), assembled densely
        let left = faer::Mat::from_fn(n, n, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Greater => full[(i, j)],
            std::cmp::Ordering::Equal => full[(i, i)] / omega,
            std::cmp::Ordering::Less => 0.0,
        });
        let right = faer::Mat::from_fn(n, n, |i, j| left[(j, i)] / full[(i, i)]);
        let m = (&left * &right) * faer::Scale(omega / (2.0 - omega));
        let r = vector(n, 2);
        let oracle = m.partial_piv_lu().solve(&column(&r));
        let ssor = Ssor::new(a.view(), omega).unwrap();
        let mut z = vec![0.0; n];
        ssor.apply(&Host::<f64>::new(n), &r, &mut z).unwrap();
        assert!(relative_error(&z, oracle.col_as_slice(0)) < 1e-12);
    }
}

#[test]
fn narrow_factors_serve_wide_solves() {
    let a = poisson2d(12);
    let b = vector(144, 3);
    let factor = Ic0::default().factor(a.view()).unwrap();
    let narrow: IncompleteCholesky<f32> = factor.cast().unwrap();
    let options = CgOptions::default().with_rtol(1e-10);
    let wide_count = cg(&a, &b, &factor, &options).unwrap().iterations;
    let solution = cg(&a, &b, &narrow, &options).unwrap();
    assert!(solution.status.is_converged());
    assert!(solution.iterations.abs_diff(wide_count) <= 1);
    let single: CsMatI<f32, u32> = a.map(|&x| x as f32);
    let direct = Ic0::default().factor(single.view()).unwrap();
    let ours: Vec<f64> = direct
        .to_lower()
        .data()
        .iter()
        .map(|&x| f64::from(x))
        .collect();
    // Single precision throughout against rounding once.
    assert!(relative_error(&ours, factor.to_lower().data()) < 1e-6);
    let tiny = symmetric(1, [(0, 0, 1e-100)]);
    let error = Ic0::default()
        .factor(tiny.view())
        .unwrap()
        .cast::<f32>()
        .unwrap_err();
    assert!(matches!(
        error,
        PrecondError::NonPositiveDiagonal { row: 0, .. }
    ));
}

#[test]
fn application_does_not_allocate() {
    let a = poisson2d(10);
    let factor = Ic0::default().factor(a.view()).unwrap();
    let (jacobi, ssor) = (
        Jacobi::new(a.view()).unwrap(),
        Ssor::new(a.view(), 1.2).unwrap(),
    );
    let (r, mut z) = (vector(100, 4), vec![0.0; 100]);
    let space = Host::new(100);
    let counted = allocation_counter::measure(|| {
        factor.apply(&space, &r, &mut z).unwrap();
        jacobi.apply(&space, &r, &mut z).unwrap();
        ssor.apply(&space, &r, &mut z).unwrap();
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn better_factors_need_fewer_iterations() {
    let a = poisson2d(40);
    let b = vector(1600, 5);
    let options = CgOptions::default().with_rtol(1e-8);
    let jacobi = cg(&a, &b, &Jacobi::new(a.view()).unwrap(), &options).unwrap();
    let ssor = cg(&a, &b, &Ssor::new(a.view(), 1.0).unwrap(), &options).unwrap();
    let ic0 = cg(&a, &b, &Ic0::default().factor(a.view()).unwrap(), &options).unwrap();
    let ict = Ict::default()
        .with_drop_tol(1e-3)
        .with_fill(FillLimit::Factor(4.0));
    let ict = cg(&a, &b, &ict.factor(a.view()).unwrap(), &options).unwrap();
    let counts = [&jacobi, &ssor, &ic0, &ict].map(|s| s.iterations);
    assert!(counts.windows(2).all(|w| w[1] < w[0]), "{counts:?}");
    for s in [jacobi, ssor, ic0, ict] {
        let mut worst = 0.0_f64;
        for (i, row) in a.outer_iterator().enumerate() {
            let ax: f64 = row.iter().map(|(j, v)| v * s.x[j]).sum();
            worst = worst.max((b[i] - ax).abs());
        }
        assert!(worst < 1e-8 * 40.0);
    }
}

#[test]
fn ict_obeys_its_limits_and_shifts() {
    let a = random_gram(200, 5, 1e-3, 10);
    let lower = (a.nnz() - 200) / 2;
    let factor = Ict::default()
        .with_drop_tol(0.0)
        .with_fill(FillLimit::Factor(1.0))
        .factor(a.view())
        .unwrap();
    assert!(factor.nnz() <= lower + 200);
    let factor = Ict::default()
        .with_drop_tol(0.0)
        .with_fill(FillLimit::Extra(2))
        .factor(a.view())
        .unwrap();
    assert!(factor.nnz() <= lower + 3 * 200);
    let nothing = Ict::default()
        .with_fill(FillLimit::Factor(0.0))
        .factor(a.view())
        .unwrap();
    assert_eq!(nothing.nnz(), 200);
    let few = Ict::default().with_drop_tol(0.3).factor(a.view()).unwrap();
    assert!(few.nnz() < lower);
    let error = Ict::default()
        .with_drop_tol(-1.0)
        .factor(a.view())
        .unwrap_err();
    assert!(matches!(
        error,
        PrecondError::InvalidOption {
            option: "drop_tol",
            ..
        }
    ));
}

#[test]
fn simple_preconditioners_refuse_bad_input() {
    let missing = symmetric(2, [(0, 0, 1.0), (1, 0, 1.0)]);
    assert_eq!(
        Jacobi::new(missing.view()).unwrap_err(),
        PrecondError::MissingDiagonal { row: 1 }
    );
    assert_eq!(
        Ssor::new(missing.view(), 1.0).unwrap_err(),
        PrecondError::MissingDiagonal { row: 1 }
    );
    let negative = symmetric(2, [(0, 0, 1.0), (1, 1, -1.0)]);
    let m = Jacobi::new(negative.view()).unwrap();
    assert_eq!(
        Preconditioner::<Host<f64>>::definiteness(&m),
        Definiteness::Symmetric
    );
    let error = Ssor::new(negative.view(), 1.0).unwrap_err();
    assert_eq!(
        error,
        PrecondError::NonPositiveDiagonal {
            row: 1,
            value: -1.0
        }
    );
    for omega in [0.0, 2.0, f64::NAN] {
        assert!(matches!(
            Ssor::new(poisson2d(2).view(), omega),
            Err(PrecondError::InvalidOption { .. })
        ));
    }
    let upper = CsMatI::<f64, u32>::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![1.0, 0.5, 1.0]);
    assert_eq!(
        Ssor::new(upper.view(), 1.0).unwrap_err(),
        PrecondError::UpperTriangleOnly
    );
    let nan = symmetric(2, [(0, 0, 1.0), (1, 0, f64::NAN), (1, 1, 1.0)]);
    assert_eq!(
        Ssor::new(nan.view(), 1.0).unwrap_err(),
        PrecondError::NonFinite { row: 1, col: 0 }
    );
    let (r, mut z) = ([1.0; 3], [0.0; 4]);
    let ssor = poisson2d(2);
    let ssor = Ssor::new(ssor.view(), 1.0).unwrap();
    assert!(ssor.apply(&Host::new(4), &r, &mut z).is_err());
}

#[test]
fn factors_from_elsewhere_are_checked() {
    let lower = |indptr: Vec<u32>, indices: Vec<u32>, values: Vec<f64>| {
        IncompleteCholesky::from_parts(indptr, indices, values, vec![1.0, 1.0, 1.0]).unwrap_err()
    };
    assert_eq!(
        lower(vec![0, 0, 0, 1], vec![2], vec![1.0]),
        PrecondError::NotLowerTriangular { row: 2, col: 2 }
    );
    assert_eq!(
        lower(vec![0, 1, 1, 1], vec![1], vec![1.0]),
        PrecondError::NotLowerTriangular { row: 0, col: 1 }
    );
    assert_eq!(
        lower(vec![0, 0, 0, 2], vec![1, 0], vec![1.0; 2]),
        PrecondError::UnsortedRow { row: 2 }
    );
    assert_eq!(
        lower(vec![0, 0, 1, 1], vec![0], vec![f64::NAN]),
        PrecondError::NonFinite { row: 1, col: 0 }
    );
    assert_eq!(
        lower(vec![0, 1, 0, 1], vec![0], vec![1.0]),
        PrecondError::NotLowerTriangular { row: 0, col: 0 }
    );
    let error = lower(vec![0, 0, 1], vec![0], vec![1.0]);
    assert_eq!(
        error,
        PrecondError::DimensionMismatch {
            what: "indptr",
            found: 3,
            expected: 4
        }
    );
    for bad in [0.0, -1.0, 1e-320] {
        let error =
            IncompleteCholesky::from_parts(vec![0, 0], vec![], vec![], vec![bad]).unwrap_err();
        assert_eq!(
            error,
            PrecondError::NonPositiveDiagonal { row: 0, value: bad }
        );
    }
    let upper = CsMatI::<f64, u32>::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![1.0, 0.5, 1.0]);
    let error = IncompleteCholesky::from_lower(upper.view()).unwrap_err();
    assert_eq!(error, PrecondError::NotLowerTriangular { row: 0, col: 1 });
    let columns = upper.transpose_view().to_csr().to_csc();
    let error = IncompleteCholesky::from_lower(columns.view()).unwrap_err();
    assert_eq!(error, PrecondError::NotLowerTriangular { row: 1, col: 0 });
}
