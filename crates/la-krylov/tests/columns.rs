//! Several right-hand sides at once.

mod common;

use allocation_counter::measure;
use common::{Diagonal, assert_honest, convection, laplacian, rhs};
use la_krylov::{
    CgOptions, CsrMatrix, GmresOptions, Host, IdentityPreconditioner, KrylovError, Preconditioner,
    PreconditionerError, PreconditionerKind, Side, Status, cg, cg_columns, cg_columns_in, gmres,
    gmres_columns, gmres_columns_in,
};

/// Right-hand sides of very different difficulty; the fourth is zero.
fn block(n: usize, columns: usize) -> Vec<f64> {
    let mut b = Vec::new();
    for j in 0..columns {
        let wave = (1.0 + j as f64).sqrt();
        match j {
            3 => b.extend(vec![0.0; n]),
            5 => b.extend((0..n).map(|i| if i == 7 { 1e-9 } else { 0.0 })),
            _ => b.extend(
                rhs(n)
                    .iter()
                    .enumerate()
                    .map(|(i, v)| v * (wave * i as f64).cos()),
            ),
        }
    }
    b
}

#[test]
fn together_is_alone_bit_for_bit() {
    let a = laplacian(20, 0.0);
    let compact = CsrMatrix::<f64>::from_sprs(a.view()).unwrap();
    let b = block(400, 7);
    let m = Diagonal::of(&a);
    for options in [
        CgOptions::default(),
        CgOptions::default().with_max_iters(30),
        CgOptions::default().with_rtol(0.0),
    ] {
        let together = cg_columns(&compact, &b, 7, &m, &options).unwrap();
        let generic = cg_columns(&a, &b, 7, &m, &options).unwrap();
        assert_eq!(together.len(), 7);
        let mut counts = Vec::new();
        for (j, (solution, b)) in together.iter().zip(b.chunks(400)).enumerate() {
            let alone = cg(&compact, b, &m, &options).unwrap();
            assert_eq!(
                (&solution.x, solution.status),
                (&alone.x, alone.status),
                "{j}"
            );
            assert_eq!(solution.history, alone.history);
            assert_eq!(solution.ritz_bounds(), alone.ritz_bounds());
            let alone = cg(&a, b, &m, &options).unwrap();
            assert_eq!((&generic[j].x, generic[j].status), (&alone.x, alone.status));
            counts.push(solution.iterations);
        }
        counts.sort_unstable();
        counts.dedup();
        assert!(
            counts.len() > 1,
            "columns end at different times: {counts:?}"
        );
    }
}

#[test]
fn one_bad_column_does_not_spoil_the_others() {
    // Eigenvalues 1 and -1: the second right-hand side meets the negative one.
    let a = common::dense([[1.0, 0.0], [0.0, -1.0]]);
    let m = IdentityPreconditioner::new(2);
    let b = [1.0, 0.0, 0.0, 1.0, 3.0, 0.0];
    let solutions = cg_columns(&a, &b, 3, &m, &CgOptions::default()).unwrap();
    let statuses: Vec<_> = solutions.iter().map(|s| s.status).collect();
    let expected = [
        Status::Converged,
        Status::IndefiniteOperator,
        Status::Converged,
    ];
    assert_eq!(statuses, expected);
    assert_eq!(solutions[2].x, [3.0, 0.0]);
}

#[test]
fn wrong_calls_and_edges() {
    let a = laplacian(3, 0.0);
    let m = IdentityPreconditioner::new(9);
    let options = CgOptions::default();
    assert!(matches!(
        cg_columns(&a, &[1.0; 17], 2, &m, &options).unwrap_err(),
        KrylovError::DimensionMismatch { len: 17, .. }
    ));
    let mut b = [1.0; 18];
    b[12] = f64::NAN;
    assert!(matches!(
        cg_columns(&a, &b, 2, &m, &options).unwrap_err(),
        KrylovError::NonFiniteInput { .. }
    ));
    assert!(
        cg_columns(&a, &[0.0f64; 0], 0, &m, &options)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn iterations_allocate_nothing() {
    let a = laplacian(20, 0.0);
    let b = block(400, 7);
    let columns: Vec<&[f64]> = b.chunks(400).collect();
    let (m, space) = (Diagonal::of(&a), Host::sequential(400));
    let count = |max_iters| {
        let options = CgOptions::default()
            .with_max_iters(max_iters)
            .with_history(la_krylov::History::None);
        measure(|| {
            let _ = cg_columns_in(&space, &a, &columns, &m, &options).unwrap();
        })
        .count_total
    };
    assert_eq!(count(5), count(60));
}

#[test]
fn gmres_together_is_alone_bit_for_bit() {
    let a = convection(20, 2.0);
    let compact = CsrMatrix::<f64>::from_sprs(a.view()).unwrap();
    let b = block(400, 7);
    let (m, identity) = (Diagonal::of(&a), IdentityPreconditioner::new(400));
    let preconditioners: [&dyn Preconditioner; 2] = [&m, &identity];
    let plain = GmresOptions::default();
    for options in [
        plain.clone(),
        plain.clone().with_restart(7),
        plain.clone().with_side(Side::Left).with_restart(11),
        plain.clone().with_max_iters(25),
        plain.with_rtol(0.0).with_max_iters(300),
    ] {
        for m in preconditioners {
            let together = gmres_columns(&compact, &b, 7, m, &options).unwrap();
            assert_eq!(together.len(), 7);
            let mut counts = Vec::new();
            for (j, (solution, b)) in together.iter().zip(b.chunks(400)).enumerate() {
                let alone = gmres(&compact, b, m, &options).unwrap();
                assert_eq!(
                    (&solution.x, solution.status, solution.restarts),
                    (&alone.x, alone.status, alone.restarts),
                    "{j}"
                );
                assert_eq!(solution.history, alone.history);
                assert_eq!(solution.residual_norm, alone.residual_norm);
                assert_honest(&a, b, solution);
                counts.push(solution.iterations);
            }
            counts.sort_unstable();
            counts.dedup();
            assert!(counts.len() > 1, "{counts:?}");
        }
    }
}

#[test]
fn gmres_columns_that_end_in_different_ways() {
    // A cyclic shift, on which short cycles stagnate, and an eigenvector beside it.
    let a = common::dense([
        [0.0, 0.0, 1.0, 0.0],
        [1.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 2.0],
    ]);
    let m = IdentityPreconditioner::new(4);
    let options = GmresOptions::default().with_restart(2);
    let b: [&[f64]; 5] = [
        &[1.0, 0.0, 0.0, 0.0],
        &[0.0; 4],
        &[0.0, 0.0, 0.0, 6.0],
        &[0.0, 1.0, 0.0, 0.0],
        &[1.0, 1.0, 1.0, 5.0],
    ];
    let solutions = gmres_columns_in(&Host::sequential(4), &a, &b, &m, &options).unwrap();
    let statuses: Vec<_> = solutions.iter().map(|s| s.status).collect();
    let counts: Vec<_> = solutions.iter().map(|s| s.iterations).collect();
    use Status::{Converged, Stagnated};
    assert_eq!(
        statuses,
        [Stagnated, Converged, Converged, Stagnated, Converged]
    );
    assert_eq!(counts, [2, 0, 1, 2, 2]);
    assert_eq!(solutions[2].x, [0.0, 0.0, 0.0, 3.0]);
    for (b, solution) in b.iter().zip(&solutions) {
        assert_honest(&a, b, solution);
    }
}

/// Fails for vectors with one to three entries that are not zero, none of them the first.
struct Picky(usize);

impl Preconditioner for Picky {
    fn dimension(&self) -> usize {
        self.0
    }
    fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        if r[0] == 0.0 && r.iter().filter(|v| **v != 0.0).count() <= 3 {
            let message = "too few entries".to_owned();
            return Err(PreconditionerError { message });
        }
        z.iter_mut().zip(r).for_each(|(z, r)| *z = 0.5 * r);
        Ok(())
    }
    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Fixed
    }
}

#[test]
fn a_preconditioner_that_fails_for_one_column_does_not_spoil_the_others() {
    let a = convection(20, 2.0);
    let b = block(400, 7);
    for side in [Side::Left, Side::Right] {
        let options = GmresOptions::default().with_side(side);
        let solutions = gmres_columns(&a, &b, 7, &Picky(400), &options).unwrap();
        for (j, (solution, b)) in solutions.iter().zip(b.chunks(400)).enumerate() {
            let alone = gmres(&a, b, &Picky(400), &options).unwrap();
            assert_eq!((&solution.x, solution.status), (&alone.x, alone.status));
            assert_eq!(solution.failure, alone.failure);
            // The only right-hand side with a single entry that is not zero.
            assert_eq!(solution.status == Status::PreconditionerFailure, j == 5);
        }
    }
}

#[test]
fn wrong_calls_of_gmres_and_edges() {
    let a = laplacian(3, 0.0);
    let m = IdentityPreconditioner::new(9);
    let options = GmresOptions::default();
    assert!(matches!(
        gmres_columns(&a, &[1.0; 17], 2, &m, &options).unwrap_err(),
        KrylovError::DimensionMismatch { len: 17, .. }
    ));
    let mut b = [1.0; 18];
    b[12] = f64::NAN;
    assert!(matches!(
        gmres_columns(&a, &b, 2, &m, &options).unwrap_err(),
        KrylovError::NonFiniteInput { .. }
    ));
    assert!(gmres_columns(&a, &[1.0; 18], 2, &m, &options.clone().with_restart(0)).is_err());
    let none = gmres_columns(&a, &[0.0f64; 0], 0, &m, &options).unwrap();
    assert!(none.is_empty());
}

#[test]
fn iterations_of_gmres_allocate_nothing() {
    let a = convection(20, 2.0);
    let b = block(400, 7);
    let columns: Vec<&[f64]> = b.chunks(400).collect();
    let (m, space) = (Diagonal::of(&a), Host::sequential(400));
    let count = |max_iters, restart| {
        let options = GmresOptions::default()
            .with_max_iters(max_iters)
            .with_restart(restart)
            .with_history(la_krylov::History::None);
        measure(|| {
            let _ = gmres_columns_in(&space, &a, &columns, &m, &options).unwrap();
        })
        .count_total
    };
    assert_eq!(count(5, 5), count(60, 5));
    assert_eq!(count(12, 12), count(60, 12));
}

#[test]
fn without_rows_columns_have_a_bound() {
    let a = common::Matrix::zero((0, 0));
    let m = IdentityPreconditioner::new(0);
    let (by_cg, by_gmres) = (CgOptions::default(), GmresOptions::default());
    for columns in [0, 3] {
        let solutions = cg_columns(&a, &[0.0_f64; 0], columns, &m, &by_cg).unwrap();
        assert_eq!(solutions.len(), columns);
        assert!(solutions.iter().all(|s| s.status == Status::Converged));
        let solutions = gmres_columns(&a, &[0.0_f64; 0], columns, &m, &by_gmres).unwrap();
        assert_eq!(solutions.len(), columns);
    }
    for columns in [1 << 40, usize::MAX] {
        let refused = [
            cg_columns(&a, &[0.0_f64; 0], columns, &m, &by_cg).unwrap_err(),
            gmres_columns(&a, &[0.0_f64; 0], columns, &m, &by_gmres).unwrap_err(),
        ];
        for error in refused {
            assert!(
                matches!(
                    error,
                    KrylovError::InvalidOption {
                        option: "columns",
                        ..
                    }
                ),
                "{error}"
            );
        }
    }
}
