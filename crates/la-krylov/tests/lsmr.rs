//! LSMR: rectangular, inconsistent and singular systems.

mod common;

use allocation_counter::measure;
use common::{Matrix, assert_honest, convection, laplacian, norm, rhs};
use faer::linalg::solvers::SolveLstsq;
use la_krylov::sprs::TriMatI;
use la_krylov::{
    CsrMatrix, Host, KrylovError, LsmrOptions, LsmrWorkspace, Solution, Status, lsmr, lsmr_with,
};
use proptest::prelude::*;

/// m × n, of full rank: a scaled identity on top of noise.
fn tall(m: usize, n: usize) -> Matrix {
    let mut t = TriMatI::new((m, n));
    for j in 0..n {
        t.add_triplet(j, j, 2.0 + (j % 3) as f64);
        for k in 1..4 {
            t.add_triplet((j * 7 + k * 5) % m, j, ((j + k) as f64).sin());
        }
    }
    t.to_csr()
}

/// `‖Aᵀ (b − A x)‖`.
fn normal_norm(a: &Matrix, b: &[f64], x: &[f64]) -> f64 {
    let mut normal = vec![0.0; a.cols()];
    for (i, row) in a.outer_iterator().enumerate() {
        let r = b[i] - row.iter().map(|(j, v)| v * x[j]).sum::<f64>();
        row.iter().for_each(|(j, v)| normal[j] += v * r);
    }
    norm(&normal)
}

fn frobenius(a: &Matrix) -> f64 {
    norm(a.data())
}

#[test]
fn least_squares_against_qr() {
    for (m, n) in [(40, 12), (200, 90)] {
        let a = tall(m, n);
        let b = rhs(m);
        let options = LsmrOptions::default().with_normal_rtol(1e-12);
        let solution = lsmr(&a, &b, &options).unwrap();
        assert_eq!(solution.status, Status::LeastSquares, "{solution}");
        let bound = 1e-12 * frobenius(&a) * solution.residual_norm;
        assert!(normal_norm(&a, &b, &solution.x) <= 2.0 * bound);
        let mut full = faer::Mat::<f64>::zeros(m, n);
        for (v, (i, j)) in a.iter() {
            full[(i as usize, j as usize)] += *v;
        }
        let right = faer::Mat::from_fn(m, 1, |i, _| b[i]);
        let expected = full.qr().solve_lstsq(&right);
        for (j, x) in solution.x.iter().enumerate() {
            approx::assert_relative_eq!(*x, expected[(j, 0)], max_relative = 1e-8, epsilon = 1e-10);
        }
    }
}

#[test]
fn square_and_consistent_systems_converge() {
    let a = convection(10, 3.0);
    let b = rhs(100);
    let solution = lsmr(&a, &b, &LsmrOptions::default()).unwrap();
    assert_eq!(solution.status, Status::Converged, "{solution}");
    assert_honest(&a, &b, &solution);
    let last = solution.history[solution.iterations].recurrence_norm;
    approx::assert_relative_eq!(last, solution.residual_norm, max_relative = 1e-4);
    for k in [3, 10, 20] {
        let short = lsmr(&a, &b, &LsmrOptions::default().with_max_iters(k)).unwrap();
        assert_eq!(
            (short.status, short.iterations),
            (Status::IterationLimit, k)
        );
        let tracked = short.history[k].recurrence_norm;
        approx::assert_relative_eq!(tracked, short.residual_norm, max_relative = 1e-8);
    }
}

#[test]
fn wide_systems_get_the_solution_of_least_norm() {
    // x + y = 2 has the solution (1, 1) of least norm.
    let mut t = TriMatI::<f64, u32>::new((1, 2));
    t.add_triplet(0, 0, 1.0);
    t.add_triplet(0, 1, 1.0);
    let a: Matrix = t.to_csr();
    let solution = lsmr(&a, &[2.0], &LsmrOptions::default()).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::Converged, 1)
    );
    approx::assert_relative_eq!(solution.x[0], 1.0, max_relative = 1e-14);
    approx::assert_relative_eq!(solution.x[1], 1.0, max_relative = 1e-14);
}

#[test]
fn edges() {
    let a = tall(40, 12);
    let options = LsmrOptions::default();
    let zero = lsmr(&a, &[0.0; 40], &options).unwrap();
    assert_eq!((zero.status, zero.iterations), (Status::Converged, 0));
    // b orthogonal to the range.
    let mut t = TriMatI::<f64, u32>::new((2, 1));
    t.add_triplet(0, 0, 3.0);
    let column: Matrix = t.to_csr();
    let solution = lsmr(&column, &[0.0, 5.0], &options).unwrap();
    assert_eq!(
        (solution.status, solution.x),
        (Status::LeastSquares, vec![0.0])
    );
    let solution = lsmr(&column, &[6.0, 5.0], &options).unwrap();
    assert_eq!(solution.status, Status::LeastSquares);
    approx::assert_relative_eq!(solution.x[0], 2.0, max_relative = 1e-14);
    assert!(matches!(
        lsmr(&a, &[1.0; 7], &options).unwrap_err(),
        KrylovError::DimensionMismatch { len: 7, .. }
    ));
    assert!(lsmr(&a, &[f64::NAN; 40], &options).is_err());
    assert!(options.clone().with_normal_rtol(-1.0).validate().is_err());
    let exact = options.clone().with_rtol(0.0).with_normal_rtol(0.0);
    let solution = lsmr(&laplacian(8, 0.0), &rhs(64), &exact).unwrap();
    assert!(
        matches!(solution.status, Status::Stagnated | Status::LeastSquares),
        "{solution}"
    );
    assert!(solution.relative_residual() < 1e-13, "{solution}");
}

#[test]
fn no_allocation() {
    let a = CsrMatrix::<f64>::from_sprs(tall(400, 150).view()).unwrap();
    let b = rhs(400);
    let options = LsmrOptions::default();
    let (domain, range) = (Host::sequential(150), Host::sequential(400));
    let mut workspace = LsmrWorkspace::<Host>::new_in(domain, range, &options);
    let mut iterations = 0;
    let allocations = measure(|| {
        iterations = lsmr_with(&mut workspace, &a, &b, &options)
            .unwrap()
            .iterations;
    });
    assert!(iterations > 5);
    assert_eq!(allocations.count_total, 0);
}

fn scaled(a: &Matrix, b: &[f64], s: f64, t: f64) -> Solution {
    let scaled_a = a.map(|v| v * s);
    let scaled_b: Vec<f64> = b.iter().map(|v| v * t).collect();
    lsmr(&scaled_a, &scaled_b, &LsmrOptions::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn powers_of_two_scale_exactly(
        (m, n) in (3usize..30, 2usize..12),
        seed in 0.0..10.0f64,
        i in -200i32..=200,
        j in -200i32..=200,
    ) {
        let a = tall(m.max(n), n).map(|v| v + 1e-3 * seed);
        let b: Vec<f64> = rhs(m.max(n)).iter().map(|v| v + seed).collect();
        let (s, t) = (2f64.powi(i), 2f64.powi(j));
        let (plain, scaled) = (scaled(&a, &b, 1.0, 1.0), scaled(&a, &b, s, t));
        prop_assert!(matches!(plain.status, Status::Converged | Status::LeastSquares), "{plain}");
        prop_assert_eq!((plain.status, plain.iterations), (scaled.status, scaled.iterations));
        let x: Vec<f64> = plain.x.iter().map(|v| v * t / s).collect();
        prop_assert_eq!(x, scaled.x);
    }
}
