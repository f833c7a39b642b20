//! What people read: errors, statistics, reports.

use insta::assert_snapshot;
use la_precond::classical::{AttemptOutcome, Concern, SmoothedAggregation};
use la_precond::sprs::CsMatI;
use la_precond::{FactorStats, PrecondError};

#[test]
fn errors() {
    assert_snapshot!(PrecondError::MissingDiagonal { row: 7 }, @"row 7: no diagonal entry is stored");
    assert_snapshot!(
        PrecondError::Breakdown { row: 7, shift: 0.25, attempts: 3 },
        @"row 7: pivot is not positive (diagonal shift 0.25, attempt 3)"
    );
    assert_snapshot!(
        PrecondError::NotSymmetric { row: 2, col: 1 },
        @"row 2: matrix is not symmetric (entry in column 1 differs from its mirror image)"
    );
    assert_snapshot!(
        PrecondError::TooLarge { rows: 5_000_000_000, nnz: 9_000_000_000 },
        @"matrix has 5000000000 rows and 9000000000 nonzeros, more than 32-bit indices can hold"
    );
    assert_snapshot!(
        PrecondError::InvalidOption { option: "omega", value: 2.5, expected: "a number between 0 and 2" },
        @"option `omega` is 2.5, expected a number between 0 and 2"
    );
}

#[test]
fn statistics() {
    assert_snapshot!(FactorStats::default(), @"fill unknown, set-up 0.000 s");
    let stats = FactorStats::default()
        .with_fill_ratio(1.5)
        .with_setup_seconds(0.25)
        .with_shift(4e-3, 3)
        .with_replaced_pivots(2);
    assert_snapshot!(
        stats,
        @"fill 1.50, set-up 0.250 s, diagonal shift 4.000e-3 after 3 retries, 2 pivots replaced"
    );
}

#[test]
fn outcomes() {
    let refused = AttemptOutcome::Refused(PrecondError::PatternMismatch { row: 3 });
    assert_snapshot!(refused, @"refused: row 3: pattern differs from the expected one");
    let slow = AttemptOutcome::GivenUp(Concern::TooSlow {
        predicted: 123456.7,
    });
    assert_snapshot!(slow, @"given up: would need about 123457 iterations");
    let stuck = AttemptOutcome::GivenUp(Concern::NoProgress { window: 50 });
    assert_snapshot!(stuck, @"given up: no progress over 50 iterations");
}

#[test]
fn hierarchies() {
    let a = CsMatI::<f64, u32>::eye(40);
    let m = SmoothedAggregation::default().build(a.view()).unwrap();
    let text = m.stats().to_string();
    // Without the time.
    let (head, tail) = text.split_once("set-up").unwrap();
    assert_snapshot!(head, @"1 levels, operator complexity 1.00, grid complexity 1.00, 0.0 MB, ");
    assert!(tail.ends_with(" s\n  level 0: 40 rows, 40 nonzeros"));
    assert_snapshot!(
        PrecondError::Indefinite { level: 1, row: 6 },
        @"level 1, row 6: matrix is not positive semidefinite"
    );
}
