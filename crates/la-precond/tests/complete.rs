//! Complete factorisations as preconditioners.
#![cfg(feature = "faer")]

use la_krylov::{CgOptions, GmresOptions, Host, Preconditioner, cg, gmres};
use la_precond::PrecondError;
use la_precond::classical::{Complete, CompleteKind};
use la_precond::sprs::{CsMatI, TriMatI};

type Csr = CsMatI<f64, u32>;

fn grid(side: usize) -> Csr {
    let n = side * side;
    let mut t = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n {
        t.add_triplet(i, i, 4.0);
        for (j, inside) in [(i + 1, (i + 1) % side != 0), (i + side, i + side < n)] {
            if inside {
                t.add_triplet(i, j, -1.0);
                t.add_triplet(j, i, -1.0);
            }
        }
    }
    t.to_csr()
}

#[test]
fn one_iteration_solves() {
    let a = grid(20);
    let b: Vec<f64> = (0..400).map(|i| (i as f64).sin()).collect();
    let cholesky = Complete::default().with_kind(CompleteKind::Cholesky);
    let factor = cholesky.factor(a.view()).unwrap();
    let solution = cg(&a, &b, &factor, &CgOptions::default().with_rtol(1e-13)).unwrap();
    assert!(solution.status.is_converged() && solution.iterations <= 2);
    let factor = Complete::default().factor(a.view()).unwrap();
    let solution = gmres(&a, &b, &factor, &GmresOptions::default().with_rtol(1e-13)).unwrap();
    assert!(solution.status.is_converged() && solution.iterations <= 2);
    assert!(factor.estimated_bytes() >= 32 * a.nnz() / 2);
}

#[test]
fn what_cannot_be_factored_is_an_error() {
    let indefinite = CsMatI::<f64, u32>::new(
        (2, 2),
        vec![0, 2, 4],
        vec![0, 1, 0, 1],
        vec![1.0, 2.0, 2.0, 1.0],
    );
    let cholesky = Complete::default().with_kind(CompleteKind::Cholesky);
    let error = cholesky.factor(indefinite.view()).unwrap_err();
    assert!(matches!(error, PrecondError::Breakdown { .. }), "{error}");
    let limited = Complete::default().with_memory_limit(100);
    let error = limited.factor(grid(10).view()).unwrap_err();
    assert!(
        matches!(error, PrecondError::TooMuchMemory { limit: 100, .. }),
        "{error}"
    );
    // An empty column: no factorisation, or one that says so when it is used.
    let singular = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 2], vec![0, 0], vec![1.0, 1.0]);
    if let Ok(factor) = Complete::default().factor(singular.view()) {
        let mut z = [0.0; 2];
        factor.apply(&Host::new(2), &[1.0, 2.0], &mut z).unwrap();
        assert!(z.iter().any(|v| !v.is_finite()));
    }
    let wide = CsMatI::<f64, u32>::new((1, 2), vec![0, 1], vec![0], vec![1.0]);
    assert!(Complete::default().factor(wide.view()).is_err());
    let nan = CsMatI::<f64, u32>::new((1, 1), vec![0, 1], vec![0], vec![f64::NAN]);
    assert!(Complete::default().factor(nan.view()).is_err());
}
