//! The automatic choice: what is tried for which matrix, and that its word can be relied on.

use std::ops::ControlFlow;
use std::time::Duration;

use la_krylov::Status;
use la_precond::auto::{
    Auto, AutoError, AutoMethod, AutoMonitor, AutoOutcome, AutoPrecond, Candidate,
};
use la_precond::sprs::{CsMatI, TriMatI};
use proptest::prelude::*;
#[cfg(feature = "learned")]
use rand::{Rng, SeedableRng};

type Csr = CsMatI<f64, u32>;

fn matrix(n: usize, entries: &[(usize, usize, f64)]) -> Csr {
    let mut triplets = TriMatI::<f64, u32>::new((n, n));
    for &(i, j, v) in entries {
        triplets.add_triplet(i, j, v);
    }
    triplets.to_csr()
}

fn tridiagonal(n: usize, lower: f64, diagonal: f64, upper: f64) -> Csr {
    let mut entries = Vec::new();
    for i in 0..n {
        entries.push((i, i, diagonal));
        if i > 0 {
            entries.push((i, i - 1, lower));
            entries.push((i - 1, i, upper));
        }
    }
    matrix(n, &entries)
}

fn product(a: &Csr, x: &[f64]) -> Vec<f64> {
    a.outer_iterator()
        .map(|row| row.iter().map(|(j, v)| v * x[j]).sum())
        .collect()
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// `‖b − A x‖/‖b‖`, without the crates.
fn residual(a: &Csr, x: &[f64], b: &[f64]) -> f64 {
    let r: Vec<f64> = product(a, x).iter().zip(b).map(|(y, b)| b - y).collect();
    norm(&r) / norm(b)
}

fn solution(n: usize) -> Vec<f64> {
    (0..n).map(|i| 1.0 + (i % 7) as f64).collect()
}

#[test]
fn definite_matrices_get_conjugate_gradients_whatever_their_sign() {
    for sign in [1.0, -1.0] {
        let a = tridiagonal(100, -sign, 2.5 * sign, -sign);
        let b = product(&a, &solution(100));
        let result = Auto::default().solve(a.view(), &b).unwrap();
        assert!(result.status.is_converged());
        let chosen = result.chosen().unwrap().candidate;
        assert_eq!(chosen.method, AutoMethod::Cg);
        assert_eq!(chosen.precond, AutoPrecond::Ic0);
        assert!(residual(&a, &result.x, &b) <= 1e-8);
        assert!(result.facts.may_be_definite());
    }
}

#[test]
fn large_elliptic_matrices_get_multigrid() {
    let a = tridiagonal(6_000, -1.0, 2.0, -1.0);
    let result = Auto::default().solve(a.view(), &vec![1.0; 6_000]).unwrap();
    assert_eq!(result.attempts[0].candidate.precond, AutoPrecond::Multigrid);
    assert!(result.status.is_converged(), "{result}");
}

#[test]
fn a_symmetric_matrix_that_is_indefinite_leaves_conjugate_gradients_behind() {
    // Eigenvalues 0.5 − 2 cos(kπ/61): of both signs.
    let a = tridiagonal(60, -1.0, 0.5, -1.0);
    let b = product(&a, &solution(60));
    let result = Auto::default().solve(a.view(), &b).unwrap();
    assert!(result.status.is_converged(), "{result}");
    assert!(residual(&a, &result.x, &b) <= 1e-8);
    assert_eq!(result.chosen().unwrap().candidate.method, AutoMethod::Gmres);
}

#[test]
fn zeros_on_the_diagonal_and_wild_scales_are_no_obstacle() {
    let n = 40;
    let mut entries = Vec::new();
    for i in 0..n {
        let scale = 10.0_f64.powi((i % 11) as i32 - 5);
        entries.push((i, (i + 1) % n, 3.0 * scale));
        entries.push((i, (i + 5) % n, scale));
    }
    let a = matrix(n, &entries);
    let b = product(&a, &solution(n));
    let result = Auto::default().solve(a.view(), &b).unwrap();
    assert_eq!(result.facts.zero_diagonal(), n);
    assert!(residual(&a, &result.x, &b) <= 1e-8, "{result}");
}

#[test]
fn a_system_without_a_solution_is_not_called_solved() {
    // The last equation contradicts the first.
    let a = matrix(3, &[(0, 0, 1.0), (1, 1, 2.0), (2, 0, 1.0)]);
    let result = Auto::default().solve(a.view(), &[1.0, 1.0, 2.0]).unwrap();
    assert!(!result.status.is_converged());
    assert!(result.relative_residual > 0.1);
    assert!(result.chosen().is_none());
    let text = result.to_string();
    assert!(
        text.contains("not symmetric") && text.contains("gmres + ilut"),
        "{text}"
    );
}

#[test]
fn wrong_calls_are_errors_that_name_the_place() {
    let a = tridiagonal(3, -1.0, 2.0, -1.0);
    let auto = Auto::default();
    let short = auto.solve(a.view(), &[1.0]).unwrap_err();
    assert!(short.to_string().contains("right-hand side"), "{short}");
    assert!(auto.solve(a.view(), &[1.0, f64::NAN, 1.0]).is_err());
    let bad = matrix(2, &[(0, 0, 1.0), (1, 0, f64::INFINITY), (1, 1, 1.0)]);
    let error = auto.solve(bad.view(), &[1.0, 1.0]).unwrap_err();
    assert!(matches!(error, AutoError::Matrix(_)));
    assert!(error.to_string().contains("row 1, column 0"), "{error}");
    let wide = CsMatI::<f64, u32>::new((1, 2), vec![0, 1], vec![0], vec![1.0]);
    assert!(auto.solve(wide.view(), &[1.0]).is_err());
    assert!(auto.with_rtol(-1.0).solve(a.view(), &[1.0; 3]).is_err());
    assert!(
        auto.with_fill_limit(0.0)
            .solve(a.view(), &[1.0; 3])
            .is_err()
    );
}

#[test]
fn empty_and_homogeneous_systems_are_solved_by_zero() {
    let a = tridiagonal(3, -1.0, 2.0, -1.0);
    let result = Auto::default().solve(a.view(), &[0.0; 3]).unwrap();
    assert_eq!((result.status, result.x), (Status::Converged, vec![0.0; 3]));
    let empty = matrix(0, &[]);
    assert!(
        Auto::default()
            .solve(empty.view(), &[])
            .unwrap()
            .status
            .is_converged()
    );
}

#[test]
fn time_and_monitor_end_it_with_an_honest_status() {
    struct Impatient(Vec<Candidate>);
    impl AutoMonitor for Impatient {
        fn attempt(&mut self, candidate: &Candidate) {
            self.0.push(*candidate);
        }
        fn iteration(&mut self, iteration: usize, _: f64) -> ControlFlow<()> {
            if iteration >= 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }
    // Diagonal entries of very different size and no solution in three iterations of the first candidate.
    let n = 400;
    let mut entries = Vec::new();
    for i in 0..n {
        for d in [1, 7, 31, 90] {
            let (i, j) = (i, (i + d) % n);
            entries.push((i, j, 1.0));
            entries.push((j, i, 1.0));
        }
        entries.push((i, i, 8.0 + i as f64 * 0.01));
    }
    let a = matrix(n, &entries);
    let mut monitor = Impatient(Vec::new());
    let b: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
    let auto = Auto::default().with_rtol(1e-15);
    let result = auto.solve_monitored(a.view(), &b, &mut monitor).unwrap();
    assert_eq!(monitor.0.len(), 1);
    assert_eq!(
        result.attempts[0].outcome,
        AutoOutcome::Ended(Status::StoppedByMonitor)
    );
    let auto = auto.with_time_limit(Duration::from_nanos(1));
    let result = auto.solve(a.view(), &b).unwrap();
    assert_eq!(result.status, Status::TimeLimit);
}

#[test]
fn powers_of_two_change_nothing() {
    let a = tridiagonal(200, -1.0, 2.1, -0.9);
    let b: Vec<f64> = (0..200).map(|i| (i as f64).cos()).collect();
    let auto = Auto::default();
    let plain = auto.solve(a.view(), &b).unwrap();
    let (alpha, beta) = (2.0_f64.powi(60), 2.0_f64.powi(-90));
    let scaled_a = a.map(|v| v * alpha);
    let scaled_b: Vec<f64> = b.iter().map(|v| v * beta).collect();
    let scaled = auto.solve(scaled_a.view(), &scaled_b).unwrap();
    let counts = |r: &la_precond::auto::AutoSolution| -> Vec<usize> {
        r.attempts.iter().map(|a| a.iterations).collect()
    };
    assert_eq!(counts(&plain), counts(&scaled));
    for (x, y) in plain.x.iter().zip(&scaled.x) {
        assert_eq!(x * (beta / alpha), *y);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn converged_means_converged(
        n in 1_usize..12,
        entries in prop::collection::vec((0_usize..12, 0_usize..12, -4_i32..5, -8_i32..9), 1..60),
        rhs in prop::collection::vec(-3.0_f64..3.0, 12),
    ) {
        let entries: Vec<_> = entries
            .into_iter()
            .filter(|e| e.0 < n && e.1 < n)
            .map(|(i, j, v, e)| (i, j, f64::from(v) * 2.0_f64.powi(e)))
            .collect();
        let a = matrix(n, &entries);
        let b = &rhs[..n];
        let result = Auto::default().solve(a.view(), b).unwrap();
        if result.status.is_converged() && norm(b) > 0.0 {
            prop_assert!(residual(&a, &result.x, b) <= 1.01e-8);
        }
        prop_assert!(result.x.iter().all(|v| v.is_finite()));
    }
}

#[test]
fn fill_without_limit() {
    let a = matrix(2, &[(0, 1, 2.0), (1, 0, 8.0), (1, 1, 1.0)]);
    let auto = Auto::default().with_fill_limit(f64::INFINITY);
    let solution = auto.solve(a.view(), &[2.0, 9.0]).unwrap();
    assert_eq!(solution.status, Status::Converged, "{solution}");
    assert_eq!(solution.attempts.len(), 1);
}

#[cfg(feature = "learned")]
#[test]
fn moderate_diffusion_is_compensated_where_networks_are_part_of_the_build() {
    for (k, first) in [(20, "ic0"), (40, "compensated-ic")] {
        let grid = la_problems::Grid::rectangle(k, k);
        let a = la_problems::Poisson::new(grid).matrix().unwrap();
        let b = product(&a, &solution(k * k));
        let result = Auto::default().solve(a.view(), &b).unwrap();
        assert!(result.status.is_converged());
        assert_eq!(result.attempts.len(), 1);
        assert_eq!(result.attempts[0].candidate.precond.name(), first);
        assert!(residual(&a, &result.x, &b) <= 1e-8);
    }
}

/// Attempts by name and iterations.
#[cfg(feature = "learned")]
fn attempts(a: &Csr, b: &[f64]) -> Vec<(&'static str, usize)> {
    let result = Auto::default().solve(a.view(), b).unwrap();
    assert!(result.status.is_converged(), "{result}");
    assert!(residual(a, &result.x, b) <= 1.01e-8);
    let attempts = result.attempts.iter();
    attempts
        .map(|t| (t.candidate.precond.name(), t.iterations))
        .collect()
}

#[cfg(feature = "learned")]
#[test]
fn what_is_compensated_too_much_is_left_for_ic0() {
    // saylr4, a reservoir: largest eigenvalue 46 on a graph of depth 54. The compensated rule alone needs 57 iterations, IC(0) 32.
    let Some(root) = std::env::var_os("LA_DATA_DIR").map(std::path::PathBuf::from) else {
        eprintln!("skipped: LA_DATA_DIR is not set");
        return;
    };
    let manifest = std::fs::read_to_string(root.join("matrices/manifest.csv")).unwrap();
    let line = manifest.lines().find(|line| line.starts_with("saylr4,"));
    let Some(file) = line.and_then(|line| line.split(',').find(|f| f.ends_with(".mtx.gz"))) else {
        eprintln!("skipped: no saylr4 in LA_DATA_DIR");
        return;
    };
    let options = la_problems::io::ReadOptions::default();
    let a: Csr = la_problems::io::read_matrix(root.join("matrices").join(file), &options)
        .unwrap()
        .matrix
        .to_other_types();
    let rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    let x: Vec<f64> = rng
        .sample_iter(rand_distr::StandardNormal)
        .take(a.rows())
        .collect();
    let attempts = attempts(&a, &product(&a, &x));
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0], ("compensated-ic", 8));
    assert_eq!(attempts[1].0, "ic0");
    assert!(attempts[1].1 <= 36, "{attempts:?}");
}

#[cfg(feature = "learned")]
#[test]
fn compensation_that_pays_is_kept() {
    use la_problems::DefiniteFamily;
    // The largest eigenvalue over the depth is 0.4 on graphs at n = 2500, the most of all families of this size.
    for name in ["graph rcm", "white2:2 natural", "poisson3 natural"] {
        let a = DefiniteFamily::named(name)
            .unwrap()
            .matrix(2500, 3)
            .unwrap();
        let attempts = attempts(&a, &product(&a, &solution(a.rows())));
        assert_eq!(attempts.len(), 1, "{name} {attempts:?}");
        assert_eq!(attempts[0].0, "compensated-ic");
    }
}
