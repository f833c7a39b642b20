//! ILUT and ILUTP: exact limits, dropping, fill limits, pivoting.

mod common;

use common::{Csr, dense, matrix, poisson2d, random, relative_error, times};
use faer::linalg::solvers::Solve;
use la_precond::classical::{Ilu, Ilut, LuFill, PivotRule};
use la_precond::sprs::CsMatI;
use la_precond::{IncompleteLu, PrecondError};
use proptest::prelude::*;

fn exact() -> Ilut {
    Ilut::default()
        .with_drop_tol(0.0)
        .with_fill(LuFill::Unlimited)
}

/// `‖M⁻¹ A x − x‖∞ / ‖x‖∞`.
fn inverse_error(a: &Csr, factor: &IncompleteLu) -> f64 {
    let x: Vec<f64> = (0..a.rows()).map(|i| (1.3 * i as f64).cos()).collect();
    let mut z = vec![0.0; x.len()];
    factor.solve(&times(a, &x), &mut z);
    relative_error(&z, &x)
}

#[test]
fn without_dropping_the_factors_are_complete() {
    for (a, bound) in [(poisson2d(12), 1e-12), (random(90, 4, 1.2, 1), 1e-13)] {
        for tolerance in [0.0, 0.1, 1.0] {
            let factor = exact()
                .with_pivot_tolerance(tolerance)
                .factor(a.view())
                .unwrap();
            assert!(inverse_error(&a, &factor) < bound);
            assert_eq!(factor.stats().replaced_pivots, 0);
        }
        let product = dense(exact().factor(a.view()).unwrap().to_lower().view())
            * dense(exact().factor(a.view()).unwrap().to_upper().view());
        let full = dense(a.view());
        for i in 0..a.rows() {
            for j in 0..a.cols() {
                assert!((product[(i, j)] - full[(i, j)]).abs() < 1e-13);
            }
        }
    }
}

#[test]
fn three_by_three_by_hand() {
    // U_12 = 1 - 0.5·0.02 stays, U_01 = 0.02 is below 0.1 · (2 + 0.02 + 2)/3 and goes.
    let a = matrix(
        3,
        [
            (0, 0, 2.0),
            (0, 1, 0.02),
            (0, 2, 2.0),
            (1, 0, 1.0),
            (1, 1, 4.0),
            (2, 1, 2.0),
            (2, 2, 3.0),
        ],
    );
    let factor = Ilut::default().with_drop_tol(0.1).factor(a.view()).unwrap();
    assert_eq!(factor.scaled_upper_row(0).collect::<Vec<_>>(), [(2, 1.0)]);
    assert_eq!(factor.lower_row(1).collect::<Vec<_>>(), [(0, 0.5)]);
    assert_eq!(factor.scaled_upper_row(1).collect::<Vec<_>>(), [(2, -0.25)]);
    assert_eq!(factor.lower_row(2).collect::<Vec<_>>(), [(1, 0.5)]);
    assert_eq!(factor.inverse_diagonal(), [0.5, 0.25, 1.0 / 3.5]);
}

#[test]
fn more_entries_and_smaller_errors_with_a_smaller_threshold() {
    let a = poisson2d(30);
    let (mut nnz, mut error) = (0, f64::INFINITY);
    for drop_tol in [1e-1, 1e-2, 1e-3, 1e-4] {
        let options = Ilut::default()
            .with_drop_tol(drop_tol)
            .with_fill(LuFill::Unlimited);
        let factor = options.factor(a.view()).unwrap();
        assert!(factor.nnz() > nnz);
        assert!(inverse_error(&a, &factor) < error);
        nnz = factor.nnz();
        error = inverse_error(&a, &factor);
    }
    assert!(error < 0.1);
}

#[test]
fn fill_limits_hold() {
    let a = random(300, 6, 0.3, 2);
    for p in [0, 1, 3, 10] {
        for tolerance in [0.0, 0.5] {
            let options = exact()
                .with_fill(LuFill::PerRow(p))
                .with_pivot_tolerance(tolerance);
            let factor = options.factor(a.view()).unwrap();
            for i in 0..300 {
                assert!(factor.lower_row(i).count() <= p);
                assert!(factor.scaled_upper_row(i).count() <= p);
            }
        }
    }
    for ratio in [0.3, 1.0, 2.5] {
        let factor = exact()
            .with_fill(LuFill::Total(ratio))
            .factor(a.view())
            .unwrap();
        let fill = factor.fill_ratio().unwrap();
        assert!(fill <= ratio && fill > 0.9 * ratio, "{fill} of {ratio}");
        assert_eq!(fill, factor.nnz() as f64 / a.nnz() as f64);
    }
}

#[test]
fn rows_of_the_factors_are_sorted() {
    let a = random(200, 5, 0.0, 3);
    for tolerance in [0.0, 1.0] {
        let options = Ilut::default().with_pivot_tolerance(tolerance);
        let factor = options.factor(a.view()).unwrap();
        // The constructors of sprs refuse anything else.
        assert_eq!(
            factor.to_lower().nnz() + factor.to_upper().nnz(),
            factor.nnz() + 200
        );
        assert_eq!(factor.stats().column_swaps > 0, tolerance > 0.0);
        if let Some(order) = factor.column_order() {
            let mut order = order.to_vec();
            order.sort_unstable();
            assert_eq!(order, (0..200).collect::<Vec<_>>());
        }
    }
}

#[test]
fn pivoting_solves_what_has_no_diagonal() {
    // A cyclic shift plus some noise far from the diagonal.
    let n = 60;
    let a = matrix(
        n,
        (0..n).flat_map(|i| [(i, (i + 1) % n, 2.0 + i as f64), (i, (7 * i + 3) % n, 0.25)]),
    );
    let plain = exact().factor(a.view()).unwrap();
    assert!(plain.stats().replaced_pivots > 0);
    let pivoted = exact().with_pivot_tolerance(0.5).factor(a.view()).unwrap();
    assert_eq!(pivoted.stats().replaced_pivots, 0);
    assert!(pivoted.stats().column_swaps > 0);
    assert!(inverse_error(&a, &pivoted) < 1e-12);
}

#[test]
fn rows_scaled_by_powers_of_two_give_the_same_pattern() {
    let a = random(150, 5, 0.4, 4);
    let mut scaled = a.clone();
    for (i, mut row) in scaled.outer_iterator_mut().enumerate() {
        let s = 2.0_f64.powi((i * 37 % 50) as i32 - 25);
        row.iter_mut().for_each(|(_, v)| *v *= s);
    }
    let plain = Ilut::default()
        .with_drop_tol(0.05)
        .factor(a.view())
        .unwrap();
    let other = Ilut::default()
        .with_drop_tol(0.05)
        .factor(scaled.view())
        .unwrap();
    for i in 0..150 {
        let row = |f: &IncompleteLu| f.scaled_upper_row(i).collect::<Vec<_>>();
        assert_eq!(row(&plain), row(&other));
        let cols = |f: &IncompleteLu| f.lower_row(i).map(|e| e.0).collect::<Vec<_>>();
        assert_eq!(cols(&plain), cols(&other));
    }
}

#[test]
fn a_row_that_overflows_keeps_its_diagonal() {
    // The multipliers 1e200 meet in row 2.
    let a = matrix(
        3,
        [
            (0, 0, 1e-100),
            (0, 1, 1.0),
            (1, 0, 1.0),
            (1, 1, 1e100),
            (1, 2, 1.0),
            (2, 0, 1e300),
            (2, 2, 1.0),
        ],
    );
    let keep = PivotRule::default().with_threshold(0.0);
    let plain = exact().with_pivot(keep).factor(a.view()).unwrap();
    let level = Ilu::default()
        .with_level(2)
        .with_pivot(keep)
        .factor(a.view())
        .unwrap();
    for factor in [plain, level] {
        assert!(factor.stats().replaced_pivots >= 1);
        assert_eq!(factor.inverse_diagonal()[2], 1e-300);
        assert_eq!(factor.lower_row(2).filter(|e| e.1 != 0.0).count(), 0);
        let mut z = [0.0; 3];
        factor.solve(&[0.0, 0.0, 1e300], &mut z);
        assert_eq!(z[2], 1.0);
    }
}

#[test]
fn adversarial_input() {
    let fails = |a: &Csr| Ilut::default().factor(a.view()).unwrap_err();
    assert_eq!(
        fails(&Csr::zero((2, 3)).to_csr()),
        PrecondError::NotSquare { rows: 2, cols: 3 }
    );
    for bad in [f64::NAN, f64::INFINITY] {
        let a = matrix(3, [(0, 0, 1.0), (2, 1, bad)]);
        assert_eq!(fails(&a), PrecondError::NonFinite { row: 2, col: 1 });
    }
    for n in [0, 1, 5] {
        let zeros = Csr::zero((n, n)).to_csr();
        for tolerance in [0.0, 1.0] {
            let factor = Ilut::default()
                .with_pivot_tolerance(tolerance)
                .factor(zeros.view())
                .unwrap();
            assert_eq!(factor.stats().replaced_pivots, n);
            assert_eq!(factor.nnz(), n);
        }
    }
    let narrow: CsMatI<f32, usize> = poisson2d(6).map(|&v| v as f32 * 1e-30).to_other_types();
    assert_eq!(
        Ilut::default()
            .factor(narrow.view())
            .unwrap()
            .stats()
            .replaced_pivots,
        0
    );
    let options = [
        Ilut::default().with_drop_tol(-1.0),
        Ilut::default().with_fill(LuFill::Total(f64::NAN)),
        Ilut::default().with_pivot_tolerance(1.5),
        Ilut::default().with_pivot(PivotRule::default().with_threshold(1.0)),
    ];
    let names = ["drop_tol", "fill", "pivot_tolerance", "threshold"];
    for (options, name) in options.into_iter().zip(names) {
        match options.factor(poisson2d(2).view()).unwrap_err() {
            PrecondError::InvalidOption { option, .. } => assert_eq!(option, name),
            other => panic!("{other}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn partial_pivoting_without_dropping_solves_what_a_dense_solver_solves(
        entries in proptest::collection::vec((0..20_usize, 0..20_usize, -1.0..1.0_f64), 60..160),
    ) {
        let a = matrix(20, entries);
        let factor = exact().with_pivot_tolerance(1.0).factor(a.view()).unwrap();
        let full = dense(a.view());
        let b: Vec<f64> = (0..20).map(|i| 1.0 + i as f64).collect();
        let rhs = faer::Mat::from_fn(20, 1, |i, _| b[i]);
        let oracle = full.full_piv_lu().solve(&rhs);
        let oracle: Vec<f64> = (0..20).map(|i| oracle[(i, 0)]).collect();
        let size = oracle.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        // Near-singular cases say nothing.
        prop_assume!(size < 1e6);
        let mut z = vec![0.0; 20];
        factor.solve(&b, &mut z);
        prop_assert!(relative_error(&z, &oracle) < 1e-7);
    }

    #[test]
    fn scaling_by_powers_of_two_scales_the_factors_exactly(
        entries in proptest::collection::vec((0..30_usize, 0..30_usize, -1.0..1.0_f64), 60..160),
        power in -200..200_i32,
        tolerance in 0.0..1.0_f64,
    ) {
        let a = matrix(30, entries);
        let s = 2.0_f64.powi(power);
        let options = Ilut::default().with_drop_tol(1e-2).with_fill(LuFill::Total(2.0));
        let options = options.with_pivot_tolerance(tolerance);
        let plain = options.factor(a.view()).unwrap();
        let other = options.factor(a.map(|x| x * s).view()).unwrap();
        prop_assert_eq!(other.to_lower(), plain.to_lower());
        prop_assert_eq!(other.column_order(), plain.column_order());
        let unscaled: Vec<f64> = other.inverse_diagonal().iter().map(|d| d * s).collect();
        prop_assert_eq!(&unscaled[..], plain.inverse_diagonal());
    }
}
