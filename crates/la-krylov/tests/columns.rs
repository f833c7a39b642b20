//! Several right-hand sides at once.

mod common;

use allocation_counter::measure;
use common::{Diagonal, laplacian, rhs};
use la_krylov::{
    CgOptions, CsrMatrix, Host, IdentityPreconditioner, KrylovError, Status, cg, cg_columns,
    cg_columns_in,
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
