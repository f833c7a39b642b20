//! Classical preconditioners on the random matrices of learned incomplete LU factorization: iterations of unrestarted GMRES and norms.
//!
//! P. Häusner, A. Nieto Juscafresa, J. Sjölund, *Learning incomplete factorization preconditioners for GMRES*, PMLR 265, 2025.

use la_krylov::{GmresOptions, Host, IdentityPreconditioner, Preconditioner, gmres};
use la_precond::IncompleteLu;
use la_precond::classical::{Ilu, Jacobi};
use la_problems::{CsrMatrix, DiagonalEntries, Grid, LinearSystem, PerturbedPoisson, Split};

fn iterations(system: &LinearSystem, m: &dyn Preconditioner<Host>) -> f64 {
    let n = system.n();
    let options = GmresOptions::default()
        .with_rtol(1e-6)
        .with_max_iters(n)
        .with_restart(n);
    let solution = gmres(&system.matrix, &system.rhs, m, &options).unwrap();
    assert!(solution.status.is_converged(), "{solution}");
    assert_eq!(solution.restarts, 0);
    solution.iterations as f64
}

fn frobenius(a: &CsrMatrix) -> f64 {
    a.data().iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn ilu0(a: &CsrMatrix) -> IncompleteLu {
    Ilu::default().factor(a.view()).unwrap()
}

/// Mean iterations with nothing, Jacobi and ILU(0), and the mean distance of ILU(0) from A.
fn means(side: usize, count: u64) -> ([f64; 3], f64) {
    let family = PerturbedPoisson::default().with_grid(Grid::rectangle(side, side));
    let (mut sums, mut distance) = ([0.0; 3], 0.0);
    for index in 0..count {
        let system = family.generate(Split::Test.seed(index)).unwrap();
        let a = &system.matrix;
        let (jacobi, ilu0) = (Jacobi::<f64>::new(a.view()).unwrap(), ilu0(a));
        let identity = IdentityPreconditioner::new(a.rows());
        let all: [&dyn Preconditioner<Host>; 3] = [&identity, &jacobi, &ilu0];
        for (sum, m) in sums.iter_mut().zip(all) {
            *sum += iterations(&system, m) / count as f64;
        }
        let product = &ilu0.to_lower() * &ilu0.to_upper();
        distance += frobenius(&(&product - a)) / count as f64;
    }
    (sums, distance)
}

fn assert_within(what: &str, value: f64, expected: f64, relative: f64) {
    let error = (value / expected - 1.0).abs();
    assert!(error <= relative, "{what}: {value}, expected {expected}");
}

/// An independent implementation has 226, 226, 92.3 iterations and a distance of 55.3 on ten matrices.
#[test]
fn classical_counts_on_small_matrices() {
    let (counts, distance) = means(20, 10);
    assert_within("none", counts[0], 226.0, 0.03);
    assert_within("Jacobi", counts[1], 226.0, 0.03);
    assert_within("ILU(0)", counts[2], 92.3, 0.03);
    assert_within("distance", distance, 55.3, 0.03);
}

/// Table 1 of the paper.
#[test]
#[ignore = "slow: more than a thousand iterations without preconditioner on ten matrices of n = 2500"]
fn classical_counts_of_the_paper() {
    let (counts, distance) = means(50, 10);
    assert_within("none", counts[0], 1153.0, 0.03);
    assert_within("Jacobi", counts[1], 1152.0, 0.03);
    assert_within("ILU(0)", counts[2], 413.0, 0.03);
    assert_within("distance", distance, 138.31, 0.03);
}

/// Stored zeros and missing entries make the same matrix, and the same factors where their pivots are replaced.
#[test]
fn zeros_and_missing_entries_on_the_diagonal_are_one_matrix() {
    let family = PerturbedPoisson::default().with_grid(Grid::rectangle(12, 12));
    let sample = |diagonal| {
        let family = family.clone().with_diagonal(diagonal);
        family.generate(Split::Test.seed(1)).unwrap()
    };
    let (zero, missing) = (
        sample(DiagonalEntries::Zero(0.2)),
        sample(DiagonalEntries::Missing(0.2)),
    );
    assert!(zero.matrix.nnz() > missing.matrix.nnz());
    let identity = IdentityPreconditioner::new(144);
    assert_eq!(
        iterations(&zero, &identity),
        iterations(&missing, &identity)
    );
    let [a, b] = [&zero, &missing].map(|s| Ilu::default().factor(s.matrix.view()));
    match (a, b) {
        (Ok(a), Ok(b)) => assert_eq!(a.inverse_diagonal(), b.inverse_diagonal()),
        (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string()),
        (a, b) => panic!("{} {}", a.is_ok(), b.is_ok()),
    }
}
