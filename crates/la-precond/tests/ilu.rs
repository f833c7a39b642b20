//! ILU(k): its defining property, refactorisation, small pivots, and bad input.

mod common;

use common::{Csr, dense, matrix, noise, poisson2d, random, relative_error, times};
use la_krylov::{Definiteness, Host, Preconditioner};
use la_precond::classical::{Ilu, IluSymbolic, PivotRule, Relaxation};
use la_precond::sprs::CsMatI;
use la_precond::{IncompleteLu, PrecondError};

fn product(factor: &IncompleteLu) -> faer::Mat<f64> {
    dense(factor.to_lower().view()) * dense(factor.to_upper().view())
}

/// Largest `|(L U − A)_ij|` over the places that `keep` names, relative to the largest entry of `A`.
fn defect(a: &Csr, factor: &IncompleteLu, keep: impl Fn(usize, usize) -> bool) -> f64 {
    let (lu, full) = (product(factor), dense(a.view()));
    let top = a.data().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let n = a.rows();
    let places = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
    places
        .filter(|&(i, j)| keep(i, j))
        .fold(0.0_f64, |m, p| m.max((lu[p] - full[p]).abs()))
        / top
}

#[test]
fn three_by_three_by_hand() {
    // A = [2 4 0; 6 13 2; 0 3 7] = L U with L = [1; 3 1; 0 3 1], U = [2 4 0; 1 2; 1]
    let a = matrix(
        3,
        [
            (0, 0, 2.0),
            (0, 1, 4.0),
            (1, 0, 6.0),
            (1, 1, 13.0),
            (1, 2, 2.0),
            (2, 1, 3.0),
            (2, 2, 7.0),
        ],
    );
    let factor = Ilu::default().factor(a.view()).unwrap();
    assert_eq!(factor.lower_row(1).collect::<Vec<_>>(), [(0, 3.0)]);
    assert_eq!(factor.lower_row(2).collect::<Vec<_>>(), [(1, 3.0)]);
    assert_eq!(factor.inverse_diagonal(), [0.5, 1.0, 1.0]);
    assert_eq!(factor.scaled_upper_row(0).collect::<Vec<_>>(), [(1, 2.0)]);
    assert_eq!(factor.scaled_upper_row(1).collect::<Vec<_>>(), [(2, 2.0)]);
    assert_eq!(factor.scaled_upper_row(7).count(), 0);
    assert_eq!((factor.nnz(), factor.fill_ratio()), (7, Some(1.0)));
    let mut z = [0.0; 3];
    factor.solve(&[6.0, 21.0, 10.0], &mut z); // A (1, 1, 1)
    assert_eq!(z, [1.0; 3]);
}

#[test]
fn product_equals_the_matrix_on_its_pattern() {
    for (a, seed) in [
        (poisson2d(9), 0),
        (random(120, 5, 1.0, 1), 1),
        (random(80, 9, 0.7, 2), 2),
    ] {
        let factor = Ilu::default().factor(a.view()).unwrap();
        assert_eq!(factor.stats().replaced_pivots, 0);
        let worst = defect(&a, &factor, |i, j| a.get(i, j).is_some());
        assert!(worst < 1e-13, "matrix {seed}: {worst}");
    }
}

#[test]
fn higher_levels_are_exact_on_their_pattern_and_reach_the_complete_factors() {
    let a = random(60, 3, 1.5, 3);
    let mut nnz = 0;
    for level in [0, 1, 2, 3, 60] {
        let factor = Ilu::default().with_level(level).factor(a.view()).unwrap();
        assert!(factor.nnz() >= nnz);
        nnz = factor.nnz();
        let (lower, upper) = (factor.to_lower(), factor.to_upper());
        let kept = |i: usize, j: usize| lower.get(i, j).is_some() || upper.get(i, j).is_some();
        assert!(defect(&a, &factor, kept) < 1e-13);
    }
    let complete = Ilu::default().with_level(60).factor(a.view()).unwrap();
    assert!(defect(&a, &complete, |_, _| true) < 1e-13);
}

#[test]
fn levels_of_the_five_point_grid() {
    // Level 1 fills one diagonal in each triangle, level 2 one more.
    let k = 8;
    let a = poisson2d(k);
    let one = Ilu::default().with_level(1).factor(a.view()).unwrap();
    assert_eq!(one.nnz(), a.nnz() + 2 * (k - 1) * (k - 1));
    let columns: Vec<_> = one.lower_row(k + 1).map(|(j, _)| j).collect();
    assert_eq!(columns, [1, 2, k]);
    let two = Ilu::default().with_level(2).factor(a.view()).unwrap();
    let columns: Vec<_> = two.lower_row(k + 1).map(|(j, _)| j).collect();
    assert_eq!(columns, [1, 2, 3, k]);
}

#[test]
fn triangular_and_tridiagonal_matrices_are_factored_exactly() {
    let mut next = noise(5);
    let n = 40;
    let lower = (0..n).flat_map(|i| [(i, i, 2.0), (i, i / 2, 0.5), (i, i / 3, 0.25)]);
    let lower = matrix(n, lower);
    let upper = lower.transpose_view().to_csr();
    let tridiagonal: Vec<_> = (0..n)
        .flat_map(|i| {
            [
                (i, i, 4.0 + next()),
                (i, i.max(1) - 1, next()),
                (i, (i + 1).min(n - 1), next()),
            ]
        })
        .collect();
    for a in [lower, upper, matrix(n, tridiagonal)] {
        let factor = Ilu::default().factor(a.view()).unwrap();
        let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        let b = times(&a, &x);
        let mut z = vec![0.0; n];
        factor.solve(&b, &mut z);
        assert!(relative_error(&z, &x) < 1e-13);
    }
}

#[test]
fn storage_and_index_type_make_no_difference() {
    let a = random(70, 4, 1.0, 7);
    let factor = Ilu::default().with_level(1).factor(a.view()).unwrap();
    let columns = a.to_csc();
    let wide: CsMatI<f64, usize> = a.to_other_types();
    for other in [
        Ilu::default().with_level(1).factor(columns.view()).unwrap(),
        Ilu::default().with_level(1).factor(wide.view()).unwrap(),
    ] {
        assert_eq!(other.to_lower(), factor.to_lower());
        assert_eq!(other.to_upper(), factor.to_upper());
    }
}

#[test]
fn refactorisation_gives_the_factor_and_notices_another_pattern() {
    let a = random(50, 4, 1.0, 8);
    let b = a.map(|x| x * x + 0.5);
    for level in [0, 2] {
        let symbolic = IluSymbolic::new(a.view(), level).unwrap();
        let fresh = Ilu::default().with_level(level).factor(b.view()).unwrap();
        let mut factor = symbolic.factor(a.view(), PivotRule::default()).unwrap();
        symbolic
            .refactor(b.view(), PivotRule::default(), &mut factor)
            .unwrap();
        assert_eq!(factor.to_lower(), fresh.to_lower());
        assert_eq!(factor.to_upper(), fresh.to_upper());
        assert_eq!(symbolic.nnz(), factor.nnz());
        // A part of the pattern will do, another pattern will not.
        symbolic
            .factor(Csr::eye(50).view(), PivotRule::default())
            .unwrap();
        let other = matrix(50, (0..50).map(|j| (3, j, 1.0)));
        let error = symbolic
            .factor(other.view(), PivotRule::default())
            .unwrap_err();
        assert_eq!(error, PrecondError::PatternMismatch { row: 3 });
        let error = symbolic
            .factor(Csr::eye(4).view(), PivotRule::default())
            .unwrap_err();
        assert!(matches!(
            error,
            PrecondError::DimensionMismatch {
                found: 4,
                expected: 50,
                ..
            }
        ));
        let mut foreign = Ilu::default().factor(Csr::eye(50).view()).unwrap();
        let error = symbolic
            .refactor(b.view(), PivotRule::default(), &mut foreign)
            .unwrap_err();
        assert_eq!(error, PrecondError::PatternMismatch { row: 0 });
        let bad = a.map(|_| f64::NAN);
        let error = symbolic
            .refactor(bad.view(), PivotRule::default(), &mut factor)
            .unwrap_err();
        assert!(matches!(error, PrecondError::NonFinite { row: 0, .. }));
        let mut z = vec![0.0_f64; 50];
        factor.solve(&[1.0; 50], &mut z);
        assert!(z.iter().all(|v| v.is_finite()));
    }
}

#[test]
fn scaling_by_powers_of_two_scales_the_factors_exactly() {
    for a in [
        random(60, 4, 0.2, 9),
        matrix(3, [(0, 1, 3.0), (1, 0, 5.0), (2, 2, 1e-12), (2, 0, 1.0)]),
    ] {
        let plain = Ilu::default().with_level(1).factor(a.view()).unwrap();
        for power in [-30, 40, 300] {
            let s = 2.0_f64.powi(power);
            let scaled = a.map(|x| x * s);
            let other = Ilu::default().with_level(1).factor(scaled.view()).unwrap();
            assert_eq!(other.to_lower(), plain.to_lower());
            assert_eq!(
                other.inverse_diagonal(),
                plain
                    .inverse_diagonal()
                    .iter()
                    .map(|d| d / s)
                    .collect::<Vec<_>>()
            );
            assert_eq!(other.stats().replaced_pivots, plain.stats().replaced_pivots);
        }
    }
}

#[test]
fn small_pivots_are_replaced_relative_to_their_row_and_counted() {
    // Row 0 lacks its diagonal entry, row 1 cancels exactly, row 2 is a row of zeros.
    let a = matrix(
        4,
        [
            (0, 1, 8.0),
            (1, 1, 2.0),
            (1, 0, 0.0),
            (3, 3, -1e-9),
            (3, 2, 64.0),
        ],
    );
    let rule = PivotRule::default()
        .with_threshold(1e-6)
        .with_replacement(0.25);
    let factor = Ilu::default().with_pivot(rule).factor(a.view()).unwrap();
    // Largest entry of the matrix: 64.
    assert_eq!(
        factor.inverse_diagonal(),
        [0.5, 0.5, 1.0 / 16.0, -1.0 / 16.0]
    );
    assert_eq!(factor.stats().replaced_pivots, 3);
    assert!(factor.stats().to_string().contains("3 pivots replaced"));
    let zeros = Csr::zero((3, 3)).to_csr();
    let factor = Ilu::default().factor(zeros.view()).unwrap();
    assert_eq!(
        (factor.inverse_diagonal(), factor.stats().replaced_pivots),
        (&[1e3; 3][..], 3)
    );
}

#[test]
fn smallest_matrices() {
    let one = Ilu::default()
        .factor(matrix(1, [(0, 0, -4.0)]).view())
        .unwrap();
    assert_eq!(one.inverse_diagonal(), [-0.25]);
    let none = Ilu::default()
        .with_level(3)
        .factor(Csr::zero((0, 0)).view())
        .unwrap();
    assert_eq!((none.dimension(), none.nnz()), (0, 0));
    none.solve::<f64>(&[], &mut []);
}

#[test]
fn bad_input_is_named() {
    let wide = CsMatI::<f64, u32>::zero((2, 3));
    assert_eq!(
        Ilu::default().factor(wide.view()).unwrap_err(),
        PrecondError::NotSquare { rows: 2, cols: 3 }
    );
    let nan = matrix(2, [(0, 0, 1.0), (1, 0, f64::NAN), (1, 1, 1.0)]);
    assert_eq!(
        Ilu::default().factor(nan.view()).unwrap_err(),
        PrecondError::NonFinite { row: 1, col: 0 }
    );
    let unsorted = CsMatI::<f64, u32>::new_from_unsorted((1, 1), vec![0, 1], vec![0], vec![1.0]);
    assert!(unsorted.is_ok());
    let rule = PivotRule::default().with_threshold(f64::NAN);
    let error = Ilu::default()
        .with_pivot(rule)
        .factor(nan.view())
        .unwrap_err();
    assert!(matches!(
        error,
        PrecondError::InvalidOption {
            option: "threshold",
            ..
        }
    ));
    let rule = PivotRule::default()
        .with_threshold(0.1)
        .with_replacement(0.01);
    assert!(matches!(
        rule.validate().unwrap_err(),
        PrecondError::InvalidOption {
            option: "replacement",
            ..
        }
    ));
}

#[test]
fn triangles_from_elsewhere_are_checked() {
    let eye = Csr::eye(2);
    let full = matrix(2, [(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0)]);
    let two = eye.map(|x| 2.0 * x);
    let check = |l: &Csr, u: &Csr| IncompleteLu::from_triangles(l.view(), u.view()).unwrap_err();
    assert_eq!(
        check(&full, &eye),
        PrecondError::NotLowerTriangular { row: 0, col: 1 }
    );
    assert_eq!(check(&eye, &full), PrecondError::PatternMismatch { row: 1 });
    assert_eq!(
        check(&two, &eye),
        PrecondError::NotUnitDiagonal { row: 0, value: 2.0 }
    );
    assert_eq!(
        check(&eye, &eye.map(|_| 0.0)),
        PrecondError::NonFinite { row: 0, col: 0 }
    );
    assert_eq!(
        check(&matrix(2, [(0, 0, 1.0)]), &eye),
        PrecondError::MissingDiagonal { row: 1 }
    );
    assert_eq!(
        check(&eye, &matrix(2, [(0, 0, 1.0)])),
        PrecondError::MissingDiagonal { row: 1 }
    );
    assert!(matches!(
        check(&eye, &Csr::eye(3)),
        PrecondError::DimensionMismatch { found: 3, .. }
    ));
    let factor = Ilu::default().factor(random(30, 3, 1.0, 4).view()).unwrap();
    let (lower, upper) = (factor.to_lower(), factor.to_upper());
    let again = IncompleteLu::from_triangles(lower.view(), upper.view()).unwrap();
    assert!(relative_error(again.inverse_diagonal(), factor.inverse_diagonal()) < 1e-15);
    let tiny: Result<IncompleteLu<f32>, _> =
        IncompleteLu::from_triangles(eye.view(), eye.map(|_| 1e-300).view())
            .unwrap()
            .cast();
    assert_eq!(
        tiny.unwrap_err(),
        PrecondError::NonFinite { row: 0, col: 0 }
    );
}

#[test]
fn application_allocates_nothing_and_reports_lengths() {
    let a = random(200, 5, 1.0, 6);
    let factor = Ilu::default().factor(a.view()).unwrap();
    let (r, mut z) = (vec![1.0; 200], vec![0.0; 200]);
    let space = Host::new(200);
    let count = allocation_counter::measure(|| factor.apply(&space, &r, &mut z).unwrap());
    assert_eq!(count.count_total, 0);
    assert!(factor.apply(&space, &r[1..], &mut z).is_err());
    let definiteness = Preconditioner::<Host<f64>>::definiteness(&factor);
    assert_eq!(definiteness, Definiteness::General);
    // Narrow values, wide vectors.
    let mut narrow = vec![0.0; 200];
    factor.cast::<f32>().unwrap().solve(&r, &mut narrow);
    assert!(relative_error(&narrow, &z) < 1e-5);
}

#[test]
fn many_rows_of_zeros_cost_no_more_than_others() {
    // Each of them looked at the whole matrix: some minutes here.
    let n = 200_000;
    let indptr: Vec<u32> = (0..=n as u32).map(|i| i.min(n as u32 / 2)).collect();
    let indices: Vec<u32> = (0..n as u32 / 2).collect();
    let values = vec![2.0; n / 2];
    let a = CsMatI::<f64, u32>::new((n, n), indptr, indices, values);
    let factor = Ilu::default().factor(a.view()).unwrap();
    assert_eq!(factor.stats().replaced_pivots, n / 2);
    // What a zero row is replaced by is relative to the largest entry.
    assert_eq!(factor.inverse_diagonal()[n - 1], 1.0 / 2e-3);
}

#[test]
fn relaxation_keeps_row_sums_and_ranges_are_checked() {
    let sums = |m: &CsMatI<f64, u32>| -> Vec<f64> {
        m.outer_iterator()
            .map(|row| row.data().iter().sum())
            .collect()
    };
    for level in [0, 1] {
        let a = poisson2d(12);
        let plain = Ilu::default().with_level(level);
        let modified = plain.with_relaxation(1.0).factor(a.view()).unwrap();
        let product = &modified.to_lower() * &modified.to_upper();
        for (p, a) in sums(&product).iter().zip(sums(&a)) {
            assert!((p - a).abs() < 1e-12);
        }
        // What is not dropped does not matter: tridiagonal matrices have no fill.
        let tridiagonal = matrix(
            9,
            (0..9).flat_map(|i: usize| [(i, i, 3.0), (i, i.max(1) - 1, -1.0)]),
        );
        assert_eq!(
            plain
                .with_relaxation(0.7)
                .factor(tridiagonal.view())
                .unwrap()
                .to_upper(),
            plain.factor(tridiagonal.view()).unwrap().to_upper()
        );
    }
    // One factor for every row is the same factor in each.
    let a = random(50, 4, 1.0, 3);
    let symbolic = IluSymbolic::new(a.view(), 0).unwrap();
    let relaxed = |r| symbolic.factor_relaxed(a.view(), PivotRule::default(), r);
    let uniform = relaxed(Relaxation::Uniform(0.4)).unwrap();
    assert_eq!(
        uniform.to_upper(),
        relaxed(Relaxation::PerRow(&[0.4; 50])).unwrap().to_upper()
    );
    assert_eq!(
        uniform.to_upper(),
        Ilu::default()
            .with_relaxation(0.4)
            .factor(a.view())
            .unwrap()
            .to_upper()
    );
    assert_ne!(
        uniform.to_upper(),
        relaxed(Relaxation::Uniform(0.0)).unwrap().to_upper()
    );
    for bad in [-0.1, 1.5, f64::NAN] {
        let error = relaxed(Relaxation::Uniform(bad)).unwrap_err();
        assert!(matches!(
            error,
            PrecondError::InvalidOption {
                option: "relaxation",
                ..
            }
        ));
        assert!(
            Ilu::default()
                .with_relaxation(bad)
                .factor(a.view())
                .is_err()
        );
    }
    let error = relaxed(Relaxation::PerRow(&[0.5; 3])).unwrap_err();
    assert!(matches!(
        error,
        PrecondError::DimensionMismatch {
            found: 3,
            expected: 50,
            ..
        }
    ));
}
