//! Fixed-point sweeps for IC(0).

mod common;

use common::{Csr, poisson2d, random_gram, symmetric};
use la_precond::classical::{FixedPointIc0, FixedPointIlu0, Ic0, Ilu, ShiftStrategy};
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder, IncompleteLu, PrecondError};

fn difference(x: &IncompleteCholesky, y: &IncompleteCholesky) -> f64 {
    let (x, y) = (x.to_lower(), y.to_lower());
    let pairs = x.data().iter().zip(y.data());
    pairs.fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()))
}

#[test]
fn sweeps_approach_ic0_and_reach_it() {
    let a = poisson2d(8);
    let exact = Ic0::default().factor(a.view()).unwrap();
    let after = |sweeps| {
        FixedPointIc0::default()
            .with_sweeps(sweeps)
            .factor(a.view())
            .unwrap()
    };
    let errors = [1, 3, 6].map(|sweeps| difference(&after(sweeps), &exact));
    assert!(
        errors[0] > 4.0 * errors[1] && errors[1] > 4.0 * errors[2],
        "{errors:?}"
    );
    // Entries wait for their row's pivots: two levels per anti-diagonal of the grid.
    assert!(difference(&after(30), &exact) < 1e-15);
    assert!(difference(&after(4), &exact) > 1e-6);
    let start = after(0);
    assert_eq!(start.diagonal(), [2.0; 64]);
}

#[test]
fn one_sweep_by_hand() {
    // Â = [1 ½ ½; ½ 1 ½; ½ ½ 1]: l_21 = ½, l_31 = ½, l_32 = ½ − ¼, diagonal 1, √¾, √½.
    let a = symmetric(
        3,
        [
            (0, 0, 4.0),
            (1, 0, 2.0),
            (2, 0, 2.0),
            (1, 1, 4.0),
            (2, 1, 2.0),
            (2, 2, 4.0),
        ],
    );
    let factor = FixedPointIc0::default()
        .with_sweeps(1)
        .factor(a.view())
        .unwrap();
    let wanted = [2.0, 2.0 * 0.75_f64.sqrt(), 2.0 * 0.5_f64.sqrt()];
    for (x, y) in factor.diagonal().iter().zip(wanted) {
        approx::assert_relative_eq!(*x, y, max_relative = 1e-15);
    }
    let row: Vec<f64> = factor.row(2).map(|(_, l)| l).collect();
    approx::assert_relative_eq!(row[0], 1.0, max_relative = 1e-15);
    approx::assert_relative_eq!(row[1], 0.5, max_relative = 1e-15);
}

#[test]
fn scaling_breakdown_and_bad_input() {
    let a = random_gram(60, 3, 2.0, 4);
    let plain = FixedPointIc0::default().factor(a.view()).unwrap();
    let other = FixedPointIc0::default()
        .factor(a.map(|x| x * 4.0_f64.powi(20)).view())
        .unwrap();
    assert_eq!(
        other.to_lower(),
        plain.to_lower().map(|x| x * 2.0_f64.powi(20))
    );

    let hard = random_gram(60, 3, 1e-3, 0);
    let strict = FixedPointIc0::default().with_shift(ShiftStrategy::None);
    assert!(matches!(
        strict.factor(hard.view()),
        Err(PrecondError::Breakdown { .. })
    ));
    assert!(
        FixedPointIc0::default()
            .build(hard.view())
            .unwrap()
            .stats()
            .shift
            > 0.0
    );

    let fails = |a: &Csr| FixedPointIc0::default().factor(a.view()).unwrap_err();
    assert_eq!(
        fails(&Csr::zero((2, 2))),
        PrecondError::MissingDiagonal { row: 0 }
    );
    let negative = symmetric(2, [(0, 0, 1.0), (1, 1, -1.0)]);
    assert_eq!(
        fails(&negative),
        PrecondError::NonPositiveDiagonal {
            row: 1,
            value: -1.0
        }
    );
    let nan = symmetric(3, [(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0), (2, 0, f64::NAN)]);
    assert_eq!(fails(&nan), PrecondError::NonFinite { row: 2, col: 0 });
    assert_eq!(
        FixedPointIc0::default()
            .factor(Csr::zero((0, 0)).view())
            .unwrap()
            .nnz(),
        0
    );
}

fn nonsymmetric(k: usize) -> Csr {
    let mut a = poisson2d(k);
    for (i, mut row) in a.outer_iterator_mut().enumerate() {
        for (j, value) in row.iter_mut() {
            if j != i {
                *value *= 1.0 + 0.3 * ((3 * i + 7 * j) as f64).sin();
            }
        }
    }
    a
}

fn lu_difference(x: &IncompleteLu, y: &IncompleteLu) -> f64 {
    let data = |f: &IncompleteLu| [f.to_lower().data(), f.to_upper().data()].concat();
    let pairs = data(x).into_iter().zip(data(y));
    pairs.fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()))
}

#[test]
fn sweeps_approach_ilu0_and_reach_it() {
    let a = nonsymmetric(8);
    let exact = Ilu::default().factor(a.view()).unwrap();
    let after = |sweeps| {
        let builder = FixedPointIlu0::default().with_sweeps(sweeps);
        builder.factor(a.view()).unwrap()
    };
    let errors = [1, 3, 6].map(|sweeps| lu_difference(&after(sweeps), &exact));
    assert!(
        errors[0] > 4.0 * errors[1] && errors[1] > 4.0 * errors[2],
        "{errors:?}"
    );
    assert!(lu_difference(&after(40), &exact) < 1e-14);
    assert_eq!(after(5).stats().fill_ratio, Some(1.0));
}

#[test]
fn small_pivots_are_replaced_and_counted() {
    let a = Csr::new(
        (2, 2),
        vec![0, 2, 4],
        vec![0, 1, 0, 1],
        vec![0.0, 1.0, 1.0, 0.0],
    );
    let factor = FixedPointIlu0::default().factor(a.view()).unwrap();
    assert_eq!(factor.stats().replaced_pivots, 1);
    assert!(factor.inverse_diagonal().iter().all(|d| d.is_finite()));
    let nan = Csr::new((1, 1), vec![0, 1], vec![0], vec![f64::NAN]);
    let error = FixedPointIlu0::default().factor(nan.view()).unwrap_err();
    assert!(matches!(error, PrecondError::NonFinite { row: 0, col: 0 }));
    let nothing = Csr::zero((0, 0));
    assert_eq!(
        FixedPointIlu0::default()
            .factor(nothing.view())
            .unwrap()
            .dimension(),
        0
    );
}

/// Large enough to be divided among threads: the same bits.
#[cfg(feature = "rayon")]
#[test]
fn threads_change_nothing() {
    let (a, b) = (poisson2d(200), nonsymmetric(200));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let ic0 = FixedPointIc0::default().factor(a.view()).unwrap();
            let ilu0 = FixedPointIlu0::default().factor(b.view()).unwrap();
            (ic0.to_lower(), ilu0.to_lower(), ilu0.to_upper())
        })
    };
    assert!(on(1) == on(3));
}
