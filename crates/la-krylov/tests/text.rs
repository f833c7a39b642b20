//! What people read.

use std::fmt::Write;

use la_krylov::sprs::CsMat;
use la_krylov::{
    CgOptions, Definiteness, IdentityPreconditioner, KrylovError, PreconditionerError,
    PreconditionerKind, Status, cg,
};

#[test]
fn statuses_say_what_to_try_next() {
    let all = [
        Status::Converged,
        Status::IterationLimit,
        Status::TimeLimit,
        Status::Stagnated,
        Status::Diverged,
        Status::Breakdown,
        Status::LeastSquares,
        Status::IndefiniteOperator,
        Status::IndefinitePreconditioner,
        Status::PreconditionerFailure,
        Status::ResidualMismatch,
        Status::NonFinite,
        Status::StoppedByMonitor,
    ];
    let mut text = String::new();
    for status in all {
        writeln!(text, "{}\n    {status}", status.as_str()).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn errors_name_what_is_wrong() {
    let all = [
        KrylovError::NotSquare { rows: 2, cols: 3 },
        KrylovError::DimensionMismatch {
            rows: 3,
            cols: 3,
            what: "right-hand side",
            len: 2,
        },
        KrylovError::TooLarge {
            what: "number of nonzeros",
            value: 5_000_000_000,
        },
        KrylovError::InvalidOption {
            option: "rtol",
            value: -1.0,
            requirement: "finite and at least 0",
        },
        KrylovError::NonFiniteInput {
            what: "right-hand side",
        },
        KrylovError::UnsuitablePreconditioner {
            method: "CG",
            kind: PreconditionerKind::Variable,
            definiteness: Definiteness::General,
            instead: "flexible CG",
        },
        KrylovError::VariablePreconditioner {
            method: "GMRES",
            instead: "FGMRES",
        },
        KrylovError::NotConverged {
            status: Status::IterationLimit,
            iterations: 7,
            residual_norm: 0.5,
            target: 1e-8,
        },
    ];
    let mut text = String::new();
    for error in all {
        writeln!(text, "{error}").unwrap();
    }
    writeln!(
        text,
        "{}",
        PreconditionerError {
            message: "zero pivot in row 3".into()
        }
    )
    .unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn a_solution_sums_itself_up() {
    let a: CsMat<f64> = CsMat::eye(2);
    let solution = cg(
        &a,
        &[1.0, 0.0],
        &IdentityPreconditioner::new(2),
        &CgOptions::default(),
    )
    .unwrap();
    insta::assert_snapshot!(solution.to_string(), @"converged: the recomputed residual meets the tolerance (iterations 1, relative residual 0.000000e0)");
}
