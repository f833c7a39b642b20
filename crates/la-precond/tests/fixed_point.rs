//! Fixed-point sweeps for IC(0).

mod common;

use common::{Csr, poisson2d, random_gram, symmetric};
use la_precond::classical::{FixedPointIc0, Ic0, ShiftStrategy};
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

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
