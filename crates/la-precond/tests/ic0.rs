//! IC(0): its defining property, breakdown, and bad input.

mod common;

use common::{Csr, dense_lower, poisson2d, random_gram, symmetric};
use la_precond::classical::{Ic0, Ic0Symbolic, ShiftStrategy, SymmetryCheck};
use la_precond::sprs::CsMatI;
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

fn unshifted() -> Ic0 {
    Ic0::default().with_shift(ShiftStrategy::None)
}

/// Largest `|(L Lᵀ − A)_ij|` over the pattern of `A`, relative to the largest entry of `A`.
fn defect_on_pattern(a: &Csr, factor: &IncompleteCholesky, shift: f64) -> f64 {
    let l = dense_lower(factor);
    let product = &l * l.transpose();
    let mut worst = 0.0_f64;
    let mut top = 0.0_f64;
    for (i, row) in a.outer_iterator().enumerate() {
        for (j, &value) in row.iter() {
            let wanted = if i == j { value * (1.0 + shift) } else { value };
            worst = worst.max((product[(i, j)] - wanted).abs());
            top = top.max(wanted.abs());
        }
    }
    worst / top
}

#[test]
fn three_by_three_by_hand() {
    // A = [4 2 0; 2 5 2; 0 2 5] = L Lᵀ with L = [2; 1 2; 0 1 2]
    let a = symmetric(
        3,
        [
            (0, 0, 4.0),
            (1, 0, 2.0),
            (1, 1, 5.0),
            (2, 1, 2.0),
            (2, 2, 5.0),
        ],
    );
    let factor = unshifted().factor(a.view()).unwrap();
    assert_eq!(factor.diagonal(), [2.0, 2.0, 2.0]);
    assert_eq!(factor.row(1).collect::<Vec<_>>(), [(0, 1.0)]);
    assert_eq!(factor.row(2).collect::<Vec<_>>(), [(1, 1.0)]);
    assert_eq!(factor.row(3).count(), 0);
    assert_eq!(factor.nnz(), 5);
    assert_eq!(factor.fill_ratio(), Some(1.0));
    let mut y = [0.0; 3];
    factor.multiply(&[1.0, 2.0, 3.0], &mut y);
    assert_eq!(y, [8.0, 18.0, 19.0]); // A x
}

#[test]
fn product_equals_the_matrix_on_its_pattern() {
    for a in [
        poisson2d(9),
        random_gram(120, 2, 0.5, 1),
        random_gram(90, 6, 60.0, 2),
    ] {
        let factor = unshifted().factor(a.view()).unwrap();
        assert!(defect_on_pattern(&a, &factor, 0.0) < 1e-13);
    }
}

#[test]
fn rows_of_very_different_length() {
    // A dense row in the middle is met by every later row: searched there, not read through.
    let n = 700;
    let middle = n / 2;
    let lower = (0..n).flat_map(|i| {
        let mut row = vec![(i, i, 800.0)];
        if i == middle {
            row.extend((0..i).map(|j| (i, j, 1.0)));
        } else if i > middle {
            row.push((i, middle, 1.0));
            row.extend([3, 30, 31, 32, 40, 77, 90].map(|j| (i, j, 0.5)));
        }
        row
    });
    let a = symmetric(n, lower);
    let factor = unshifted().factor(a.view()).unwrap();
    assert!(defect_on_pattern(&a, &factor, 0.0) < 1e-13);
}

#[test]
fn lower_triangle_columns_and_wide_indices_give_the_same_factor() {
    let a = random_gram(80, 3, 2.0, 3);
    let whole = unshifted().factor(a.view()).unwrap().to_lower();
    let mut lower = la_precond::sprs::TriMatI::<f64, u32>::new((80, 80));
    for (i, row) in a.outer_iterator().enumerate() {
        for (j, &value) in row.iter().filter(|(j, _)| *j <= i) {
            lower.add_triplet(i, j, value);
        }
    }
    let by_rows: Csr = lower.to_csr();
    let by_columns: Csr = lower.to_csc();
    let wide: CsMatI<f64, usize> = a.to_other_types();
    assert_eq!(
        unshifted().factor(by_rows.view()).unwrap().to_lower(),
        whole
    );
    assert_eq!(
        unshifted().factor(by_columns.view()).unwrap().to_lower(),
        whole
    );
    assert_eq!(
        unshifted().factor(a.to_csc().view()).unwrap().to_lower(),
        whole
    );
    assert_eq!(unshifted().factor(wide.view()).unwrap().to_lower(), whole);
}

#[test]
fn refactorisation_gives_the_factor_and_notices_another_pattern() {
    let a = poisson2d(7);
    let symbolic = Ic0Symbolic::new(a.view()).unwrap();
    let scaled = a.map(|x| 4.0 * x);
    let again = symbolic.factor(scaled.view(), &Ic0::default()).unwrap();
    assert_eq!(
        again.to_lower(),
        unshifted().factor(scaled.view()).unwrap().to_lower()
    );
    assert_eq!(symbolic.nnz(), again.nnz());
    let other = symmetric(49, (0..49).map(|i| (i, i, 1.0)));
    let error = symbolic.factor(other.view(), &Ic0::default()).unwrap_err();
    assert_eq!(error, PrecondError::PatternMismatch { row: 1 });
    let error = symbolic
        .factor(poisson2d(2).view(), &Ic0::default())
        .unwrap_err();
    assert!(matches!(
        error,
        PrecondError::DimensionMismatch {
            found: 4,
            expected: 49,
            ..
        }
    ));
}

/// Positive definite, but IC(0) meets a negative pivot in the last row (Kershaw's matrix).
fn kershaw() -> Csr {
    let d = (0..4).map(|i| (i, i, 3.0));
    symmetric(
        4,
        d.chain([(1, 0, -2.0), (2, 1, -2.0), (3, 2, -2.0), (3, 0, 2.0)]),
    )
}

#[test]
fn breakdown_is_reported_or_shifted_away() {
    let a = kershaw();
    let error = unshifted().factor(a.view()).unwrap_err();
    assert_eq!(
        error,
        PrecondError::Breakdown {
            row: 3,
            shift: 0.0,
            attempts: 1
        }
    );
    let factor = Ic0::default().factor(a.view()).unwrap();
    let stats = factor.stats();
    assert!(stats.shift_attempts > 0 && stats.shift > 0.0);
    assert_eq!(
        stats.shift,
        1e-3 * 2.0_f64.powi(stats.shift_attempts as i32 - 1)
    );
    assert!(defect_on_pattern(&a, &factor, stats.shift) < 1e-14);
    let few = ShiftStrategy::Diagonal {
        start: 1e-6,
        growth: 2.0,
        max_attempts: 3,
    };
    let error = Ic0::default().with_shift(few).factor(a.view()).unwrap_err();
    assert_eq!(
        error,
        PrecondError::Breakdown {
            row: 3,
            shift: 4e-6,
            attempts: 4
        }
    );
}

#[test]
fn values_far_from_one_do_not_break_down() {
    for scale in [1e-200, 1e200] {
        let a = poisson2d(5).map(|x| x * scale);
        let factor = unshifted().factor(a.view()).unwrap();
        assert!(defect_on_pattern(&a, &factor, 0.0) < 1e-14);
    }
    let a: CsMatI<f32, u32> = poisson2d(5).map(|&x| (x * 1e-30) as f32);
    assert!(unshifted().factor(a.view()).is_ok());
}

#[test]
fn smallest_matrices() {
    let one = symmetric(1, [(0, 0, 9.0)]);
    let factor = Ic0::default().factor(one.view()).unwrap();
    assert_eq!(factor.diagonal(), [3.0]);
    let empty = Csr::zero((0, 0));
    let factor = Ic0::default().factor(empty.view()).unwrap();
    assert_eq!((factor.dimension(), factor.nnz()), (0, 0));
    factor.solve_in_place::<f64>(&mut []);
}

#[test]
fn bad_input_names_the_row() {
    let factor = |a: &Csr| Ic0::default().factor(a.view()).unwrap_err();
    assert_eq!(
        factor(&Csr::zero((2, 3))),
        PrecondError::NotSquare { rows: 2, cols: 3 }
    );
    assert_eq!(
        factor(&Csr::zero((2, 2))),
        PrecondError::MissingDiagonal { row: 0 }
    );
    let missing = symmetric(3, [(0, 0, 1.0), (1, 0, 0.5), (2, 2, 1.0)]);
    assert_eq!(factor(&missing), PrecondError::MissingDiagonal { row: 1 });
    let zero_row = symmetric(3, [(0, 0, 1.0), (1, 0, 0.5), (1, 1, 1.0)]);
    assert_eq!(factor(&zero_row), PrecondError::MissingDiagonal { row: 2 });
    let nan = symmetric(2, [(0, 0, 1.0), (1, 0, f64::NAN), (1, 1, 1.0)]);
    assert_eq!(factor(&nan), PrecondError::NonFinite { row: 1, col: 0 });
    let infinite = symmetric(2, [(0, 0, 1.0), (1, 1, f64::INFINITY)]);
    assert_eq!(
        factor(&infinite),
        PrecondError::NonFinite { row: 1, col: 1 }
    );
    let indefinite = symmetric(2, [(0, 0, 1.0), (1, 1, -1.0)]);
    assert_eq!(
        factor(&indefinite),
        PrecondError::NonPositiveDiagonal {
            row: 1,
            value: -1.0
        }
    );
    let upper = Csr::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![1.0, 0.5, 1.0]);
    assert_eq!(factor(&upper), PrecondError::UpperTriangleOnly);
    let lopsided = Csr::new(
        (3, 3),
        vec![0, 3, 5, 6],
        vec![0, 1, 2, 0, 1, 2],
        vec![4.0, 1.0, 1.0, 1.0, 4.0, 4.0],
    );
    assert_eq!(
        factor(&lopsided),
        PrecondError::NotSymmetric { row: 0, col: 2 }
    );
}

#[test]
fn full_symmetry_check_compares_values() {
    let mut a = poisson2d(4);
    let checked = Ic0::default().with_symmetry(SymmetryCheck::Full);
    assert!(checked.factor(a.view()).is_ok());
    *a.get_mut(5, 9).unwrap() = -1.5;
    assert!(Ic0::default().factor(a.view()).is_ok());
    let error = checked.factor(a.view()).unwrap_err();
    assert_eq!(error, PrecondError::NotSymmetric { row: 9, col: 5 });
}

#[test]
fn options_out_of_range_are_named() {
    let a = poisson2d(2);
    let bad = [
        (Ic0::default().with_drop_tol(-1.0), "drop_tol"),
        (Ic0::default().with_drop_tol(f64::NAN), "drop_tol"),
        (
            Ic0::default().with_shift(ShiftStrategy::Diagonal {
                start: 0.0,
                growth: 2.0,
                max_attempts: 1,
            }),
            "start",
        ),
        (
            Ic0::default().with_shift(ShiftStrategy::Diagonal {
                start: 1.0,
                growth: 1.0,
                max_attempts: 1,
            }),
            "growth",
        ),
    ];
    for (options, name) in bad {
        match options.factor(a.view()).unwrap_err() {
            PrecondError::InvalidOption { option, .. } => assert_eq!(option, name),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn dropping_removes_exactly_the_small_entries() {
    let a = random_gram(100, 3, 1.0, 5);
    let whole = Ic0::default().factor(a.view()).unwrap();
    let tau = 0.2;
    let sparse = Ic0::default().with_drop_tol(tau);
    assert_eq!(sparse.name(), "ic0-sp");
    let sparse = sparse.build(a.view()).unwrap();
    assert!(sparse.nnz() < whole.nnz());
    for i in 0..100 {
        let kept: Vec<_> = whole.row(i).filter(|(_, l)| l.abs() > tau).collect();
        assert_eq!(sparse.row(i).collect::<Vec<_>>(), kept);
    }
    assert_eq!(sparse.diagonal(), whole.diagonal());
    let ratio = sparse.nnz() as f64 / whole.nnz() as f64;
    assert!((sparse.fill_ratio().unwrap() - ratio).abs() < 1e-15);
}

#[test]
fn shifts_end_with_the_numbers() {
    // The pivots underflow or overflow with every shift.
    let a = symmetric(2, [(0, 0, 1e-200), (1, 0, 1e200), (1, 1, 1e-200)]);
    let shift = ShiftStrategy::Diagonal {
        start: 1e-3,
        growth: 2.0,
        max_attempts: usize::MAX,
    };
    let failed = Ic0::default().with_shift(shift).factor(a.view());
    assert!(matches!(failed, Err(PrecondError::Breakdown { .. })));
}
