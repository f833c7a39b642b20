//! Properties over random matrices; faer's complete Cholesky factorisation is the oracle.

mod common;

use common::{Csr, dense, dense_lower, gram, relative_error, symmetric};
use faer::Side;
use la_precond::classical::{FillLimit, Ic0, Ict, ShiftStrategy};
use proptest::prelude::*;

/// Sparse roots of Gram matrices.
fn entries(n: usize) -> impl Strategy<Value = Vec<(usize, usize, f64)>> {
    proptest::collection::vec((0..n, 0..n, -1.0..1.0_f64), n..4 * n)
}

/// The same matrix on a full pattern.
fn filled(a: &Csr) -> Csr {
    let full = dense(a.view());
    let n = a.rows();
    symmetric(
        n,
        (0..n).flat_map(|i| (0..=i).map(|j| (i, j, full[(i, j)])).collect::<Vec<_>>()),
    )
}

fn largest_difference(a: &faer::Mat<f64>, b: faer::MatRef<'_, f64>) -> f64 {
    let mut worst = 0.0_f64;
    for i in 0..a.nrows() {
        for j in 0..=i {
            worst = worst.max((a[(i, j)] - b[(i, j)]).abs());
        }
    }
    worst
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ic0_on_a_full_pattern_is_cholesky(e in entries(24)) {
        let a = filled(&gram(24, &e, 0.5));
        let factor = Ic0::default().with_shift(ShiftStrategy::None).factor(a.view()).unwrap();
        let oracle = dense(a.view()).llt(Side::Lower).unwrap();
        prop_assert!(largest_difference(&dense_lower(&factor), oracle.L()) < 1e-12);
    }

    #[test]
    fn ict_without_dropping_is_cholesky(e in entries(30)) {
        let a = gram(30, &e, 0.5);
        let all = Ict::default().with_drop_tol(0.0).with_fill(FillLimit::Unlimited);
        let factor = all.with_shift(ShiftStrategy::None).factor(a.view()).unwrap();
        let oracle = dense(a.view()).llt(Side::Lower).unwrap();
        prop_assert!(largest_difference(&dense_lower(&factor), oracle.L()) < 1e-12);
    }

    #[test]
    fn solving_undoes_multiplying(e in entries(40), x in proptest::collection::vec(-1.0..1.0_f64, 40)) {
        let factor = Ic0::default().factor(gram(40, &e, 1.0).view()).unwrap();
        let mut y = vec![0.0; 40];
        factor.multiply(&x, &mut y);
        factor.solve_in_place(&mut y);
        // Condition numbers stay below about 100 here.
        prop_assert!(relative_error(&y, &x) < 1e-11);
    }

    #[test]
    fn scaling_by_powers_of_four_scales_the_factor_exactly(e in entries(30), k in -40..40_i32) {
        let a = gram(30, &e, 0.01);
        let scaled = a.map(|x| x * 4.0_f64.powi(k));
        let plain = Ic0::default().factor(a.view()).unwrap();
        let other = Ic0::default().factor(scaled.view()).unwrap();
        prop_assert_eq!(other.to_lower(), plain.to_lower().map(|x| x * 2.0_f64.powi(k)));
        prop_assert_eq!(other.stats().shift_attempts, plain.stats().shift_attempts);
        let plain = Ict::default().factor(a.view()).unwrap();
        let other = Ict::default().factor(scaled.view()).unwrap();
        prop_assert_eq!(other.to_lower(), plain.to_lower().map(|x| x * 2.0_f64.powi(k)));
    }

    #[test]
    fn a_random_pattern_never_panics(
        lower in proptest::collection::vec((0..9_usize, 0..9_usize, -2.0..2.0_f64), 0..40)
    ) {
        let a = symmetric(9, lower.into_iter().filter(|(i, j, _)| j <= i));
        for factor in [Ic0::default().factor(a.view()), Ict::default().factor(a.view())].into_iter().flatten() {
            prop_assert!(factor.diagonal().iter().all(|d| *d > 0.0 && d.is_finite()));
            prop_assert!(factor.scaled_values().iter().all(|l| l.is_finite()));
        }
    }
}
