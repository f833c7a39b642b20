//! MINRES: indefinite and singular systems, preconditioned and not.

mod common;

use common::{Absolute, Diagonal, Matrix, assert_honest, dense, laplacian, norm, rhs};
use faer::linalg::solvers::Solve;
use la_krylov::sprs::TriMatI;
use la_krylov::{
    CgOptions, Host, IdentityPreconditioner, KrylovError, MinresOptions, Preconditioner, Status,
    cg, minres, minres_from, minres_in,
};
use proptest::prelude::*;

fn direct(a: &Matrix, b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut full = faer::Mat::<f64>::zeros(n, n);
    for (v, (i, j)) in a.iter() {
        full[(i as usize, j as usize)] = *v;
    }
    let right = faer::Mat::from_fn(n, 1, |i, _| b[i]);
    let x = full.partial_piv_lu().solve(&right);
    (0..n).map(|i| x[(i, 0)]).collect()
}

#[test]
fn indefinite_systems_against_lu() {
    // Shifts inside the spectrum, between eigenvalues.
    for (k, shift) in [(6, -1.03), (11, -3.3), (11, -0.21)] {
        let a = laplacian(k, shift);
        let b = rhs(k * k);
        let expected = direct(&a, &b);
        let options = MinresOptions::default().with_rtol(1e-12);
        let plain = minres(&a, &b, &IdentityPreconditioner::new(k * k), &options).unwrap();
        // A diagonal that varies, so that the 2-norm and the norm of M⁻¹ differ.
        let m = Diagonal((0..k * k).map(|i| 1.0 + (i % 5) as f64).collect());
        let with = minres(&a, &b, &m, &options).unwrap();
        for solution in [plain, with] {
            assert_eq!(solution.status, Status::Converged, "{solution}");
            assert_honest(&a, &b, &solution);
            for (x, y) in solution.x.iter().zip(&expected) {
                approx::assert_relative_eq!(x, y, max_relative = 1e-7, epsilon = 1e-8);
            }
        }
    }
}

#[test]
fn histories_fall_and_are_true() {
    let a = laplacian(12, -1.3);
    let b = rhs(144);
    let m = Diagonal((0..144).map(|i| 1.0 + (i % 7) as f64).collect());
    let identity = IdentityPreconditioner::new(144);
    let full = minres(&a, &b, &identity, &MinresOptions::default()).unwrap();
    for pair in full.history.windows(2) {
        assert!(pair[1].recurrence_norm <= pair[0].recurrence_norm * (1.0 + 1e-12));
    }
    let with: &dyn Preconditioner = &m;
    for m in [with, &identity] {
        let full = minres(&a, &b, m, &MinresOptions::default()).unwrap();
        for k in (1..30).step_by(4) {
            let options = MinresOptions::default().with_max_iters(k);
            let short = minres(&a, &b, m, &options).unwrap();
            assert_eq!(short.status, Status::IterationLimit);
            let best = full.history[..=k]
                .iter()
                .map(|s| s.recurrence_norm)
                .fold(f64::INFINITY, f64::min);
            approx::assert_relative_eq!(short.residual_norm, best, max_relative = 1e-8);
        }
    }
}

#[test]
fn no_more_iterations_than_cg() {
    let a = laplacian(20, 0.0);
    let b = rhs(400);
    let m = Diagonal::of(&a);
    let cg = cg(&a, &b, &m, &CgOptions::default()).unwrap();
    let minres = minres(&a, &b, &m, &MinresOptions::default()).unwrap();
    assert!(minres.status.is_converged() && minres.iterations <= cg.iterations);
    let (p, q) = (cg.ritz_bounds().unwrap(), minres.ritz_bounds().unwrap());
    approx::assert_relative_eq!(p.0, q.0, max_relative = 1e-3);
    approx::assert_relative_eq!(p.1, q.1, max_relative = 1e-6);
}

/// The graph Laplacian of a path.
fn path(n: usize) -> Matrix {
    let mut t = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n - 1 {
        for (p, q, v) in [
            (i, i, 1.0),
            (i + 1, i + 1, 1.0),
            (i, i + 1, -1.0),
            (i + 1, i, -1.0),
        ] {
            t.add_triplet(p, q, v);
        }
    }
    t.to_csr()
}

#[test]
fn singular_systems() {
    let a = path(40);
    let m = IdentityPreconditioner::new(40);
    let options = MinresOptions::default();
    let consistent: Vec<f64> = (0..40).map(|i| i as f64 - 19.5).collect();
    let solution = minres(&a, &consistent, &m, &options).unwrap();
    assert_eq!(solution.status, Status::Converged);
    assert_honest(&a, &consistent, &solution);
    // The mean of b is the part outside the range.
    let inconsistent: Vec<f64> = (0..40).map(|i| i as f64).collect();
    let solution = minres(&a, &inconsistent, &m, &options).unwrap();
    assert_eq!(solution.status, Status::LeastSquares, "{solution}");
    approx::assert_relative_eq!(
        solution.residual_norm,
        19.5 * 40f64.sqrt(),
        max_relative = 1e-10
    );
    assert_honest(&a, &inconsistent, &solution);
    let nothing = dense([[1.0, 0.0], [0.0, 0.0]]);
    let solution = minres(
        &nothing,
        &[0.0, 1.0],
        &IdentityPreconditioner::new(2),
        &options,
    )
    .unwrap();
    assert_eq!(
        (solution.status, solution.x),
        (Status::LeastSquares, vec![0.0; 2])
    );
    let solution = minres(
        &nothing,
        &[2.0, 0.0],
        &IdentityPreconditioner::new(2),
        &options,
    )
    .unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::Converged, 1)
    );
}

#[test]
fn by_hand_and_at_the_edges() {
    // Eigenvalues 3 and −1.
    let a = dense([[1.0, 2.0], [2.0, 1.0]]);
    let m = IdentityPreconditioner::new(2);
    let options = MinresOptions::default();
    let solution = minres(&a, &[5.0, 4.0], &m, &options).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::Converged, 2)
    );
    approx::assert_relative_eq!(solution.x[1], 2.0, max_relative = 1e-14);
    let (low, high) = solution.ritz_bounds().unwrap();
    approx::assert_relative_eq!(low, -1.0, max_relative = 1e-14);
    approx::assert_relative_eq!(high, 3.0, max_relative = 1e-14);
    assert_eq!(solution.condition_estimate(), None);
    assert_eq!(minres(&a, &[0.0, 0.0], &m, &options).unwrap().iterations, 0);
    assert_eq!(
        minres_from(&a, &[5.0, 4.0], &[1.0, 2.0], &m, &options)
            .unwrap()
            .iterations,
        0
    );
    let one = dense([[-8.0]]);
    let solution = minres(&one, &[4.0], &IdentityPreconditioner::new(1), &options).unwrap();
    assert_eq!((solution.iterations, solution.x), (1, vec![-0.5]));
    let single = a.map(|v| *v as f32);
    let rough = options.clone().with_rtol(1e-5);
    let solution = minres_in(Host::<f32>::new(2), &single, &[5.0f32, 4.0], &m, &rough).unwrap();
    assert_eq!(solution.status, Status::Converged);
}

#[test]
fn statuses() {
    let a = laplacian(12, -1.3);
    let b = rhs(144);
    let options = MinresOptions::default();
    let m = Diagonal(vec![-1.0; 144]);
    let solution = minres(&a, &b, &m, &options).unwrap();
    assert_eq!(solution.status, Status::IndefinitePreconditioner);
    let solution = minres(&a, &b, &Diagonal(vec![f64::NAN; 144]), &options).unwrap();
    assert_eq!(solution.status, Status::NonFinite);
    let m = IdentityPreconditioner::new(144);
    let solution = minres(&a, &b, &m, &options.clone().with_rtol(0.0)).unwrap();
    assert!(
        matches!(solution.status, Status::Stagnated | Status::LeastSquares),
        "{solution}"
    );
    assert!(solution.relative_residual() < 1e-13, "{solution}");
    struct General;
    impl Preconditioner for General {
        fn dimension(&self) -> usize {
            144
        }
        fn apply(
            &self,
            _: &Host,
            r: &[f64],
            z: &mut [f64],
        ) -> Result<(), la_krylov::PreconditionerError> {
            z.copy_from_slice(r);
            Ok(())
        }
    }
    let error = minres(&a, &b, &General, &options).unwrap_err();
    assert!(matches!(
        error,
        KrylovError::UnsuitablePreconditioner {
            method: "MINRES",
            ..
        }
    ));
}

/// Symmetric, not definite, dominated by the diagonal.
fn systems() -> impl Strategy<Value = (Matrix, Vec<f64>)> {
    (2usize..24).prop_flat_map(|n| {
        let entries = prop::collection::vec((0..n, 0..n, -1.0..1.0f64), 0..3 * n);
        let diagonal = prop::collection::vec((0.01..1.0f64, any::<bool>()), n);
        let b = prop::collection::vec(-1.0..1.0f64, n);
        (entries, diagonal, b).prop_map(move |(entries, diagonal, b)| {
            let mut t = TriMatI::new((n, n));
            let mut sums: Vec<f64> = diagonal.iter().map(|(d, _)| *d).collect();
            for (i, j, v) in entries.into_iter().filter(|(i, j, _)| i != j) {
                t.add_triplet(i, j, v);
                t.add_triplet(j, i, v);
                sums[i] += v.abs();
                sums[j] += v.abs();
            }
            for (i, (sum, (_, negative))) in sums.iter().zip(&diagonal).enumerate() {
                t.add_triplet(i, i, if *negative { -sum } else { *sum });
            }
            (t.to_csr(), b)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn powers_of_two_scale_exactly((a, b) in systems(), i in -200i32..=200, j in -200i32..=200) {
        let (s, t) = (2f64.powi(i), 2f64.powi(j));
        let scaled_a = a.map(|v| v * s);
        let scaled_b: Vec<f64> = b.iter().map(|v| v * t).collect();
        let options = MinresOptions::default().with_rtol(1e-10);
        let identity = IdentityPreconditioner::new(b.len());
        let (m, scaled_m) = (Absolute(Diagonal::of(&a)), Absolute(Diagonal::of(&scaled_a)));
        let pairs: [(&dyn Preconditioner, &dyn Preconditioner); 2] =
            [(&identity, &identity), (&m, &m)];
        for (m, scaled_m) in pairs {
            let plain = minres(&a, &b, m, &options).unwrap();
            let scaled = minres(&scaled_a, &scaled_b, scaled_m, &options).unwrap();
            prop_assert!(plain.status.is_converged(), "{plain}");
            prop_assert_eq!((plain.status, plain.iterations), (scaled.status, scaled.iterations));
            let x: Vec<f64> = plain.x.iter().map(|v| v * t / s).collect();
            prop_assert_eq!(x, scaled.x);
        }
        // Odd powers of M enter through a square root, which is not exact: counts up to one.
        let plain = minres(&a, &b, &m, &options).unwrap();
        let scaled = minres(&scaled_a, &scaled_b, &scaled_m, &options).unwrap();
        prop_assert_eq!(plain.status, scaled.status);
        prop_assert!(plain.iterations.abs_diff(scaled.iterations) <= 1);
        let expected = direct(&a, &b);
        let error: Vec<f64> = plain.x.iter().zip(&expected).map(|(x, y)| x - y).collect();
        prop_assert!(norm(&error) <= 1e-6 * norm(&expected));
    }
}
